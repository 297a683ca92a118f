//! Compiled code, kept by the digest of the component and the settings of the compiler.
//!
//! A file is the SHA-256 of what follows, then what follows: native code. It lives in a directory of the host's own
//! (mode 0700), never in `plugins/`. A file that is damaged, foreign or unreadable is compiled anew, never an error.
//! This is the crate's one file with `unsafe`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use apex_model::ids::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Where compiled code is kept.
#[derive(Debug, Clone)]
pub(crate) struct CodeCache {
    dir: Option<PathBuf>,
}

impl CodeCache {
    /// Opens the directory, making it if it is not there. One that others could write to is not used.
    pub(crate) fn open(dir: &Path) -> Self {
        let usable = prepare(dir);
        if let Err(error) = &usable {
            tracing::warn!(dir = %dir.display(), %error, "compiled connectors are not cached");
        }
        Self { dir: usable.is_ok().then(|| dir.to_owned()) }
    }

    /// The compiled component: from the cache if it is there and whole, else compiled and put there.
    pub(crate) fn load(&self, engine: &Engine, bytes: &[u8], digest: Digest) -> wasmtime::Result<Component> {
        let path = self.dir.as_ref().map(|dir| dir.join(file_name(engine, digest)));
        if let Some(component) = path.as_deref().and_then(|path| read(engine, path)) {
            return Ok(component);
        }
        let component = Component::new(engine, bytes)?;
        if let Some(path) = path
            && let Err(error) = component.serialize().and_then(|code| Ok(write(&path, &code)?))
        {
            tracing::warn!(path = %path.display(), %error, "a compiled connector was not cached");
        }
        Ok(component)
    }
}

fn prepare(dir: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mode = fs::metadata(dir)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn file_name(engine: &Engine, digest: Digest) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{digest}-{:016x}.code", hasher.finish())
}

fn read(engine: &Engine, path: &Path) -> Option<Component> {
    let file = fs::read(path).ok()?;
    let (stated, code) = file.split_at_checked(32)?;
    if Digest::of(code).0 != stated {
        tracing::warn!(path = %path.display(), "a cached component is damaged and is compiled anew");
        return None;
    }
    // SAFETY: the bytes are what `serialize` gave: their digest, written with them, was just checked, and they come
    // from a directory that only this user can write to.
    #[allow(unsafe_code)]
    let component = unsafe { Component::deserialize(engine, code) };
    component.ok()
}

/// Writes beside and renames, so that a reader sees the whole file or none.
fn write(path: &Path, code: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(&Digest::of(code).0)?;
    file.write_all(code)?;
    drop(file);
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    fn engine() -> Engine {
        crate::engine::start(&apex_config::limits::PluginLimits::default()).unwrap()
    }

    fn only_file(dir: &Path) -> PathBuf {
        let files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    #[test]
    fn compiled_code_is_kept_in_a_directory_of_the_hosts_own() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("compiled");
        let (engine, cache) = (engine(), CodeCache::open(&dir));
        let bytes = wat::parse_str("(component)").unwrap();
        cache.load(&engine, &bytes, Digest::of(&bytes)).unwrap();
        assert!(read(&engine, &only_file(&dir)).is_some());
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn damaged_code_is_compiled_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (engine, cache) = (engine(), CodeCache::open(dir.path()));
        let bytes = wat::parse_str("(component)").unwrap();
        cache.load(&engine, &bytes, Digest::of(&bytes)).unwrap();
        let path = only_file(dir.path());
        for damage in [Vec::new(), vec![0; 31], {
            let mut flipped = fs::read(&path).unwrap();
            let last = flipped.len() - 1;
            flipped[last] ^= 1;
            flipped
        }] {
            fs::write(&path, damage).unwrap();
            assert!(read(&engine, &path).is_none());
            cache.load(&engine, &bytes, Digest::of(&bytes)).unwrap();
            assert!(read(&engine, &path).is_some());
        }
    }
}
