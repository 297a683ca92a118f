//! An event: one entry of the journal, whatever way it came, and its life.
//!
//! ```text
//! accepted --claim--> processing --> done | unchanged | superseded | dead
//!     ^                   |
//!     +--- retry / lease --+            dead --replay--> accepted
//! ```

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::delivery::{Delivery, Reply, VerifiedDelivery};
use crate::document::Document;
use crate::ids::{Digest, DocumentId, EventId, SourceName, TraceId};
use crate::plugin::PluginRef;
use crate::source::Priority;
use crate::{Failure, Timestamp};

/// By which way an event came, and what its body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A verified webhook delivery; the body is the request's.
    Webhook,
    /// A page of a poll; the body is a [`PageBody`] as JSON.
    Page,
    /// A file of a batch source; the body is the file.
    File,
    /// Documents given through the API; the body is a JSON array of documents.
    Document,
}

/// Which of the two paths works an event off. Chosen once, stored with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IngestPath {
    /// In this process.
    #[default]
    Direct,
    /// As a Temporal workflow.
    Temporal,
}

/// The state of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventState {
    /// Durable, not yet claimed.
    Accepted,
    /// Claimed by a worker.
    Processing,
    /// At least one new document version is visible.
    Done,
    /// Everything in it was already there.
    Unchanged,
    /// Everything in it was older than what is there.
    Superseded,
    /// In the dead letters.
    Dead,
}

impl EventState {
    /// Every state, in order.
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Processing, Self::Done, Self::Unchanged, Self::Superseded, Self::Dead];

    /// The word for it in JSON, metrics and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Processing => "processing",
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Superseded => "superseded",
            Self::Dead => "dead",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether nothing more happens by itself.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Accepted | Self::Processing)
    }
}

/// What is to be made durable.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Made of source and key.
    pub id: EventId,
    /// The source.
    pub source: SourceName,
    /// By which way it came.
    pub kind: EventKind,
    /// What makes a repeat the same.
    pub event_key: String,
    /// The source's word for it.
    pub event_type: String,
    /// Which path works it off.
    pub path: IngestPath,
    /// Urgency.
    pub priority: Priority,
    /// When the host had it.
    pub received_at: Timestamp,
    /// Its trace.
    pub trace: TraceId,
    /// Method and target of a webhook, slice of a page, name of a file.
    pub label: String,
    /// Headers of a webhook (see [`Delivery::headers`]), else empty.
    pub headers: String,
    /// The bytes; see [`EventKind`].
    pub body: Bytes,
}

/// The body of a page's event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PageBody {
    /// Which component fetched it.
    pub plugin: PluginRef,
    /// The documents.
    pub documents: Vec<Document>,
}

/// What is common to every event however it came.
#[derive(Debug, Clone)]
pub struct EventOrigin {
    /// The source.
    pub source: SourceName,
    /// Which path works it off.
    pub path: IngestPath,
    /// Urgency.
    pub priority: Priority,
    /// When the host had it.
    pub received_at: Timestamp,
    /// Its trace.
    pub trace: TraceId,
}

impl NewEvent {
    /// The event of a verified delivery, and the answer its sender wants once it is durable.
    pub fn from_webhook(verified: VerifiedDelivery, path: IngestPath, priority: Priority) -> (Self, Option<Reply>) {
        let (Delivery { source, method, target, headers, body, received_at, trace }, acceptance) =
            verified.into_parts();
        let event = Self {
            id: EventId::of(&source, &acceptance.event_key),
            source,
            kind: EventKind::Webhook,
            event_key: acceptance.event_key,
            event_type: acceptance.event_type,
            path,
            priority,
            received_at,
            trace,
            label: format!("{method} {target}"),
            headers,
            body,
        };
        (event, acceptance.reply)
    }

    /// The event of one fetched page. Every fetch is an event of its own: its cursor, committed with it by compare-and-set,
    /// sees to it that none counts twice, and a source that shows A, then B, then A again must end with A.
    pub fn from_page(origin: EventOrigin, slice: &str, page: &PageBody) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(page)?;
        let key = format!("page:{slice}:{}", origin.trace);
        Ok(Self::with(origin, EventKind::Page, key, slice.to_owned(), body.into()))
    }

    /// The event of one file. The key is the file's digest: the same bytes under another name are the same file.
    pub fn from_file(origin: EventOrigin, name: &str, body: Bytes) -> Self {
        let key = format!("file:{}", Digest::of(&body));
        Self::with(origin, EventKind::File, key, name.to_owned(), body)
    }

    /// The event of documents given through the API.
    pub fn from_documents(origin: EventOrigin, documents: &[Document]) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(documents)?;
        let key = format!("document:{}:{}", Digest::of(&body), origin.trace);
        Ok(Self::with(origin, EventKind::Document, key, String::new(), body.into()))
    }

    fn with(origin: EventOrigin, kind: EventKind, event_key: String, label: String, body: Bytes) -> Self {
        let EventOrigin { source, path, priority, received_at, trace } = origin;
        let event_type = match kind {
            EventKind::Webhook => "webhook",
            EventKind::Page => "page",
            EventKind::File => "file",
            EventKind::Document => "document",
        };
        Self {
            id: EventId::of(&source, &event_key),
            source,
            kind,
            event_key,
            event_type: event_type.to_owned(),
            path,
            priority,
            received_at,
            trace,
            label,
            headers: String::new(),
            body,
        }
    }
}

/// What the journal answered to an append, after the row (new or old) was durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It was new.
    New(EventId),
    /// It was there already.
    Duplicate(EventId),
}

impl Appended {
    /// The event's id either way.
    pub fn id(self) -> EventId {
        match self {
            Self::New(id) | Self::Duplicate(id) => id,
        }
    }
}

/// The right to work one event off until the lease ends. A claim that was taken over is refused (`LEASE_LOST`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Position in the journal: arrival order.
    pub position: i64,
    /// The event.
    pub id: EventId,
    /// Counts up with every claim of this event.
    pub attempt: u32,
}

/// A claimed event with everything needed to work it off.
#[derive(Debug, Clone)]
pub struct ClaimedEvent {
    /// The right to it.
    pub claim: Claim,
    /// The event.
    pub event: NewEvent,
}

/// How one document of an event ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentOutcome {
    /// The document.
    pub document_id: DocumentId,
    /// `done`, `unchanged`, `superseded` or `dead`.
    pub state: EventState,
    /// The version made visible, if any.
    pub version: Option<i64>,
}

/// How the work on a claimed event ended.
#[derive(Debug, Clone)]
pub enum EventEnd {
    /// Ended well; the state is `done`, `unchanged` or `superseded`.
    Settled {
        /// The event's state.
        state: EventState,
        /// Its documents.
        outcomes: Vec<DocumentOutcome>,
        /// Which component parsed it.
        plugin: Option<PluginRef>,
    },
    /// Goes to the dead letters, body kept.
    Dead {
        /// Why.
        failure: Failure,
        /// What became of its documents.
        outcomes: Vec<DocumentOutcome>,
        /// Parts of the body that were not understood, if the rest was.
        issues: Vec<EventIssue>,
        /// Which component parsed it, if one did.
        plugin: Option<PluginRef>,
    },
    /// Try again later.
    Retry {
        /// Why.
        failure: Failure,
        /// How long to hold off.
        after: Duration,
        /// Whether it counts as an attempt.
        counts: bool,
    },
}

/// A part of an event's body that was not understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventIssue {
    /// Unique within the event and stable.
    pub id: String,
    /// The connector's code.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// Where in the body.
    pub offset: u32,
    /// How many bytes.
    pub length: u32,
}

/// An event as `apex event show` prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventRecord {
    /// Its place in arrival order, for paging with [`EventFilter::before`]; not shown.
    #[serde(skip)]
    pub position: i64,
    /// Its id.
    pub id: EventId,
    /// Its source.
    pub source: SourceName,
    /// By which way it came.
    pub kind: EventKind,
    /// Its state.
    pub state: EventState,
    /// What makes a repeat the same.
    pub event_key: String,
    /// The source's word for it.
    pub event_type: String,
    /// Which path works it off.
    pub path: IngestPath,
    /// Method and target, slice, or file name.
    pub label: String,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// When the host had it.
    pub received_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Its trace, 32 hex digits.
    pub trace_id: String,
    /// Claims so far.
    pub attempts: u32,
    /// When it is tried next, if it waits.
    pub next_attempt_at: Option<Timestamp>,
    /// The last failure's code, if any.
    pub error_code: Option<String>,
    /// The last failure, if any.
    pub error: Option<String>,
    /// Its documents.
    pub document_ids: Vec<DocumentId>,
    /// How each of them ended.
    pub outcomes: Vec<DocumentOutcome>,
    /// Which component parsed it.
    pub plugin: Option<PluginRef>,
}

/// Which events to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only this source.
    pub source: Option<SourceName>,
    /// Only this state.
    pub state: Option<EventState>,
    /// At most this many.
    pub limit: u32,
    /// Only those that arrived before this position.
    pub before: Option<i64>,
}

/// An event that could not be worked off, with everything needed to understand and replay it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The event's id.
    pub id: EventId,
    /// Its source.
    pub source: SourceName,
    /// By which way it came.
    pub kind: EventKind,
    /// What makes a repeat the same.
    pub event_key: String,
    /// Method and target, slice, or file name.
    pub label: String,
    /// Why: stable code.
    pub code: String,
    /// Why: one sentence, secrets redacted.
    pub reason: String,
    /// What to do.
    pub next_step: String,
    /// Claims so far.
    pub attempts: u32,
    /// When it was given up.
    pub dead_at: Timestamp,
    /// When the host had it.
    pub received_at: Timestamp,
    /// Its trace.
    pub trace_id: String,
    /// Digest of the body.
    pub body_sha256: Digest,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// Which component parsed it, if one did.
    pub plugin: Option<PluginRef>,
    /// Parts that were not understood.
    pub issues: Vec<EventIssue>,
    /// What became of its documents.
    pub outcomes: Vec<DocumentOutcome>,
}

/// A dead letter with its body.
#[derive(Debug, Clone)]
pub struct DeadLetterBody {
    /// The letter.
    pub letter: DeadLetter,
    /// Headers of a webhook.
    pub headers: String,
    /// The bytes as they came.
    pub body: Bytes,
}

/// How many events of a source are in each state, read at one moment.
///
/// **Invariant** (conservation): `accepted = done + superseded + duplicate + unchanged + dead + in flight`, at every read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Every 2xx for something to be kept, repeats included.
    pub accepted: u64,
    /// Repeats among them.
    pub duplicate: u64,
    /// Events with a new visible version.
    pub done: u64,
    /// Events that changed nothing.
    pub unchanged: u64,
    /// Events older than what is there.
    pub superseded: u64,
    /// Events in the dead letters.
    pub dead: u64,
    /// Accepted or processing.
    pub in_flight: u64,
}

impl Tally {
    /// Whether nothing is lost and nothing is counted twice.
    pub fn is_conserved(&self) -> bool {
        self.accepted == self.duplicate + self.done + self.unchanged + self.superseded + self.dead + self.in_flight
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            duplicate: self.duplicate + other.duplicate,
            done: self.done + other.done,
            unchanged: self.unchanged + other.unchanged,
            superseded: self.superseded + other.superseded,
            dead: self.dead + other.dead,
            in_flight: self.in_flight + other.in_flight,
        }
    }
}
