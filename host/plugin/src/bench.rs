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
    /// The runtime for HTTP requests; calls that may send some must not be made on its threads.
    pub handle: Handle,
}

impl Workbench {
    /// Loads and binds: everything the catalogue checks is checked.
    pub fn open(options: WorkbenchOptions<'_>) -> Result<Self, Failure> {
        let WorkbenchOptions { file, settings, cache_dir, limits, state, blobs, clock, handle } = options;
        let file_bytes_max = limits.file_bytes_max;
        let loader = loader(&limits, cache_dir, state, blobs, clock, handle)?;
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let bytes = crate::load::read(file, dir, file_bytes_max)?;
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let loaded = loader.load(&bytes, stem)?;
        let settings = match settings {
            Some(settings) => settings,
            None => {
                let id = loaded.connector.id();
                let name = apex_model::ids::SourceName::parse(id)
                    .ok_or_else(|| LoadError::Manifest(format!("`{}` is not a name", id.escape_default())))?;
                SourceSettings::bare(name, id)
            }
        };
        let bound = loader.bind(&loaded, &settings).map_err(|reason| {
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
