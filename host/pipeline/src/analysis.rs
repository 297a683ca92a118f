//! Reads one document without any port: its chunks, what of each is embedded, and its entities.
//!
//! Synchronous computing; the caller decides on which thread.

use apex_config::limits::PipelineLimits;
use apex_model::document::{Document, Entity, Op};
use apex_model::failure::PortResult;
use apex_model::ids::Digest;
use apex_model::{Code, Failure};

use crate::chunk::{ChunkBounds, chunk};
use crate::entities::Extractor;
use crate::text;
use crate::token::{MODEL_TOKENS_MAX, TokenCounter};

/// Tokens of a title that go before each chunk; the rest of a longer title is left out there.
const TITLE_TOKENS_MAX: usize = 40;
/// The two marks the model puts around a text.
const MARKS_TOKENS: usize = 2;

/// Chunks and entities of a document.
#[derive(Debug, Default)]
pub struct Analysed {
    /// In order of the text; none for a delete.
    pub chunks: Vec<Piece>,
    /// The connector's first, then those found, unique by key.
    pub entities: Vec<Entity>,
    /// The document's metadata with a note, if part of the text is not searched.
    pub metadata: Option<String>,
}

/// One chunk before its embedding.
#[derive(Debug)]
pub struct Piece {
    /// What a reader sees.
    pub text: String,
    /// What is embedded: the title, then the text.
    pub embedded: String,
    /// Digest of `embedded`.
    pub hash: Digest,
}

/// Reads documents by fixed rules and bounds.
#[derive(Debug)]
pub struct Analyst {
    extractor: Extractor,
    counter: TokenCounter,
    bounds: ChunkBounds,
    entities_max: usize,
}

impl Analyst {
    /// Builds the rules; fails only on a defect in them.
    pub fn new(limits: &PipelineLimits, counter: TokenCounter) -> PortResult<Self> {
        let extractor = Extractor::new().map_err(|defect| {
            Failure::never(Code::INTERNAL, format!("an extraction rule is defective: {defect}"))
                .next("report this as a defect of the host")
        })?;
        let room = MODEL_TOKENS_MAX - MARKS_TOKENS - TITLE_TOKENS_MAX;
        let bounds = ChunkBounds {
            tokens_max: limits.chunk_tokens_max.clamp(1, room),
            overlap_tokens: limits.chunk_overlap_tokens,
            chunks_max: limits.document_chunks_max,
        };
        Ok(Self { extractor, counter, bounds, entities_max: limits.document_entities_max })
    }

    /// Reads one document; a delete has nothing to read.
    pub fn analyse(&self, document: &Document) -> Analysed {
        if document.op == Op::Delete {
            return Analysed::default();
        }
        let title = text::plain(&document.title, "text/plain").replace('\n', " ");
        let content = text::plain(&document.content, &document.media_type);
        let cut = chunk(&content, self.bounds, |part| self.counter.count(part));
        let prefix = self.context(&title);
        let mut chunks: Vec<Piece> =
            cut.ranges.iter().filter_map(|range| content.get(range.clone())).map(|part| piece(prefix, part)).collect();
        if chunks.is_empty() && !title.is_empty() {
            chunks.push(piece("", &title));
        }
        let metadata = (cut.covered_bytes < content.len())
            .then(|| with_note(&document.metadata, cut.covered_bytes, content.len()))
            .flatten();
        let found = self.extractor.extract(&title, &content);
        Analysed { chunks, entities: merge(&document.entities, found, self.entities_max), metadata }
    }

    /// As much of the title as goes before a chunk.
    fn context<'a>(&self, title: &'a str) -> &'a str {
        let mut context = title;
        while self.counter.count(context).max(context.chars().count() / 8) > TITLE_TOKENS_MAX {
            let shorter = context.rsplit_once(' ').map_or("", |(front, _)| front);
            context = shorter;
        }
        context
    }
}

fn piece(context: &str, text: &str) -> Piece {
    let embedded =
        if context.is_empty() || text.starts_with(context) { text.to_owned() } else { format!("{context}\n{text}") };
    Piece { text: text.to_owned(), hash: Digest::of(embedded.as_bytes()), embedded }
}

/// The connector's entities, then those found under other keys, up to the limit. The connector's are never dropped.
fn merge(own: &[Entity], found: Vec<Entity>, entities_max: usize) -> Vec<Entity> {
    let mut merged: Vec<Entity> = Vec::with_capacity(own.len() + found.len());
    for entity in own {
        if !merged.iter().any(|known| known.key == entity.key) {
            merged.push(entity.clone());
        }
    }
    let limit = entities_max.max(merged.len());
    for entity in found {
        if merged.len() >= limit {
            break;
        }
        if !merged.iter().any(|known| known.key == entity.key) {
            merged.push(entity);
        }
    }
    merged
}

/// The metadata object with what is searched and what there is, in bytes of plain text.
///
/// Written into the text, not through a parsed value: numbers and order of the connector's own keys stay as they are.
fn with_note(metadata: &str, searched: usize, whole: usize) -> Option<String> {
    let front = metadata.trim_end().strip_suffix('}')?.trim_end();
    let comma = if front.ends_with('{') { "" } else { "," };
    Some(format!(r#"{front}{comma}"apex_searched_bytes":{searched},"apex_text_bytes":{whole}}}"#))
}
