//! Every port in memory. A delivery says in its headers what the connector is to answer.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use apex_model::cursor::CursorRecord;
use apex_model::delivery::{Acceptance, Delivery, Rejection, Reply, Verdict, Verify, judge};
use apex_model::event::{
    Appended, DeadLetter, DeadLetterBody, EventFilter, EventRecord, EventState, NewEvent, Tally,
};
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, DocumentId, EventId, SourceName};
use apex_model::plugin::{PluginRef, PluginState, PluginStatus};
use apex_model::ports::{
    AppendDone, BoxFuture, Cursors, DeadLetters, DocumentReader, Embedder, EventReader, Inbox, PluginCatalog, Poller,
    VerifyDone, WebhookVerifier,
};
use apex_model::reading::{DocumentFilter, DocumentLine, DocumentView, Graph, Hit, SearchQuery, VersionLine};
use apex_model::source::{Priority, SourceState, SourceStatus};
use apex_model::{Code, Failure, Timestamp};
use bytes::Bytes;

/// 2026-01-31T08:15:00Z.
pub const THEN_MS: i64 = 1_769_847_300_000;

pub fn name(text: &str) -> SourceName {
    SourceName::parse(text).unwrap()
}

pub fn source(text: &str, exports: &[&str]) -> SourceStatus {
    SourceStatus {
        name: name(text),
        plugin: text.to_owned(),
        state: SourceState::Active,
        reason: None,
        priority: Priority::P1,
        exports: exports.iter().map(|export| (*export).to_owned()).collect(),
        poll_every_ms: None,
        rollout_percent: 0,
        since: Timestamp::now(),
    }
}

pub fn plugin(text: &str) -> PluginStatus {
    PluginStatus {
        name: text.to_owned(),
        version: "1.0.0".to_owned(),
        digest: Some(Digest::of(text.as_bytes())),
        state: PluginState::Active,
        exports: vec!["describe".to_owned(), "webhook".to_owned()],
        imports: vec!["log".to_owned()],
        error: None,
        since: Timestamp::from_unix_ms(THEN_MS),
    }
}

#[derive(Default)]
pub struct State {
    pub sources: Vec<SourceStatus>,
    pub plugins: Vec<PluginStatus>,
    pub events: Vec<(NewEvent, EventState)>,
    pub duplicates: HashMap<SourceName, u64>,
    pub documents: Vec<DocumentView>,
    pub versions: HashMap<DocumentId, Vec<VersionLine>>,
    pub dead: Vec<DeadLetterBody>,
    pub cursors: Vec<CursorRecord>,
    pub paused: Vec<SourceName>,
    pub graph: Option<Graph>,
    pub last_search: Option<SearchQuery>,
    pub last_delivery: Option<Delivery>,
    pub held: Vec<Box<dyn FnOnce() + Send>>,
    pub polled: Vec<SourceName>,
}

/// The whole rest of the host.
#[derive(Default)]
pub struct Fake {
    pub state: Mutex<State>,
    /// What `append` fails with, if not 0.
    pub append_fails: AtomicU32,
    pub unwritable: AtomicBool,
    /// Events end as `done` as soon as they are appended.
    pub ends_at_once: AtomicBool,
}

impl Fake {
    pub fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    /// Lets every delivery go on whose verification is held back.
    pub fn release(&self) {
        let held = self.with(|state| std::mem::take(&mut state.held));
        held.into_iter().for_each(|go_on| go_on());
    }
}

/// Answers as the headers `x-verdict`, `x-key` say; the body's digest is the key if none is given.
struct Scripted;

fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a str> {
    delivery.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

impl Verify for Scripted {
    fn verify(&mut self, delivery: &Delivery) -> Result<Verdict, Failure> {
        let reply = |status: u16, content_type: &str, body: &str| Reply {
            status,
            content_type: content_type.to_owned(),
            body: Bytes::from(body.to_owned()),
        };
        let fail = |code: Code| Err(Failure::backoff(code, "as scripted"));
        let accept = |reply: Option<Reply>| {
            let event_key = header(delivery, "x-key").map_or_else(|| Digest::of(&delivery.body).to_string(), str::to_owned);
            Ok(Verdict::Accept(Acceptance { event_key, event_type: "test".to_owned(), reply }))
        };
        match header(delivery, "x-verdict").unwrap_or("accept") {
            "accept" | "hold" => accept(None),
            "accept-empty" => accept(Some(reply(200, "", ""))),
            "challenge" => Ok(Verdict::Challenge(reply(200, "text/plain; charset=utf-8", "chall\u{e9}nge-1"))),
            "ignore" => Ok(Verdict::Ignore(reply(204, "", ""))),
            "missing" => Ok(Verdict::Reject(Rejection::MissingSignature)),
            "bad" => Ok(Verdict::Reject(Rejection::BadSignature)),
            "stale" => Ok(Verdict::Reject(Rejection::Stale)),
            "unconfigured" => Ok(Verdict::Reject(Rejection::NotConfigured)),
            "no-plugin" => fail(Code::PLUGIN_MISSING),
            "waiting" => fail(Code::SOURCE_WAITING),
            "busy" => fail(Code::PLUGIN_BUSY),
            "trap" => fail(Code::PLUGIN_TRAP),
            "no-export" => fail(Code::PLUGIN_EXPORT_MISSING),
            other => panic!("no such script: {other}"),
        }
    }
}

impl WebhookVerifier for Fake {
    fn verify(&self, delivery: Delivery, done: VerifyDone) {
        let hold = header(&delivery, "x-verdict") == Some("hold");
        self.with(|state| state.last_delivery = Some(delivery.clone()));
        let go_on: Box<dyn FnOnce() + Send> = Box::new(move || done(judge(delivery, &mut Scripted)));
        if hold {
            self.with(|state| state.held.push(go_on));
        } else {
            go_on();
        }
    }
}

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
        _cursor: apex_model::cursor::CursorCommit,
    ) -> BoxFuture<'_, PortResult<Option<Appended>>> {
        Box::pin(async { Ok(None) })
    }

    fn is_writable(&self) -> bool {
        !self.unwritable.load(Ordering::Relaxed)
    }
}

fn record(event: &NewEvent, state: EventState) -> EventRecord {
    EventRecord {
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
            state.events.iter().find(|(event, _)| event.id == id).map(|(event, state)| record(event, *state))
        });
        Box::pin(async move { Ok(found) })
    }

    fn events(&self, filter: EventFilter) -> BoxFuture<'_, PortResult<Vec<EventRecord>>> {
        let found = self.with(|state| {
            state
                .events
                .iter()
                .rev()
                .filter(|(event, _)| filter.source.as_ref().is_none_or(|source| event.source == *source))
                .filter(|(_, state)| filter.state.is_none_or(|wanted| *state == wanted))
                .take(filter.limit as usize)
                .map(|(event, state)| record(event, *state))
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

impl PluginCatalog for Fake {
    fn plugins(&self) -> Vec<PluginStatus> {
        self.with(|state| state.plugins.clone())
    }

    fn sources(&self) -> Vec<SourceStatus> {
        self.with(|state| state.sources.clone())
    }
}

impl Poller for Fake {
    fn poll_now(&self, source: &SourceName) -> bool {
        self.with(|state| {
            let polls = state.sources.iter().any(|known| known.name == *source && known.poll_every_ms.is_some());
            state.polled.extend(polls.then(|| source.clone()));
            polls
        })
    }
}

impl Embedder for Fake {
    fn model(&self) -> &'static str {
        "fake-model"
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, PortResult<Vec<Vec<f32>>>> {
        Box::pin(async move { Ok(texts.iter().map(|_| vec![1.0, 0.0]).collect()) })
    }
}

impl DocumentReader for Fake {
    fn document<'a>(&'a self, id: &'a DocumentId) -> BoxFuture<'a, PortResult<Option<DocumentView>>> {
        let found = self.with(|state| {
            let known = state.documents.iter().find(|document| document.id == *id);
            known.map(|document| serde_json::to_string(document).unwrap())
        });
        Box::pin(async move { Ok(found.map(|text| serde_json::from_str(&text).unwrap())) })
    }

    fn documents(&self, filter: DocumentFilter) -> BoxFuture<'_, PortResult<Vec<DocumentLine>>> {
        let found = self.with(|state| {
            let mut lines: Vec<DocumentLine> = state
                .documents
                .iter()
                .filter(|document| filter.source.as_ref().is_none_or(|source| document.source == *source))
                .filter(|document| filter.after.as_ref().is_none_or(|after| document.id > *after))
                .map(|document| DocumentLine {
                    id: document.id.clone(),
                    source: document.source.clone(),
                    kind: document.kind.clone(),
                    version: document.version,
                    title: document.title.clone(),
                    updated_at: document.updated_at,
                })
                .collect();
            lines.sort_by(|a, b| a.id.cmp(&b.id));
            lines.truncate(filter.limit as usize);
            lines
        });
        Box::pin(async move { Ok(found) })
    }

    fn history<'a>(&'a self, id: &'a DocumentId) -> BoxFuture<'a, PortResult<Vec<VersionLine>>> {
        let found = self.with(|state| state.versions.get(id).cloned().unwrap_or_default());
        Box::pin(async move { Ok(found) })
    }

    fn search(&self, query: SearchQuery) -> BoxFuture<'_, PortResult<Vec<Hit>>> {
        let hits = self.with(|state| {
            let hits = state.documents.iter().take(query.limit as usize).map(|document| Hit {
                document_id: document.id.clone(),
                source: document.source.clone(),
                kind: document.kind.clone(),
                title: document.title.clone(),
                snippet: document.content.clone(),
                score: 0.5,
            });
            let hits = hits.collect();
            state.last_search = Some(query);
            hits
        });
        Box::pin(async move { Ok(hits) })
    }

    fn graph<'a>(&'a self, entity: &'a str, _depth: u32) -> BoxFuture<'a, PortResult<Option<Graph>>> {
        let found = self.with(|state| {
            state.graph.clone().filter(|graph| graph.nodes.iter().any(|node| node.entity.key == entity))
        });
        Box::pin(async move { Ok(found) })
    }

    fn counts(&self) -> BoxFuture<'_, PortResult<Vec<(SourceName, u64)>>> {
        let counts = self.with(|state| {
            let mut counts: HashMap<SourceName, u64> = HashMap::new();
            for document in &state.documents {
                *counts.entry(document.source.clone()).or_default() += 1;
            }
            counts.into_iter().collect()
        });
        Box::pin(async move { Ok(counts) })
    }

    fn check<'a>(&'a self, _id: Option<&'a DocumentId>) -> BoxFuture<'a, PortResult<Vec<String>>> {
        Box::pin(async { Ok(vec!["document `a:1` has 2 chunks and 1 vector".to_owned()]) })
    }
}

/// The component that documents of these tests come from.
pub fn plugin_ref() -> PluginRef {
    PluginRef { name: "alpha".to_owned(), version: "1.0.0".to_owned(), digest: Digest::of(b"alpha") }
}
