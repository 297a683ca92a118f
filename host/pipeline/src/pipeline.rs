//! From documents to write sets: text, chunks, entities, embeddings, with the embedding cache in between.
//!
//! Pure but for the two ports [`Embedder`] and [`EmbeddingCache`]; knows no store, no saga and no orchestration. The same
//! document gives the same write set.

use std::collections::HashMap;
use std::sync::Arc;

use apex_config::limits::PipelineLimits;
use apex_model::document::{Document, Op};
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, DocumentId, EventId, SourceName};
use apex_model::plugin::PluginRef;
use apex_model::ports::{Embedder, EmbeddingCache};
use apex_model::write_set::{Chunk, WriteSet};
use apex_model::{Code, Failure, Timestamp};

use crate::analysis::{Analysed, Analyst};
use crate::token::TokenCounter;

/// A document on its way to a write set.
#[derive(Debug, Clone)]
pub struct Prepare {
    /// Its source.
    pub source: SourceName,
    /// As the connector emitted it.
    pub document: Document,
    /// Which component emitted it; none for documents given through the API.
    pub plugin: Option<PluginRef>,
    /// The event it came with.
    pub event: EventId,
    /// That event's place in arrival order.
    pub position: i64,
    /// When the write set is made.
    pub now: Timestamp,
}

/// Turns documents into write sets. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    embedder: Arc<dyn Embedder>,
    cache: Arc<dyn EmbeddingCache>,
    analyst: Arc<Analyst>,
    batch_max: usize,
}

impl Pipeline {
    /// Builds the extraction rules; fails only on a defect in them (`INTERNAL`).
    pub fn new(
        embedder: Arc<dyn Embedder>,
        cache: Arc<dyn EmbeddingCache>,
        limits: &PipelineLimits,
        counter: TokenCounter,
    ) -> PortResult<Self> {
        let analyst = Arc::new(Analyst::new(limits, counter)?);
        Ok(Self { embedder, cache, analyst, batch_max: limits.embed_batch_max.max(1) })
    }

    /// Names the embedding model in use.
    pub fn model(&self) -> &str {
        self.embedder.model()
    }

    /// Makes one write set.
    ///
    /// Fails as the embedder does: `MODEL_MISSING` and `MODEL_CORRUPT` wait for a person, `MODEL_FAILED` may pass.
    pub async fn prepare(&self, input: Prepare) -> PortResult<WriteSet> {
        let mut made = self.prepare_many(vec![input]).await?;
        made.pop().ok_or_else(|| Failure::never(Code::INTERNAL, "a document gave no write set"))
    }

    /// Makes one write set a document, in order; their chunks are embedded together.
    pub async fn prepare_many(&self, inputs: Vec<Prepare>) -> PortResult<Vec<WriteSet>> {
        let analyst = Arc::clone(&self.analyst);
        // Cutting and searching a long text takes milliseconds of computing: not on the threads that answer requests.
        let analysed = tokio::task::spawn_blocking(move || {
            inputs.into_iter().map(|input| (analyst.analyse(&input.document), input)).collect::<Vec<_>>()
        })
        .await
        .map_err(|failed| Failure::never(Code::INTERNAL, format!("reading a document failed: {failed}")))?;
        let wanted =
            analysed.iter().flat_map(|(found, _)| &found.chunks).map(|piece| (piece.hash, piece.embedded.as_str()));
        let vectors = self.vectors(wanted.collect()).await?;
        analysed.into_iter().map(|(found, input)| write_set(input, found, &vectors, self.embedder.model())).collect()
    }

    /// The vector of a question.
    pub async fn embed_query(&self, text: &str) -> PortResult<Vec<f32>> {
        let made = self.embed(vec![text.to_owned()]).await?;
        made.into_iter().next().ok_or_else(|| broken_answer("no vector"))
    }

    /// The vectors of these texts by hash: from the cache, else made now and put there batch by batch.
    async fn vectors(&self, wanted: HashMap<Digest, &str>) -> PortResult<HashMap<Digest, Vec<f32>>> {
        let mut hashes: Vec<Digest> = wanted.keys().copied().collect();
        hashes.sort_unstable();
        let mut vectors = self.cached(&hashes).await;
        let missing: Vec<Digest> = hashes.into_iter().filter(|hash| !vectors.contains_key(hash)).collect();
        for batch in missing.chunks(self.batch_max) {
            let texts = batch.iter().filter_map(|hash| wanted.get(hash)).map(|&text| text.to_owned()).collect();
            let made: Vec<(Digest, Vec<f32>)> = batch.iter().copied().zip(self.embed(texts).await?).collect();
            if let Err(failure) = self.cache.put_many(self.embedder.model(), &made).await {
                tracing::warn!(%failure, "embeddings could not be cached; they will be made again when needed");
            }
            vectors.extend(made);
        }
        Ok(vectors)
    }

    /// What the cache knows. A cache that cannot be read costs time, not the document.
    async fn cached(&self, hashes: &[Digest]) -> HashMap<Digest, Vec<f32>> {
        if hashes.is_empty() {
            return HashMap::new();
        }
        match self.cache.get_many(self.embedder.model(), hashes).await {
            Ok(found) => hashes
                .iter()
                .zip(found)
                .filter_map(|(hash, vector)| Some((*hash, vector.filter(|v| v.len() == self.embedder.dimensions())?)))
                .collect(),
            Err(failure) => {
                tracing::warn!(%failure, "the embedding cache could not be read; embeddings are made again");
                HashMap::new()
            }
        }
    }

    async fn embed(&self, texts: Vec<String>) -> PortResult<Vec<Vec<f32>>> {
        let asked = texts.len();
        let made = self.embedder.embed(texts).await?;
        if made.len() != asked {
            return Err(broken_answer(&format!("{} vectors for {asked} texts", made.len())));
        }
        if made.iter().any(|v| v.len() != self.embedder.dimensions() || v.iter().any(|value| !value.is_finite())) {
            return Err(broken_answer("a vector of the wrong length or with values that are no numbers"));
        }
        Ok(made)
    }
}

fn broken_answer(what: &str) -> Failure {
    Failure::backoff(Code::MODEL_FAILED, format!("the embedding model answered {what}"))
        .next("run `apex doctor`; if it stays, run `apex model fetch`")
}

fn write_set(
    input: Prepare,
    found: Analysed,
    vectors: &HashMap<Digest, Vec<f32>>,
    model: &str,
) -> PortResult<WriteSet> {
    let content_hash = input.document.content_hash();
    let mut document = input.document;
    if document.op == Op::Upsert {
        document.entities.clone_from(&found.entities);
        if let Some(metadata) = found.metadata {
            document.metadata = metadata;
        }
    }
    let mut chunks = Vec::with_capacity(found.chunks.len());
    for (index, piece) in (0..).zip(found.chunks) {
        let embedding = vectors.get(&piece.hash).cloned().ok_or_else(|| broken_answer("too few vectors"))?;
        chunks.push(Chunk { index, text: piece.text, hash: piece.hash, embedding });
    }
    Ok(WriteSet {
        document_id: DocumentId::new(&input.source, &document.id),
        source: input.source,
        content_hash,
        chunks,
        entities: found.entities,
        relations: document.relations.clone(),
        embedding_model: model.to_owned(),
        plugin: input.plugin,
        event: input.event,
        position: input.position,
        made_at: input.now,
        document,
    })
}
