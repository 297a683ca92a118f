//! One run of cargo for all connectors. It knows nothing of components.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process;
use super::sources::Connector;
use super::toolchain::{TARGET, Toolchain};
use super::{BuildError, BuildSettings, Progress};

/// A cold build that compiles the standard library too takes about a minute on two cores.
const CARGO_WITHIN: Duration = Duration::from_mins(30);
/// A guest's stack for what it keeps in memory; the linker's default is four times this. Small, because after each call the
/// host looks which pages of an instance were written. A guest that needs more traps and costs one call.
const STACK: &str = "-Clink-arg=-zstack-size=262144";
/// Flags meant for the build of the host itself, which cargo would hand on to the guests.
const NOT_FOR_GUESTS: [&str; 4] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"];

/// Compiles them and answers the bytes of their modules, in order.
///
/// # Errors
/// There is no cargo, it ran too long, or it failed: then with its last lines.
pub(super) fn compile(
    connectors: &[Connector],
    toolchain: &Toolchain,
    settings: &BuildSettings,
    progress: &dyn Fn(Progress),
) -> Result<Vec<Vec<u8>>, BuildError> {
    let Some(first) = connectors.first() else {
        return Ok(Vec::new());
    };
    let target_dir = target_dir(settings, &first.dir);
    // The modules must be read before another build of the same workspace writes its own.
    let _lock = lock(&target_dir, progress)?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&first.dir).args(["build", "--release", "--color=never", "--target", TARGET]);
    cargo.arg("--target-dir").arg(&target_dir);
    for connector in connectors {
        cargo.args(["-p", &connector.id]);
    }
    for name in NOT_FOR_GUESTS {
        cargo.env_remove(name);
    }
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", STACK);
    toolchain.prepare(&mut cargo);
    let mut begun = |line: &str| {
        if let Some(name) = line.trim_start().strip_prefix("Compiling ") {
            progress(Progress::Crate(name.split(' ').next().unwrap_or(name).to_owned()));
        }
    };
    let finished = process::run(&mut cargo, CARGO_WITHIN, &mut begun).map_err(process::RunError::of_cargo)?;
    if !finished.success {
        let names: Vec<&str> = connectors.iter().map(|connector| connector.id.as_str()).collect();
        return Err(BuildError::Compile { connectors: names.join(", "), tail: finished.tail });
    }
    let folder = target_dir.join(TARGET).join("release");
    connectors.iter().map(|connector| read_module(connector, &folder)).collect()
}

/// A folder for each workspace: cargo tells packages of a workspace apart by their place within it, so what one workspace
/// compiled would pass for another's. Connectors of one workspace share what they depend on.
fn target_dir(settings: &BuildSettings, dir: &Path) -> PathBuf {
    let workspace = dir.parent().filter(|parent| parent.join("Cargo.toml").is_file()).unwrap_or(dir);
    let mut hasher = DefaultHasher::new();
    workspace.hash(&mut hasher);
    settings.cache.join("guest-target").join(format!("{:016x}", hasher.finish()))
}

fn lock(folder: &Path, progress: &dyn Fn(Progress)) -> Result<File, BuildError> {
    std::fs::create_dir_all(folder).map_err(BuildError::io("make", folder))?;
    let path = folder.join("apex.lock");
    let lock = File::create(&path).map_err(BuildError::io("write", &path))?;
    if lock.try_lock().is_err() {
        progress(Progress::Toolchain("waiting for another build to end".to_owned()));
        lock.lock().map_err(BuildError::io("lock", &path))?;
    }
    Ok(lock)
}

fn read_module(connector: &Connector, folder: &Path) -> Result<Vec<u8>, BuildError> {
    let path: PathBuf = folder.join(format!("{}.wasm", connector.id.replace('-', "_")));
    std::fs::read(&path).map_err(|error| BuildError::Component {
        id: connector.id.clone(),
        reason: format!("cargo wrote no `{}` ({error})", path.display()),
    })
}
