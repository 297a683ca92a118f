//! In-memory fakes of the ports the direct path works with, and a host made of them with a real store and pipeline.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

pub mod calls;
pub mod journal;

use std::sync::Arc;
use std::time::{Duration, Instant};

use apex_config::limits::{DirectLimits, PipelineLimits};
use apex_direct::{Direct, Parts};
use apex_model::document::{Document, Op};
use apex_model::event::{EventKind, EventOrigin, IngestPath, NewEvent};
use apex_model::ids::{EventId, SourceName, TraceId};
use apex_model::ports::{Embedder, RelationalStore};
use apex_model::source::Priority;
use apex_model::{Pressure, Timestamp};
use apex_pipeline::{HashEmbedder, Pipeline, TokenCounter};
use apex_saga::Participants;
use apex_stores::EmbeddedStore;
use tokio_util::sync::CancellationToken;

use self::calls::FakeCalls;
use self::journal::FakeJournal;

/// A host of fakes around a real store, in a folder that is removed with it.
pub struct Host {
    pub journal: Arc<FakeJournal>,
    pub calls: Arc<FakeCalls>,
    pub store: EmbeddedStore,
    pub dir: tempfile::TempDir,
    pub stop: CancellationToken,
    pub limits: DirectLimits,
    pub embedder: Arc<dyn Embedder>,
    pub pressure: Pressure,
    running: Option<tokio::task::JoinHandle<()>>,
}

pub fn limits() -> DirectLimits {
    DirectLimits {
        lease_ms: 3_000,
        backoff_ms_min: 1,
        backoff_ms_max: 2,
        hold_ms: 20,
        stop_ms_max: 2_000,
        ..DirectLimits::default()
    }
}

pub fn source() -> SourceName {
    SourceName::parse("front").unwrap()
}

impl Host {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(&dir.path().join("store.db")).await.unwrap();
        Self {
            journal: Arc::default(),
            calls: Arc::default(),
            store,
            dir,
            stop: CancellationToken::new(),
            limits: limits(),
            embedder: Arc::new(HashEmbedder),
            pressure: Pressure::default(),
            running: None,
        }
    }

    pub fn parts(&self, relational: Arc<dyn RelationalStore>) -> Parts {
        let pipeline = Pipeline::new(
            Arc::clone(&self.embedder),
            Arc::new(self.store.clone()),
            &PipelineLimits::default(),
            TokenCounter::words(),
        );
        Parts {
            queue: self.journal.clone(),
            cursors: self.journal.clone(),
            calls: self.calls.clone(),
            pipeline: pipeline.unwrap(),
            stores: Participants { relational, projections: vec![] },
            replies: self.dir.path().join("replies"),
            pressure: self.pressure.clone(),
        }
    }

    /// Starts the direct path over the embedded store.
    pub fn start(&mut self) {
        self.start_with(Arc::new(self.store.clone()));
    }

    /// Starts the direct path over another relational store.
    pub fn start_with(&mut self, relational: Arc<dyn RelationalStore>) {
        let direct = Direct::new(self.parts(relational), self.limits.clone());
        self.running = Some(tokio::spawn(direct.run(self.stop.clone())));
    }

    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            running.await.unwrap();
        }
    }

    /// Takes these documents in as one event.
    pub fn documents(&self, key: &str, documents: &[Document]) -> EventId {
        self.event(key, EventKind::Document, serde_json::to_vec(documents).unwrap(), "")
    }

    pub fn event(&self, key: &str, kind: EventKind, body: Vec<u8>, label: &str) -> EventId {
        self.event_of(&source(), key, kind, body, label)
    }

    pub fn event_of(&self, source: &SourceName, key: &str, kind: EventKind, body: Vec<u8>, label: &str) -> EventId {
        let origin = EventOrigin {
            source: source.clone(),
            path: IngestPath::Direct,
            priority: Priority::P2,
            received_at: Timestamp::now(),
            trace: TraceId([7; 16]),
        };
        let event = NewEvent {
            id: EventId::of(source, key),
            kind,
            event_key: key.to_owned(),
            label: label.to_owned(),
            ..NewEvent::from_file(origin, label, body.into())
        };
        let id = event.id;
        self.journal.put(event);
        id
    }
}

pub fn document(id: &str, content: &str) -> Document {
    Document {
        id: id.to_owned(),
        kind: "note".to_owned(),
        op: Op::Upsert,
        title: format!("note {id}"),
        content: content.to_owned(),
        media_type: "text/plain".to_owned(),
        occurred_at: None,
        sequence: None,
        metadata: "{}".to_owned(),
        entities: vec![],
        relations: vec![],
        attachments: vec![],
    }
}

/// Waits until the condition holds; fails after ten seconds.
pub async fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "waited ten seconds for: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
