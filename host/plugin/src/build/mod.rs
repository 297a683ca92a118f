//! From a connector's sources to a component in `plugins/`: finds a way to compile to WebAssembly, compiles, wraps the
//! module as a component that carries its manifest. It loads and runs nothing; what it writes is judged again at load.
//!
//! ```text
//! toolchain (rustc's own | rustup target add | private, from Debian packages)
//!     -> one cargo run for all connectors -> component + apex:manifest -> <out>/<id>.wasm
//! ```

mod cargo;
mod component;
mod debian;
mod error;
mod process;
mod sources;
mod toolchain;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use error::BuildError;
pub use sources::{connectors, needs_rebuild};

use sources::Connector;

/// Where compilers and compiled dependencies are kept, and which compiler to take.
#[derive(Debug, Clone)]
pub struct BuildSettings {
    /// The cache root: `toolchain/` and `guest-target/` in it are made as needed.
    pub cache: PathBuf,
    /// Which compiler to take.
    pub toolchain: ToolchainChoice,
}

/// Which compiler to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ToolchainChoice {
    /// The installed one; else the one that `rustup target add` brings; else the private one.
    #[default]
    Find,
    /// The private one, even if another would do: for trying that it works.
    Private,
}

/// What a build is doing, in the order it happens. `Display` gives the words for a progress bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Looking for a way to compile to WebAssembly, or fetching one; the text says which step.
    Toolchain(String),
    /// Compiling this many connectors.
    Compiling(usize),
    /// Cargo has begun this crate; how many there are is not known beforehand.
    Crate(String),
    /// Wrapping the module of this connector as a component.
    Component(String),
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toolchain(step) => write!(f, "preparing the WebAssembly toolchain: {step}"),
            Self::Compiling(1) => write!(f, "compiling 1 connector"),
            Self::Compiling(count) => write!(f, "compiling {count} connectors"),
            Self::Crate(name) => write!(f, "compiling {name}"),
            Self::Component(id) => write!(f, "wrapping {id} as a component"),
        }
    }
}

/// A component that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The connector's id: its folder, crate and file name.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Builds one connector folder into `<out>/<id>.wasm`.
///
/// # Errors
/// See [`build_all`].
pub fn build(
    dir: &Path,
    out: &Path,
    settings: &BuildSettings,
    progress: &dyn Fn(Progress),
) -> Result<Built, BuildError> {
    let built = build_all(std::slice::from_ref(&dir.to_path_buf()), out, settings, progress)?;
    built.into_iter().next().ok_or_else(|| BuildError::not_a_connector(dir, "nothing was built"))
}

/// Builds connector folders of one cargo workspace into `<out>/<id>.wasm`, with one run of cargo, so that a cold start
/// compiles what they share once. Each file is replaced at once, and only after every connector compiled.
///
/// # Errors
/// A folder is no connector, there is no compiler, it does not compile, or its exports are not those of its manifest.
/// Every message says what to do.
pub fn build_all(
    dirs: &[PathBuf],
    out: &Path,
    settings: &BuildSettings,
    progress: &dyn Fn(Progress),
) -> Result<Vec<Built>, BuildError> {
    let connectors = dirs.iter().map(|dir| Connector::read(dir)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = connectors.first() else {
        return Ok(Vec::new());
    };
    let toolchain = toolchain::find(settings, &first.dir, progress)?;
    let begun = SystemTime::now();
    progress(Progress::Compiling(connectors.len()));
    let modules = cargo::compile(&connectors, &toolchain, settings, progress)?;
    let mut components = Vec::new();
    for (connector, module) in connectors.iter().zip(modules) {
        progress(Progress::Component(connector.id.clone()));
        components.push((connector, component::wrap(connector, &module)?));
    }
    components.into_iter().map(|(connector, bytes)| component::write(&connector.id, &bytes, out, begun)).collect()
}

#[cfg(test)]
mod tests;
