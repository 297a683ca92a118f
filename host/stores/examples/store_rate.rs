//! Measures the embedded store on this machine: commits a second, and the time of an exact search over many vectors.
//!
//! `cargo run --release -p apex-stores --example store_rate [documents]`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss)]

use std::time::Instant;

use apex_model::Timestamp;
use apex_model::ids::{Digest, DocumentId, EventId, SourceName, TraceId};
use apex_model::ports::{DocumentReader, RelationalStore};
use apex_model::reading::SearchQuery;
use apex_model::saga::{Begun, Intent};
use apex_model::write_set::{Chunk, WriteSet};
use apex_stores::EmbeddedStore;
use futures_util::{StreamExt, stream};

const CHUNKS: u32 = 5;
const DIMENSIONS: usize = 384;
const AT_ONCE: usize = 64;

/// A unit vector that differs with every seed.
fn vector(seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f32::from(u16::try_from(state >> 48).unwrap()) / 32_768.0 - 1.0
    };
    let values: Vec<f32> = (0..DIMENSIONS).map(|_| next()).collect();
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter().map(|value| value / length).collect()
}

fn writes(n: u64) -> WriteSet {
    let source = SourceName::parse("bench").unwrap();
    let document = serde_json::json!({ "id": n.to_string(), "kind": "note", "content": format!("document {n}") });
    let document: apex_model::document::Document = serde_json::from_value(document).unwrap();
    let chunk = |index: u32| {
        let text = format!("chunk {index} of document {n}, {}", "with about a thousand letters of text ".repeat(25));
        Chunk { index, hash: Digest::of(text.as_bytes()), text, embedding: vector(n * 10 + u64::from(index)) }
    };
    WriteSet {
        document_id: DocumentId::new(&source, &document.id),
        content_hash: document.content_hash(),
        chunks: (0..CHUNKS).map(chunk).collect(),
        entities: vec![],
        relations: vec![],
        embedding_model: "bench".to_owned(),
        plugin: None,
        event: EventId::of(&source, &n.to_string()),
        position: i64::try_from(n).unwrap(),
        made_at: Timestamp::from_unix_ms(0),
        source,
        document,
    }
}

async fn put(store: &EmbeddedStore, n: u64) {
    let writes = writes(n);
    let intent = Intent {
        document_id: writes.document_id.clone(),
        op: writes.document.op,
        content_hash: writes.content_hash,
        sequence: None,
        position: writes.position,
        event: writes.event,
        trace: TraceId([0; 16]),
    };
    if let Begun::Go(ticket) = store.begin(intent).await.unwrap() {
        store.commit(&ticket, &writes).await.unwrap();
    }
}

#[tokio::main]
async fn main() {
    let documents: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&dir.path().join("store.db")).await.unwrap();
    let begun = Instant::now();
    stream::iter(0..documents).for_each_concurrent(AT_ONCE, |n| put(&store, n)).await;
    let rate = documents as f64 / begun.elapsed().as_secs_f64();
    println!("{documents} documents of {CHUNKS} chunks: {rate:.0} commits a second, {AT_ONCE} at once");

    let query = |seed| SearchQuery {
        vector: vector(seed),
        embedding_model: "bench".to_owned(),
        source: None,
        kind: None,
        limit: 10,
    };
    let begun = Instant::now();
    let hits = store.search(query(0)).await.unwrap();
    println!("first search, loading {} vectors: {:?}", documents * u64::from(CHUNKS), begun.elapsed());
    assert_eq!(hits.first().map(|hit| hit.document_id.as_str()), Some("bench:0"));
    let mut times = Vec::new();
    for n in 1..=50 {
        let begun = Instant::now();
        store.search(query(n * 10)).await.unwrap();
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    println!("50 searches: median {:?}, slowest {:?}", times.get(25).unwrap(), times.last().unwrap());
    store.close().await;
}
