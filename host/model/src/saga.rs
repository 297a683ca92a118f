//! The words of the saga: what a step writes, under which version and fence, and how it ends.

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::document::{Op, Sequence};
use crate::ids::{Digest, DocumentId, EventId, TraceId};

/// The four kinds of store a document is written to. An embedded store covers several at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// Documents, versions, the saga's log and the commit point.
    Relational,
    /// Entities and relations.
    Graph,
    /// Chunks and their embeddings.
    Vector,
    /// Ready-made answers.
    Cache,
}

/// What one saga wants to write, before anything is written.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The document.
    pub document_id: DocumentId,
    /// Upsert or delete (a delete is a version too: a tombstone).
    pub op: Op,
    /// Hash of what the connector emitted.
    pub content_hash: Digest,
    /// The source's order.
    pub sequence: Option<Sequence>,
    /// Arrival order.
    pub position: i64,
    /// The event it came with.
    pub event: EventId,
    /// Its trace.
    pub trace: TraceId,
}

/// Under which version and fence a saga writes. Every write to every store carries it; a store refuses it if it has seen
/// a higher fence for the document (`FENCED`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The document.
    pub document_id: DocumentId,
    /// The version being made: larger than every earlier one of this document.
    pub version: i64,
    /// Given out by the relational store, rising.
    pub fence: i64,
    /// The version that was live when the ticket was given out; 0 if there was none. An undo removes everything above it.
    pub previous: i64,
    /// The event it came with.
    pub event: EventId,
    /// Its trace.
    pub trace: TraceId,
}

/// The answer to an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Go on under this ticket.
    Go(Ticket),
    /// This very event made this content live under this ticket (an answer was lost, or a worker died): only the rest is to be done.
    Committed(Ticket),
    /// The same content is live: nothing to do.
    Unchanged {
        /// The live version.
        version: i64,
    },
    /// Something newer is live: nothing to do.
    Superseded {
        /// The live version.
        version: i64,
    },
}

/// Why a store did not answer yes.
///
/// The saga goes another way on each of these, so a store must be honest about which one it was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreFault {
    /// The store has seen a higher fence for the document: this writer lost its claim. Nothing happened there.
    #[error("another worker took the document over")]
    Fenced,
    /// The request never left (no connection, breaker open). Nothing happened there.
    #[error("{0}")]
    Unreachable(Failure),
    /// The request left and no answer came: it may or may not have happened.
    #[error("{0}")]
    Unknown(Failure),
    /// The store answered no. Nothing happened there.
    #[error("{0}")]
    Refused(Failure),
}

/// What a store answers to the saga.
pub type StoreResult<T> = Result<T, StoreFault>;

/// Where a saga stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SagaState {
    /// The event is in the journal.
    Accepted,
    /// A worker holds it.
    Claimed,
    /// The write set is made and the ticket is given.
    Prepared,
    /// Steps are being written.
    Staging,
    /// Every step is written, invisible.
    Staged,
    /// Visible: the only pivot.
    Committed,
    /// Older versions are being dropped.
    Finalising,
    /// Ended well.
    Done,
    /// Steps are being undone.
    Compensating,
    /// Undone; to be tried again.
    Aborted,
    /// An undo failed: a person is needed.
    Stuck,
    /// Something newer is live.
    Superseded,
    /// A higher fence was there.
    Fenced,
    /// A store is down: wait, do not compensate.
    Deferred,
}

impl SagaState {
    /// Every state.
    pub const ALL: [Self; 14] = [
        Self::Accepted,
        Self::Claimed,
        Self::Prepared,
        Self::Staging,
        Self::Staged,
        Self::Committed,
        Self::Finalising,
        Self::Done,
        Self::Compensating,
        Self::Aborted,
        Self::Stuck,
        Self::Superseded,
        Self::Fenced,
        Self::Deferred,
    ];
}
