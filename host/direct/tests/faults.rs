//! What goes wrong behind the connector: stores out of reach, workers that race, models that fail.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use apex_model::event::{EventEnd, EventState};
use apex_model::failure::PortResult;
use apex_model::ids::{DocumentId, EventId};
use apex_model::ports::{BoxFuture, DocumentReader, Embedder, RelationalStore};
use apex_model::saga::{Begun, Intent, SagaState, StoreFault, StoreResult, Ticket};
use apex_model::write_set::WriteSet;
use apex_model::{Code, Failure};
use apex_pipeline::HashEmbedder;
use apex_stores::EmbeddedStore;
use common::{Host, document, source, wait_for};

async fn ended(host: &Host, id: EventId) -> EventEnd {
    wait_for("the event to end", || host.journal.ended(id).is_some()).await;
    host.journal.last_end(id).unwrap()
}

/// The embedded store with faults in front of its commit.
struct Flaky {
    store: EmbeddedStore,
    script: Mutex<Script>,
}

#[derive(Default)]
struct Script {
    /// Answers of the next commits; then they are done.
    commits: Vec<StoreFault>,
    /// Documents being written at this moment.
    writing: HashMap<DocumentId, u32>,
    most_writing: u32,
}

impl Flaky {
    fn new(host: &Host, commits: Vec<StoreFault>) -> Arc<Self> {
        let script = Mutex::new(Script { commits, ..Script::default() });
        Arc::new(Self { store: host.store.clone(), script })
    }
}

impl RelationalStore for Flaky {
    fn begin(&self, intent: Intent) -> BoxFuture<'_, StoreResult<Begun>> {
        self.store.begin(intent)
    }

    fn record<'a>(&'a self, ticket: &'a Ticket, state: SagaState) -> BoxFuture<'a, StoreResult<()>> {
        self.store.record(ticket, state)
    }

    fn stage<'a>(&'a self, ticket: &'a Ticket, writes: &'a WriteSet) -> BoxFuture<'a, StoreResult<()>> {
        self.store.stage(ticket, writes)
    }

    fn commit<'a>(&'a self, ticket: &'a Ticket, writes: &'a WriteSet) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async move {
            {
                let mut script = self.script.lock().unwrap();
                if !script.commits.is_empty() {
                    return Err(script.commits.remove(0));
                }
                let now = script.writing.entry(ticket.document_id.clone()).or_default();
                *now += 1;
                let now = *now;
                script.most_writing = script.most_writing.max(now);
            }
            let answer = self.store.commit(ticket, writes).await;
            *self.script.lock().unwrap().writing.get_mut(&ticket.document_id).unwrap() -= 1;
            answer
        })
    }

    fn undo<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, StoreResult<()>> {
        self.store.undo(ticket)
    }

    fn finalise<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, StoreResult<()>> {
        self.store.finalise(ticket)
    }
}

fn failure(what: &str) -> Failure {
    Failure::backoff(Code::STORE_WRITE, what)
}

#[tokio::test]
async fn a_store_out_of_reach_kills_no_event_however_long_it_lasts() {
    let mut host = Host::new().await;
    host.limits.attempts_max = 1;
    let down = vec![StoreFault::Unreachable(failure("no connection")); 20];
    let flaky = Flaky::new(&host, down);
    let id = host.documents("k", &[document("a", "words")]);
    host.start_with(flaky);
    ended(&host, id).await;
    assert_eq!(host.journal.ended(id), Some(EventState::Done));
    let given_back = host.journal.state().ends.iter().filter(|(_, end)| matches!(end, EventEnd::Retry { .. })).count();
    assert_eq!(given_back, 20);
    host.stop().await;
}

#[tokio::test]
async fn a_store_that_says_no_is_asked_up_to_the_limit() {
    let mut host = Host::new().await;
    host.limits.attempts_max = 4;
    let flaky = Flaky::new(&host, vec![StoreFault::Refused(failure("no room for it")); 20]);
    let id = host.documents("k", &[document("a", "words")]);
    host.start_with(flaky.clone());
    let EventEnd::Dead { failure, .. } = ended(&host, id).await else { panic!("not dead") };
    assert_eq!(failure.code, Code::ATTEMPTS_EXHAUSTED);
    assert!(failure.what.contains("no room for it"), "{}", failure.what);
    assert_eq!(flaky.script.lock().unwrap().commits.len(), 16);
    host.stop().await;
}

#[tokio::test]
async fn a_lost_race_begins_again_at_once() {
    let mut host = Host::new().await;
    let flaky = Flaky::new(&host, vec![StoreFault::Fenced; 3]);
    let id = host.documents("k", &[document("a", "words")]);
    host.start_with(flaky);
    ended(&host, id).await;
    assert_eq!(host.journal.ended(id), Some(EventState::Done));
    assert_eq!(host.journal.state().ends.len(), 1, "the event was given back for a race");
    host.stop().await;
}

#[tokio::test]
async fn a_commit_without_an_answer_is_found_done() {
    let mut host = Host::new().await;
    let flaky = Flaky::new(&host, vec![StoreFault::Unknown(failure("no answer")); 3]);
    let id = host.documents("k", &[document("a", "words")]);
    host.start_with(flaky);
    ended(&host, id).await;
    assert_eq!(host.journal.ended(id), Some(EventState::Done));
    assert_eq!(host.store.history(&DocumentId::new(&source(), "a")).await.unwrap().len(), 1);
    host.stop().await;
}

#[tokio::test]
async fn one_document_is_written_by_one_event_at_a_time() {
    let mut host = Host::new().await;
    let flaky = Flaky::new(&host, vec![]);
    let ids: Vec<EventId> = (0..30)
        .map(|n| host.documents(&n.to_string(), &[document("a", &format!("{n}")), document("b", &format!("{n}"))]))
        .collect();
    host.start_with(flaky.clone());
    for id in ids {
        ended(&host, id).await;
    }
    assert_eq!(flaky.script.lock().unwrap().most_writing, 1);
    host.stop().await;
}

/// An embedder that refuses some texts for ever, or everything until it is mended, and counts what comes together.
#[derive(Default)]
struct Picky {
    refuses: &'static str,
    missing: Mutex<u32>,
    most_texts: Mutex<usize>,
}

impl Embedder for Picky {
    fn model(&self) -> &str {
        HashEmbedder.model()
    }

    fn dimensions(&self) -> usize {
        HashEmbedder.dimensions()
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, PortResult<Vec<Vec<f32>>>> {
        Box::pin(async move {
            {
                let mut most = self.most_texts.lock().unwrap();
                *most = (*most).max(texts.len());
                let mut missing = self.missing.lock().unwrap();
                if *missing > 0 {
                    *missing -= 1;
                    return Err(Failure::hold(Code::MODEL_MISSING, "no weights"));
                }
            }
            if !self.refuses.is_empty() && texts.iter().any(|text| text.contains(self.refuses)) {
                return Err(Failure::never(Code::MODEL_FAILED, "this text cannot be embedded"));
            }
            HashEmbedder.embed(texts).await
        })
    }
}

#[tokio::test]
async fn a_document_that_cannot_be_embedded_dies_alone() {
    let mut host = Host::new().await;
    host.embedder = Arc::new(Picky { refuses: "poison", ..Picky::default() });
    let good: Vec<EventId> =
        (0..8).map(|n| host.documents(&n.to_string(), &[document(&format!("g{n}"), "fine words")])).collect();
    let bad = host.documents("bad", &[document("p", "poison"), document("q", "also fine")]);
    host.start();
    for id in good {
        ended(&host, id).await;
        assert_eq!(host.journal.ended(id), Some(EventState::Done));
    }
    let EventEnd::Dead { failure, outcomes, .. } = ended(&host, bad).await else { panic!("not dead") };
    assert_eq!(failure.code, Code::MODEL_FAILED);
    assert!(outcomes.iter().any(|outcome| outcome.state == EventState::Done));
    host.stop().await;
}

#[tokio::test]
async fn a_missing_model_holds_events_and_costs_no_attempt() {
    let mut host = Host::new().await;
    host.limits.attempts_max = 1;
    host.limits.hold_ms = 2;
    host.embedder = Arc::new(Picky { missing: Mutex::new(5), ..Picky::default() });
    let id = host.documents("k", &[document("a", "words")]);
    host.start();
    ended(&host, id).await;
    assert_eq!(host.journal.ended(id), Some(EventState::Done));
    host.stop().await;
}

#[tokio::test]
async fn events_that_wait_together_are_embedded_together() {
    let mut host = Host::new().await;
    let embedder = Arc::new(Picky::default());
    host.embedder = embedder.clone();
    let ids: Vec<EventId> = (0..32)
        .map(|n| host.documents(&n.to_string(), &[document(&format!("d{n}"), &format!("number {n} alone"))]))
        .collect();
    host.start();
    for id in ids {
        ended(&host, id).await;
    }
    let most = *embedder.most_texts.lock().unwrap();
    assert!(most > 4, "at most {most} texts of 32 events with one each came together");
    host.stop().await;
}
