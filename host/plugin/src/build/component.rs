//! A core module with the contract's custom sections becomes a component that carries its manifest. It changes no code.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use wit_component::{ComponentEncoder, DecodedWasm};

use super::sources::Connector;
use super::{BuildError, Built};

/// The custom section, on the component's own level, that holds the text of `plugin.toml`.
pub const MANIFEST_SECTION: &str = "apex:manifest";
/// The contract's package: what a connector exports are interfaces of it.
const PACKAGE: &str = "apex:connector/";

/// Makes the component.
///
/// # Errors
/// The module is no connector's, or does not export what its manifest says.
pub(super) fn wrap(connector: &Connector, module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let failed = |reason: String| BuildError::Component { id: connector.id.clone(), reason };
    let encoder = ComponentEncoder::default().module(module).map_err(|error| failed(format!("{error:#}")))?;
    let mut component = encoder.validate(true).encode().map_err(|error| failed(format!("{error:#}")))?;
    check_exports(connector, &exports(&component).map_err(failed)?)?;
    append_section(&mut component, MANIFEST_SECTION, connector.manifest.as_bytes());
    Ok(component)
}

/// Writes `<out>/<id>.wasm`, replacing an older one at once: a reader sees the old file or the new one. Its time is when
/// the build began, so that a source changed meanwhile is newer.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn write(id: &str, component: &[u8], out: &Path, begun: SystemTime) -> Result<Built, BuildError> {
    fs::create_dir_all(out).map_err(BuildError::io("make", out))?;
    let path = out.join(format!("{id}.wasm"));
    let failed = || BuildError::io("write", &path);
    // Not `.wasm`, so that whoever watches the folder does not take it for a component.
    let mut file = tempfile::Builder::new().prefix(".build-").suffix(".partial").tempfile_in(out).map_err(failed())?;
    file.write_all(component).map_err(failed())?;
    readable_by_all(file.as_file()).map_err(failed())?;
    file.as_file().set_modified(begun).map_err(failed())?;
    file.persist(&path).map_err(|error| failed()(error.error))?;
    Ok(Built { id: id.to_owned(), path, bytes: component.len() as u64 })
}

/// Temporary files are private by default; a component may be run by another user than built it.
fn readable_by_all(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

/// The names of the contract's interfaces that a component exports.
fn exports(component: &[u8]) -> Result<BTreeSet<String>, String> {
    let decoded = wit_component::decode(component).map_err(|error| format!("{error:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err("it decodes as a package, not as a component".to_owned());
    };
    let world = resolve.worlds.get(world).ok_or_else(|| "it has no world".to_owned())?;
    let names = world.exports.keys().map(|key| resolve.name_world_key(key));
    Ok(names.filter_map(|name| interface(&name)).collect())
}

/// `apex:connector/webhook@1.0.0` is `webhook`.
fn interface(name: &str) -> Option<String> {
    name.strip_prefix(PACKAGE)?.split('@').next().map(str::to_owned)
}

fn check_exports(connector: &Connector, found: &BTreeSet<String>) -> Result<(), BuildError> {
    let id = connector.id.clone();
    if !found.contains("describe") {
        return Err(BuildError::Component { id, reason: "it does not export `describe`".to_owned() });
    }
    let declared: BTreeSet<&str> = connector.exports.iter().map(String::as_str).collect();
    let found: BTreeSet<&str> = found.iter().map(String::as_str).filter(|name| *name != "describe").collect();
    if declared == found {
        Ok(())
    } else {
        Err(BuildError::Exports { id, found: format!("{found:?}"), declared: format!("{declared:?}") })
    }
}

/// Appends a custom section: id 0, size, name, content, sizes as LEB128 (WebAssembly core specification, 5.5.3).
fn append_section(wasm: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut body = Vec::new();
    leb128(&mut body, name.len());
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(content);
    wasm.push(0);
    leb128(wasm, body.len());
    wasm.append(&mut body);
}

#[allow(clippy::cast_possible_truncation)] // Masked to seven bits.
fn leb128(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
