//! The catalogue: loads what is in `plugins/`, follows changes of files and configuration, and swaps generations.
//!
//! ```text
//! file changed -> settled -> read once -> same digest? nothing
//!                                      -> inspect, compile, link, smoke call, its running sources bind again
//!                                         ok -> swap    failed -> the old content keeps answering, the status says why
//! ```

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use apex_config::limits::PluginLimits;
use apex_model::ids::Digest;
use apex_model::ports::{Blobs, ConnectorState};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::book::Book;
use crate::bound::{Clock, Services};
use crate::cache::CodeCache;
use crate::capability::http::{Carrier, Http};
use crate::error::LoadError;
use crate::hot::HotLane;
use crate::load::{self, Loaded, Loader};
use crate::settings::SourceSettings;
use crate::slow::SlowLane;
use crate::snapshot::{Current, Slot};
use crate::watch::Watch;

/// What the catalogue is made with.
pub struct CatalogOptions {
    /// Where components are dropped. Need not exist yet.
    pub plugins_dir: PathBuf,
    /// Where compiled code is kept: a directory of the host's own, never `plugins_dir`.
    pub cache_dir: PathBuf,
    /// The sandbox's limits.
    pub limits: PluginLimits,
    /// The configured sources.
    pub sources: Vec<SourceSettings>,
    /// The sources' own small stores.
    pub state: Arc<dyn ConnectorState>,
    /// Bytes kept beside documents.
    pub blobs: Arc<dyn Blobs>,
    /// The clock guests see.
    pub clock: Clock,
    /// The runtime that host HTTP requests run on.
    pub handle: Handle,
}

/// Connectors, sources, and the threads that call them. Dropped: nothing new is taken, what is queued finishes.
pub struct Catalog {
    pub(crate) shared: Arc<Shared>,
    pub(crate) hot: HotLane,
    pub(crate) slow: SlowLane,
    _watch: Watch,
}

/// What the catalogue and its watching thread share.
pub(crate) struct Shared {
    dir: PathBuf,
    loader: Loader,
    pub(crate) current: Arc<Current>,
    book: Mutex<Book>,
    seen: Mutex<HashMap<String, Seen>>,
    generation: watch::Sender<u64>,
}

/// A file as it was last looked at.
#[derive(Default)]
struct Seen {
    stamp: Option<Stamp>,
    taken: Option<Stamp>,
    digest: Option<Digest>,
}

/// What tells two contents of a file apart without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

impl Catalog {
    /// Loads everything that is there, then watches. The process must have installed a TLS provider for rustls. Blocking: compiling a connector takes about a second the first time.
    pub fn start(options: CatalogOptions) -> Result<Self, LoadError> {
        let limits = options.limits.clone();
        let thread = |error: std::io::Error| LoadError::Host(format!("no thread could be started: {error}"));
        let shared = Arc::new(Shared::new(options)?);
        shared.scan(false);
        shared.rebuild();
        let hot = HotLane::start(&limits, &shared.current).map_err(thread)?;
        let slow = SlowLane::start(&limits).map_err(thread)?;
        let watch = Watch::start(Arc::clone(&shared)).map_err(thread)?;
        Ok(Self { shared, hot, slow, _watch: watch })
    }

    /// Takes a new configuration of sources; the next generation is current when this returns. Blocking: every source's connector is asked to check its configuration.
    pub fn set_sources(&self, sources: Vec<SourceSettings>) {
        self.shared.book().settings = sources;
        self.shared.rebuild();
        self.shared.look_again_at_refused();
    }

    /// A counter that rises with every generation: look at `sources()` again when it does.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.generation.subscribe()
    }
}

impl Shared {
    fn new(options: CatalogOptions) -> Result<Self, LoadError> {
        let carrier = Carrier::Network(options.handle);
        let loader = loader(&options.limits, &options.cache_dir, options.state, options.blobs, options.clock, carrier)?;
        Ok(Self {
            dir: options.plugins_dir,
            loader,
            current: Arc::new(Current::default()),
            book: Mutex::new(Book { files: BTreeMap::new(), settings: options.sources }),
            seen: Mutex::new(HashMap::new()),
            generation: watch::Sender::new(0),
        })
    }

    /// The directory that is watched.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Looks at the directory and takes what changed and is settled: unchanged since the last look. Answers whether
    /// something is not settled yet, so that the next look should come soon.
    pub(crate) fn scan(&self, settle: bool) -> bool {
        let found = list(&self.dir);
        let (mut ready, mut unsettled) = (Vec::new(), false);
        let mut changed = self.forget_missing(&found);
        for (file, stamp) in found {
            let mut seen = lock(&self.seen);
            let seen = seen.entry(file.clone()).or_default();
            if seen.taken == Some(stamp) {
                continue;
            }
            if settle && seen.stamp != Some(stamp) {
                seen.stamp = Some(stamp);
                unsettled = true;
                continue;
            }
            (seen.stamp, seen.taken) = (Some(stamp), Some(stamp));
            ready.push(file);
        }
        for file in ready {
            changed |= self.take(&file);
        }
        if changed {
            self.rebuild();
        }
        unsettled
    }

    /// Makes the next generation from the book and swaps it in.
    pub(crate) fn rebuild(&self) {
        let book = self.book();
        let next = book.generation(&self.loader, &self.current.snapshot());
        self.current.swap(next);
        drop(book);
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// What was refused under the old configuration may do under the new one: the next look reads it again.
    fn look_again_at_refused(&self) {
        let book = self.book();
        lock(&self.seen).retain(|file, _| book.files.get(file).is_none_or(|entry| entry.error.is_none()));
    }

    fn forget_missing(&self, found: &BTreeMap<String, Stamp>) -> bool {
        lock(&self.seen).retain(|file, _| found.contains_key(file));
        let mut book = self.book();
        let before = book.files.len();
        book.files.retain(|file, _| {
            let there = found.contains_key(file);
            if !there {
                tracing::info!(file, "a component was removed; its sources drain");
            }
            there
        });
        book.files.len() != before
    }

    /// Reads and loads one file; answers whether the book changed.
    fn take(&self, file: &str) -> bool {
        let path = self.dir.join(file);
        let read = load::read(&path, &self.dir, self.loader.services.limits.file_bytes_max);
        let digest = read.as_ref().ok().map(|bytes| Digest::of(bytes));
        let before = std::mem::replace(&mut lock(&self.seen).entry(file.to_owned()).or_default().digest, digest);
        if digest.is_some() && before == digest {
            return false;
        }
        let stem = file.strip_suffix(".wasm").unwrap_or(file);
        let outcome = read.and_then(|bytes| self.loader.load(&bytes, stem)).and_then(|loaded| {
            self.book().stays_itself(file, loaded.connector.id())?;
            self.keeps_running(&loaded)?;
            Ok(loaded)
        });
        let mut book = self.book();
        let entry = book.files.entry(file.to_owned()).or_default();
        match outcome {
            Ok(loaded) => {
                let plugin = loaded.connector.plugin();
                tracing::info!(file, plugin = plugin.name, version = plugin.version, digest = %plugin.digest, "a component was loaded");
                entry.loaded = Some(Arc::new(loaded));
                entry.error = None;
            }
            Err(error) => {
                let kept = entry.loaded.is_some();
                tracing::warn!(file, %error, kept, "a component was refused");
                entry.error = Some(error);
            }
        }
        true
    }

    /// Whether every source that runs on this connector now would run on the new content, too.
    fn keeps_running(&self, loaded: &Loaded) -> Result<(), LoadError> {
        let running = self.current.snapshot();
        for settings in self.book().settings_of(loaded.connector.id()) {
            let ready = matches!(running.slots.get(&settings.name), Some(Slot::Ready(_)));
            if ready && let Err(reason) = self.loader.bind(loaded, &settings) {
                return Err(LoadError::Smoke(format!("source `{}` would stop: {reason}", settings.name)));
            }
        }
        Ok(())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }
}

/// Engine, cache and services, as the catalogue and the workbench need them.
pub(crate) fn loader(
    limits: &PluginLimits,
    cache_dir: &Path,
    state: Arc<dyn ConnectorState>,
    blobs: Arc<dyn Blobs>,
    clock: Clock,
    carrier: Carrier,
) -> Result<Loader, LoadError> {
    let engine = crate::engine::start(limits).map_err(|error| LoadError::Host(format!("{error:#}")))?;
    let http = Http::new(limits, carrier).map_err(LoadError::Host)?;
    let services = Arc::new(Services { limits: limits.clone(), http, state, blobs, clock });
    Ok(Loader { engine, cache: CodeCache::open(cache_dir), services })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The `.wasm` files of the directory, links included; none if it is not there.
fn list(dir: &Path) -> BTreeMap<String, Stamp> {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = std::fs::read_dir(dir) else { return BTreeMap::new() };
    let stamp = |path: &Path| {
        let found = path.metadata().or_else(|_| path.symlink_metadata()).ok()?;
        Some(Stamp { bytes: found.len(), modified: found.modified().ok(), inode: found.ino() })
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let hidden = name.starts_with('.');
            let wanted = entry.path().extension().is_some_and(|extension| extension == "wasm") && !hidden;
            if wanted { Some((name, stamp(&entry.path())?)) } else { None }
        })
        .collect()
}
