//! Every port in memory. A delivery says in its headers what the connector is to answer.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32};

use apex_model::cursor::CursorRecord;
use apex_model::delivery::{Acceptance, Delivery, Rejection, Reply, Verdict, Verify, judge};
use apex_model::event::{DeadLetterBody, EventState, NewEvent};
use apex_model::ids::{Digest, DocumentId, SourceName};
use apex_model::plugin::{PluginRef, PluginState, PluginStatus};
use apex_model::ports::{VerifyDone, WebhookVerifier};
use apex_model::reading::{DocumentView, Graph, SearchQuery, VersionLine};
use apex_model::source::{Priority, SourceState, SourceStatus};
use apex_model::{Code, Failure, Timestamp};
use bytes::Bytes;

mod journal;
mod readers;

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
    pub silence: Option<std::time::Duration>,
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
        for go_on in held {
            go_on();
        }
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
            let event_key =
                header(delivery, "x-key").map_or_else(|| Digest::of(&delivery.body).to_string(), str::to_owned);
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

/// The component that documents of these tests come from.
pub fn plugin_ref() -> PluginRef {
    PluginRef { name: "alpha".to_owned(), version: "1.0.0".to_owned(), digest: Digest::of(b"alpha") }
}
