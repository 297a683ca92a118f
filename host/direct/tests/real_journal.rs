//! The direct path over the real journal and the real store: nothing is lost, nothing is counted twice, whatever is killed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use apex_config::limits::{DirectLimits, JournalLimits, PipelineLimits};
use apex_direct::{Direct, Parts};
use apex_journal::Journal;
use apex_model::Timestamp;
use apex_model::document::Document;
use apex_model::event::{Appended, EventOrigin, EventState, IngestPath, NewEvent, Tally};
use apex_model::failure::PortResult;
use apex_model::ids::{DocumentId, TraceId};
use apex_model::ports::{DeadLetters, DocumentReader, EventReader, Inbox};
use apex_model::source::Priority;
use apex_pipeline::{HashEmbedder, Pipeline, TokenCounter};
use apex_saga::Participants;
use apex_stores::EmbeddedStore;
use common::calls::FakeCalls;
use common::{document, limits, source};
use tokio_util::sync::CancellationToken;

struct Real {
    journal: Arc<Journal>,
    store: EmbeddedStore,
}

impl Real {
    async fn open(dir: &std::path::Path) -> Self {
        let folder = dir.join("journal");
        let journal = tokio::task::spawn_blocking(move || Journal::open(&folder, &JournalLimits::default())).await;
        Self { journal: journal.unwrap().unwrap(), store: EmbeddedStore::open(&dir.join("store.db")).await.unwrap() }
    }

    async fn close(self) {
        self.store.close().await;
        let journal = self.journal;
        tokio::task::spawn_blocking(move || journal.close()).await.unwrap().unwrap();
    }

    fn direct(&self, limits: DirectLimits) -> Direct {
        let store = Arc::new(self.store.clone());
        let counter = TokenCounter::words();
        let pipeline =
            Pipeline::new(Arc::new(HashEmbedder), store.clone(), &PipelineLimits::default(), counter).unwrap();
        let parts = Parts {
            queue: self.journal.clone(),
            cursors: self.journal.clone(),
            calls: Arc::new(FakeCalls::default()),
            pipeline,
            stores: Participants { relational: store, projections: vec![] },
            replies: std::path::PathBuf::new(),
            pressure: self.journal.pressure(),
        };
        Direct::new(parts, limits)
    }

    async fn append(&self, trace: u8, documents: &[Document]) -> PortResult<Appended> {
        let origin = EventOrigin {
            source: source(),
            path: IngestPath::Direct,
            priority: Priority::P2,
            received_at: Timestamp::now(),
            trace: TraceId([trace; 16]),
        };
        let event = NewEvent::from_documents(origin, documents).unwrap();
        let (done, answer) = tokio::sync::oneshot::channel();
        self.journal.append(
            event,
            Box::new(move |appended| {
                let _gone = done.send(appended);
            }),
        );
        answer.await.unwrap()
    }

    async fn tally(&self) -> Tally {
        let tallies = self.journal.tallies().await.unwrap();
        tallies.iter().fold(Tally::default(), |sum, (_, tally)| sum.plus(tally))
    }

    /// Waits until the counts satisfy `fits`; every look must be conserved.
    async fn wait(&self, what: &str, fits: impl Fn(&Tally) -> bool) -> Tally {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let tally = self.tally().await;
            assert!(tally.is_conserved(), "{tally:?}");
            if fits(&tally) {
                return tally;
            }
            assert!(Instant::now() < deadline, "waited thirty seconds for {what}: {tally:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn content(&self, id: &str) -> Option<String> {
        self.store.document(&DocumentId::new(&source(), id)).await.unwrap().map(|view| view.content)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_accepted_ends_and_the_counts_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let real = Real::open(dir.path()).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(real.direct(limits()).run(stop.clone()));
    // Forty documents, five states each; the last state twice: as a repeat and as the same content by another event.
    for state in 0..5_u8 {
        for n in 0..40 {
            real.append(state, &[document(&format!("d{n}"), &format!("state {state} of {n}"))]).await.unwrap();
        }
    }
    for n in 0..40 {
        let last = [document(&format!("d{n}"), &format!("state 4 of {n}"))];
        assert!(matches!(real.append(4, &last).await.unwrap(), Appended::Duplicate(_)));
        assert!(matches!(real.append(5, &last).await.unwrap(), Appended::New(_)));
    }
    let mut bad = document("bad", "words");
    bad.kind = "No Kind".to_owned();
    let dead = real.append(6, &[bad, document("good", "words")]).await.unwrap().id();
    let tally = real.wait("all to end", |tally| tally.in_flight == 0).await;
    assert_eq!((tally.accepted, tally.duplicate, tally.dead), (281, 40, 1));
    assert_eq!(tally.done + tally.superseded + tally.unchanged, 240);
    for n in 0..40 {
        assert_eq!(real.content(&format!("d{n}")).await, Some(format!("state 4 of {n}")));
    }
    assert_eq!(real.content("good").await.as_deref(), Some("words"));
    assert_eq!(real.store.check(None).await.unwrap(), Vec::<String>::new());
    let record = real.journal.event(dead).await.unwrap().unwrap();
    assert_eq!((record.state, record.outcomes.len()), (EventState::Dead, 2));

    // Replaying twice changes nothing.
    for _ in 0..2 {
        assert_eq!(real.journal.replay(&[dead]).await.unwrap(), [dead]);
        real.wait("the replay to end", |tally| tally.in_flight == 0 && tally.dead == 1).await;
    }
    assert_eq!(real.store.history(&DocumentId::new(&source(), "good")).await.unwrap().len(), 1);
    stop.cancel();
    running.await.unwrap();
    real.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_worker_held_comes_back_and_is_done_once() {
    let dir = tempfile::tempdir().unwrap();
    let real = Real::open(dir.path()).await;
    let limits = DirectLimits { lease_ms: 100, ..limits() };
    for n in 0..120 {
        real.append(0, &[document(&format!("d{n}"), &format!("words of {n}"))]).await.unwrap();
    }
    for kill in 1..=3_u64 {
        let running = tokio::spawn(real.direct(limits.clone()).run(CancellationToken::new()));
        real.wait("some to be done", |tally| tally.done >= kill * 10).await;
        running.abort();
        let _killed = running.await;
    }
    // And the process, too.
    real.close().await;
    let real = Real::open(dir.path()).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(real.direct(limits).run(stop.clone()));
    let tally = real.wait("all to end", |tally| tally.in_flight == 0).await;
    assert_eq!((tally.accepted, tally.done), (120, 120), "each was new, so each is done, and none is unchanged");
    for n in 0..120 {
        let history = real.store.history(&DocumentId::new(&source(), &format!("d{n}"))).await.unwrap();
        assert_eq!(history.len(), 1, "document d{n} was written twice");
    }
    assert_eq!(real.store.check(None).await.unwrap(), Vec::<String>::new());
    stop.cancel();
    running.await.unwrap();
    real.close().await;
}
