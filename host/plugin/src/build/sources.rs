//! What a connector folder holds, and whether its component is older than it. It reads names and times only.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::BuildError;

/// Characters an id may have: it names a folder, a crate, a file and a part of a URL.
const ID_CHARS_MAX: usize = 64;

/// A connector folder whose names agree.
#[derive(Debug)]
pub(super) struct Connector {
    /// The folder.
    pub(super) dir: PathBuf,
    /// The folder's, the manifest's and the crate's name.
    pub(super) id: String,
    /// The text of `plugin.toml`.
    pub(super) manifest: String,
    /// The interfaces that the manifest declares.
    pub(super) exports: Vec<String>,
}

#[derive(Deserialize)]
struct Manifest {
    id: String,
    exports: Vec<String>,
}

#[derive(Deserialize)]
struct CargoToml {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

impl Connector {
    /// Reads a folder.
    ///
    /// # Errors
    /// It is no connector, or its names do not agree.
    pub(super) fn read(dir: &Path) -> Result<Self, BuildError> {
        let dir = dir.canonicalize().map_err(|error| BuildError::not_a_connector(dir, error.to_string()))?;
        let id = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let readable = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if id.is_empty() || id.len() > ID_CHARS_MAX || !readable {
            let reason = format!("its name must be 1 to {ID_CHARS_MAX} of a-z, 0-9 and `-`");
            return Err(BuildError::not_a_connector(&dir, reason));
        }
        let (manifest, head): (_, Manifest) = read_toml(&dir, "plugin.toml")?;
        let (_, cargo): (_, CargoToml) = read_toml(&dir, "Cargo.toml")?;
        for (file, found) in [("plugin.toml", head.id), ("Cargo.toml", cargo.package.name)] {
            if found != id {
                return Err(BuildError::Name { file: dir.join(file), expected: id, found });
            }
        }
        Ok(Self { dir, id, manifest, exports: head.exports })
    }
}

/// The connector folders of a `plugins/` folder, by name: every folder with a `plugin.toml`.
///
/// # Errors
/// The folder cannot be read.
pub fn connectors(plugins: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let entries = fs::read_dir(plugins).map_err(BuildError::io("read", plugins))?;
    let mut dirs = Vec::new();
    for entry in entries {
        let path = entry.map_err(BuildError::io("read", plugins))?.path();
        if path.join("plugin.toml").is_file() {
            dirs.push(path);
        }
    }
    dirs.sort();
    Ok(dirs)
}

/// Whether `component` is missing, or older than any source it is made of: the connector's folder (its cases aside), the
/// kit and the lock file beside it, and the contract beside `plugins/`.
pub fn needs_rebuild(dir: &Path, component: &Path) -> bool {
    let Ok(built) = fs::metadata(component).and_then(|file| file.modified()) else {
        return true;
    };
    let plugins = dir.parent().unwrap_or(dir);
    let sources = [
        dir.join("Cargo.toml"),
        dir.join("plugin.toml"),
        dir.join("build.rs"),
        dir.join("src"),
        plugins.join("Cargo.toml"),
        plugins.join("Cargo.lock"),
        plugins.join("sdk/Cargo.toml"),
        plugins.join("sdk/src"),
        plugins.join("../wit"),
    ];
    sources.iter().filter_map(|path| newest(path)).any(|changed| changed > built)
}

/// When a file, or the newest file of a folder, was changed; nothing if it is not there.
fn newest(path: &Path) -> Option<SystemTime> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_dir() {
        return metadata.modified().ok();
    }
    let entries = fs::read_dir(path).ok()?;
    // The folder's own time tells of files that were removed or renamed.
    entries.filter_map(|entry| newest(&entry.ok()?.path())).chain(metadata.modified().ok()).max()
}

fn read_toml<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<(String, T), BuildError> {
    let wrong = |reason: String| BuildError::not_a_connector(dir, format!("{name}: {reason}"));
    let text = fs::read_to_string(dir.join(name)).map_err(|error| wrong(error.to_string()))?;
    let parsed = toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
    Ok((text, parsed))
}
