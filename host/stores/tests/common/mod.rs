//! Write sets and stores for the tests of this crate.
#![allow(dead_code, clippy::unwrap_used)]

use apex_model::Timestamp;
use apex_model::document::{Document, Entity, Op, Relation, Sequence};
use apex_model::ids::{Digest, DocumentId, EventId, SourceName, TraceId};
use apex_model::ports::RelationalStore;
use apex_model::saga::{Begun, Intent, StoreResult, Ticket};
use apex_model::write_set::{Chunk, WriteSet};
use apex_stores::EmbeddedStore;

pub const MODEL: &str = "test-model";

/// A store in a folder of its own, which is removed with it.
pub struct Fixture {
    pub store: EmbeddedStore,
    pub dir: tempfile::TempDir,
}

pub async fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&dir.path().join("store.db")).await.unwrap();
    Fixture { store, dir }
}

impl Fixture {
    pub async fn reopen(self) -> Self {
        self.store.close().await;
        let store = EmbeddedStore::open(&self.dir.path().join("store.db")).await.unwrap();
        Self { store, dir: self.dir }
    }
}

/// A document to be written: an id, words, a place in the journal.
#[derive(Clone)]
pub struct Draft {
    pub id: &'static str,
    pub words: String,
    pub position: i64,
    pub sequence: Option<u128>,
    pub op: Op,
    pub vectors: Vec<Vec<f32>>,
    pub entities: Vec<(&'static str, &'static str)>,
    pub relations: Vec<(&'static str, &'static str)>,
}

pub fn draft(id: &'static str, words: &str, position: i64) -> Draft {
    Draft {
        id,
        words: words.to_owned(),
        position,
        sequence: None,
        op: Op::Upsert,
        vectors: vec![vec![1.0, 0.0]],
        entities: vec![],
        relations: vec![],
    }
}

impl Draft {
    pub fn sequence(mut self, sequence: u128) -> Self {
        self.sequence = Some(sequence);
        self
    }

    pub fn delete(mut self) -> Self {
        (self.op, self.vectors, self.words) = (Op::Delete, vec![], String::new());
        self
    }

    pub fn vectors(mut self, vectors: &[[f32; 2]]) -> Self {
        self.vectors = vectors.iter().map(|vector| vector.to_vec()).collect();
        self
    }

    pub fn graph(
        mut self,
        entities: &[(&'static str, &'static str)],
        relations: &[(&'static str, &'static str)],
    ) -> Self {
        (self.entities, self.relations) = (entities.to_vec(), relations.to_vec());
        self
    }

    pub fn writes(&self) -> WriteSet {
        let source = SourceName::parse("front").unwrap();
        let document = Document {
            id: self.id.to_owned(),
            kind: "note".to_owned(),
            op: self.op,
            title: format!("title of {}", self.words),
            content: self.words.clone(),
            media_type: "text/plain".to_owned(),
            occurred_at: None,
            sequence: self.sequence.map(Sequence),
            metadata: "{}".to_owned(),
            entities: vec![],
            relations: vec![],
            attachments: vec![],
        };
        let kind = |key: &str| key.split(':').next().unwrap().to_owned();
        let chunk = |(place, vector): (usize, &Vec<f32>)| Chunk {
            index: u32::try_from(place).unwrap(),
            text: format!("{} {place}", self.words),
            hash: Digest::of(format!("{} {place}", self.words).as_bytes()),
            embedding: vector.clone(),
        };
        WriteSet {
            document_id: DocumentId::new(&source, self.id),
            content_hash: document.content_hash(),
            chunks: self.vectors.iter().enumerate().map(chunk).collect(),
            entities: self
                .entities
                .iter()
                .map(|(key, name)| Entity { key: (*key).to_owned(), kind: kind(key), name: (*name).to_owned() })
                .collect(),
            relations: self
                .relations
                .iter()
                .map(|(from, to)| Relation { from: (*from).to_owned(), kind: "joins".to_owned(), to: (*to).to_owned() })
                .collect(),
            embedding_model: MODEL.to_owned(),
            plugin: None,
            event: EventId::of(&source, &format!("event {}", self.position)),
            position: self.position,
            made_at: Timestamp::from_unix_ms(0),
            source,
            document,
        }
    }

    pub fn intent(&self) -> Intent {
        let writes = self.writes();
        Intent {
            document_id: writes.document_id,
            op: self.op,
            content_hash: writes.content_hash,
            sequence: writes.document.sequence,
            position: self.position,
            event: writes.event,
            trace: TraceId([1; 16]),
        }
    }

    pub fn document_id(&self) -> DocumentId {
        self.writes().document_id
    }

    pub async fn begin(&self, store: &EmbeddedStore) -> Begun {
        store.begin(self.intent()).await.unwrap()
    }

    pub async fn ticket(&self, store: &EmbeddedStore) -> Ticket {
        match self.begin(store).await {
            Begun::Go(ticket) => ticket,
            other => panic!("expected a ticket, got {other:?}"),
        }
    }

    pub async fn commit(&self, store: &EmbeddedStore, ticket: &Ticket) -> StoreResult<()> {
        store.commit(ticket, &self.writes()).await
    }

    /// Begins and commits.
    pub async fn put(&self, store: &EmbeddedStore) -> Ticket {
        let ticket = self.ticket(store).await;
        self.commit(store, &ticket).await.unwrap();
        ticket
    }
}
