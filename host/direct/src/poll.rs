//! The poller: one task a source that exports `poll`, one loop a slice. Puts pages into the journal, never works them off.

mod heard;
mod slice;
mod source;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apex_config::limits::DirectLimits;
use apex_model::ids::SourceName;
use apex_model::ports::{ConnectorCalls, Cursors, EventReader, Inbox, PluginCatalog, Poller};
use apex_model::source::{Priority, SourceState, SourceStatus};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How often the catalog and the paused sources are looked at: how long a pause, a resume or a new plugin takes to be obeyed.
const LOOK: Duration = Duration::from_millis(500);
/// Between polls of a source whose manifest and table say nothing.
const EVERY_MS: u64 = 60_000;

/// What the poller works with.
pub struct PollParts {
    /// Knows the sources.
    pub catalog: Arc<dyn PluginCatalog>,
    /// Fetches.
    pub calls: Arc<dyn ConnectorCalls>,
    /// Takes pages with their cursors.
    pub inbox: Arc<dyn Inbox>,
    /// Knows the cursors and which sources are paused.
    pub cursors: Arc<dyn Cursors>,
    /// Knows how many pages are unfinished.
    pub events: Arc<dyn EventReader>,
}

/// Polls every active source that wants it. Ask it for a poll now through [`Poller`].
pub struct Polling {
    parts: Arc<PollParts>,
    limits: DirectLimits,
    running: Mutex<HashMap<SourceName, Running>>,
}

/// A source that is being polled.
struct Running {
    plan: Plan,
    stop: CancellationToken,
    wake: watch::Sender<u64>,
    heard: Arc<heard::Heard>,
    task: JoinHandle<()>,
}

/// What a source's polling depends on; a change starts it anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    source: SourceName,
    every: Duration,
    priority: Priority,
}

impl Plan {
    /// The plan of a source, if it is to be polled.
    fn of(status: &SourceStatus) -> Option<Self> {
        let polls = status.state == SourceState::Active && status.exports.iter().any(|export| export == "poll");
        polls.then(|| Self {
            source: status.name.clone(),
            every: Duration::from_millis(status.poll_every_ms.unwrap_or(EVERY_MS).max(1)),
            priority: status.priority,
        })
    }
}

impl Polling {
    /// Takes what it works with; does nothing yet.
    pub fn new(parts: PollParts, limits: DirectLimits) -> Self {
        Self { parts: Arc::new(parts), limits, running: Mutex::default() }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<SourceName, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls until `stop`; fetches in hand may finish within `stop_ms_max`.
    pub async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.parts.cursors.paused().await {
                Ok(paused) => self.follow(&paused, &stop),
                Err(failure) => {
                    tracing::error!(%failure, "the poller does not know which sources are paused and changes nothing");
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        let tasks: Vec<JoinHandle<()>> = self.running().drain().map(|(_, running)| running.end()).collect();
        let ended = tokio::time::timeout(Duration::from_millis(self.limits.stop_ms_max), async {
            for task in tasks {
                let _panicked = task.await;
            }
        });
        if ended.await.is_err() {
            tracing::warn!("a poll did not end in time; its page is fetched again after the next start");
        }
    }

    /// Starts what is to be polled and stops what is not.
    fn follow(&self, paused: &[SourceName], stop: &CancellationToken) {
        let wanted: HashMap<SourceName, Plan> = self
            .parts
            .catalog
            .sources()
            .iter()
            .filter_map(Plan::of)
            .filter(|plan| !paused.contains(&plan.source))
            .map(|plan| (plan.source.clone(), plan))
            .collect();
        let mut running = self.running();
        running.retain(|source, running| {
            let stays = wanted.get(source) == Some(&running.plan) && !running.task.is_finished();
            if !stays {
                running.stop.cancel();
            }
            stays
        });
        for (source, plan) in wanted {
            running.entry(source).or_insert_with(|| self.start(plan, stop));
        }
    }

    fn start(&self, plan: Plan, stop: &CancellationToken) -> Running {
        let (wake, woken) = watch::channel(0);
        let stop = stop.child_token();
        let heard = Arc::new(heard::Heard::begin());
        let polled = source::Polled {
            parts: Arc::clone(&self.parts),
            limits: self.limits.clone(),
            plan: plan.clone(),
            stop: stop.clone(),
            woken,
            heard: Arc::clone(&heard),
        };
        Running { plan, stop, wake, heard, task: tokio::spawn(polled.run()) }
    }
}

impl Running {
    fn end(self) -> JoinHandle<()> {
        self.stop.cancel();
        self.task
    }
}

impl Poller for Polling {
    fn poll_now(&self, source: &SourceName) -> bool {
        let running = self.running();
        let Some(polled) = running.get(source) else { return false };
        polled.wake.send_modify(|times| *times += 1);
        true
    }

    fn silence(&self, source: &SourceName) -> Option<Duration> {
        self.running().get(source)?.heard.silence()
    }
}
