//! What the writer can be asked for, and what it answers. Data only.

use std::time::Duration;

use apex_model::cursor::CursorCommit;
use apex_model::event::{Appended, Claim, EventEnd, NewEvent};
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, EventId, SourceName};
use apex_model::ports::AppendDone;
use tokio::sync::oneshot;

use crate::error;

/// One thing to do.
#[derive(Debug)]
pub(crate) enum Op {
    /// Make the event durable.
    Append(NewEvent),
    /// Move the cursor and make the page durable with it.
    Page { event: Option<NewEvent>, cursor: CursorCommit },
    /// Lease events that are due.
    Claim { limit: u32, lease: Duration, paused: Vec<SourceName> },
    /// Lease them for longer.
    Renew { claims: Vec<Claim>, lease: Duration },
    /// Record how the work ended; the digest of the body matters to dead letters only.
    Finish { claim: Claim, end: EventEnd, body_sha256: Digest },
    /// Give claims back unused.
    Release(Vec<(i64, u32)>),
    /// Make dead letters events again.
    Replay(Vec<EventId>),
    /// Find an event's position.
    Locate(EventId),
    /// Set or forget a cursor.
    SetCursor { source: SourceName, slice: String, cursor: Option<String> },
    /// Pause or resume a source.
    SetPaused { source: SourceName, paused: bool },
    /// Write a connector's value.
    StateSet { source: SourceName, key: String, value: Vec<u8> },
    /// Count a connector's counter up.
    StateIncrement { source: SourceName, key: String },
    /// Forget a connector's value.
    StateDelete { source: SourceName, key: String },
    /// Run SQL outside of a group: how tests fill a disk.
    #[cfg(test)]
    Sql(String),
    /// Let so many commits fail.
    #[cfg(test)]
    FailCommits(std::sync::Arc<std::sync::atomic::AtomicU32>),
    /// Tell that the writer is here, and hold it until told to go on: how tests fill the queue.
    #[cfg(test)]
    Hold(std::sync::mpsc::SyncSender<()>, std::sync::mpsc::Receiver<()>),
}

impl Op {
    /// Whether it brings a row for the intake's bound.
    pub(crate) fn is_row(&self) -> bool {
        matches!(self, Self::Append(_))
    }

    /// Bytes of the body it brings.
    pub(crate) fn bytes(&self) -> usize {
        self.event().map_or(0, |event| event.body.len())
    }

    /// The event it brings, if any.
    pub(crate) fn event(&self) -> Option<&NewEvent> {
        match self {
            Self::Append(event) => Some(event),
            Self::Page { event, .. } => event.as_ref(),
            _ => None,
        }
    }
}

/// What came of an [`Op`].
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Of an append or a page; none for a page without documents.
    Appended(Option<Appended>),
    /// Position and attempt of each event leased.
    Claimed(Vec<(i64, u32)>),
    /// Those still held.
    Renewed(Vec<Claim>),
    /// Those that were dead.
    Replayed(Vec<EventId>),
    /// Where the event is.
    Located(Option<i64>),
    /// The counter's new value.
    Counted(u32),
    /// Nothing to tell.
    Done,
}

/// Who waits for the answer.
pub(crate) enum Reply {
    /// A webhook's continuation.
    Append(AppendDone),
    /// A future or a blocked thread.
    Ask(oneshot::Sender<PortResult<Outcome>>),
}

/// An operation and who waits for it.
pub(crate) struct Job {
    pub(crate) op: Op,
    pub(crate) reply: Reply,
}

impl Job {
    /// Tells whoever waits; a waiter that went away is none of the journal's business.
    pub(crate) fn answer(self, result: PortResult<Outcome>) {
        match self.reply {
            Reply::Append(done) => done(result.and_then(|outcome| match outcome {
                Outcome::Appended(Some(appended)) => Ok(appended),
                _ => Err(error::defect("an append was answered with something else")),
            })),
            Reply::Ask(sender) => drop(sender.send(result)),
        }
    }
}
