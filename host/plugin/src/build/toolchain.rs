//! Finds a way to compile to WebAssembly. It changes nothing outside rustup's own folders and the cache.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::{self, first_line};
use super::{BuildError, BuildSettings, Progress, ToolchainChoice, debian};

/// What guests are compiled for.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";
/// `rustup target add` fetches 20 MB.
const RUSTUP_WITHIN: Duration = Duration::from_mins(2);

/// A way to compile to WebAssembly.
#[derive(Debug)]
pub(super) enum Toolchain {
    /// What cargo finds by itself.
    Installed,
    /// A compiler that was unpacked into this folder, without a standard library for the target.
    Private(PathBuf),
}

/// Finds one, in the order of what costs least.
///
/// # Errors
/// There is no cargo, or nothing worked; the message lists what was tried.
pub(super) fn find(settings: &BuildSettings, dir: &Path, progress: &dyn Fn(Progress)) -> Result<Toolchain, BuildError> {
    let mut attempts = Vec::new();
    if settings.toolchain == ToolchainChoice::Find {
        if installed(dir) {
            return Ok(Toolchain::Installed);
        }
        attempts.push("the installed compiler has no standard library for it".to_owned());
        progress(Progress::Toolchain("asking rustup".to_owned()));
        match rustup(dir) {
            Ok(()) => return Ok(Toolchain::Installed),
            Err(reason) => attempts.push(format!("rustup target add: {reason}")),
        }
    }
    match debian::prepare(&settings.cache, progress) {
        Ok(root) => Ok(Toolchain::Private(root)),
        Err(reason) => {
            attempts.push(format!("a private toolchain from Debian packages: {reason}"));
            Err(BuildError::NoToolchain { attempts: attempts.join("\n  ") })
        }
    }
}

impl Toolchain {
    /// Sets cargo up to use it.
    pub(super) fn prepare(&self, cargo: &mut Command) {
        let Self::Private(root) = self else {
            return;
        };
        cargo
            .env("RUSTC", debian::rustc(root))
            .env("LD_LIBRARY_PATH", debian::library_path(root))
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", debian::linker(root))
            // The packages hold the standard library's sources, and cargo builds those only as a nightly feature.
            .env("RUSTC_BOOTSTRAP", "1")
            // No features: guests abort without a trace, and the crates that make one need not be compiled.
            .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features="]);
    }
}

/// Whether cargo's own compiler has a standard library for the target.
fn installed(dir: &Path) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let asked = Command::new(rustc).current_dir(dir).args(["--print", "target-libdir", "--target", TARGET]).output();
    let Some(answer) = asked.ok().filter(|answer| answer.status.success()) else {
        return false;
    };
    let libraries = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    let entries = std::fs::read_dir(libraries).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

fn rustup(dir: &Path) -> Result<(), String> {
    let mut command = Command::new("rustup");
    command.current_dir(dir).args(["target", "add", TARGET]);
    let finished = process::run(&mut command, RUSTUP_WITHIN, &mut |_| ()).map_err(|error| error.line())?;
    if !finished.success {
        return Err(first_line(&finished.tail).to_owned());
    }
    if installed(dir) { Ok(()) } else { Err("it added the target to another compiler than cargo's".to_owned()) }
}
