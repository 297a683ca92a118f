//! A journal in memory: queue, inbox, cursors and counts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use apex_model::cursor::{CursorCommit, CursorRecord};
use apex_model::event::{
    Appended, Claim, ClaimedEvent, EventEnd, EventFilter, EventRecord, EventState, NewEvent, Tally,
};
use apex_model::failure::PortResult;
use apex_model::ids::{EventId, SourceName};
use apex_model::ports::{AppendDone, BoxFuture, Cursors, EventReader, Inbox, WorkQueue};
use apex_model::{Code, Failure, Timestamp};
use tokio::sync::Notify;

#[derive(Default)]
pub struct FakeJournal {
    state: Mutex<State>,
    ready: Notify,
}

#[derive(Default)]
pub struct State {
    events: BTreeMap<i64, Entry>,
    pub ends: Vec<(EventId, EventEnd)>,
    pub cursors: HashMap<(SourceName, String), String>,
    pub paused: HashSet<SourceName>,
    pub renewals: usize,
    /// Claims refused from now on: another worker has them.
    pub taken_over: bool,
    /// Failures that `claim` answers first.
    pub claim_failures: u32,
    pub finish_failures: u32,
    pub claimed_most: u32,
}

struct Entry {
    event: NewEvent,
    attempts: u32,
    leased: Option<u32>,
    due: Instant,
    ended: Option<EventState>,
}

impl FakeJournal {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn put(&self, event: NewEvent) -> Appended {
        let mut state = self.state();
        if state.events.values().any(|entry| entry.event.id == event.id) {
            return Appended::Duplicate(event.id);
        }
        let id = event.id;
        let position = i64::try_from(state.events.len()).unwrap() + 1;
        state.events.insert(position, Entry { event, attempts: 0, leased: None, due: Instant::now(), ended: None });
        self.ready.notify_one();
        Appended::New(id)
    }

    /// How the event ended for good, or was last given back.
    pub fn last_end(&self, id: EventId) -> Option<EventEnd> {
        self.state().ends.iter().rev().find(|(ended, _)| *ended == id).map(|(_, end)| end.clone())
    }

    pub fn ended(&self, id: EventId) -> Option<EventState> {
        self.state().events.values().find(|entry| entry.event.id == id).and_then(|entry| entry.ended)
    }

    pub fn all_ended(&self) -> bool {
        self.state().events.values().all(|entry| entry.ended.is_some())
    }

    pub fn events_of(&self, source: &SourceName) -> Vec<NewEvent> {
        self.state()
            .events
            .values()
            .filter(|entry| entry.event.source == *source)
            .map(|entry| entry.event.clone())
            .collect()
    }

    /// Ends every event of the source, as if it had been worked off.
    pub fn settle_all(&self) {
        for entry in self.state().events.values_mut() {
            entry.ended = Some(EventState::Done);
        }
    }
}

impl WorkQueue for FakeJournal {
    fn claim<'a>(
        &'a self,
        limit: u32,
        _: Duration,
        paused: &'a [SourceName],
    ) -> BoxFuture<'a, PortResult<Vec<ClaimedEvent>>> {
        Box::pin(async move {
            let mut state = self.state();
            if state.claim_failures > 0 {
                state.claim_failures -= 1;
                return Err(Failure::backoff(Code::JOURNAL_READ, "the disk is away"));
            }
            let now = Instant::now();
            let claimed: Vec<_> = state
                .events
                .iter_mut()
                .filter(|(_, entry)| {
                    entry.ended.is_none()
                        && entry.leased.is_none()
                        && entry.due <= now
                        && !paused.contains(&entry.event.source)
                })
                .take(usize::try_from(limit).unwrap())
                .map(|(position, entry)| {
                    entry.attempts += 1;
                    entry.leased = Some(entry.attempts);
                    let claim = Claim { position: *position, id: entry.event.id, attempt: entry.attempts };
                    ClaimedEvent { claim, event: entry.event.clone() }
                })
                .collect();
            state.claimed_most = state.claimed_most.max(u32::try_from(claimed.len()).unwrap());
            Ok(claimed)
        })
    }

    fn renew<'a>(&'a self, claims: &'a [Claim], _: Duration) -> BoxFuture<'a, PortResult<Vec<Claim>>> {
        Box::pin(async move {
            let mut state = self.state();
            state.renewals += 1;
            Ok(if state.taken_over { vec![] } else { claims.to_vec() })
        })
    }

    fn finish(&self, claim: Claim, end: EventEnd) -> BoxFuture<'_, PortResult<()>> {
        Box::pin(async move {
            let mut state = self.state();
            if state.finish_failures > 0 {
                state.finish_failures -= 1;
                return Err(Failure::backoff(Code::JOURNAL_WRITE, "the disk is full"));
            }
            let entry = state.events.get_mut(&claim.position).unwrap();
            if entry.leased != Some(claim.attempt) {
                return Err(Failure::never(Code::LEASE_LOST, "another worker has it"));
            }
            entry.leased = None;
            match &end {
                EventEnd::Settled { state, .. } => entry.ended = Some(*state),
                EventEnd::Dead { .. } => entry.ended = Some(EventState::Dead),
                EventEnd::Retry { after, counts, .. } => {
                    entry.due = Instant::now() + *after;
                    entry.attempts -= u32::from(!counts);
                }
            }
            state.ends.push((claim.id, end));
            Ok(())
        })
    }

    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            // What comes due makes no noise here, so looking again soon stands in for it.
            tokio::select! {
                () = self.ready.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(2)) => {}
            }
        })
    }
}

impl Inbox for FakeJournal {
    fn append(&self, event: NewEvent, done: AppendDone) {
        let appended = self.put(event);
        done(Ok(appended));
    }

    fn commit_page(
        &self,
        event: Option<NewEvent>,
        cursor: CursorCommit,
    ) -> BoxFuture<'_, PortResult<Option<Appended>>> {
        Box::pin(async move {
            {
                let mut state = self.state();
                let key = (cursor.source, cursor.slice);
                if state.cursors.get(&key) != cursor.from.as_ref() {
                    return Err(Failure::backoff(Code::JOURNAL_WRITE, "another cursor was committed"));
                }
                state.cursors.insert(key, cursor.to);
            }
            Ok(event.map(|event| self.put(event)))
        })
    }

    fn is_writable(&self) -> bool {
        true
    }
}

impl EventReader for FakeJournal {
    fn event(&self, _: EventId) -> BoxFuture<'_, PortResult<Option<EventRecord>>> {
        Box::pin(async { Ok(None) })
    }

    fn events(&self, _: EventFilter) -> BoxFuture<'_, PortResult<Vec<EventRecord>>> {
        Box::pin(async { Ok(vec![]) })
    }

    fn tallies(&self) -> BoxFuture<'_, PortResult<Vec<(SourceName, Tally)>>> {
        Box::pin(async {
            let mut tallies: BTreeMap<SourceName, Tally> = BTreeMap::new();
            for entry in self.state().events.values().filter(|entry| entry.ended.is_none()) {
                tallies.entry(entry.event.source.clone()).or_default().in_flight += 1;
            }
            Ok(tallies.into_iter().collect())
        })
    }
}

impl Cursors for FakeJournal {
    fn cursor<'a>(&'a self, source: &'a SourceName, slice: &'a str) -> BoxFuture<'a, PortResult<Option<CursorRecord>>> {
        Box::pin(async move {
            let cursor = self.state().cursors.get(&(source.clone(), slice.to_owned())).cloned();
            Ok(cursor.map(|cursor| CursorRecord {
                source: source.clone(),
                slice: slice.to_owned(),
                cursor,
                committed_at: Timestamp::from_unix_ms(0),
            }))
        })
    }

    fn cursors<'a>(&'a self, _: &'a SourceName) -> BoxFuture<'a, PortResult<Vec<CursorRecord>>> {
        Box::pin(async { Ok(vec![]) })
    }

    fn set_cursor<'a>(
        &'a self,
        source: &'a SourceName,
        slice: &'a str,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, PortResult<()>> {
        Box::pin(async move {
            let key = (source.clone(), slice.to_owned());
            let mut state = self.state();
            match cursor {
                Some(cursor) => state.cursors.insert(key, cursor.to_owned()),
                None => state.cursors.remove(&key),
            };
            Ok(())
        })
    }

    fn paused(&self) -> BoxFuture<'_, PortResult<Vec<SourceName>>> {
        Box::pin(async { Ok(self.state().paused.iter().cloned().collect()) })
    }

    fn set_paused<'a>(&'a self, source: &'a SourceName, paused: bool) -> BoxFuture<'a, PortResult<()>> {
        Box::pin(async move {
            let mut state = self.state();
            if paused {
                state.paused.insert(source.clone());
            } else {
                state.paused.remove(source);
            }
            Ok(())
        })
    }
}
