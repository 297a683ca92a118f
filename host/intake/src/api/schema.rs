//! What the answers look like, for `openapi.json`. The nouns themselves are the model's and know nothing of OpenAPI.
//!
//! **Invariant** (held by `tests/it/openapi.rs`): every answer of every route has exactly the fields its schema says.
#![allow(missing_docs)]

use serde_json::Value;
use utoipa::ToSchema;

/// Which component made something.
#[derive(ToSchema)]
pub struct PluginRef {
    pub name: String,
    pub version: String,
    /// SHA-256 of the component, 64 hex digits.
    pub digest: String,
}

/// A thing a document speaks of.
#[derive(ToSchema)]
pub struct Entity {
    /// Lower case, prefixed with the kind: `shipment:4455667`.
    pub key: String,
    pub kind: String,
    pub name: String,
}

/// A directed edge between two entities, by their keys.
#[derive(ToSchema)]
pub struct Relation {
    pub from: String,
    pub kind: String,
    pub to: String,
}

/// A document as readers see it: one version, never a mix.
#[derive(ToSchema)]
pub struct Document {
    /// `<source>:<the connector's id>`.
    pub id: String,
    pub source: String,
    pub kind: String,
    pub version: i64,
    pub title: String,
    pub content: String,
    pub media_type: String,
    #[schema(required, nullable)]
    pub occurred_at: Option<String>,
    #[schema(value_type = Object)]
    pub metadata: Value,
    pub entities: Vec<Entity>,
    pub relations: Vec<Relation>,
    /// How many chunks it has.
    pub chunks: u32,
    /// Null for a document given through the API.
    #[schema(required)]
    pub plugin: Option<PluginRef>,
    /// RFC 3339, UTC.
    pub updated_at: String,
}

/// One line of the list of documents.
#[derive(ToSchema)]
pub struct DocumentLine {
    pub id: String,
    pub source: String,
    pub kind: String,
    pub version: i64,
    pub title: String,
    pub updated_at: String,
}

/// One version of a document and who wrote it.
#[derive(ToSchema)]
pub struct Version {
    pub version: i64,
    /// Whether readers see it.
    pub live: bool,
    /// Whether it is a deletion.
    pub deleted: bool,
    pub title: String,
    pub content_hash: String,
    /// The event it came with.
    pub event: String,
    #[schema(required)]
    pub plugin: Option<PluginRef>,
    pub committed_at: String,
}

/// A document found.
#[derive(ToSchema)]
pub struct Hit {
    pub document_id: String,
    pub source: String,
    pub kind: String,
    pub title: String,
    /// The chunk that fits best, cut for display.
    pub snippet: String,
    /// Cosine similarity, -1 to 1.
    pub score: f32,
}

/// An entity of a neighbourhood.
#[derive(ToSchema)]
pub struct GraphNode {
    pub key: String,
    pub kind: String,
    pub name: String,
    /// Hops from the entity asked for.
    pub distance: u32,
    /// Documents that speak of it.
    pub documents: Vec<String>,
}

/// The neighbourhood of an entity.
#[derive(ToSchema)]
pub struct Graph {
    pub nodes: Vec<GraphNode>,
    pub edges: Vec<Relation>,
    /// Whether more was there than is shown.
    pub truncated: bool,
}

/// How one document of an event ended.
#[derive(ToSchema)]
pub struct DocumentOutcome {
    pub document_id: String,
    /// `done`, `unchanged`, `superseded` or `dead`.
    pub state: String,
    #[schema(required)]
    pub version: Option<i64>,
}

/// An event of the journal.
#[derive(ToSchema)]
pub struct Event {
    pub id: String,
    pub source: String,
    /// `webhook`, `page`, `file` or `document`.
    pub kind: String,
    /// `accepted`, `processing`, `done`, `unchanged`, `superseded` or `dead`.
    pub state: String,
    pub event_key: String,
    pub event_type: String,
    /// `direct` or `temporal`.
    pub path: String,
    pub label: String,
    pub body_bytes: u64,
    pub received_at: String,
    #[schema(required)]
    pub finished_at: Option<String>,
    pub trace_id: String,
    pub attempts: u32,
    #[schema(required)]
    pub next_attempt_at: Option<String>,
    #[schema(required)]
    pub error_code: Option<String>,
    #[schema(required)]
    pub error: Option<String>,
    pub document_ids: Vec<String>,
    pub outcomes: Vec<DocumentOutcome>,
    #[schema(required)]
    pub plugin: Option<PluginRef>,
}

/// A part of an event's body that was not understood.
#[derive(ToSchema)]
pub struct Issue {
    pub id: String,
    pub code: String,
    pub message: String,
    pub offset: u32,
    pub length: u32,
}

/// An event that could not be worked off.
#[derive(ToSchema)]
pub struct DeadLetter {
    pub id: String,
    pub source: String,
    pub kind: String,
    pub event_key: String,
    pub label: String,
    /// Why: stable code.
    pub code: String,
    /// Why: one sentence.
    pub reason: String,
    pub next_step: String,
    pub attempts: u32,
    pub dead_at: String,
    pub received_at: String,
    pub trace_id: String,
    pub body_sha256: String,
    pub body_bytes: u64,
    #[schema(required)]
    pub plugin: Option<PluginRef>,
    pub issues: Vec<Issue>,
    pub outcomes: Vec<DocumentOutcome>,
}

/// A source and whether it can work.
#[derive(ToSchema)]
pub struct Source {
    pub name: String,
    pub plugin: String,
    /// `active`, `waiting`, `paused`, `draining` or `disabled`.
    pub state: String,
    /// What is missing and the lines to add, if it waits or polling does; how to undo it, if it is switched off.
    #[schema(required)]
    pub reason: Option<String>,
    /// `P0`, `P1` or `P2`.
    pub priority: String,
    pub exports: Vec<String>,
    #[schema(required)]
    pub poll_every_ms: Option<u64>,
    pub rollout_percent: u8,
    pub since: String,
}

/// A component in `plugins/`.
#[derive(ToSchema)]
pub struct Plugin {
    pub name: String,
    pub version: String,
    #[schema(required)]
    pub digest: Option<String>,
    /// `active`, `waiting` or `failed`.
    pub state: String,
    pub exports: Vec<String>,
    pub imports: Vec<String>,
    #[schema(required)]
    pub error: Option<String>,
    pub since: String,
}

/// Where the polling of a slice goes on.
#[derive(ToSchema)]
pub struct Cursor {
    pub source: String,
    pub slice: String,
    pub cursor: String,
    pub committed_at: String,
}
