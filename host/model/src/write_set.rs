//! What the pipeline makes of a document, and what the saga writes.

use crate::Timestamp;
use crate::document::{Document, Entity, Relation};
use crate::ids::{Digest, DocumentId, EventId, SourceName};
use crate::plugin::PluginRef;

/// A stretch of a document's content that is embedded as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Place within the document, from 0.
    pub index: u32,
    /// The text.
    pub text: String,
    /// Digest of what is embedded: the key of the embedding cache.
    pub hash: Digest,
    /// Unit-length vector.
    pub embedding: Vec<f32>,
}

/// Everything that makes one version of one document, ready to be written to every store.
#[derive(Debug, Clone)]
pub struct WriteSet {
    /// The document.
    pub document_id: DocumentId,
    /// Its source.
    pub source: SourceName,
    /// As the connector emitted it, entities and relations completed by the pipeline.
    pub document: Document,
    /// Hash of what the connector emitted ([`Document::content_hash`]).
    pub content_hash: Digest,
    /// Its chunks with embeddings; none for a delete.
    pub chunks: Vec<Chunk>,
    /// Entities: the connector's and the extracted ones, unique by key.
    pub entities: Vec<Entity>,
    /// Relations.
    pub relations: Vec<Relation>,
    /// Which embedding model made the vectors.
    pub embedding_model: String,
    /// Which component emitted it; none for documents given through the API.
    pub plugin: Option<PluginRef>,
    /// The event it came with.
    pub event: EventId,
    /// That event's place in arrival order.
    pub position: i64,
    /// When it was made.
    pub made_at: Timestamp,
}
