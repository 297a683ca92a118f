//! The `apex` binary; everything is in the library beside it.

/// Bodies are allocated on the threads that read them and freed on the journal's: with the system's allocator that cost intake a
/// twelfth of its throughput.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    apex_app::main()
}
