//! Runs the machine's own `pip download`. Names no index: pip's configuration says where packages come from.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How pip may be called here, in the order tried.
const PIPS: [&[&str]; 3] = [&["python3", "-m", "pip"], &["pip3"], &["pip"]];
/// A download that takes longer has stalled.
const DOWNLOAD_SECONDS_MAX: u64 = 1_800;
/// Between two looks at how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Downloads the wheel of `package` into `room` and answers its path, or why there is none.
pub fn download(package: &str, room: &Path, mut bytes: impl FnMut(u64)) -> Result<PathBuf, String> {
    let mut reasons = Vec::new();
    for pip in PIPS {
        match run(pip, package, room, &mut bytes) {
            Ok(()) => return wheel(room).ok_or_else(|| "pip left no wheel behind".to_owned()),
            Err(why) => reasons.push(why),
        }
    }
    reasons.dedup();
    Err(reasons.join(", "))
}

fn run(pip: &[&str], package: &str, room: &Path, bytes: &mut impl FnMut(u64)) -> Result<(), String> {
    let shown = pip.join(" ");
    let [program, arguments @ ..] = pip else {
        return Err("no command".to_owned());
    };
    let said = room.join("pip.log");
    let log = File::create(&said).map_err(|error| format!("{} cannot be written: {error}", said.display()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .args([
            "download",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--disable-pip-version-check",
            "--no-input",
            "--dest",
        ])
        .arg(room)
        .arg(package)
        // pip collects a download there before it moves it: so its size can be watched.
        .env("TMPDIR", room)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("`{program}` is not installed"),
            _ => format!("`{shown}` does not start: {error}"),
        })?;
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(_)) => return Err(format!("`{shown} download` failed: {}", last_line(&said))),
            Ok(None) if started.elapsed().as_secs() < DOWNLOAD_SECONDS_MAX => {
                bytes(size(room));
                std::thread::sleep(LOOK_EVERY);
            }
            Ok(None) => return Err(format!("`{shown} download` {} {DOWNLOAD_SECONDS_MAX} s", stop(&mut child))),
            Err(error) => return Err(format!("`{shown}` cannot be watched: {error}")),
        }
    }
}

fn stop(child: &mut Child) -> &'static str {
    match child.kill().and_then(|()| child.wait()) {
        Ok(_) => "was stopped after",
        Err(_) => "cannot be stopped after",
    }
}

/// The last thing pip said that is an error, else the last thing it said.
fn last_line(said: &Path) -> String {
    let text = fs::read(said).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line =
        lines().rfind(|line| line.starts_with("ERROR")).or_else(|| lines().next_back()).unwrap_or("it said nothing");
    line.chars().take(300).collect()
}

fn wheel(room: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(room).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "whl"))
}

/// Bytes of the largest file below `dir`: pip copies a finished download once more, which is no progress.
fn size(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else {
        return 0;
    };
    entries
        .flatten()
        .filter_map(|entry| entry.metadata().ok().map(|metadata| (entry.path(), metadata)))
        .map(|(path, metadata)| if metadata.is_dir() { size(&path) } else { metadata.len() })
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let room = tempfile::tempdir().unwrap();
        let why = run(&["no-such-pip"], "x==1", room.path(), &mut |_| {}).unwrap_err();
        assert_eq!(why, "`no-such-pip` is not installed");
    }

    #[test]
    fn what_pip_says_last_is_passed_on() {
        let room = tempfile::tempdir().unwrap();
        // A stand-in for pip that fails as pip does.
        let script = r"echo 'ERROR: No matching distribution found for x==1' >&2; echo 'notice: y' >&2; exit 1";
        let why = run(&["sh", "-c", script], "x==1", room.path(), &mut |_| {}).unwrap_err();
        assert!(why.ends_with("failed: ERROR: No matching distribution found for x==1"), "{why}");
    }

    #[test]
    fn the_largest_file_below_the_directory_counts() {
        let room = tempfile::tempdir().unwrap();
        fs::create_dir(room.path().join("pip-unpack-1")).unwrap();
        fs::write(room.path().join("pip-unpack-1/x"), [0; 70]).unwrap();
        fs::write(room.path().join("y"), [0; 7]).unwrap();
        assert_eq!(size(room.path()), 70);
    }
}
