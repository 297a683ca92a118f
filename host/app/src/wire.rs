//! The only place where the parts of the host meet: each is made here and handed to the others as a port.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use apex_config::limits::IntakeLimits;
use apex_config::{ModelKind, Settings};
use apex_direct::{Direct, PollParts, Polling};
use apex_intake::api::{Access, ApiState, Scope, Token};
use apex_intake::metrics::Metrics;
use apex_intake::{Ports, Server};
use apex_journal::Journal;
use apex_model::ports::{Embedder, PluginCatalog as _};
use apex_model::{Code, Failure, Pressure, Timestamp};
use apex_pipeline::{HashEmbedder, MiniLm, MiniLmOptions, Pipeline, TokenCounter};
use apex_plugin::manifest::Encoding;
use apex_plugin::{Catalog, CatalogOptions, SourceSettings};
use apex_saga::Participants;
use apex_stores::blobs::DirBlobs;
use apex_stores::embedded::EmbeddedStore;
use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::background::Background;
use crate::commands::model_dir;
use crate::host::HostOptions;

/// Every part of a running host.
pub struct Parts {
    /// The durable inbox.
    pub journal: Arc<Journal>,
    /// Documents, graph, vectors and cache.
    pub store: EmbeddedStore,
    /// Chunks, entities, embeddings.
    pub pipeline: Pipeline,
    catalog: Arc<Catalog>,
    embedder: Arc<dyn Embedder>,
    polling: Arc<Polling>,
    settings: Settings,
    replies: std::path::PathBuf,
    background: Background,
}

/// Makes every part; nothing works or listens yet.
pub async fn parts(options: &HostOptions) -> anyhow::Result<Parts> {
    let settings = options.settings.clone();
    let sources = source_settings(&settings)?;
    let limits = settings.limits.clone();
    let data = options.data.clone();
    let journal = {
        let (data, journal, plugin) = (data.clone(), limits.journal.clone(), limits.plugin.clone());
        tokio::task::spawn_blocking(move || Journal::open_with(&data, &journal, &plugin))
            .await?
            .map_err(Failure::from)?
    };
    let background = Background::start()?;
    let store = {
        let file = data.join("store.db");
        background.handle().spawn(async move { EmbeddedStore::open(&file).await }).await??
    };
    let blobs = DirBlobs::open(data.join("blobs")).map_err(|cause| {
        Failure::never(
            Code::DATA_DIR_UNUSABLE,
            format!("cannot create the blob directory in {}: {cause}", data.display()),
        )
        .next("check its permissions and the disk's free space")
    })?;
    let catalog_options = CatalogOptions {
        plugins_dir: options.plugins.clone(),
        cache_dir: options.cache.join("compiled"),
        limits: limits.plugin.clone(),
        sources,
        state: journal.clone(),
        blobs: Arc::new(blobs),
        clock: Arc::new(Timestamp::now),
        handle: tokio::runtime::Handle::current(),
    };
    let catalog = start_catalog(catalog_options).await?;
    let (embedder, counter) = embedder(&settings, journal.pressure())?;
    let pipeline = Pipeline::new(Arc::clone(&embedder), Arc::new(store.clone()), &limits.pipeline, counter)?;
    let poll_parts = PollParts {
        catalog: catalog.clone(),
        calls: catalog.clone(),
        inbox: journal.clone(),
        cursors: journal.clone(),
        events: journal.clone(),
    };
    let polling = Arc::new(Polling::new(poll_parts, limits.direct.clone()));
    let replies = data.join("replies");
    Ok(Parts { journal, store, pipeline, catalog, embedder, polling, settings, replies, background })
}

/// Only the plugins and sources, for looking at them: what they would write goes to a journal in `scratch`.
pub async fn catalog_alone(
    settings: &Settings,
    plugins: &Path,
    cache: &Path,
    scratch: &Path,
) -> anyhow::Result<Arc<Catalog>> {
    let (dir, limits) = (scratch.to_owned(), settings.limits.clone());
    let journal =
        tokio::task::spawn_blocking(move || Journal::open_with(&dir, &limits.journal, &limits.plugin)).await?;
    start_catalog(CatalogOptions {
        plugins_dir: plugins.to_owned(),
        cache_dir: cache.join("compiled"),
        limits: settings.limits.plugin.clone(),
        sources: source_settings(settings)?,
        state: journal.map_err(Failure::from)?,
        blobs: Arc::new(DirBlobs::open(scratch.join("blobs"))?),
        clock: Arc::new(Timestamp::now),
        handle: tokio::runtime::Handle::current(),
    })
    .await
}

async fn start_catalog(options: CatalogOptions) -> anyhow::Result<Arc<Catalog>> {
    // Compiling a connector takes about a second the first time: not on the threads that answer requests.
    let catalog = tokio::task::spawn_blocking(move || Catalog::start(options)).await?;
    Ok(Arc::new(catalog.map_err(Failure::from)?))
}

impl Parts {
    /// Starts the direct path and the poller.
    pub fn start_working(&self, shutdown: &CancellationToken) -> Vec<JoinHandle<()>> {
        let parts = apex_direct::Parts {
            queue: self.journal.clone(),
            cursors: self.journal.clone(),
            calls: self.catalog.clone(),
            pipeline: self.pipeline.clone(),
            stores: Participants { relational: Arc::new(self.store.clone()), projections: Vec::new() },
            replies: self.replies.clone(),
            pressure: self.journal.pressure(),
        };
        let direct = Direct::new(parts, self.settings.limits.direct.clone());
        let (polling, stop) = (Arc::clone(&self.polling), shutdown.clone());
        let background = self.background.handle();
        vec![background.spawn(direct.run(shutdown.clone())), background.spawn(async move { polling.run(stop).await })]
    }

    /// The listeners' service.
    pub fn server(&self, limits: &IntakeLimits, token: &str, shutdown: CancellationToken) -> Server {
        let access = Access::Tokens(vec![Token::new(token, &[Scope::Admin])]);
        let metrics = Metrics::new(Registry::default());
        Server::new(ApiState::new(self.ports(), limits.clone(), access, metrics), shutdown)
    }

    /// The API for this very process.
    pub fn api_router(&self) -> axum::Router {
        let limits = self.settings.limits.intake.clone();
        apex_intake::api::api_router(ApiState::new(
            self.ports(),
            limits,
            Access::Trusted,
            Metrics::new(Registry::default()),
        ))
    }

    /// For taking new source settings later.
    pub fn reconfigurer(&self) -> Reconfigurer {
        Reconfigurer { catalog: Arc::clone(&self.catalog) }
    }

    /// Closes what has to be closed, in the order of dependence. Twice is once.
    pub async fn close(&self) -> anyhow::Result<()> {
        self.store.close().await;
        let journal = Arc::clone(&self.journal);
        tokio::task::spawn_blocking(move || journal.close()).await?.map_err(Failure::from)?;
        Ok(())
    }

    fn ports(&self) -> Ports {
        Ports {
            verifier: self.catalog.clone(),
            inbox: self.journal.clone(),
            catalog: self.catalog.clone(),
            events: self.journal.clone(),
            dead_letters: self.journal.clone(),
            cursors: self.journal.clone(),
            documents: Arc::new(self.store.clone()),
            embedder: Arc::clone(&self.embedder),
            poller: self.polling.clone(),
        }
    }
}

/// Takes new source settings while the host runs.
#[derive(Clone)]
pub struct Reconfigurer {
    catalog: Arc<Catalog>,
}

impl Reconfigurer {
    /// All or nothing: a secret that cannot be read leaves everything as it was. Blocks while connectors check their settings.
    pub fn apply(&self, settings: &Settings) -> Result<usize, Failure> {
        let sources = source_settings(settings)?;
        self.catalog.set_sources(sources);
        Ok(self.catalog.sources().len())
    }
}

fn embedder(settings: &Settings, pressure: Pressure) -> anyhow::Result<(Arc<dyn Embedder>, TokenCounter)> {
    match settings.model.kind {
        ModelKind::Hashing => Ok((Arc::new(HashEmbedder), TokenCounter::words())),
        ModelKind::Minilm => {
            let dir = model_dir(settings)?;
            if !dir.join("model.safetensors").is_file() {
                tracing::warn!(dir = %dir.display(), "the embedding model is not there: events wait until `apex model fetch` was run");
            }
            let options = MiniLmOptions::new(&dir, settings.limits.pipeline.embed_batch_max, pressure);
            let model = MiniLm::new(options).map_err(Failure::from)?;
            let counter = model.counter();
            Ok((Arc::new(model), counter))
        }
    }
}

/// The sources as the sandbox takes them, secrets read.
fn source_settings(settings: &Settings) -> Result<Vec<SourceSettings>, Failure> {
    settings
        .sources
        .iter()
        .map(|(name, source)| {
            let resolved = source.resolve_secrets(name)?;
            let mut secret_encoding = BTreeMap::new();
            for (secret, keys) in &resolved {
                let Some(word) = keys.iter().find_map(|key| key.encoding.as_deref()) else { continue };
                let encoding: Encoding = serde_json::from_value(word.into()).map_err(|_| {
                    Failure::never(
                        Code::CONFIG_INVALID,
                        format!("sources.{name}.secrets.{secret}: `{word}` is no encoding"),
                    )
                    .next("write utf8, base64, hex or whsec")
                })?;
                secret_encoding.insert(secret.clone(), encoding);
            }
            Ok(SourceSettings {
                name: name.clone(),
                plugin: source.plugin.clone().unwrap_or_else(|| name.to_string()),
                config_json: serde_json::Value::Object(source.config.clone()).to_string(),
                secrets: resolved
                    .into_iter()
                    .map(|(secret, keys)| (secret, keys.into_iter().map(|key| key.value).collect()))
                    .collect(),
                secret_encoding,
                granted_hosts: source.grant.hosts.clone(),
                priority: source.priority,
                poll_every: source.poll.every,
                rollout_percent: source.rollout_percent,
                enabled: source.enabled,
            })
        })
        .collect()
}
