//! One slice of a source: fetch, make page and cursor durable together, wait, again.

use std::sync::Arc;
use std::time::Duration;

use apex_config::limits::DirectLimits;
use apex_model::cursor::CursorCommit;
use apex_model::event::{EventOrigin, IngestPath, NewEvent, PageBody};
use apex_model::failure::PortResult;
use apex_model::ids::TraceId;
use apex_model::ports::{Budget, FetchedPage, Next};
use apex_model::{Code, Failure, Retry, Timestamp};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::heard::Heard;
use super::{Plan, PollParts};
use crate::chance;

/// How long a slice whose pages are still being worked off waits before it looks again.
const AHEAD: Duration = Duration::from_millis(250);

/// The shortest wait between two polls that bring nothing: a connector that says it is idle for no time must not spin.
const IDLE_MIN: Duration = Duration::from_millis(50);

/// See the module.
pub(super) struct Slice {
    pub(super) parts: Arc<PollParts>,
    pub(super) limits: DirectLimits,
    pub(super) plan: Plan,
    pub(super) name: String,
    pub(super) heard: Arc<Heard>,
    pub(super) failures: u32,
}

/// What to do after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Again,
    Wait(Duration),
    /// Nothing more comes, unless somebody asks.
    Rest,
}

impl Slice {
    /// Polls until stopped; a turn that began is finished.
    pub(super) async fn run(mut self, stop: CancellationToken, mut woken: watch::Receiver<u64>) {
        while !stop.is_cancelled() {
            woken.mark_unchanged();
            let turn = self.turn().await;
            // A slice that is not polled any more was forgotten before this turn ended.
            if stop.is_cancelled() {
                self.heard.rests(&self.name);
            }
            let pause = match turn {
                Turn::Again => continue,
                Turn::Wait(pause) => Some(pause),
                Turn::Rest => None,
            };
            tokio::select! {
                () = stop.cancelled() => {}
                Ok(()) = woken.changed() => {}
                () = rest(pause) => {}
            }
        }
    }

    async fn turn(&mut self) -> Turn {
        match self.try_turn().await {
            Ok(turn) => {
                self.failures = 0;
                match turn {
                    Turn::Again => self.heard.answered(&self.name, Duration::ZERO, self.plan.every),
                    Turn::Wait(pause) => self.heard.answered(&self.name, pause, self.plan.every),
                    Turn::Rest => self.heard.rests(&self.name),
                }
                turn
            }
            Err(failure) => {
                self.failures += 1;
                let pause = pause_after(&failure, self.failures, &self.limits, self.plan.every);
                tracing::warn!(
                    source = %self.plan.source, slice = self.name, code = %failure.code, %failure,
                    pause_ms = pause.as_millis(), "a poll failed"
                );
                Turn::Wait(pause)
            }
        }
    }

    async fn try_turn(&self) -> PortResult<Turn> {
        if self.unfinished().await? >= u64::from(self.limits.poll_pages_ahead_max.max(1)) {
            return Ok(Turn::Wait(AHEAD));
        }
        let source = &self.plan.source;
        let from = self.parts.cursors.cursor(source, &self.name).await?.map(|record| record.cursor);
        let budget = Budget {
            documents_max: self.limits.poll_documents_max,
            bytes_max: self.limits.poll_bytes_max,
            ms_max: self.limits.poll_ms_max,
        };
        let page = match self.parts.calls.fetch(source, &self.name, from.as_deref(), budget).await {
            Err(failure) if failure.code == Code::FAULT_CURSOR_LOST && from.is_some() => {
                tracing::warn!(%source, slice = self.name, %failure, "the source lost the cursor; starting from the beginning");
                self.parts.cursors.set_cursor(source, &self.name, None).await?;
                return Ok(Turn::Again);
            }
            fetched => fetched?,
        };
        let (next, moved) = (page.next, self.keep(page, from).await?);
        Ok(match next {
            Next::More if moved => Turn::Again,
            Next::More => {
                tracing::warn!(%source, slice = self.name, "the connector says there is more and makes no progress");
                Turn::Wait(self.plan.every)
            }
            Next::Idle(after) => Turn::Wait(after.unwrap_or(self.plan.every).max(IDLE_MIN)),
            Next::Finished => Turn::Rest,
        })
    }

    /// How many events of the source are not worked off.
    async fn unfinished(&self) -> PortResult<u64> {
        let tallies = self.parts.events.tallies().await?;
        Ok(tallies.iter().find(|(source, _)| *source == self.plan.source).map_or(0, |(_, tally)| tally.in_flight))
    }

    /// Makes page and cursor durable; answers whether there was any progress.
    async fn keep(&self, page: FetchedPage, from: Option<String>) -> PortResult<bool> {
        // Empty means no progress: the last one stays.
        let to = if page.cursor.is_empty() { from.clone() } else { Some(page.cursor) };
        if page.documents.is_empty() && to == from {
            return Ok(false);
        }
        let event = if page.documents.is_empty() {
            None
        } else {
            let origin = EventOrigin {
                source: self.plan.source.clone(),
                path: IngestPath::Direct,
                priority: self.plan.priority,
                received_at: Timestamp::now(),
                trace: TraceId(uuid::Uuid::new_v4().into_bytes()),
            };
            let body = PageBody { plugin: page.plugin, documents: page.documents };
            let event = NewEvent::from_page(origin, &self.name, &body).map_err(|error| {
                Failure::never(Code::INTERNAL, format!("a page could not be written as JSON: {error}"))
            })?;
            Some(event)
        };
        let moved = to != from;
        match (to, event) {
            (Some(to), event) => {
                let cursor = CursorCommit { source: self.plan.source.clone(), slice: self.name.clone(), from, to };
                self.parts.inbox.commit_page(event, cursor).await?;
            }
            // The first page of a source that never gives a cursor.
            (None, Some(event)) => self.append(event).await?,
            (None, None) => {}
        }
        Ok(moved)
    }

    async fn append(&self, event: NewEvent) -> PortResult<()> {
        let (done, answer) = oneshot::channel();
        let done = Box::new(move |appended| {
            let _gone = done.send(appended);
        });
        self.parts.inbox.append(event, done);
        let dropped = || Err(Failure::backoff(Code::JOURNAL_WRITE, "the journal did not answer"));
        answer.await.unwrap_or_else(|_| dropped()).map(|_| ())
    }
}

async fn rest(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

/// How long polling waits after a failure.
pub(super) fn pause_after(failure: &Failure, failures: u32, limits: &DirectLimits, every: Duration) -> Duration {
    let hold = Duration::from_millis(limits.hold_ms);
    match failure.retry {
        // A refused credential waits for a person, whatever the connector thinks of trying again.
        _ if failure.code == Code::FAULT_UNAUTHORIZED => hold,
        Retry::After(delay) => delay.max(Duration::from_millis(limits.backoff_ms_min)),
        Retry::Hold => hold,
        Retry::Backoff => chance::backoff(limits.backoff_ms_min, limits.backoff_ms_max, failures),
        // A poll has no dead letter: what cannot be mended by trying is tried rarely.
        Retry::Never => hold.max(every),
    }
}
