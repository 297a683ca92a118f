//! Looks at a component without running or compiling anything of it: digest, sections, imports and exports.

use std::path::Path;

use apex_model::ids::Digest;
use serde::Serialize;
use wasmparser::{Encoding, Parser, Payload};

use crate::error::{LoadError, one_line};
use crate::load;
use crate::manifest::{self, Manifest};

/// The interfaces of the contract that a connector may export, in its order.
pub(crate) const EXPORTS: [&str; 5] = ["describe", "webhook", "poll", "stream", "batch"];

/// What a file in `plugins/` says of itself.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// Its manifest.
    pub manifest: Manifest,
    /// Interfaces it exports: `describe`, `webhook`, ….
    pub exports: Vec<String>,
    /// Interfaces it imports: its true capability list. Of interfaces outside the contract the full name.
    pub imports: Vec<String>,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}

/// Inspects a file; nothing of it is run.
pub fn inspect(path: &Path, file_bytes_max: u64) -> Result<Inspection, LoadError> {
    let bytes = load::read_file(path, file_bytes_max)?;
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    inspect_bytes(&bytes, stem)
}

/// Inspects the bytes of a component; `stem` names it if it has no manifest.
pub(crate) fn inspect_bytes(bytes: &[u8], stem: &str) -> Result<Inspection, LoadError> {
    let outline = outline(bytes)?;
    let offers: Vec<String> = outline.exports.iter().filter(|name| *name != "describe").cloned().collect();
    let manifest = match &outline.manifest {
        Some(text) => Manifest::parse(text),
        None => Manifest::minimal(stem, offers.clone()),
    }
    .map_err(LoadError::Manifest)?;
    let mut declared = manifest.exports.clone();
    declared.sort_unstable();
    let mut actual = offers;
    actual.sort_unstable();
    if declared != actual {
        return Err(LoadError::Manifest(format!(
            "the manifest says it exports [{}], the component exports [{}]",
            declared.join(", "),
            actual.join(", ")
        )));
    }
    let size = bytes.len() as u64;
    Ok(Inspection { manifest, exports: outline.exports, imports: outline.imports, digest: Digest::of(bytes), size })
}

struct Outline {
    manifest: Option<String>,
    exports: Vec<String>,
    imports: Vec<String>,
}

fn outline(bytes: &[u8]) -> Result<Outline, LoadError> {
    if bytes.is_empty() {
        return Err(LoadError::NotComponent("the file is empty".to_owned()));
    }
    let broken = |error: wasmparser::BinaryReaderError| LoadError::NotComponent(one_line(&error.to_string()));
    let mut outline = Outline { manifest: None, exports: Vec::new(), imports: Vec::new() };
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(broken)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => return Err(LoadError::CoreModule),
            Payload::Version { .. } => depth = depth.saturating_add(1),
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 1 && section.name() == manifest::SECTION => {
                let text = std::str::from_utf8(section.data())
                    .map_err(|_| LoadError::Manifest("the manifest is not UTF-8".to_owned()))?;
                if outline.manifest.replace(text.to_owned()).is_some() {
                    return Err(LoadError::Manifest("the component has two manifests".to_owned()));
                }
            }
            Payload::ComponentImportSection(imports) if depth == 1 => {
                for import in imports {
                    outline.imports.push(import.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if depth == 1 => {
                for export in exports {
                    outline.exports.push(export.map_err(broken)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    outline.exports = short_names(outline.exports);
    outline.exports.sort_by_key(|name| EXPORTS.iter().position(|known| known == name).unwrap_or(EXPORTS.len()));
    // `types` holds nouns, nothing that can be called.
    outline.imports = short_names(outline.imports).into_iter().filter(|name| name != "types").collect();
    Ok(outline)
}

/// `apex:connector/webhook@1.0.0` → `webhook`; names of other packages stay whole.
fn short_names(names: Vec<String>) -> Vec<String> {
    let short = |name: String| match name.strip_prefix("apex:connector/").and_then(|rest| rest.strip_suffix("@1.0.0")) {
        Some(short) => short.to_owned(),
        None => name,
    };
    names.into_iter().map(short).collect()
}
