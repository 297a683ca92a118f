//! The ports: every `dyn` seam of the host. Implementations meet in `app/src/wire.rs` and nowhere else.
//!
//! | port | implemented by | used by |
//! |---|---|---|
//! | [`WebhookVerifier`], [`ConnectorCalls`], [`PluginCatalog`] | plugin | app, direct |
//! | [`Inbox`], [`WorkQueue`], [`EventReader`], [`DeadLetters`], [`Cursors`], [`ConnectorState`] | journal | app, direct, plugin |
//! | [`Poller`] | direct | intake |
//! | [`Blobs`] | stores | direct, plugin |
//! | [`Embedder`], [`EmbeddingCache`] | pipeline, stores | pipeline |
//! | [`RelationalStore`], [`ProjectionStore`] | stores | saga |
//! | [`DocumentReader`] | stores | app |

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;

use crate::cursor::{CursorCommit, CursorRecord};
use crate::delivery::{Delivery, Judgement};
use crate::document::Document;
use crate::event::{
    Appended, Claim, ClaimedEvent, DeadLetter, DeadLetterBody, EventEnd, EventFilter, EventIssue, EventRecord,
    NewEvent, Tally,
};
use crate::failure::PortResult;
use crate::ids::{Digest, DocumentId, EventId, SourceName};
use crate::plugin::{PluginRef, PluginStatus};
use crate::reading::{DocumentFilter, DocumentLine, DocumentView, Graph, Hit, SearchQuery, VersionLine};
use crate::saga::{Begun, Intent, SagaState, StoreKind, StoreResult, Ticket};
use crate::source::SourceStatus;
use crate::write_set::WriteSet;

/// A future that can cross a port.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Called once, on the guest thread, with the judgement. Must not block.
pub type VerifyDone = Box<dyn FnOnce(PortResult<Judgement>) + Send>;

/// Judges webhook deliveries in the sandbox, on guest threads.
pub trait WebhookVerifier: Send + Sync {
    /// Queues the delivery; `done` is called exactly once, also on failure (`PLUGIN_BUSY`, `PLUGIN_MISSING`, …).
    fn verify(&self, delivery: Delivery, done: VerifyDone);
}

/// Documents, with the component that emitted them.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The documents.
    pub documents: Vec<Document>,
    /// Which component emitted them.
    pub plugin: PluginRef,
}

/// What a poll may use.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Documents.
    pub documents_max: u32,
    /// Bytes.
    pub bytes_max: u32,
    /// Milliseconds.
    pub ms_max: u32,
}

/// When to poll again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At once.
    More,
    /// After this long, or at the source's interval.
    Idle(Option<Duration>),
    /// Never.
    Finished,
}

/// One fetched page.
#[derive(Debug, Clone)]
pub struct FetchedPage {
    /// The documents.
    pub documents: Vec<Document>,
    /// Where to go on; empty means no progress.
    pub cursor: String,
    /// When to call again.
    pub next: Next,
    /// Which component fetched it.
    pub plugin: PluginRef,
}

/// A file handed to a connector.
#[derive(Debug, Clone)]
pub struct FileBody {
    /// Name without folders.
    pub name: String,
    /// The bytes.
    pub bytes: Bytes,
}

/// One page of a file.
#[derive(Debug, Clone)]
pub struct ParsedFilePage {
    /// The documents.
    pub documents: Vec<Document>,
    /// Parts not understood.
    pub issues: Vec<EventIssue>,
    /// Where to go on; none: finished.
    pub resume: Option<String>,
    /// Which component parsed it.
    pub plugin: PluginRef,
}

/// What became of one document or issue of a file.
#[derive(Debug, Clone)]
pub struct FileOutcome {
    /// The connector's document id or the issue's id.
    pub id: String,
    /// Whether readers see it.
    pub stored: bool,
    /// Why not.
    pub reason: String,
}

/// A file for the partner.
#[derive(Debug, Clone)]
pub struct ReplyFile {
    /// Name without folders.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// The bytes.
    pub content: Bytes,
}

/// Calls into connectors off the hot path.
pub trait ConnectorCalls: Send + Sync {
    /// Parses an accepted delivery.
    fn parse_delivery<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, PortResult<Parsed>>;
    /// The independent parts to poll.
    fn slices<'a>(&'a self, source: &'a SourceName) -> BoxFuture<'a, PortResult<Vec<String>>>;
    /// Fetches one page.
    fn fetch<'a>(
        &'a self,
        source: &'a SourceName,
        slice: &'a str,
        cursor: Option<&'a str>,
        budget: Budget,
    ) -> BoxFuture<'a, PortResult<FetchedPage>>;
    /// Reads on in a file.
    fn parse_file<'a>(
        &'a self,
        source: &'a SourceName,
        file: FileBody,
        resume: Option<&'a str>,
    ) -> BoxFuture<'a, PortResult<ParsedFilePage>>;
    /// Asks for reply files.
    fn acknowledge<'a>(
        &'a self,
        source: &'a SourceName,
        file: FileBody,
        outcomes: Vec<FileOutcome>,
    ) -> BoxFuture<'a, PortResult<Vec<ReplyFile>>>;
}

/// What is loaded and which sources there are.
pub trait PluginCatalog: Send + Sync {
    /// Every file in `plugins/`.
    fn plugins(&self) -> Vec<PluginStatus>;
    /// Every source, configured or implied by a plugin without needs.
    fn sources(&self) -> Vec<SourceStatus>;
}

/// Called once with the answer, after the row was durable (or could not be made so). Must not block.
pub type AppendDone = Box<dyn FnOnce(PortResult<Appended>) + Send>;

/// The durable way in.
pub trait Inbox: Send + Sync {
    /// Queues the event for the next group commit. `done` is called exactly once, also when the queue is full (`JOURNAL_FULL`).
    ///
    /// **Invariant:** dedup key and row are one atomic step: a failed write leaves neither.
    fn append(&self, event: NewEvent, done: AppendDone);
    /// Makes a page and its cursor durable in one transaction. A page without documents commits the cursor alone (`event` is none).
    fn commit_page(&self, event: Option<NewEvent>, cursor: CursorCommit)
    -> BoxFuture<'_, PortResult<Option<Appended>>>;
    /// Whether the last write worked and the disk has room.
    fn is_writable(&self) -> bool;
}

/// The way from the journal to the workers.
pub trait WorkQueue: Send + Sync {
    /// Claims up to `limit` events that are due, urgent ones first, then by arrival; `paused` sources are left alone.
    fn claim<'a>(
        &'a self,
        limit: u32,
        lease: Duration,
        paused: &'a [SourceName],
    ) -> BoxFuture<'a, PortResult<Vec<ClaimedEvent>>>;
    /// Makes leases last this long from now; answers those still held.
    fn renew<'a>(&'a self, claims: &'a [Claim], lease: Duration) -> BoxFuture<'a, PortResult<Vec<Claim>>>;
    /// Records how the work ended. `LEASE_LOST` if another worker took over.
    fn finish(&self, claim: Claim, end: EventEnd) -> BoxFuture<'_, PortResult<()>>;
    /// Waits until there may be something to claim.
    fn ready(&self) -> BoxFuture<'_, ()>;
}

/// Reads the journal.
pub trait EventReader: Send + Sync {
    /// One event.
    fn event(&self, id: EventId) -> BoxFuture<'_, PortResult<Option<EventRecord>>>;
    /// Events, newest first.
    fn events(&self, filter: EventFilter) -> BoxFuture<'_, PortResult<Vec<EventRecord>>>;
    /// Counts by source, all read at one moment.
    fn tallies(&self) -> BoxFuture<'_, PortResult<Vec<(SourceName, Tally)>>>;
}

/// The dead letters.
pub trait DeadLetters: Send + Sync {
    /// Letters, newest first.
    fn dead_letters(&self, source: Option<SourceName>, limit: u32) -> BoxFuture<'_, PortResult<Vec<DeadLetter>>>;
    /// One letter with its body.
    fn dead_letter(&self, id: EventId) -> BoxFuture<'_, PortResult<Option<DeadLetterBody>>>;
    /// Makes these letters events to be worked off again; answers those that were dead. Twice changes nothing.
    fn replay<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, PortResult<Vec<EventId>>>;
}

/// Where polls go on, and which sources are paused.
pub trait Cursors: Send + Sync {
    /// One cursor.
    fn cursor<'a>(&'a self, source: &'a SourceName, slice: &'a str) -> BoxFuture<'a, PortResult<Option<CursorRecord>>>;
    /// All of a source's.
    fn cursors<'a>(&'a self, source: &'a SourceName) -> BoxFuture<'a, PortResult<Vec<CursorRecord>>>;
    /// Sets one by hand; none forgets it.
    fn set_cursor<'a>(
        &'a self,
        source: &'a SourceName,
        slice: &'a str,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, PortResult<()>>;
    /// Sources an operator paused.
    fn paused(&self) -> BoxFuture<'_, PortResult<Vec<SourceName>>>;
    /// Pauses or resumes a source; survives a restart.
    fn set_paused<'a>(&'a self, source: &'a SourceName, paused: bool) -> BoxFuture<'a, PortResult<()>>;
}

/// Whoever polls, asked to do it now.
pub trait Poller: Send + Sync {
    /// Polls the source as soon as possible instead of at its next turn; answers whether this host polls it at all.
    fn poll_now(&self, source: &SourceName) -> bool;
    /// How long the source has answered no poll: since the last answer that was kept, whatever it brought, or since polling
    /// it began. None if it is not polled here, has nothing left to poll, or this is not known.
    fn silence(&self, source: &SourceName) -> Option<Duration> {
        let _ = source;
        None
    }
}

/// The small store each source has for itself (`state` in the contract). Blocking: called from guest threads only.
pub trait ConnectorState: Send + Sync {
    /// The value.
    fn get(&self, source: &SourceName, key: &str) -> PortResult<Option<Vec<u8>>>;
    /// Writes it durably. Over the quota: `FAULT_DENIED`.
    fn set(&self, source: &SourceName, key: &str, value: &[u8]) -> PortResult<()>;
    /// Adds one to a decimal counter, starting at 1, atomically and durably.
    fn increment(&self, source: &SourceName, key: &str) -> PortResult<u32>;
    /// Forgets it.
    fn delete(&self, source: &SourceName, key: &str) -> PortResult<()>;
}

/// Bytes kept by digest.
pub trait Blobs: Send + Sync {
    /// Keeps the bytes durably; blocking. The same bytes have the same digest and are kept once.
    fn put(&self, bytes: &[u8]) -> PortResult<Digest>;
    /// The bytes; blocking.
    fn get(&self, digest: Digest) -> PortResult<Option<Bytes>>;
}

/// Turns texts into vectors.
pub trait Embedder: Send + Sync {
    /// Names model and revision: vectors of different models are never compared.
    fn model(&self) -> &str;
    /// Length of a vector.
    fn dimensions(&self) -> usize;
    /// One unit-length vector a text, in order.
    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, PortResult<Vec<Vec<f32>>>>;
}

/// Vectors made before, by model and chunk hash.
pub trait EmbeddingCache: Send + Sync {
    /// One entry a hash, in order; none where it is not known.
    fn get_many<'a>(&'a self, model: &'a str, hashes: &'a [Digest])
    -> BoxFuture<'a, PortResult<Vec<Option<Vec<f32>>>>>;
    /// Keeps them.
    fn put_many<'a>(&'a self, model: &'a str, entries: &'a [(Digest, Vec<f32>)]) -> BoxFuture<'a, PortResult<()>>;
}

/// The store that holds documents, versions and the saga's log, and owns the one commit point.
///
/// Every call may be made again with the same arguments: the second one changes nothing and answers the same.
pub trait RelationalStore: Send + Sync {
    /// Decides under a lock on the document whether to go on, and gives out version and fence (`PREPARED`).
    fn begin(&self, intent: Intent) -> BoxFuture<'_, StoreResult<Begun>>;
    /// Records where the saga stands, before the next request leaves (intent first).
    fn record<'a>(&'a self, ticket: &'a Ticket, state: SagaState) -> BoxFuture<'a, StoreResult<()>>;
    /// Writes the version beside the live one, invisible.
    fn stage<'a>(&'a self, ticket: &'a Ticket, writes: &'a WriteSet) -> BoxFuture<'a, StoreResult<()>>;
    /// The pivot: makes the version live and records `COMMITTED`, in one transaction. Yes if it is, or was, live already.
    fn commit<'a>(&'a self, ticket: &'a Ticket, writes: &'a WriteSet) -> BoxFuture<'a, StoreResult<()>>;
    /// Removes what is staged above the ticket's previous version, and leaves a fenced tombstone.
    fn undo<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, StoreResult<()>>;
    /// Drops what only older versions need.
    fn finalise<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, StoreResult<()>>;
}

/// A store that follows the relational one: graph, vector or cache.
///
/// Every call may be made again with the same arguments: the second one changes nothing and answers the same.
pub trait ProjectionStore: Send + Sync {
    /// Which of the four.
    fn kind(&self) -> StoreKind;
    /// Writes the version beside the live one, invisible.
    fn stage<'a>(&'a self, ticket: &'a Ticket, writes: &'a WriteSet) -> BoxFuture<'a, StoreResult<()>>;
    /// Removes what is staged above the ticket's previous version, and leaves a fenced tombstone.
    fn undo<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, StoreResult<()>>;
    /// Drops every version older than the ticket's.
    fn finalise<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, StoreResult<()>>;
}

/// Reads documents: parts of exactly one version, or nothing.
pub trait DocumentReader: Send + Sync {
    /// The live version of one document.
    fn document<'a>(&'a self, id: &'a DocumentId) -> BoxFuture<'a, PortResult<Option<DocumentView>>>;
    /// Live documents, by id.
    fn documents(&self, filter: DocumentFilter) -> BoxFuture<'_, PortResult<Vec<DocumentLine>>>;
    /// Every version, newest first; empty if there never was one.
    fn history<'a>(&'a self, id: &'a DocumentId) -> BoxFuture<'a, PortResult<Vec<VersionLine>>>;
    /// The nearest documents by meaning, best first.
    fn search(&self, query: SearchQuery) -> BoxFuture<'_, PortResult<Vec<Hit>>>;
    /// The neighbourhood of an entity: found by key, else by name; none if there is no such entity.
    fn graph<'a>(&'a self, entity: &'a str, depth: u32) -> BoxFuture<'a, PortResult<Option<Graph>>>;
    /// How many live documents each source has.
    fn counts(&self) -> BoxFuture<'_, PortResult<Vec<(SourceName, u64)>>>;
    /// Checks the parts of each live document (or of one) against each other; one sentence a finding.
    fn check<'a>(&'a self, id: Option<&'a DocumentId>) -> BoxFuture<'a, PortResult<Vec<String>>>;
}
