//! A private compiler for WebAssembly, unpacked from Debian's packages into the cache. The system is left alone: nothing
//! is installed, and of apt only its index is brought up to date when it does not know the packages.
//!
//! **Invariant:** the final folder appears by one rename when it is complete; whatever else lies in `toolchain/` is an
//! attempt that did not end, and a later one removes it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Progress;
use super::process::{self, first_line};

/// The compiler: Debian's build of a recent Rust for its stable releases.
const COMPILER: &str = "rustc-web";
/// Its libraries to link against, and its standard library's sources.
const LIBRARIES: [&str; 2] = ["libstd-rust-web-dev", "rust-web-src"];
/// How the folder of an attempt is called.
const PARTIAL: &str = "partial-";
/// Bringing apt's index up to date.
const UPDATE_WITHIN: Duration = Duration::from_mins(5);
/// 138 MB of packages.
const DOWNLOAD_WITHIN: Duration = Duration::from_mins(15);
/// 850 MB of files.
const UNPACK_WITHIN: Duration = Duration::from_mins(5);

/// The compiler of an unpacked toolchain.
pub(super) fn rustc(root: &Path) -> PathBuf {
    root.join("usr/bin/rustc")
}

/// The linker of an unpacked toolchain: a stable name that [`install`] gave it, whatever LLVM's version.
pub(super) fn linker(root: &Path) -> PathBuf {
    root.join("bin/wasm-ld")
}

/// Where the compiler and the linker find their libraries.
pub(super) fn library_path(root: &Path) -> OsString {
    let mut path = OsString::from(root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH)));
    path.push(":");
    path.push(root.join("usr/lib"));
    path
}

/// The unpacked toolchain, fetched if it is not there.
///
/// # Errors
/// One line that says which step did not work.
pub(super) fn prepare(cache: &Path, progress: &dyn Fn(Progress)) -> Result<PathBuf, String> {
    let folder = cache.join("toolchain");
    let root = folder.join("debian");
    if root.is_dir() {
        return Ok(root);
    }
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
    let lock =
        File::create(folder.join("lock")).map_err(|error| format!("cannot lock `{}`: {error}", folder.display()))?;
    if lock.try_lock().is_err() {
        step(progress, "waiting for another build that fetches it");
        lock.lock().map_err(|error| format!("cannot lock `{}`: {error}", folder.display()))?;
    }
    if !root.is_dir() {
        install(&folder, &root, progress)?;
    }
    Ok(root)
}

fn install(folder: &Path, root: &Path, progress: &dyn Fn(Progress)) -> Result<(), String> {
    let io = |error: std::io::Error| format!("cannot write to `{}`: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(io)?.flatten() {
        // The lock is held, so whatever is partial was left by an attempt that was killed. A program of that attempt may
        // still be writing: then the next one removes it.
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let partial = tempfile::Builder::new().prefix(PARTIAL).tempdir_in(folder).map_err(io)?;
    let files = partial.path().join("packages");
    fs::create_dir(&files).map_err(io)?;
    if download(&files, progress).is_err() {
        // No index yet on a fresh machine, or one so old that the packages it names are gone.
        step(progress, "bringing apt's index up to date");
        run(Command::new("apt-get").args(["-q", "update"]), UPDATE_WITHIN)?;
        download(&files, progress)?;
    }
    step(progress, "unpacking");
    let unpacked = partial.path().join("root");
    for entry in fs::read_dir(&files).map_err(io)? {
        let file = entry.map_err(io)?.path();
        run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(&unpacked), UNPACK_WITHIN)?;
        fs::remove_file(&file).map_err(io)?;
    }
    name_linker(&unpacked)?;
    try_compiler(&unpacked)?;
    fs::rename(&unpacked, root).map_err(io)
}

fn download(files: &Path, progress: &dyn Fn(Progress)) -> Result<(), String> {
    let packages = packages()?;
    step(progress, "downloading six Debian packages (138 MB)");
    run(Command::new("apt-get").current_dir(files).args(["-q", "download"]).args(packages), DOWNLOAD_WITHIN)
}

/// The packages, their versioned names asked of apt: the compiler's library, LLVM's, and the linker of the same LLVM.
fn packages() -> Result<Vec<String>, String> {
    let mut packages: Vec<String> = LIBRARIES.iter().map(|name| (*name).to_owned()).collect();
    packages.insert(0, COMPILER.to_owned());
    let library = dependency("libstd-rust-web-dev", "libstd-rust-web-")?;
    let llvm = dependency(&library, "libllvm")?;
    let version = llvm.trim_start_matches("libllvm").split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    packages.push(format!("lld-{version}"));
    packages.push(library);
    packages.push(llvm);
    Ok(packages)
}

/// The dependency of a package whose name begins so.
fn dependency(package: &str, prefix: &str) -> Result<String, String> {
    let asked = Command::new("apt-cache").args(["depends", package]).output();
    let answer = asked.map_err(|error| format!("apt-cache: {error}"))?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    let found = names.map(str::trim).find(|name| name.starts_with(prefix));
    found.map(str::to_owned).ok_or_else(|| format!("apt does not know `{package}`, or not what it needs (`{prefix}…`)"))
}

/// Gives the linker one path: `wasm-ld`, by which the compiler knows what kind it is.
fn name_linker(root: &Path) -> Result<(), String> {
    let io = |error: std::io::Error| format!("cannot find the linker in `{}`: {error}", root.display());
    let llvm = fs::read_dir(root.join("usr/lib")).map_err(io)?.flatten().map(|entry| entry.path());
    let linker = llvm.map(|dir| dir.join("bin/wasm-ld")).find(|path| path.is_file());
    let linker = linker.ok_or_else(|| "the packages hold no `wasm-ld`".to_owned())?;
    let relative = linker.strip_prefix(root).map_err(|error| error.to_string())?;
    fs::create_dir(root.join("bin")).map_err(io)?;
    // Relative, so that it still points right after the folder is renamed.
    std::os::unix::fs::symlink(Path::new("..").join(relative), root.join("bin/wasm-ld")).map_err(io)
}

/// Runs the compiler and the linker once: a library that is missing on this machine shows here and not in cargo's output.
fn try_compiler(root: &Path) -> Result<(), String> {
    for program in [rustc(root), linker(root)] {
        let mut command = Command::new(&program);
        command.env("LD_LIBRARY_PATH", library_path(root)).arg("--version");
        run(&mut command, UNPACK_WITHIN)?;
    }
    Ok(())
}

fn run(command: &mut Command, within: Duration) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let finished = process::run(command, within, &mut |_| ()).map_err(|error| format!("{name}: {}", error.line()))?;
    if finished.success { Ok(()) } else { Err(format!("{name}: {}", first_line(&finished.tail))) }
}

fn step(progress: &dyn Fn(Progress), text: &str) {
    progress(Progress::Toolchain(text.to_owned()));
}
