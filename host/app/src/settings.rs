//! Where things are: the configuration file, the data directory and what is in it, the cache.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use apex_config::Settings;
use apex_model::{Code, Failure};
use serde::{Deserialize, Serialize};

use crate::cli::Global;

const DEFAULT_CONFIG: &str = "apex.toml";

/// The configuration file in use, if any.
pub fn config_file(global: &Global) -> Option<PathBuf> {
    global.config.clone().or_else(|| {
        let here = PathBuf::from(DEFAULT_CONFIG);
        here.is_file().then_some(here)
    })
}

/// Reads the settings.
pub fn load(global: &Global) -> Result<Settings, Failure> {
    apex_config::load(config_file(global).as_deref()).map_err(Failure::from)
}

/// The directory for things that can be made again: toolchain, weights, compiled components.
pub fn cache_dir() -> Result<PathBuf, Failure> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    from("APEX_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|dir| dir.join("apex-host")))
        .or_else(|| from("HOME").map(|dir| dir.join(".cache/apex-host")))
        .ok_or_else(|| {
            Failure::never(Code::CONFIG_INVALID, "there is no place for the cache: neither APEX_CACHE nor HOME is set")
                .next("set APEX_CACHE to a writable directory")
        })
}

/// The data directory and the small files in it.
#[derive(Debug, Clone)]
pub struct DataDir {
    root: PathBuf,
}

/// What a running server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// Its process.
    pub pid: u32,
    /// The public listener.
    pub intake: SocketAddr,
    /// The API.
    pub api: SocketAddr,
    /// The metrics listener.
    pub metrics: SocketAddr,
}

/// Held while a process owns the data directory; the kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataDir {
    /// Names the directory; touches nothing.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Makes the directory if needed and takes the lock.
    pub fn lock(&self) -> Result<DataLock, Failure> {
        // Bodies of events are in there: for the owner only.
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.root).map_err(|cause| self.unusable("create", &cause))?;
        let file = self.open_lock().map_err(|cause| self.unusable("write to", &cause))?;
        match file.try_lock() {
            Ok(()) => Ok(DataLock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(Failure::never(
                Code::DATA_DIR_BUSY,
                format!("another apex process holds the data directory {}", self.root.display()),
            )
            .next("stop it, or give this one another directory with --data")),
            Err(fs::TryLockError::Error(cause)) => Err(self.unusable("lock", &cause)),
        }
    }

    /// The server that holds the directory, if one does.
    pub fn server(&self) -> Result<Option<ServerInfo>, Failure> {
        if !self.lock_path().exists() {
            return Ok(None);
        }
        let file = self.open_lock().map_err(|cause| self.unusable("read", &cause))?;
        if file.try_lock().is_ok() {
            return Ok(None);
        }
        let info = fs::read(self.root.join("server.json")).ok();
        let info = info.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        info.map(Some).ok_or_else(|| {
            Failure::backoff(Code::DATA_DIR_BUSY, format!("another apex process is busy with {}", self.root.display()))
                .next("wait until it is done, or until its server is up, and try again")
        })
    }

    /// Tells client commands where the server is.
    pub fn announce(&self, info: &ServerInfo) -> anyhow::Result<()> {
        self.write_atomically("server.json", &serde_json::to_vec_pretty(info)?)?;
        Ok(())
    }

    /// Takes the announcement back.
    pub fn retract(&self) {
        // Gone already is as good.
        let _missing_is_fine = fs::remove_file(self.root.join("server.json"));
    }

    /// The API's token, if there is one.
    pub fn token(&self) -> Result<Option<String>, Failure> {
        match fs::read_to_string(self.root.join("token")) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|token| !token.is_empty())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(self.unusable("read the token in", &cause)),
        }
    }

    /// The API's token, made on first use: 32 random bytes in hex, readable by the owner only.
    pub fn ensure_token(&self) -> Result<String, Failure> {
        if let Some(token) = self.token()? {
            return Ok(token);
        }
        let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        self.write_atomically("token", token.as_bytes()).map_err(|cause| self.unusable("write to", &cause))?;
        Ok(token)
    }

    fn lock_path(&self) -> PathBuf {
        self.root.join("apex.lock")
    }

    fn open_lock(&self) -> std::io::Result<File> {
        OpenOptions::new().create(true).truncate(false).write(true).open(self.lock_path())
    }

    /// Writes a file of mode 0600 in one step, so that no reader sees half of it.
    fn write_atomically(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let temporary = self.root.join(format!(".{name}.{}", std::process::id()));
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, self.root.join(name))
    }

    fn unusable(&self, verb: &str, cause: &std::io::Error) -> Failure {
        Failure::never(
            Code::DATA_DIR_UNUSABLE,
            format!("cannot {verb} the data directory {}: {cause}", self.root.display()),
        )
        .next("check its permissions and the disk's free space, or choose another with --data")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_process_holds_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::new(&dir.path().join("data"));
        assert_eq!(data.server().unwrap(), None);
        let lock = data.lock().unwrap();
        assert_eq!(data.lock().unwrap_err().code, Code::DATA_DIR_BUSY);
        assert_eq!(data.server().unwrap_err().code, Code::DATA_DIR_BUSY);
        let at = "127.0.0.1:1".parse().unwrap();
        let info = ServerInfo { pid: 1, intake: at, api: at, metrics: at };
        data.announce(&info).unwrap();
        assert_eq!(data.server().unwrap(), Some(info));
        drop(lock);
        assert_eq!(data.server().unwrap(), None);
    }

    #[test]
    fn the_token_is_made_once_and_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::new(dir.path());
        let token = data.ensure_token().unwrap();
        assert_eq!(token.len(), 64);
        assert_eq!(data.ensure_token().unwrap(), token);
        let mode = fs::metadata(dir.path().join("token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
