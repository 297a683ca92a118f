//! What the tests share: a journal in a temporary directory with a clock that can be moved, and short words for its operations.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use apex_config::limits::{JournalLimits, PluginLimits};
use apex_model::event::{
    Appended, ClaimedEvent, EventEnd, EventKind, EventRecord, EventState, IngestPath, NewEvent, Tally,
};
use apex_model::failure::PortResult;
use apex_model::ids::{EventId, SourceName, TraceId};
use apex_model::ports::{EventReader, Inbox, WorkQueue};
use apex_model::source::Priority;
use apex_model::{Code, Failure, Timestamp};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::Journal;
use crate::clock::Clock;
use crate::command::{Job, Op, Outcome, Reply};

pub(super) const LEASE: Duration = Duration::from_mins(1);
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Kit {
    pub(super) dir: TempDir,
    pub(super) clock: Clock,
    pub(super) limits: JournalLimits,
    pub(super) quota: PluginLimits,
    pub(super) journal: Arc<Journal>,
    failing: Arc<AtomicU32>,
}

impl Kit {
    pub(super) fn new() -> Self {
        Self::with(JournalLimits::default(), PluginLimits::default())
    }

    pub(super) fn windows_of(window_rows: u32) -> Self {
        Self::with(JournalLimits { window_rows, ..JournalLimits::default() }, PluginLimits::default())
    }

    pub(super) fn with(limits: JournalLimits, quota: PluginLimits) -> Self {
        let dir = TempDir::new().unwrap();
        let (clock, failing) = (Clock::default(), Arc::default());
        let journal = open(dir.path(), &limits, &quota, &clock, &failing);
        Self { dir, clock, limits, quota, journal, failing }
    }

    pub(super) fn reopen(&mut self) {
        self.journal.close().unwrap();
        self.journal = self.open(self.dir.path());
    }

    pub(super) fn open(&self, dir: &Path) -> Arc<Journal> {
        open(dir, &self.limits, &self.quota, &self.clock, &self.failing)
    }

    /// Lets the next commits fail: SQLite rolls them back.
    pub(super) fn fail_commits(&self, count: u32) {
        self.failing.store(count, Ordering::SeqCst);
    }

    /// Does something while the writer is held: what is queued then becomes one group.
    pub(super) fn while_held<T>(&self, act: impl FnOnce() -> T) -> T {
        let ((entered, held), (release, released)) = (mpsc::sync_channel(1), mpsc::sync_channel(1));
        let answer = self.start(Op::Hold(entered, released));
        held.recv_timeout(PATIENCE).unwrap();
        let result = act();
        release.send(()).unwrap();
        wait(answer).unwrap().unwrap();
        result
    }

    /// Queues an operation.
    pub(super) fn start(&self, op: Op) -> oneshot::Receiver<PortResult<Outcome>> {
        let (sender, receiver) = oneshot::channel();
        self.journal.shared.queue.push(Job { op, reply: Reply::Ask(sender) });
        receiver
    }

    /// Queues an append.
    pub(super) fn start_append(&self, event: NewEvent) -> mpsc::Receiver<PortResult<Appended>> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.journal.append(event, Box::new(move |answer| drop(sender.send(answer))));
        receiver
    }

    /// Appends all at once, so that they may share a group; answers in order.
    pub(super) fn append_all(&self, events: Vec<NewEvent>) -> Vec<PortResult<Appended>> {
        append_all(&self.journal, events)
    }

    pub(super) fn append(&self, event: NewEvent) -> PortResult<Appended> {
        self.append_all(vec![event]).remove(0)
    }

    pub(super) fn claim(&self, limit: u32) -> Vec<ClaimedEvent> {
        wait(self.journal.claim(limit, LEASE, &[])).unwrap()
    }

    pub(super) fn finish(&self, event: &ClaimedEvent, end: EventEnd) -> PortResult<()> {
        wait(self.journal.finish(event.claim, end))
    }

    pub(super) fn record(&self, id: EventId) -> Option<EventRecord> {
        wait(self.journal.event(id)).unwrap()
    }

    /// All sources together; every read must add up.
    pub(super) fn tally(&self) -> Tally {
        let tallies = wait(self.journal.tallies()).unwrap();
        for (source, tally) in &tallies {
            assert!(tally.is_conserved(), "{source}: {tally:?}");
        }
        tallies.iter().fold(Tally::default(), |sum, (_, tally)| sum.plus(tally))
    }

    pub(super) fn sql(&self, text: &str) {
        wait(self.journal.ask(Op::Sql(text.to_owned()))).unwrap();
    }
}

fn open(
    dir: &Path,
    limits: &JournalLimits,
    quota: &PluginLimits,
    clock: &Clock,
    failing: &Arc<AtomicU32>,
) -> Arc<Journal> {
    let journal = Journal::open_at(dir, limits, quota, clock.clone()).unwrap();
    wait(journal.ask(Op::FailCommits(Arc::clone(failing)))).unwrap();
    journal
}

pub(super) fn append_all(journal: &Journal, events: Vec<NewEvent>) -> Vec<PortResult<Appended>> {
    let count = events.len();
    let (sender, receiver) = mpsc::sync_channel(count);
    for (number, event) in events.into_iter().enumerate() {
        let sender = sender.clone();
        journal.append(event, Box::new(move |answer| drop(sender.send((number, answer)))));
    }
    let mut answers: Vec<_> = (0..count).map(|_| receiver.recv_timeout(PATIENCE).unwrap()).collect();
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Waits, but not forever.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("an answer within 20 s") })
}

/// Waits until it holds, but not forever.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(std::time::Instant::now() < end, "not within 20 s: {what}");
        std::thread::yield_now();
    }
}

pub(super) fn source(name: &str) -> SourceName {
    SourceName::parse(name).unwrap()
}

pub(super) fn event_of(name: &str, key: &str) -> NewEvent {
    let source = source(name);
    NewEvent {
        id: EventId::of(&source, key),
        source,
        kind: EventKind::Webhook,
        event_key: key.to_owned(),
        event_type: "message".to_owned(),
        path: IngestPath::Direct,
        priority: Priority::P2,
        received_at: Timestamp::now(),
        trace: TraceId([7; 16]),
        label: "POST /webhooks/front".to_owned(),
        headers: "content-type: text/plain\n".to_owned(),
        body: format!("body of {key}").into_bytes().into(),
    }
}

pub(super) fn event(key: &str) -> NewEvent {
    event_of("front", key)
}

pub(super) fn id(key: &str) -> EventId {
    event(key).id
}

pub(super) fn done() -> EventEnd {
    settled(EventState::Done)
}

pub(super) fn settled(state: EventState) -> EventEnd {
    EventEnd::Settled { state, outcomes: Vec::new(), plugin: None }
}

pub(super) fn dead() -> EventEnd {
    let failure = Failure::never(Code::FAULT_PERMANENT, "no such field").next("mend the connector");
    EventEnd::Dead { failure, outcomes: Vec::new(), issues: Vec::new(), plugin: None }
}

pub(super) fn retry(after: Duration, counts: bool) -> EventEnd {
    EventEnd::Retry { failure: Failure::backoff(Code::STORE_WRITE, "the store is away"), after, counts }
}

/// A small seeded generator (xorshift64*, Vigna 2016): the same seed, the same test.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}
