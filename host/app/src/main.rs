//! The `apex` binary; everything is in the library beside it.

fn main() -> std::process::ExitCode {
    apex_app::main()
}
