//! A running host: started from settings, drained without loss. The same for `serve`, `demo`, benchmarks and commands that
//! find no server.

use std::path::PathBuf;
use std::time::Duration;

use apex_config::Settings;
use apex_intake::Listeners;
use apex_model::cursor::CursorRecord;
use apex_model::event::{DeadLetter, EventFilter, EventRecord, Tally};
use apex_model::ids::SourceName;
use apex_model::ports::{Cursors as _, DeadLetters as _, DocumentReader as _, EventReader as _};
use apex_model::reading::{Hit, SearchQuery};
use apex_model::{Code, Failure};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cli::Global;
use crate::settings::{DataDir, DataLock, ServerInfo, cache_dir};
use crate::wire::{self, Parts};

/// Whether this process works events off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Claims events and polls sources.
    Run,
    /// Leaves everything as it is.
    Idle,
}

/// What a host is started with.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Everything durable.
    pub data: PathBuf,
    /// Components.
    pub plugins: PathBuf,
    /// What can be made again.
    pub cache: PathBuf,
    /// The settings.
    pub settings: Settings,
    /// Whether to open the three listeners.
    pub listen: bool,
    /// Whether to work events off.
    pub work: Work,
}

/// A running host.
pub struct Host {
    parts: Parts,
    data: DataDir,
    token: String,
    addresses: Option<ServerInfo>,
    shutdown: CancellationToken,
    serving: Option<JoinHandle<()>>,
    working: Vec<JoinHandle<()>>,
    work: Work,
    drain_ms_max: u64,
    // Last, so that the directory is free only when everything else is gone.
    _lock: DataLock,
}

impl Host {
    /// Starts it. When this returns, the listeners answer and the plugins that are there are loaded.
    pub async fn start(options: HostOptions) -> anyhow::Result<Self> {
        let data = DataDir::new(&options.data);
        let lock = data.lock()?;
        let token = data.ensure_token()?;
        let listeners = if options.listen { Some(bind(&options.settings).await?) } else { None };
        let shutdown = CancellationToken::new();
        let parts = wire::parts(&options).await?;
        let working = if options.work == Work::Run { parts.start_working(&shutdown) } else { Vec::new() };
        let (mut addresses, mut serving) = (None, None);
        if let Some(listeners) = listeners {
            let info = ServerInfo {
                pid: std::process::id(),
                intake: listeners.intake.local_addr()?,
                api: listeners.api.local_addr()?,
                metrics: listeners.metrics.local_addr()?,
            };
            let server = parts.server(&options.settings.limits.intake, &token, shutdown.clone());
            serving = Some(tokio::spawn(server.run(listeners)));
            data.announce(&info)?;
            addresses = Some(info);
        }
        let (work, drain_ms_max) = (options.work, options.settings.limits.intake.drain_ms_max);
        Ok(Self { parts, data, token, addresses, shutdown, serving, working, work, drain_ms_max, _lock: lock })
    }

    /// One without listeners, for a command that found no server.
    pub async fn start_here(global: &Global, settings: Settings, work: Work) -> anyhow::Result<Self> {
        let options = HostOptions {
            data: global.data.clone(),
            plugins: global.plugins.clone(),
            cache: cache_dir()?,
            settings,
            listen: false,
            work,
        };
        Self::start(options).await
    }

    /// The API's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where it listens, if it does.
    pub fn addresses(&self) -> Option<&ServerInfo> {
        self.addresses.as_ref()
    }

    /// The API without a network.
    pub fn api_router(&self) -> axum::Router {
        self.parts.api_router()
    }

    /// For taking new source settings while it runs.
    pub fn reconfigurer(&self) -> wire::Reconfigurer {
        self.parts.reconfigurer()
    }

    /// Counts over all sources.
    pub async fn tally(&self) -> anyhow::Result<Tally> {
        Ok(self.tallies().await?.iter().fold(Tally::default(), |sum, (_, tally)| sum.plus(tally)))
    }

    /// Counts by source.
    pub async fn tallies(&self) -> anyhow::Result<Vec<(SourceName, Tally)>> {
        Ok(self.parts.journal.tallies().await?)
    }

    /// Events of the journal.
    pub async fn events(&self, filter: EventFilter) -> anyhow::Result<Vec<EventRecord>> {
        Ok(self.parts.journal.events(filter).await?)
    }

    /// Every dead letter.
    pub async fn dead_letters(&self) -> anyhow::Result<Vec<DeadLetter>> {
        Ok(self.parts.journal.dead_letters(None, 10_000).await?)
    }

    /// Where a source's polls go on.
    pub async fn cursors(&self, source: &SourceName) -> anyhow::Result<Vec<CursorRecord>> {
        Ok(self.parts.journal.cursors(source).await?)
    }

    /// Live documents by source.
    pub async fn document_counts(&self) -> anyhow::Result<Vec<(SourceName, u64)>> {
        Ok(self.parts.store.counts().await?)
    }

    /// Documents by meaning.
    pub async fn search(&self, text: &str, limit: u32) -> anyhow::Result<Vec<Hit>> {
        let vector = self.parts.pipeline.embed_query(text).await?;
        let embedding_model = self.parts.pipeline.model().to_owned();
        Ok(self.parts.store.search(SearchQuery { vector, embedding_model, source: None, kind: None, limit }).await?)
    }

    /// Stops taking, finishes what is in flight (bounded by `drain_ms_max`), and closes everything. A host without a server
    /// that works first works off what is due.
    pub async fn drain(mut self) -> anyhow::Result<()> {
        let limit = Duration::from_millis(self.drain_ms_max);
        if self.addresses.is_none() && self.work == Work::Run {
            self.work_off(limit).await?;
        }
        self.shutdown.cancel();
        let serving = self.serving.take();
        let working = std::mem::take(&mut self.working);
        let finish = async {
            if let Some(serving) = serving {
                serving.await?;
            }
            for task in working {
                task.await?;
            }
            Ok::<_, tokio::task::JoinError>(())
        };
        if tokio::time::timeout(limit, finish).await.is_err() {
            tracing::warn!(
                "not everything in flight was done within {} s; it goes on at the next start",
                limit.as_secs()
            );
        }
        self.parts.close().await?;
        if self.addresses.is_some() {
            self.data.retract();
        }
        Ok(())
    }

    async fn work_off(&self, limit: Duration) -> anyhow::Result<()> {
        let started = tokio::time::Instant::now();
        let mut told = false;
        loop {
            let waiting = self.tally().await?.in_flight;
            if waiting == 0 || started.elapsed() > limit {
                return Ok(());
            }
            if !told && started.elapsed() > Duration::from_secs(1) {
                crate::output::to_stderr(&format!(
                    "working off {waiting} waiting events; Ctrl-C leaves them for later"
                ));
                told = true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn bind(settings: &Settings) -> Result<Listeners, Failure> {
    let bind = async |name: &str, at: std::net::SocketAddr| {
        TcpListener::bind(at).await.map_err(|cause| {
            Failure::never(Code::LISTEN_FAILED, format!("cannot listen on {at} for {name}: {cause}"))
                .next(format!("stop what uses the port, or set another: [{name}] listen = \"127.0.0.1:0\""))
        })
    };
    Ok(Listeners {
        intake: bind("intake", settings.intake.listen).await?,
        api: bind("api", settings.api.listen).await?,
        metrics: bind("metrics", settings.metrics.listen).await?,
    })
}
