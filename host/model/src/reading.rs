//! What readers see: documents, hits, neighbourhoods. One version, never a mix.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Timestamp;
use crate::document::{Entity, Relation};
use crate::ids::{DocumentId, EventId, SourceName};
use crate::plugin::PluginRef;

/// A document as readers see it.
#[derive(Debug, Serialize, Deserialize)]
pub struct DocumentView {
    /// Host-wide id.
    pub id: DocumentId,
    /// Its source.
    pub source: SourceName,
    /// Its kind.
    pub kind: String,
    /// The live version.
    pub version: i64,
    /// One line.
    pub title: String,
    /// What is searched.
    pub content: String,
    /// `text/plain`, `text/markdown` or `text/html`.
    pub media_type: String,
    /// When it happened at the source.
    pub occurred_at: Option<String>,
    /// One JSON object.
    pub metadata: Box<RawValue>,
    /// Entities of this version.
    pub entities: Vec<Entity>,
    /// Relations of this version.
    pub relations: Vec<Relation>,
    /// How many chunks it has.
    pub chunks: u32,
    /// Which component emitted it.
    pub plugin: Option<PluginRef>,
    /// When this version became visible.
    pub updated_at: Timestamp,
}

/// One line of `apex document list`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DocumentLine {
    /// Host-wide id.
    pub id: DocumentId,
    /// Its source.
    pub source: SourceName,
    /// Its kind.
    pub kind: String,
    /// The live version.
    pub version: i64,
    /// One line.
    pub title: String,
    /// When this version became visible.
    pub updated_at: Timestamp,
}

/// One version of a document and who wrote it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VersionLine {
    /// The version.
    pub version: i64,
    /// Whether readers see it.
    pub live: bool,
    /// Whether it is a deletion.
    pub deleted: bool,
    /// One line.
    pub title: String,
    /// Hash of what the connector emitted.
    pub content_hash: String,
    /// The event it came with.
    pub event: EventId,
    /// Which component emitted it.
    pub plugin: Option<PluginRef>,
    /// When it became visible.
    pub committed_at: Timestamp,
}

/// Which documents to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct DocumentFilter {
    /// Only this source.
    pub source: Option<SourceName>,
    /// Only this kind.
    pub kind: Option<String>,
    /// At most this many.
    pub limit: u32,
    /// Only those after this id in the listing order (by id).
    pub after: Option<DocumentId>,
}

/// A search by meaning.
#[derive(Debug, Clone)]
pub struct SearchQuery {
    /// Unit-length vector of the question.
    pub vector: Vec<f32>,
    /// Which model made it; only chunks of the same model are compared.
    pub embedding_model: String,
    /// Only this source.
    pub source: Option<SourceName>,
    /// Only this kind.
    pub kind: Option<String>,
    /// At most this many documents.
    pub limit: u32,
}

/// A document found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hit {
    /// The document.
    pub document_id: DocumentId,
    /// Its source.
    pub source: SourceName,
    /// Its kind.
    pub kind: String,
    /// One line.
    pub title: String,
    /// The chunk that fits best, cut for display.
    pub snippet: String,
    /// Cosine similarity, -1 to 1.
    pub score: f32,
}

/// An entity of a neighbourhood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphNode {
    /// The entity.
    #[serde(flatten)]
    pub entity: Entity,
    /// Hops from the entity asked for.
    pub distance: u32,
    /// Documents that speak of it.
    pub documents: Vec<DocumentId>,
}

/// The neighbourhood of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// The entity asked for, and those around it, nearest first.
    pub nodes: Vec<GraphNode>,
    /// Relations among them.
    pub edges: Vec<Relation>,
    /// Whether more was there than is shown.
    pub truncated: bool,
}
