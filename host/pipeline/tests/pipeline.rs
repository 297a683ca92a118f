//! The pipeline as its users see it: documents in, write sets out, with a cache that counts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use apex_config::limits::PipelineLimits;
use apex_model::document::{Document, Entity};
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, EventId, SourceName};
use apex_model::ports::{BoxFuture, Embedder, EmbeddingCache};
use apex_model::{Code, Failure, Timestamp};
use apex_pipeline::{HashEmbedder, Pipeline, Prepare, TokenCounter};

#[derive(Default)]
struct MapCache {
    known: Mutex<HashMap<(String, Digest), Vec<f32>>>,
    broken: bool,
}

impl EmbeddingCache for MapCache {
    fn get_many<'a>(
        &'a self,
        model: &'a str,
        hashes: &'a [Digest],
    ) -> BoxFuture<'a, PortResult<Vec<Option<Vec<f32>>>>> {
        let known = self.known.lock().unwrap();
        let found = hashes.iter().map(|hash| known.get(&(model.to_owned(), *hash)).cloned()).collect();
        let answer = if self.broken { Err(Failure::backoff(Code::STORE_READ, "broken")) } else { Ok(found) };
        Box::pin(async move { answer })
    }

    fn put_many<'a>(&'a self, model: &'a str, entries: &'a [(Digest, Vec<f32>)]) -> BoxFuture<'a, PortResult<()>> {
        if self.broken {
            return Box::pin(async { Err(Failure::backoff(Code::STORE_WRITE, "broken")) });
        }
        let mut known = self.known.lock().unwrap();
        known.extend(entries.iter().map(|(hash, vector)| ((model.to_owned(), *hash), vector.clone())));
        Box::pin(async { Ok(()) })
    }
}

#[derive(Default)]
struct Counting {
    texts: AtomicUsize,
    largest_batch: AtomicUsize,
}

impl Embedder for Counting {
    fn model(&self) -> &str {
        HashEmbedder.model()
    }

    fn dimensions(&self) -> usize {
        HashEmbedder.dimensions()
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, PortResult<Vec<Vec<f32>>>> {
        self.texts.fetch_add(texts.len(), Ordering::SeqCst);
        self.largest_batch.fetch_max(texts.len(), Ordering::SeqCst);
        Box::pin(async move { HashEmbedder.embed(texts).await })
    }
}

/// Answers one vector too few.
struct Short;

impl Embedder for Short {
    fn model(&self) -> &'static str {
        "short"
    }

    fn dimensions(&self) -> usize {
        1
    }

    fn embed(&self, _: Vec<String>) -> BoxFuture<'_, PortResult<Vec<Vec<f32>>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn document(json: serde_json::Value) -> Document {
    serde_json::from_value(json).unwrap()
}

fn input(document: Document) -> Prepare {
    let source = SourceName::parse("mail").unwrap();
    let event = EventId::of(&source, &document.id);
    Prepare { source, document, plugin: None, event, position: 7, now: Timestamp::from_unix_ms(1_000) }
}

fn pipeline(embedder: Arc<dyn Embedder>, cache: Arc<dyn EmbeddingCache>) -> Pipeline {
    Pipeline::new(embedder, cache, &PipelineLimits::default(), TokenCounter::words()).unwrap()
}

fn long_text(sentences: usize) -> String {
    (0..sentences).map(|n| format!("Truck {n} left the yard in good order.")).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_document_becomes_a_write_set() {
    let pipeline = pipeline(Arc::new(HashEmbedder), Arc::new(MapCache::default()));
    let given = document(serde_json::json!({
        "id": "cnv_1", "kind": "conversation", "title": "Late pickup", "content": "<p>Write to Jane.Doe@Acme.example.com.</p>",
        "media_type": "text/html", "metadata": "{\"n\": 12345678901234567890}",
        "entities": [{"key": "email:jane.doe@acme.example.com", "kind": "person", "name": "Jane Doe"},
                     {"key": "shipment:1", "kind": "shipment", "name": "1"}],
        "relations": [{"from": "email:jane.doe@acme.example.com", "kind": "asks_for", "to": "shipment:1"}]
    }));
    let made = pipeline.prepare(input(given.clone())).await.unwrap();
    assert_eq!(made.document_id.as_str(), "mail:cnv_1");
    assert_eq!(made.content_hash, given.content_hash());
    assert_eq!(
        (made.position, made.made_at, made.embedding_model.as_str()),
        (7, Timestamp::from_unix_ms(1_000), "hashing-v1")
    );
    assert_eq!(made.chunks.len(), 1);
    assert_eq!(made.chunks[0].text, "Write to Jane.Doe@Acme.example.com.");
    assert_eq!(made.chunks[0].hash, Digest::of(b"Late pickup\nWrite to Jane.Doe@Acme.example.com."));
    assert_eq!(made.chunks[0].embedding.len(), 384);
    let jane = made.entities.iter().find(|entity| entity.key == "email:jane.doe@acme.example.com").unwrap();
    assert_eq!(jane, &Entity { key: jane.key.clone(), kind: "person".into(), name: "Jane Doe".into() });
    assert_eq!(made.relations, given.relations);
    assert_eq!(made.document.metadata, given.metadata);
    assert_eq!(made.document.content, given.content);
}

#[tokio::test]
async fn a_delete_has_no_chunks_and_no_entities() {
    let embedder = Arc::new(Counting::default());
    let pipeline = pipeline(embedder.clone(), Arc::new(MapCache::default()));
    let given = document(serde_json::json!({"id": "x", "kind": "note", "op": "delete", "content": "a@b.example.com"}));
    let made = pipeline.prepare(input(given)).await.unwrap();
    assert!(made.chunks.is_empty() && made.entities.is_empty());
    assert_eq!(embedder.texts.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_title_alone_is_searched_and_nothing_is_not() {
    let pipeline = pipeline(Arc::new(HashEmbedder), Arc::new(MapCache::default()));
    let titled = document(serde_json::json!({"id": "x", "kind": "note", "title": "Dock closed"}));
    assert_eq!(pipeline.prepare(input(titled)).await.unwrap().chunks[0].text, "Dock closed");
    let blank = document(serde_json::json!({"id": "x", "kind": "note", "content": " \n"}));
    assert!(pipeline.prepare(input(blank)).await.unwrap().chunks.is_empty());
}

#[tokio::test]
async fn chunks_of_many_documents_are_embedded_together_once() {
    let embedder = Arc::new(Counting::default());
    let pipeline = pipeline(embedder.clone(), Arc::new(MapCache::default()));
    let inputs: Vec<Prepare> = (0..40)
        // Twenty texts, each twice.
        .map(|n| {
            document(serde_json::json!({"id": n.to_string(), "kind": "note", "content": format!("Text {}", n % 20)}))
        })
        .map(input)
        .collect();
    let made = pipeline.prepare_many(inputs.clone()).await.unwrap();
    assert_eq!(
        made.iter().map(|set| set.document.id.as_str()).collect::<Vec<_>>(),
        (0..40).map(|n| n.to_string()).collect::<Vec<_>>()
    );
    assert_eq!(embedder.texts.load(Ordering::SeqCst), 20);
    assert_eq!(embedder.largest_batch.load(Ordering::SeqCst), 16);
    let again = pipeline.prepare_many(inputs).await.unwrap();
    assert_eq!(embedder.texts.load(Ordering::SeqCst), 20, "the second time everything is in the cache");
    assert_eq!(again[5].chunks, made[5].chunks);
}

#[tokio::test]
async fn a_broken_cache_costs_time_and_not_the_document() {
    let cache = MapCache { broken: true, ..MapCache::default() };
    let pipeline = pipeline(Arc::new(HashEmbedder), Arc::new(cache));
    let made =
        pipeline.prepare(input(document(serde_json::json!({"id": "x", "kind": "note", "content": "Hi."})))).await;
    assert_eq!(made.unwrap().chunks.len(), 1);
}

#[tokio::test]
async fn a_model_that_answers_too_little_is_a_failure_that_may_pass() {
    let pipeline = pipeline(Arc::new(Short), Arc::new(MapCache::default()));
    let failed =
        pipeline.prepare(input(document(serde_json::json!({"id": "x", "kind": "note", "content": "Hi."})))).await;
    assert_eq!(failed.unwrap_err().code, Code::MODEL_FAILED);
    assert_eq!(pipeline.embed_query("x").await.unwrap_err().code, Code::MODEL_FAILED);
}

#[tokio::test]
async fn too_long_a_text_is_cut_and_says_so() {
    let limits = PipelineLimits { document_chunks_max: 3, ..PipelineLimits::default() };
    let pipeline =
        Pipeline::new(Arc::new(HashEmbedder), Arc::new(MapCache::default()), &limits, TokenCounter::words()).unwrap();
    let content = long_text(200);
    let given = document(
        serde_json::json!({"id": "x", "kind": "note", "content": content, "metadata": "{\"id\": 12345678901234567890123}"}),
    );
    let made = pipeline.prepare(input(given)).await.unwrap();
    assert_eq!(made.chunks.len(), 3);
    assert_eq!(made.document.content, content, "what is kept is whole");
    assert!(made.document.metadata.starts_with("{\"id\": 12345678901234567890123,\"apex_searched_bytes\":"));
    let metadata: serde_json::Value = serde_json::from_str(&made.document.metadata).unwrap();
    assert_eq!(metadata["apex_text_bytes"], content.trim().len());
    assert!(metadata["apex_searched_bytes"].as_u64().unwrap() < content.len() as u64);
}

#[tokio::test]
async fn neighbouring_chunks_share_a_sentence_and_carry_the_title() {
    let pipeline = pipeline(Arc::new(HashEmbedder), Arc::new(MapCache::default()));
    let given = document(serde_json::json!({"id": "x", "kind": "note", "title": "Yard log", "content": long_text(60)}));
    let made = pipeline.prepare(input(given)).await.unwrap();
    assert!(made.chunks.len() > 1);
    for pair in made.chunks.windows(2) {
        let shared = pair[1].text.split_inclusive(". ").next().unwrap().trim();
        assert!(pair[0].text.contains(shared), "{shared} opens the next chunk but is not in this one");
        assert_eq!(pair[1].index, pair[0].index + 1);
    }
    for chunk in &made.chunks {
        assert_eq!(chunk.hash, Digest::of(format!("Yard log\n{}", chunk.text).as_bytes()));
    }
}
