//! One connector on the calling thread, without catalogue, queues or threads: for `apex plugin test`, `check` and `bench`.

use std::path::Path;
use std::sync::Arc;

use apex_config::limits::PluginLimits;
use apex_model::delivery::{Delivery, Judgement, judge};
use apex_model::document::Document;
use apex_model::failure::PortResult;
use apex_model::ports::{Blobs, Budget, ConnectorState, FetchedPage, FileBody, FileOutcome, ParsedFilePage, ReplyFile};
use apex_model::{Code, Failure};
use tokio::runtime::Handle;

use crate::bound::{Bound, Clock};
use crate::calls;
use crate::capability::http::Carrier;
pub use crate::capability::http::{Answer, Ask, HttpScript};
use crate::catalog::loader;
use crate::error::LoadError;
use crate::hot::Sandbox;
use crate::inspect::Inspection;
use crate::settings::SourceSettings;

/// A connector bound to one source. Every call is a fresh instance, exactly as in the lanes, and blocks.
pub struct Workbench {
    bound: Arc<Bound>,
}

/// What a workbench is made with.
pub struct WorkbenchOptions<'a> {
    /// The component.
    pub file: &'a Path,
    /// The source to bind it to; none: a source without settings, called like the connector.
    pub settings: Option<SourceSettings>,
    /// Where compiled code is kept.
    pub cache_dir: &'a Path,
    /// The sandbox's limits.
    pub limits: PluginLimits,
    /// The source's small store.
    pub state: Arc<dyn ConnectorState>,
    /// Bytes kept beside documents.
    pub blobs: Arc<dyn Blobs>,
    /// The clock the guest sees.
    pub clock: Clock,
    /// How requests are answered.
    pub http: BenchHttp,
}

/// How a workbench's connector reaches its source.
pub enum BenchHttp {
    /// Over the network, on this runtime; calls that may send requests must not be made on its threads.
    Network(Handle),
    /// By a script; every host that the manifest declares is granted, and no socket is opened.
    Script(HttpScript),
}

impl Workbench {
    /// Loads and binds: everything the catalogue checks is checked.
    pub fn open(options: WorkbenchOptions<'_>) -> Result<Self, Failure> {
        let WorkbenchOptions { file, settings, cache_dir, limits, state, blobs, clock, http } = options;
        let file_bytes_max = limits.file_bytes_max;
        let (carrier, grant_all) = match http {
            BenchHttp::Network(handle) => (Carrier::Network(handle), false),
            BenchHttp::Script(script) => (Carrier::Script(script), true),
        };
        let loader = loader(&limits, cache_dir, state, blobs, clock, carrier)?;
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let bytes = crate::load::read(file, dir, file_bytes_max)?;
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let connector = loader.load(&bytes, stem)?;
        let mut settings = match settings {
            Some(settings) => settings,
            None => bare(connector.connector.id())?,
        };
        if grant_all {
            settings.granted_hosts = connector.declared_hosts(&settings);
        }
        let bound = loader.bind(&connector, &settings).map_err(|reason| {
            Failure::hold(Code::SOURCE_WAITING, format!("source `{}` waits: {reason}", settings.name))
        })?;
        Ok(Self { bound })
    }

    /// What the component says of itself.
    pub fn inspection(&self) -> &Inspection {
        self.bound.connector().inspection()
    }

    /// Judges a delivery.
    pub fn verify(&self, delivery: Delivery) -> PortResult<Judgement> {
        judge(delivery, &mut Sandbox(&self.bound))
    }

    /// Parses a delivery, whether or not it was accepted.
    pub fn parse(&self, delivery: &Delivery) -> PortResult<Vec<Document>> {
        calls::parse(&self.bound, delivery)
    }

    /// The independent parts to poll.
    pub fn slices(&self) -> PortResult<Vec<String>> {
        calls::slices(&self.bound)
    }

    /// Fetches one page.
    pub fn fetch(&self, slice: &str, cursor: Option<&str>, budget: Budget) -> PortResult<FetchedPage> {
        let page = calls::fetch(&self.bound, slice, cursor, budget)?;
        let plugin = self.bound.connector().plugin().clone();
        Ok(FetchedPage { documents: page.documents, cursor: page.cursor, next: page.next, plugin })
    }

    /// Reads on in a file.
    pub fn parse_file(&self, file: FileBody, resume: Option<&str>) -> PortResult<ParsedFilePage> {
        let page = calls::parse_file(&self.bound, file, resume)?;
        let plugin = self.bound.connector().plugin().clone();
        Ok(ParsedFilePage { documents: page.documents, issues: page.issues, resume: page.resume, plugin })
    }

    /// Asks for reply files.
    pub fn acknowledge(&self, file: FileBody, outcomes: &[FileOutcome]) -> PortResult<Vec<ReplyFile>> {
        calls::acknowledge(&self.bound, file, outcomes)
    }
}

fn bare(id: &str) -> Result<SourceSettings, LoadError> {
    let name = apex_model::ids::SourceName::parse(id)
        .ok_or_else(|| LoadError::Manifest(format!("`{}` is not a name", id.escape_default())))?;
    Ok(SourceSettings::bare(name, id))
}
