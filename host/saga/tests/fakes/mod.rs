//! Four stores in memory that keep the contract of the ports, fail where they are told to, and check every invariant after every write.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use apex_model::document::{Document, Op};
use apex_model::ids::{DocumentId, EventId, SourceName, TraceId};
use apex_model::ports::{BoxFuture, ProjectionStore, RelationalStore};
use apex_model::saga::{Begun, Intent, SagaState, StoreFault, StoreKind, StoreResult, Ticket};
use apex_model::write_set::WriteSet;
use apex_model::{Code, Failure, Timestamp};
use apex_saga::Participants;

/// The relational store and those that follow, in log order.
pub const STORES: usize = 4;

/// What a store is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    Begin,
    Record,
    Stage,
    Commit,
    Undo,
    Finalise,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It never left.
    Unreachable,
    /// It got lost on the way.
    LostRequest,
    /// It happened and the answer got lost.
    LostAnswer,
    /// The store said no.
    Refused,
}

pub const FAULTS: [Fault; 4] = [Fault::Unreachable, Fault::LostRequest, Fault::LostAnswer, Fault::Refused];

/// A deliberate mistake of the stores, which the checks must catch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bug {
    #[default]
    None,
    /// Writes under an old fence are taken.
    IgnoresFence,
    /// Undoing says yes and does nothing.
    ForgetsUndo,
    /// Staging overwrites what readers see.
    StagesInPlace,
    /// Finalising drops the live version too.
    DropsLive,
    /// The commit makes the version live although the vector store never had it.
    CommitsAlone,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// What is kept of each version.
    pub versions: BTreeMap<i64, String>,
    /// Versions that were undone and must not come back.
    tombstones: BTreeSet<i64>,
    /// The highest fence seen.
    fence: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub version: i64,
    fence: i64,
    hash: String,
    order: (Option<u128>, i64),
    event: EventId,
}

/// Everything there is of the one document under test.
#[derive(Default)]
pub struct World {
    pub kept: [Kept; STORES],
    pub live: Option<Live>,
    /// Version and fence of everything that was ever live.
    committed: BTreeSet<(i64, i64)>,
    fences: i64,
    versions: i64,
    faults: HashMap<(usize, Ask), VecDeque<Fault>>,
    /// Every request is done twice before it is answered.
    pub twice: bool,
    pub bug: Bug,
    pub violations: Vec<String>,
    pub records: Vec<SagaState>,
    pub asked: Vec<(usize, Ask)>,
    pub tickets: Vec<Ticket>,
    /// What each version must look like in every store.
    expected: HashMap<i64, String>,
    /// Version readers saw last.
    seen: i64,
    accepted_fences: [i64; STORES],
}

pub type Shared = Arc<Mutex<World>>;

pub struct Store {
    world: Shared,
    place: usize,
}

pub fn participants(world: &Shared) -> Participants {
    let store = |place| Arc::new(Store { world: Arc::clone(world), place });
    Participants { relational: store(0), projections: vec![store(1), store(2), store(3)] }
}

impl World {
    /// Lets the next requests of this kind to this store go wrong.
    pub fn fail(&mut self, store: usize, ask: Ask, fault: Fault, times: usize) {
        self.faults.entry((store, ask)).or_default().extend(std::iter::repeat_n(fault, times));
    }

    pub fn heal(&mut self) {
        self.faults.clear();
    }

    /// What a reader gets: the live version's part in each store.
    pub fn read(&self) -> Option<Vec<Option<String>>> {
        let live = self.live.as_ref()?;
        Some(self.kept.iter().map(|kept| kept.versions.get(&live.version).cloned()).collect())
    }

    fn check(&mut self, doing: &str) {
        if let Some(parts) = self.read() {
            let version = self.live.as_ref().unwrap().version;
            let expected = self.expected.get(&version).cloned();
            if parts.iter().any(|part| *part != expected) {
                self.violations.push(format!("NoMix: after {doing} readers of version {version} get {parts:?}"));
            }
            if version < self.seen {
                self.violations
                    .push(format!("Monotone: after {doing} version {version} is live and {} was", self.seen));
            }
            self.seen = version;
        }
    }

    /// Whether every store holds the live version and nothing else.
    pub fn check_settled(&mut self) {
        let live: Vec<i64> = self.live.iter().map(|live| live.version).collect();
        for (place, kept) in self.kept.iter().enumerate() {
            let held: Vec<i64> = kept.versions.keys().copied().collect();
            if held != live {
                self.violations.push(format!("AllOrNone: store {place} holds versions {held:?}, live is {live:?}"));
            }
        }
    }

    /// Whether any store holds something newer than what is live.
    pub fn check_undone(&mut self) {
        let live = self.live.as_ref().map_or(0, |live| live.version);
        for (place, kept) in self.kept.iter().enumerate() {
            if kept.versions.keys().any(|version| *version > live) {
                self.violations
                    .push(format!("AllOrNone: store {place} still holds a version above {live} after the undo"));
            }
        }
    }

    fn fenced(&mut self, place: usize, fence: i64) -> StoreResult<()> {
        let bug = self.bug == Bug::IgnoresFence;
        if self.kept[place].fence > fence && !bug {
            return Err(StoreFault::Fenced);
        }
        if fence < self.accepted_fences[place] {
            self.violations
                .push(format!("FenceOrder: store {place} took fence {fence} after {}", self.accepted_fences[place]));
        }
        self.accepted_fences[place] = self.accepted_fences[place].max(fence);
        self.kept[place].fence = self.kept[place].fence.max(fence);
        Ok(())
    }

    fn begin(&mut self, intent: &Intent) -> Begun {
        let order = (intent.sequence.map(|sequence| sequence.0), intent.position);
        let hash = intent.content_hash.to_string();
        let previous = self.live.as_ref().map_or(0, |live| live.version);
        if let Some(live) = &self.live {
            if live.hash == hash && live.event == intent.event {
                return Begun::Committed(Ticket {
                    document_id: intent.document_id.clone(),
                    version: live.version,
                    fence: live.fence,
                    previous: live.version - 1,
                    event: intent.event,
                    trace: intent.trace,
                });
            }
            if live.hash == hash {
                return Begun::Unchanged { version: live.version };
            }
            if order.1 < live.order.1 {
                return Begun::Superseded { version: live.version };
            }
        }
        self.fences += 1;
        self.versions += 1;
        self.kept[0].fence = self.fences;
        let ticket = Ticket {
            document_id: intent.document_id.clone(),
            version: self.versions,
            fence: self.fences,
            previous,
            event: intent.event,
            trace: intent.trace,
        };
        self.tickets.push(ticket.clone());
        Begun::Go(ticket)
    }

    fn stage(&mut self, place: usize, ticket: &Ticket, writes: &WriteSet) -> StoreResult<()> {
        self.fenced(place, ticket.fence)?;
        if self.kept[place].tombstones.contains(&ticket.version) && self.bug != Bug::IgnoresFence {
            return Err(StoreFault::Fenced);
        }
        let content = words(writes);
        self.expected.insert(ticket.version, content.clone());
        let at = match (&self.live, self.bug) {
            (Some(live), Bug::StagesInPlace) => live.version,
            _ => ticket.version,
        };
        if !(self.bug == Bug::CommitsAlone && place == 2) {
            self.kept[place].versions.insert(at, content);
        }
        Ok(())
    }

    fn commit(&mut self, ticket: &Ticket, writes: &WriteSet) -> StoreResult<()> {
        if self.committed.contains(&(ticket.version, ticket.fence)) {
            return Ok(());
        }
        self.fenced(0, ticket.fence)?;
        if self.live.as_ref().map_or(0, |live| live.version) != ticket.previous && self.bug != Bug::IgnoresFence {
            return Err(StoreFault::Fenced);
        }
        self.committed.insert((ticket.version, ticket.fence));
        self.live = Some(Live {
            version: ticket.version,
            fence: ticket.fence,
            hash: writes.content_hash.to_string(),
            order: (writes.document.sequence.map(|sequence| sequence.0), writes.position),
            event: ticket.event,
        });
        Ok(())
    }

    fn undo(&mut self, place: usize, ticket: &Ticket) -> StoreResult<()> {
        self.fenced(place, ticket.fence)?;
        if self.bug != Bug::ForgetsUndo {
            self.kept[place].versions.retain(|version, _| *version <= ticket.previous || *version > ticket.version);
        }
        self.kept[place].tombstones.insert(ticket.version);
        Ok(())
    }

    fn finalise(&mut self, place: usize, ticket: &Ticket) -> StoreResult<()> {
        self.fenced(place, ticket.fence)?;
        let drops_live = self.bug == Bug::DropsLive && place == 1;
        self.kept[place].versions.retain(|version, _| *version >= ticket.version && !drops_live);
        Ok(())
    }
}

fn words(writes: &WriteSet) -> String {
    format!("{:?} {}", writes.document.op, writes.document.content)
}

fn failure(what: &str) -> Failure {
    Failure::backoff(Code::STORE_WRITE, what)
}

impl Store {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn ask<T>(&self, ask: Ask, mut act: impl FnMut(&mut World) -> StoreResult<T>) -> StoreResult<T> {
        let mut world = self.world();
        world.asked.push((self.place, ask));
        let fault = world.faults.get_mut(&(self.place, ask)).and_then(VecDeque::pop_front);
        let unknown = Err(StoreFault::Unknown(failure("no answer")));
        match fault {
            Some(Fault::Unreachable) => return Err(StoreFault::Unreachable(failure("no connection"))),
            Some(Fault::LostRequest) => return unknown,
            Some(Fault::Refused) => return Err(StoreFault::Refused(failure("no"))),
            Some(Fault::LostAnswer) | None => {}
        }
        let mut answer = act(&mut world);
        if world.twice && ask != Ask::Begin {
            let again = act(&mut world);
            if answer.is_ok() != again.is_ok() {
                world
                    .violations
                    .push(format!("Idempotent: {ask:?} at store {} answered otherwise the second time", self.place));
            }
            answer = again;
        }
        world.check(&format!("{ask:?} at store {}", self.place));
        if fault.is_some() { unknown } else { answer }
    }
}

fn later<'a, T: Send + 'a>(answer: StoreResult<T>) -> BoxFuture<'a, StoreResult<T>> {
    Box::pin(std::future::ready(answer))
}

impl RelationalStore for Store {
    fn begin(&self, intent: Intent) -> BoxFuture<'_, StoreResult<Begun>> {
        later(self.ask(Ask::Begin, |world| Ok(world.begin(&intent))))
    }

    fn record<'a>(&'a self, _: &'a Ticket, state: SagaState) -> BoxFuture<'a, StoreResult<()>> {
        later(self.ask(Ask::Record, |world| {
            world.records.push(state);
            Ok(())
        }))
    }

    fn stage<'a>(&'a self, ticket: &'a Ticket, writes: &'a WriteSet) -> BoxFuture<'a, StoreResult<()>> {
        later(self.ask(Ask::Stage, |world| world.stage(self.place, ticket, writes)))
    }

    fn commit<'a>(&'a self, ticket: &'a Ticket, writes: &'a WriteSet) -> BoxFuture<'a, StoreResult<()>> {
        later(self.ask(Ask::Commit, |world| world.commit(ticket, writes)))
    }

    fn undo<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, StoreResult<()>> {
        later(self.ask(Ask::Undo, |world| world.undo(self.place, ticket)))
    }

    fn finalise<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, StoreResult<()>> {
        later(self.ask(Ask::Finalise, |world| world.finalise(self.place, ticket)))
    }
}

impl ProjectionStore for Store {
    fn kind(&self) -> StoreKind {
        [StoreKind::Relational, StoreKind::Graph, StoreKind::Vector, StoreKind::Cache][self.place]
    }

    fn stage<'a>(&'a self, ticket: &'a Ticket, writes: &'a WriteSet) -> BoxFuture<'a, StoreResult<()>> {
        RelationalStore::stage(self, ticket, writes)
    }

    fn undo<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, StoreResult<()>> {
        RelationalStore::undo(self, ticket)
    }

    fn finalise<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, StoreResult<()>> {
        RelationalStore::finalise(self, ticket)
    }
}

/// What is to be written, and the intent that goes with it.
pub fn change(op: Op, words: &str, position: i64) -> (Intent, WriteSet) {
    let source = SourceName::parse("front").unwrap();
    let document: Document =
        serde_json::from_value(serde_json::json!({ "id": "a", "kind": "note", "op": op, "content": words })).unwrap();
    let writes = WriteSet {
        document_id: DocumentId::new(&source, "a"),
        content_hash: document.content_hash(),
        chunks: vec![],
        entities: vec![],
        relations: vec![],
        embedding_model: String::new(),
        plugin: None,
        event: EventId::of(&source, &position.to_string()),
        position,
        made_at: Timestamp::from_unix_ms(0),
        source,
        document,
    };
    let intent = Intent {
        document_id: writes.document_id.clone(),
        op,
        content_hash: writes.content_hash,
        sequence: None,
        position,
        event: writes.event,
        trace: TraceId([1; 16]),
    };
    (intent, writes)
}
