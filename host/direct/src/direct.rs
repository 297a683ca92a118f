//! The loop that claims events and hands them to workers, and the way it stops. Decides nothing about events.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use apex_config::limits::DirectLimits;
use apex_model::Pressure;
use apex_model::event::ClaimedEvent;
use apex_model::failure::PortResult;
use apex_model::ports::{ConnectorCalls, Cursors, WorkQueue};
use apex_pipeline::Pipeline;
use apex_saga::Participants;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::batcher::Batcher;
use crate::chance;
use crate::end;
use crate::keyed::Keyed;
use crate::leases::Leases;
use crate::pace;

/// How long an idle loop goes without looking, in case nobody said that there is something to do.
const LOOK: Duration = Duration::from_secs(1);

/// What the direct path works with.
pub struct Parts {
    /// Gives events out and takes their ends.
    pub queue: Arc<dyn WorkQueue>,
    /// Knows which sources are paused.
    pub cursors: Arc<dyn Cursors>,
    /// Parses.
    pub calls: Arc<dyn ConnectorCalls>,
    /// Prepares.
    pub pipeline: Pipeline,
    /// Where documents go.
    pub stores: Participants,
    /// Folder of reply files, one folder a source below it.
    pub replies: PathBuf,
    /// While it is high, events are taken a few at a time.
    pub pressure: Pressure,
}

/// The direct path.
pub struct Direct {
    parts: Parts,
    limits: DirectLimits,
}

/// What every worker shares.
pub(crate) struct Shared {
    pub(crate) queue: Arc<dyn WorkQueue>,
    pub(crate) calls: Arc<dyn ConnectorCalls>,
    pub(crate) stores: Participants,
    pub(crate) replies: PathBuf,
    pub(crate) limits: DirectLimits,
    pub(crate) batcher: Batcher,
    pub(crate) keyed: Keyed,
    pub(crate) stop: CancellationToken,
    cursors: Arc<dyn Cursors>,
    pressure: Pressure,
    leases: Arc<Leases>,
    workers: Semaphore,
}

impl Shared {
    /// Waits for a worker: as many events as there are workers are with connectors at the same time.
    pub(crate) async fn worker(&self) -> Option<SemaphorePermit<'_>> {
        self.workers.acquire().await.ok()
    }

    async fn claim(&self, room: u32) -> PortResult<Vec<ClaimedEvent>> {
        let paused = self.cursors.paused().await?;
        self.queue.claim(room, self.lease(), &paused).await
    }

    fn lease(&self) -> Duration {
        Duration::from_millis(self.limits.lease_ms)
    }
}

impl Direct {
    /// Takes what it works with; does nothing yet.
    pub fn new(parts: Parts, limits: DirectLimits) -> Self {
        Self { parts, limits }
    }

    /// Works events off until `stop`, then finishes what is in hand within `stop_ms_max` and gives the rest back.
    pub async fn run(self, stop: CancellationToken) {
        let Self { parts, limits } = self;
        let in_hand_max = usize::try_from(limits.claim_events_max).unwrap_or(usize::MAX).max(1);
        let shared = Arc::new(Shared {
            queue: parts.queue,
            calls: parts.calls,
            stores: parts.stores,
            replies: parts.replies,
            batcher: Batcher::spawn(parts.pipeline, limits.prepare_documents_max.saturating_mul(2), in_hand_max),
            keyed: Keyed::default(),
            stop,
            cursors: parts.cursors,
            pressure: parts.pressure,
            leases: Arc::default(),
            workers: Semaphore::new(usize::try_from(limits.workers).unwrap_or(usize::MAX).max(1)),
            limits,
        });
        let keeping = CancellationToken::new();
        let keeper = {
            let (shared, keeping) = (Arc::clone(&shared), keeping.clone());
            tokio::spawn(async move { shared.leases.keep(shared.queue.as_ref(), shared.lease(), keeping).await })
        };
        let mut in_hand = JoinSet::new();
        feed(&shared, &mut in_hand, in_hand_max).await;
        drain(&shared, in_hand).await;
        keeping.cancel();
        let _ended = keeper.await;
    }
}

/// Claims and hands out until the host stops.
async fn feed(shared: &Arc<Shared>, in_hand: &mut JoinSet<()>, in_hand_max: usize) {
    let mut failures = 0;
    while !shared.stop.is_cancelled() {
        while let Some(ended) = in_hand.try_join_next() {
            note(ended);
        }
        // Claiming by halves: a claim for every event that ends would cost the journal as much as the events themselves.
        if in_hand.len() > in_hand_max / 2 {
            tokio::select! {
                () = shared.stop.cancelled() => {}
                Some(ended) = in_hand.join_next() => note(ended),
            }
            continue;
        }
        let room = u32::try_from(in_hand_max - in_hand.len()).unwrap_or(u32::MAX);
        let Some(room) = pace::allow(&shared.pressure, &shared.stop, room).await else { break };
        match shared.claim(room).await {
            Ok(claimed) if claimed.is_empty() => {
                failures = 0;
                tokio::select! {
                    () = shared.stop.cancelled() => {}
                    () = shared.queue.ready() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
            Ok(claimed) => {
                failures = 0;
                for claimed in claimed {
                    hand_out(shared, in_hand, claimed);
                }
            }
            Err(failure) => {
                failures += 1;
                tracing::error!(%failure, "events could not be claimed; trying again");
                let pause = chance::backoff(shared.limits.backoff_ms_min, shared.limits.backoff_ms_max, failures);
                tokio::select! {
                    () = shared.stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
}

fn hand_out(shared: &Arc<Shared>, in_hand: &mut JoinSet<()>, claimed: ClaimedEvent) {
    let span = tracing::info_span!(
        "event", trace_id = %claimed.event.trace, source = %claimed.event.source, event = %claimed.event.id
    );
    let lease = shared.leases.hold(claimed.claim);
    let shared = Arc::clone(shared);
    in_hand.spawn(async move { shared.work(claimed, lease).await }.instrument(span));
}

/// Lets what is in hand finish for a while, then gives the rest back.
async fn drain(shared: &Arc<Shared>, mut in_hand: JoinSet<()>) {
    let patience = Duration::from_millis(shared.limits.stop_ms_max);
    let finished = tokio::time::timeout(patience, async {
        while let Some(ended) = in_hand.join_next().await {
            note(ended);
        }
    });
    if finished.await.is_ok() {
        return;
    }
    let left = shared.leases.claims();
    tracing::warn!(events = left.len(), "events in hand did not finish in time and are given back");
    in_hand.shutdown().await;
    for claim in left {
        if let Err(failure) = shared.queue.finish(claim, end::released()).await {
            tracing::warn!(event = %claim.id, %failure, "an event could not be given back; its lease runs out");
        }
    }
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a worker failed; its event comes back when the lease ends");
    }
}
