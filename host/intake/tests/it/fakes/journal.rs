//! The journal's ports in memory.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use apex_model::cursor::{CursorCommit, CursorRecord};
use apex_model::event::{Appended, DeadLetter, DeadLetterBody, EventFilter, EventRecord, EventState, NewEvent, Tally};
use apex_model::failure::PortResult;
use apex_model::ids::{EventId, SourceName};
use apex_model::ports::{AppendDone, BoxFuture, Cursors, DeadLetters, EventReader, Inbox};
use apex_model::{Code, Failure, Timestamp};

use super::Fake;

impl Inbox for Fake {
    fn append(&self, event: NewEvent, done: AppendDone) {
        let code = self.append_fails.load(Ordering::Relaxed);
        if let Some(code) = Code::ALL.iter().find(|known| u32::from(known.number()) == code) {
            return done(Err(Failure::backoff(*code, "the disk is full (as scripted)")));
        }
        let id = event.id;
        let appended = self.with(|state| {
            if state.events.iter().any(|(known, _)| known.id == id) {
                *state.duplicates.entry(event.source).or_default() += 1;
                return Appended::Duplicate(id);
            }
            let ended = self.ends_at_once.load(Ordering::Relaxed);
            state.events.push((event, if ended { EventState::Done } else { EventState::Accepted }));
            Appended::New(id)
        });
        done(Ok(appended));
    }

    fn commit_page(
        &self,
        _event: Option<NewEvent>,
        _cursor: CursorCommit,
    ) -> BoxFuture<'_, PortResult<Option<Appended>>> {
        Box::pin(async { Ok(None) })
    }

    fn is_writable(&self) -> bool {
        !self.unwritable.load(Ordering::Relaxed)
    }
}

fn record(position: usize, event: &NewEvent, state: EventState) -> EventRecord {
    EventRecord {
        position: i64::try_from(position).unwrap() + 1,
        id: event.id,
        source: event.source.clone(),
        kind: event.kind,
        state,
        event_key: event.event_key.clone(),
        event_type: event.event_type.clone(),
        path: event.path,
        label: event.label.clone(),
        body_bytes: event.body.len() as u64,
        received_at: event.received_at,
        finished_at: None,
        trace_id: event.trace.to_string(),
        attempts: 1,
        next_attempt_at: None,
        error_code: None,
        error: None,
        document_ids: Vec::new(),
        outcomes: Vec::new(),
        plugin: None,
    }
}

impl EventReader for Fake {
    fn event(&self, id: EventId) -> BoxFuture<'_, PortResult<Option<EventRecord>>> {
        let found = self.with(|state| {
            let mut events = state.events.iter().enumerate();
            events.find(|(_, (event, _))| event.id == id).map(|(at, (event, state))| record(at, event, *state))
        });
        Box::pin(async move { Ok(found) })
    }

    fn events(&self, filter: EventFilter) -> BoxFuture<'_, PortResult<Vec<EventRecord>>> {
        let found = self.with(|state| {
            state
                .events
                .iter()
                .enumerate()
                .rev()
                .filter(|(_, (event, _))| filter.source.as_ref().is_none_or(|source| event.source == *source))
                .filter(|(_, (_, state))| filter.state.is_none_or(|wanted| *state == wanted))
                .take(filter.limit as usize)
                .map(|(at, (event, state))| record(at, event, *state))
                .collect()
        });
        Box::pin(async move { Ok(found) })
    }

    fn tallies(&self) -> BoxFuture<'_, PortResult<Vec<(SourceName, Tally)>>> {
        let tallies = self.with(|state| {
            let mut tallies: HashMap<SourceName, Tally> = HashMap::new();
            for (event, end) in &state.events {
                let tally = tallies.entry(event.source.clone()).or_default();
                tally.accepted += 1;
                match end {
                    EventState::Accepted | EventState::Processing => tally.in_flight += 1,
                    EventState::Done => tally.done += 1,
                    EventState::Unchanged => tally.unchanged += 1,
                    EventState::Superseded => tally.superseded += 1,
                    EventState::Dead => tally.dead += 1,
                }
            }
            for (source, repeats) in &state.duplicates {
                let tally = tallies.entry(source.clone()).or_default();
                tally.accepted += repeats;
                tally.duplicate += repeats;
            }
            tallies.into_iter().collect()
        });
        Box::pin(async move { Ok(tallies) })
    }
}

impl DeadLetters for Fake {
    fn dead_letters(&self, source: Option<SourceName>, limit: u32) -> BoxFuture<'_, PortResult<Vec<DeadLetter>>> {
        let found = self.with(|state| {
            let fits = |letter: &DeadLetter| source.as_ref().is_none_or(|source| letter.source == *source);
            state.dead.iter().map(|dead| dead.letter.clone()).filter(fits).take(limit as usize).collect()
        });
        Box::pin(async move { Ok(found) })
    }

    fn dead_letter(&self, id: EventId) -> BoxFuture<'_, PortResult<Option<DeadLetterBody>>> {
        let found = self.with(|state| state.dead.iter().find(|dead| dead.letter.id == id).cloned());
        Box::pin(async move { Ok(found) })
    }

    fn replay<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, PortResult<Vec<EventId>>> {
        let replayed = self.with(|state| {
            let (out, kept): (Vec<_>, Vec<_>) =
                std::mem::take(&mut state.dead).into_iter().partition(|dead| ids.contains(&dead.letter.id));
            state.dead = kept;
            out.into_iter().map(|dead| dead.letter.id).collect()
        });
        Box::pin(async move { Ok(replayed) })
    }
}

impl Cursors for Fake {
    fn cursor<'a>(&'a self, source: &'a SourceName, slice: &'a str) -> BoxFuture<'a, PortResult<Option<CursorRecord>>> {
        let found = self.with(|state| {
            state.cursors.iter().find(|cursor| cursor.source == *source && cursor.slice == slice).cloned()
        });
        Box::pin(async move { Ok(found) })
    }

    fn cursors<'a>(&'a self, source: &'a SourceName) -> BoxFuture<'a, PortResult<Vec<CursorRecord>>> {
        let found =
            self.with(|state| state.cursors.iter().filter(|cursor| cursor.source == *source).cloned().collect());
        Box::pin(async move { Ok(found) })
    }

    fn set_cursor<'a>(
        &'a self,
        source: &'a SourceName,
        slice: &'a str,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, PortResult<()>> {
        self.with(|state| {
            state.cursors.retain(|known| known.source != *source || known.slice != slice);
            state.cursors.extend(cursor.map(|cursor| CursorRecord {
                source: source.clone(),
                slice: slice.to_owned(),
                cursor: cursor.to_owned(),
                committed_at: Timestamp::now(),
            }));
        });
        Box::pin(async { Ok(()) })
    }

    fn paused(&self) -> BoxFuture<'_, PortResult<Vec<SourceName>>> {
        let paused = self.with(|state| state.paused.clone());
        Box::pin(async move { Ok(paused) })
    }

    fn set_paused<'a>(&'a self, source: &'a SourceName, paused: bool) -> BoxFuture<'a, PortResult<()>> {
        self.with(|state| {
            state.paused.retain(|known| known != source);
            state.paused.extend(paused.then(|| source.clone()));
        });
        Box::pin(async { Ok(()) })
    }
}
