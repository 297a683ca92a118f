//! How events end on the direct path.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::time::Duration;

use apex_model::event::{EventEnd, EventIssue, EventKind, EventState, PageBody};
use apex_model::ids::{DocumentId, EventId};
use apex_model::ports::{DocumentReader, Parsed, ParsedFilePage, ReplyFile};
use apex_model::{Code, Failure};
use common::calls::plugin;
use common::{Host, document, source, wait_for};

async fn ended(host: &Host, id: EventId) -> EventEnd {
    wait_for("the event to end", || host.journal.ended(id).is_some()).await;
    host.journal.last_end(id).unwrap()
}

fn dead(end: &EventEnd) -> &Failure {
    match end {
        EventEnd::Dead { failure, .. } => failure,
        other => panic!("expected a dead event, got {other:?}"),
    }
}

async fn content(host: &Host, id: &str) -> Option<String> {
    let view = host.store.document(&DocumentId::new(&source(), id)).await.unwrap();
    view.map(|view| view.content)
}

#[tokio::test]
async fn a_delivery_is_parsed_as_it_was_received_and_becomes_visible() {
    let mut host = Host::new().await;
    host.calls.script().parses.push_back(Ok(Parsed { documents: vec![document("a", "hello")], plugin: plugin() }));
    let id = host.event("k", EventKind::Webhook, b"{ raw }".to_vec(), "POST /webhooks/front?x=1");
    host.start();
    let EventEnd::Settled { state, outcomes, plugin: made_by } = ended(&host, id).await else { panic!("not settled") };
    assert_eq!((state, outcomes[0].version, made_by), (EventState::Done, Some(1), Some(plugin())));
    assert_eq!(content(&host, "a").await.as_deref(), Some("hello"));
    let delivery = host.calls.script().deliveries[0].clone();
    assert_eq!((delivery.method.as_str(), delivery.target.as_str()), ("POST", "/webhooks/front?x=1"));
    assert_eq!(delivery.body.as_ref(), b"{ raw }");
    host.stop().await;
}

#[tokio::test]
async fn the_states_of_an_event_follow_from_its_documents() {
    let mut host = Host::new().await;
    host.start();
    let first = host.documents("1", &[document("a", "one")]);
    ended(&host, first).await;
    let same = host.documents("2", &[document("a", "one")]);
    let none = host.documents("3", &[]);
    let mixed = host.documents("4", &[document("a", "one"), document("b", "two")]);
    for (id, state) in [(same, EventState::Unchanged), (none, EventState::Unchanged), (mixed, EventState::Done)] {
        ended(&host, id).await;
        assert_eq!(host.journal.ended(id), Some(state));
    }
    host.stop().await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_goes_to_the_dead_letters() {
    let mut host = Host::new().await;
    let id = host.event("k", EventKind::Document, b"not json".to_vec(), "");
    host.start();
    assert_eq!(dead(&ended(&host, id).await).code, Code::DOCUMENT_INVALID);
    host.stop().await;
}

#[tokio::test]
async fn one_bad_document_kills_the_event_and_the_others_stay() {
    let mut host = Host::new().await;
    let mut bad = document("b", "bad");
    bad.kind = "Not A Kind".to_owned();
    let id = host.documents("k", &[document("a", "good"), bad, document("c", "good too")]);
    host.start();
    let end = ended(&host, id).await;
    assert_eq!(dead(&end).code, Code::DOCUMENT_INVALID);
    let EventEnd::Dead { outcomes, .. } = end else { unreachable!() };
    let states: std::collections::BTreeMap<_, _> =
        outcomes.iter().map(|o| (o.document_id.to_string(), o.state)).collect();
    assert_eq!(states["front:a"], EventState::Done);
    assert_eq!(states["front:b"], EventState::Dead);
    assert_eq!(content(&host, "c").await.as_deref(), Some("good too"));
    host.stop().await;
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_given_up_at_the_limit() {
    let mut host = Host::new().await;
    host.limits.attempts_max = 3;
    let fault = Failure::backoff(Code::FAULT_RETRYABLE, "not yet").next("wait");
    host.calls.script().parses.push_back(Err(fault));
    let id = host.event("k", EventKind::Webhook, vec![], "POST /");
    host.start();
    let end = ended(&host, id).await;
    let failure = dead(&end);
    assert_eq!(failure.code, Code::ATTEMPTS_EXHAUSTED);
    assert!(failure.what.contains("3 attempts") && failure.what.contains("not yet"), "{}", failure.what);
    assert_eq!(failure.next_step, "wait");
    assert_eq!(host.calls.script().deliveries.len(), 3);
    host.stop().await;
}

#[tokio::test]
async fn a_trap_is_tried_a_few_times_whatever_the_failure_says() {
    let mut host = Host::new().await;
    host.calls.script().parses.push_back(Err(Failure::never(Code::PLUGIN_TRAP, "unreachable")));
    let id = host.event("k", EventKind::Webhook, vec![], "POST /");
    host.start();
    assert_eq!(dead(&ended(&host, id).await).code, Code::PLUGIN_TRAP);
    assert_eq!(host.calls.script().deliveries.len(), 3);
    host.stop().await;
}

#[tokio::test]
async fn what_waits_for_a_person_costs_no_attempt() {
    let mut host = Host::new().await;
    host.limits.attempts_max = 1;
    host.limits.hold_ms = 2;
    {
        let mut script = host.calls.script();
        for _ in 0..5 {
            script.parses.push_back(Err(Failure::hold(Code::SOURCE_WAITING, "no secret")));
        }
        script.parses.push_back(Ok(Parsed { documents: vec![document("a", "at last")], plugin: plugin() }));
    }
    let id = host.event("k", EventKind::Webhook, vec![], "POST /");
    host.start();
    ended(&host, id).await;
    assert_eq!(host.journal.ended(id), Some(EventState::Done));
    host.stop().await;
}

#[tokio::test]
async fn a_paused_source_is_left_alone_and_goes_on_when_resumed() {
    let mut host = Host::new().await;
    host.journal.state().paused.insert(source());
    let id = host.documents("1", &[document("a", "one")]);
    let other = host.event_of(
        &apex_model::ids::SourceName::parse("other").unwrap(),
        "1",
        EventKind::Document,
        b"[]".to_vec(),
        "",
    );
    host.start();
    ended(&host, other).await;
    assert_eq!(host.journal.ended(id), None);
    host.journal.state().paused.clear();
    ended(&host, id).await;
    host.stop().await;
}

#[tokio::test]
async fn a_file_is_read_page_by_page_and_answered_with_every_outcome() {
    let mut host = Host::new().await;
    {
        let mut script = host.calls.script();
        let issue =
            EventIssue { id: "i1".into(), code: "bad-segment".into(), message: "no B10".into(), offset: 3, length: 4 };
        let page = |documents, issues, resume: Option<&str>| {
            Ok(ParsedFilePage { documents, issues, resume: resume.map(str::to_owned), plugin: plugin() })
        };
        script.pages.push_back(page(vec![document("a", "first")], vec![issue], Some("p2")));
        script.pages.push_back(page(vec![document("b", "second")], vec![], None));
        let reply =
            ReplyFile { name: "ack.997".into(), media_type: "application/edi-x12".into(), content: "ISA".into() };
        script.replies.push_back(Ok(vec![reply]));
    }
    let id = host.event("k", EventKind::File, b"ISA*00".to_vec(), "in.edi");
    host.start();
    let end = ended(&host, id).await;
    let failure = dead(&end);
    assert!(failure.what.contains("bad-segment") && failure.what.contains("no B10"), "{}", failure.what);
    let EventEnd::Dead { issues, .. } = &end else { unreachable!() };
    assert_eq!(issues.len(), 1);
    assert_eq!(content(&host, "b").await.as_deref(), Some("second"));
    assert_eq!(host.calls.script().resumes, [None, Some("p2".to_owned())]);
    let told = host.calls.script().outcomes[0].clone();
    let told: std::collections::BTreeMap<_, _> = told.iter().map(|o| (o.id.as_str(), o.stored)).collect();
    assert_eq!(told, [("a", true), ("b", true), ("i1", false)].into());
    assert_eq!(std::fs::read(host.dir.path().join("replies/front/ack.997")).unwrap(), b"ISA");
    host.stop().await;
}

#[tokio::test]
async fn a_file_that_goes_nowhere_is_no_endless_loop() {
    let mut host = Host::new().await;
    let page = ParsedFilePage { documents: vec![], issues: vec![], resume: Some("here".to_owned()), plugin: plugin() };
    host.calls.script().pages.push_back(Ok(page));
    let id = host.event("k", EventKind::File, b"x".to_vec(), "in.edi");
    host.start();
    assert_eq!(dead(&ended(&host, id).await).code, Code::PLUGIN_ANSWER);
    host.stop().await;
}

#[tokio::test]
async fn events_on_one_document_end_with_the_newest_whoever_is_faster() {
    let mut host = Host::new().await;
    let ids: Vec<EventId> =
        (0..40).map(|n| host.documents(&n.to_string(), &[document("a", &format!("state {n}"))])).collect();
    host.start();
    for id in ids {
        ended(&host, id).await;
    }
    assert_eq!(content(&host, "a").await.as_deref(), Some("state 39"));
    assert_eq!(host.store.check(None).await.unwrap(), Vec::<String>::new());
    host.stop().await;
}

#[tokio::test]
async fn the_same_document_twice_in_one_event_keeps_its_order() {
    let mut host = Host::new().await;
    let id = host.documents("k", &[document("a", "first"), document("b", "x"), document("a", "second")]);
    host.start();
    ended(&host, id).await;
    assert_eq!(content(&host, "a").await.as_deref(), Some("second"));
    assert_eq!(host.store.history(&DocumentId::new(&source(), "a")).await.unwrap().len(), 2);
    host.stop().await;
}

#[tokio::test]
async fn a_journal_that_fails_for_a_while_loses_nothing() {
    let mut host = Host::new().await;
    host.journal.state().claim_failures = 3;
    host.journal.state().finish_failures = 2;
    let id = host.documents("k", &[document("a", "words")]);
    host.start();
    ended(&host, id).await;
    assert_eq!(host.journal.ended(id), Some(EventState::Done));
    host.stop().await;
}

#[tokio::test]
async fn leases_are_renewed_while_work_is_in_hand_and_a_lost_one_ends_it() {
    let mut host = Host::new().await;
    host.limits.lease_ms = 30;
    let gate: &'static tokio::sync::Semaphore = Box::leak(Box::new(tokio::sync::Semaphore::new(0)));
    *host.calls.gate.lock().unwrap() = Some(gate);
    host.calls.script().parses.push_back(Ok(Parsed { documents: vec![document("a", "late")], plugin: plugin() }));
    let id = host.event("k", EventKind::Webhook, vec![], "POST /");
    host.start();
    wait_for("the parse to begin", || !host.calls.script().deliveries.is_empty()).await;
    let seen = host.journal.state().renewals;
    wait_for("two renewals", || host.journal.state().renewals >= seen + 2).await;
    host.journal.state().taken_over = true;
    let seen = host.journal.state().renewals;
    wait_for("the loss to be noticed", || host.journal.state().renewals > seen).await;
    gate.add_permits(10);
    host.stop().await;
    assert!(host.journal.last_end(id).is_none(), "an event that another worker has must not be ended here");
    assert_eq!(content(&host, "a").await, None);
}

#[tokio::test]
async fn stopping_finishes_what_is_in_hand_and_gives_the_rest_back() {
    let mut host = Host::new().await;
    host.limits.workers = 1;
    host.limits.stop_ms_max = 60_000;
    let gate: &'static tokio::sync::Semaphore = Box::leak(Box::new(tokio::sync::Semaphore::new(0)));
    *host.calls.gate.lock().unwrap() = Some(gate);
    host.calls.script().parses.push_back(Ok(Parsed { documents: vec![], plugin: plugin() }));
    let first = host.event("1", EventKind::Webhook, vec![], "POST /");
    let second = host.event("2", EventKind::Webhook, vec![], "POST /");
    host.start();
    wait_for("the first to be parsed", || !host.calls.script().deliveries.is_empty()).await;
    host.stop.cancel();
    gate.add_permits(1);
    host.stop().await;
    assert_eq!(host.journal.ended(first), Some(EventState::Unchanged));
    match host.journal.last_end(second) {
        Some(EventEnd::Retry { failure, after, counts }) => {
            assert_eq!((failure.code, after, counts), (Code::DRAINING, Duration::ZERO, false));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let mut host = Host::new().await;
    host.limits.stop_ms_max = 20;
    let gate: &'static tokio::sync::Semaphore = Box::leak(Box::new(tokio::sync::Semaphore::new(0)));
    *host.calls.gate.lock().unwrap() = Some(gate);
    let id = host.event("1", EventKind::Webhook, vec![], "POST /");
    host.start();
    wait_for("the parse to begin", || !host.calls.script().deliveries.is_empty()).await;
    host.stop().await;
    assert!(matches!(host.journal.last_end(id), Some(EventEnd::Retry { counts: false, .. })));
}

#[tokio::test]
async fn the_documents_of_a_page_know_the_plugin_that_fetched_it() {
    let mut host = Host::new().await;
    let body = PageBody { plugin: plugin(), documents: vec![document("a", "fetched")] };
    let named = host.event("k1", EventKind::Page, serde_json::to_vec(&body).unwrap(), "default");
    let older = host.event("k2", EventKind::Page, serde_json::to_vec(&[document("b", "old")]).unwrap(), "default");
    host.start();
    let EventEnd::Settled { plugin: made_by, .. } = ended(&host, named).await else { panic!("not settled") };
    assert_eq!(made_by, Some(plugin()));
    let view = host.store.document(&DocumentId::new(&source(), "a")).await.unwrap().unwrap();
    assert_eq!(view.plugin, Some(plugin()));
    ended(&host, older).await;
    assert_eq!(content(&host, "b").await.as_deref(), Some("old"), "a page without its plugin's name is read, too");
    host.stop().await;
}

#[tokio::test]
async fn a_dead_letter_always_has_a_next_step() {
    let mut host = Host::new().await;
    host.calls.script().parses.push_back(Err(Failure::never(Code::FAULT_PERMANENT, "no such thing")));
    let id = host.event("k", EventKind::Webhook, b"{}".to_vec(), "POST /webhooks/front");
    host.start();
    let end = ended(&host, id).await;
    let step = &dead(&end).next_step;
    assert!(step.contains(&format!("apex dead-letter show {id}")), "{step}");
    assert!(step.contains(&format!("apex dead-letter replay {id}")), "{step}");
    host.stop().await;
}

#[tokio::test]
async fn while_accepting_goes_first_few_events_are_claimed_at_once() {
    let mut host = Host::new().await;
    host.pressure.raise(Duration::from_hours(1));
    let ids: Vec<EventId> = (0..6).map(|n| host.documents(&n.to_string(), &[document(&n.to_string(), "x")])).collect();
    host.start();
    for id in ids {
        ended(&host, id).await;
    }
    assert_eq!(host.journal.state().claimed_most, 4);
    host.stop().await;
}
