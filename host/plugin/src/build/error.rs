//! What can go wrong between sources and component. Every message says what happened and the next step.

use std::path::{Path, PathBuf};

use apex_model::{Code, Failure};

/// Why a connector was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder is not laid out as a connector.
    #[error(
        "`{}` is not a connector: {reason}. A connector is a folder with Cargo.toml, plugin.toml and src/; \
         plugins/README.md shows a whole one", dir.display()
    )]
    NotAConnector {
        /// The folder.
        dir: PathBuf,
        /// What is missing or unreadable.
        reason: String,
    },
    /// The folder, the manifest and the crate do not carry the same name.
    #[error("`{}` says `{found}`, but the folder is `{expected}`: give both one name", file.display())]
    Name {
        /// `plugin.toml` or `Cargo.toml`.
        file: PathBuf,
        /// The folder's name.
        expected: String,
        /// The name in the file.
        found: String,
    },
    /// There is no cargo.
    #[error("connectors are compiled with cargo, and it cannot be run ({reason}): install Rust from https://rustup.rs")]
    NoCargo {
        /// What the system said.
        reason: String,
    },
    /// Nothing here compiles to WebAssembly, and none of the ways to get it worked.
    #[error(
        "no way to compile to WebAssembly was found:\n  {attempts}\nrun `rustup target add wasm32-unknown-unknown` with \
         network access, or on Debian `apt-get update` as root, then build again"
    )]
    NoToolchain {
        /// One line for each way that was tried.
        attempts: String,
    },
    /// Cargo failed.
    #[error("cargo could not compile {connectors}; correct the sources and build again. It said:\n{tail}")]
    Compile {
        /// The connectors asked for.
        connectors: String,
        /// The last lines that cargo wrote.
        tail: String,
    },
    /// A program ran longer than it may.
    #[error(
        "`{program}` was stopped after {seconds} s; see that the machine has network and room, then build again. It said:\n{tail}"
    )]
    TimedOut {
        /// The program.
        program: String,
        /// How long it ran.
        seconds: u64,
        /// The last lines that it wrote.
        tail: String,
    },
    /// The module is not a connector's.
    #[error(
        "the module of `{id}` cannot be made a component: {reason}. See that src/lib.rs ends in \
         `export_connector!(Name: …);` and that Cargo.toml has `crate-type = [\"cdylib\", \"rlib\"]`"
    )]
    Component {
        /// The connector.
        id: String,
        /// What the encoder said.
        reason: String,
    },
    /// The manifest and the code do not agree on what the connector offers.
    #[error(
        "`{id}` exports {found}, but plugin.toml says `exports = {declared}`: change the one or `export_connector!`"
    )]
    Exports {
        /// The connector.
        id: String,
        /// What the component exports besides `describe`.
        found: String,
        /// What the manifest says.
        declared: String,
    },
    /// A file or folder could not be used.
    #[error("cannot {doing} `{}`: {source}; see that it is there, writable, and that the disk has room", path.display())]
    Io {
        /// What was tried, as it fits after "cannot".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl BuildError {
    /// The stable code of this error.
    pub const fn code(&self) -> Code {
        match self {
            Self::NoCargo { .. } | Self::NoToolchain { .. } => Code::TOOLCHAIN_MISSING,
            _ => Code::BUILD_FAILED,
        }
    }

    pub(super) fn not_a_connector(dir: &Path, reason: impl Into<String>) -> Self {
        Self::NotAConnector { dir: dir.to_path_buf(), reason: reason.into() }
    }

    /// For `map_err`: says what was tried on which path.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { doing, path, source }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::never(error.code(), error.to_string())
    }
}
