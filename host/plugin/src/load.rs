//! From a file to a connector that answers: read, inspect, fit, compile, link, and one smoke call under limits.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use apex_model::Failure;
use apex_model::ids::SourceName;
use serde_json::Value;
use wasmtime::Engine;

use crate::bound::{Bound, Services};
use crate::cache::CodeCache;
use crate::calls;
use crate::connector::Connector;
use crate::error::{LoadError, one_line};
use crate::grant::{Config, Grant};
use crate::inspect::{self, Inspection};
use crate::schema;
use crate::settings::SourceSettings;

/// Interfaces a connector may import.
const IMPORTS: [&str; 8] = ["log", "clock", "config", "crypto", "http", "state", "reader", "payload"];

/// What loading needs.
pub(crate) struct Loader {
    pub(crate) engine: Engine,
    pub(crate) cache: CodeCache,
    pub(crate) services: Arc<Services>,
}

/// A connector that answered its first call.
pub(crate) struct Loaded {
    pub(crate) connector: Arc<Connector>,
    schema: Value,
}

impl Loaded {
    /// Every host that the manifest declares, as these settings name it.
    pub(crate) fn declared_hosts(&self, settings: &SourceSettings) -> Vec<String> {
        // What is no JSON is said when the source is bound.
        let given = serde_json::from_str(&settings.config_json).unwrap_or_default();
        let config = Config { given: &given, schema: &self.schema };
        self.connector.manifest().hosts.iter().filter_map(|host| config.url(host).map(str::to_owned)).collect()
    }
}

impl Loader {
    /// Loads the bytes of a component; `stem` names it if it has no manifest.
    pub(crate) fn load(&self, bytes: &[u8], stem: &str) -> Result<Loaded, LoadError> {
        let inspection = inspect::inspect_bytes(bytes, stem)?;
        fits(&inspection)?;
        let component = self
            .cache
            .load(&self.engine, bytes, inspection.digest)
            .map_err(|error| LoadError::Compile(one_line(&format!("{error:#}"))))?;
        let connector = Arc::new(Connector::link(&self.engine, &component, inspection)?);
        let schema = self.smoke(&connector)?;
        Ok(Loaded { connector, schema })
    }

    /// Binds a connector to a source; answers why the source has to wait, if it has to.
    pub(crate) fn bind(&self, loaded: &Loaded, settings: &SourceSettings) -> Result<Arc<Bound>, String> {
        let config: Value = serde_json::from_str(&settings.config_json)
            .map_err(|error| format!("config is not a JSON object: {error}"))?;
        let known = Config { given: &config, schema: &loaded.schema };
        let grant = Grant::effective(loaded.connector.manifest(), settings, &known)?;
        schema::check(&loaded.schema, &config)?;
        let bound =
            Arc::new(Bound::new(Arc::clone(&loaded.connector), grant, settings.clone(), Arc::clone(&self.services)));
        calls::check(&bound, &settings.config_json).map_err(|failure| join(&failure))?;
        Ok(bound)
    }

    /// The first call: under limits, without a grant; what it says must be what the manifest says.
    fn smoke(&self, connector: &Arc<Connector>) -> Result<Value, LoadError> {
        let name = SourceName::parse(connector.id())
            .ok_or_else(|| LoadError::Manifest(format!("`{}` is not a name", connector.id().escape_default())))?;
        let (settings, services) = (SourceSettings::bare(name, connector.id()), Arc::clone(&self.services));
        let bound = Arc::new(Bound::new(Arc::clone(connector), Grant::default(), settings, services));
        let said = calls::info(&bound).map_err(|failure| LoadError::Smoke(failure.what))?;
        let manifest = connector.manifest();
        // A component without a manifest has none to differ from but its file's name.
        let version_fits = manifest.version == "0.0.0" || said.version == manifest.version;
        if said.id != manifest.id || !version_fits {
            return Err(LoadError::Smoke(format!(
                "`describe` says it is `{}` {}, the manifest says `{}` {}",
                said.id.escape_default(),
                said.version.escape_default(),
                manifest.id,
                manifest.version
            )));
        }
        if said.config_schema.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&said.config_schema)
            .map_err(|error| LoadError::Smoke(format!("its config schema is not JSON: {error}")))
    }
}

/// A failure and its next step in one sentence.
pub(crate) fn join(failure: &Failure) -> String {
    if failure.next_step.is_empty() { failure.what.clone() } else { format!("{}; {}", failure.what, failure.next_step) }
}

fn fits(inspection: &Inspection) -> Result<(), LoadError> {
    let foreign: Vec<&str> =
        inspection.imports.iter().map(String::as_str).filter(|import| !IMPORTS.contains(import)).collect();
    if !foreign.is_empty() {
        return Err(LoadError::Imports(foreign.join(", ")));
    }
    if let Some(other) = inspection.exports.iter().find(|export| !inspect::EXPORTS.contains(&export.as_str())) {
        return Err(LoadError::Exports(format!("it exports `{}`", other.escape_default())));
    }
    if !inspection.exports.iter().any(|export| export == "describe") {
        return Err(LoadError::Exports("it does not export `describe`".to_owned()));
    }
    let offers = |name: &str| inspection.exports.iter().any(|export| export == name);
    if offers("stream") && !["webhook", "poll", "batch"].into_iter().any(offers) {
        let what = "it offers `stream` alone, which this version does not call; export `webhook`, `poll` or `batch`";
        return Err(LoadError::Exports(what.to_owned()));
    }
    Ok(())
}

/// Reads a file of the plugin directory once. Links that lead out of the directory and oversized files are refused.
pub(crate) fn read(path: &Path, dir: &Path, file_bytes_max: u64) -> Result<Vec<u8>, LoadError> {
    let unreadable = |error: std::io::Error| LoadError::Unreadable(error.to_string());
    let (real, home) = (path.canonicalize().map_err(unreadable)?, dir.canonicalize().map_err(unreadable)?);
    if !real.starts_with(&home) {
        return Err(LoadError::Outside(real.display().to_string()));
    }
    read_file(&real, file_bytes_max)
}

/// Reads a regular file of at most this many bytes. Nothing else is even opened: opening a pipe waits for its writer.
pub(crate) fn read_file(path: &Path, file_bytes_max: u64) -> Result<Vec<u8>, LoadError> {
    let unreadable = |error: std::io::Error| LoadError::Unreadable(error.to_string());
    let found = path.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err(LoadError::Unreadable("it is not a regular file".to_owned()));
    }
    let too_large = |size| LoadError::TooLarge { size, max: file_bytes_max };
    if found.len() > file_bytes_max {
        return Err(too_large(found.len()));
    }
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or_default());
    file.take(file_bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    let size = bytes.len() as u64;
    if size > file_bytes_max { Err(too_large(size)) } else { Ok(bytes) }
}
