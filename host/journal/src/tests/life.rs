//! The way of one event: accepted once, claimed in order, ended, found.

use std::time::Duration;

use apex_model::Code;
use apex_model::event::{Appended, DocumentOutcome, EventEnd, EventFilter, EventState};
use apex_model::ids::{Digest, DocumentId};
use apex_model::plugin::PluginRef;
use apex_model::ports::{EventReader, WorkQueue};
use apex_model::source::Priority;

use super::kit::*;

#[test]
fn an_event_is_new_once_and_a_repeat_has_its_id() {
    let kit = Kit::new();
    assert_eq!(kit.append(event("a")).unwrap(), Appended::New(id("a")));
    assert_eq!(kit.append(event("a")).unwrap(), Appended::Duplicate(id("a")));
    assert_eq!(kit.append(event_of("other", "a")).unwrap(), Appended::New(event_of("other", "a").id));
    let tally = kit.tally();
    assert_eq!((tally.accepted, tally.duplicate, tally.in_flight), (3, 1, 2));
}

#[test]
fn repeats_in_one_group_are_known() {
    let kit = Kit::new();
    let events = (0..200).map(|n| event(&format!("{}", n % 20))).collect();
    let answers: Vec<Appended> = kit.append_all(events).into_iter().map(Result::unwrap).collect();
    let new = answers.iter().filter(|answer| matches!(answer, Appended::New(_))).count();
    assert_eq!(new, 20);
    let tally = kit.tally();
    assert_eq!((tally.accepted, tally.duplicate, tally.in_flight), (200, 180, 20));
}

#[test]
fn a_claimed_event_is_as_it_came() {
    let kit = Kit::new();
    let came = event("a");
    kit.append(came.clone()).unwrap();
    let claimed = kit.claim(10).remove(0);
    assert_eq!((claimed.claim.id, claimed.claim.attempt), (came.id, 1));
    let event = claimed.event;
    assert_eq!((event.body, event.headers, event.label), (came.body, came.headers, came.label));
    assert_eq!((event.event_key, event.event_type, event.trace), (came.event_key, came.event_type, came.trace));
    assert_eq!((event.kind, event.path, event.priority), (came.kind, came.path, came.priority));
    assert_eq!(event.received_at.unix_ms(), came.received_at.unix_ms());
}

#[test]
fn urgent_events_go_first_then_the_order_of_arrival() {
    let kit = Kit::new();
    for (key, priority) in [("c", Priority::P2), ("a", Priority::P0), ("d", Priority::P2), ("b", Priority::P1)] {
        let mut event = event(key);
        event.priority = priority;
        kit.append(event).unwrap();
    }
    let keys: Vec<String> = kit.claim(3).into_iter().map(|claimed| claimed.event.event_key).collect();
    assert_eq!(keys, ["a", "b", "c"]);
    assert_eq!(kit.claim(3).len(), 1);
    assert!(kit.claim(3).is_empty());
}

#[test]
fn a_paused_source_is_left_alone() {
    let kit = Kit::new();
    kit.append(event_of("slow", "a")).unwrap();
    kit.append(event_of("front", "b")).unwrap();
    let claimed = wait(kit.journal.claim(5, LEASE, &[source("slow")])).unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].event.source, source("front"));
    assert_eq!(kit.claim(5)[0].event.source, source("slow"));
}

#[test]
fn a_settled_event_shows_its_way() {
    let kit = Kit::new();
    kit.append(event("a")).unwrap();
    assert_eq!(kit.record(id("a")).unwrap().state, EventState::Accepted);
    let claimed = kit.claim(1).remove(0);
    assert_eq!(kit.record(id("a")).unwrap().state, EventState::Processing);
    let plugin = PluginRef { name: "front".to_owned(), version: "1.0.0".to_owned(), digest: Digest::of(b"wasm") };
    let document_id = DocumentId::new(&source("front"), "m1");
    let outcomes =
        vec![DocumentOutcome { document_id: document_id.clone(), state: EventState::Done, version: Some(3) }];
    let end = EventEnd::Settled { state: EventState::Done, outcomes: outcomes.clone(), plugin: Some(plugin.clone()) };
    kit.finish(&claimed, end).unwrap();
    let record = kit.record(id("a")).unwrap();
    assert_eq!((record.state, record.attempts, record.error_code), (EventState::Done, 1, None));
    assert_eq!((record.document_ids, record.outcomes, record.plugin), (vec![document_id], outcomes, Some(plugin)));
    assert_eq!(record.body_bytes, 9, "`body of a`");
    assert!(record.finished_at.is_some());
    assert_eq!(kit.record(id("b")).map(|record| record.id), None);
}

#[test]
fn a_retry_waits_for_its_moment_and_counts_only_if_asked_to() {
    let kit = Kit::new();
    kit.append(event("a")).unwrap();
    kit.finish(&kit.claim(1)[0], retry(Duration::from_secs(5), true)).unwrap();
    let record = kit.record(id("a")).unwrap();
    assert_eq!((record.state, record.attempts), (EventState::Accepted, 1));
    assert_eq!(record.error_code.as_deref(), Some("APEX0050"));
    assert!(record.next_attempt_at.is_some());
    assert!(kit.claim(1).is_empty());
    kit.clock.advance_ms(5_001);
    let claimed = kit.claim(1);
    assert_eq!(claimed[0].claim.attempt, 2);
    kit.finish(&claimed[0], retry(Duration::ZERO, false)).unwrap();
    assert_eq!(kit.claim(1)[0].claim.attempt, 2);
}

#[test]
fn an_expired_lease_is_claimable_and_the_old_holder_has_lost_it() {
    let kit = Kit::new();
    kit.append(event("a")).unwrap();
    let first = kit.claim(1).remove(0);
    kit.clock.advance_ms(60_001);
    let second = kit.claim(1).remove(0);
    assert_eq!((second.claim.position, second.claim.attempt), (first.claim.position, 2));
    assert_eq!(kit.finish(&first, done()).unwrap_err().code, Code::LEASE_LOST);
    assert!(wait(kit.journal.renew(&[first.claim, second.claim], LEASE)).unwrap() == [second.claim]);
    kit.finish(&second, done()).unwrap();
    assert_eq!(kit.finish(&second, done()).unwrap_err().code, Code::LEASE_LOST);
    assert_eq!(kit.tally().done, 1);
}

#[test]
fn a_renewed_lease_does_not_run_out() {
    let kit = Kit::new();
    kit.append(event("a")).unwrap();
    let held = kit.claim(1).remove(0);
    kit.clock.advance_ms(50_000);
    assert_eq!(wait(kit.journal.renew(&[held.claim], LEASE)).unwrap().len(), 1);
    kit.clock.advance_ms(50_000);
    assert!(kit.claim(1).is_empty());
    kit.finish(&held, done()).unwrap();
}

#[test]
fn what_a_process_worked_on_waits_again_after_a_restart() {
    let mut kit = Kit::new();
    kit.append(event("a")).unwrap();
    let before = kit.claim(1).remove(0);
    kit.reopen();
    assert_eq!(kit.finish(&before, done()).unwrap_err().code, Code::LEASE_LOST);
    let after = kit.claim(1).remove(0);
    assert_eq!(after.claim.attempt, 2, "a crash counts: an event that kills the process must not do so forever");
    kit.finish(&after, done()).unwrap();
}

#[test]
fn lists_are_newest_first_and_filtered() {
    let kit = Kit::new();
    for n in 0..10 {
        kit.append(event_of(if n % 2 == 0 { "even" } else { "odd" }, &n.to_string())).unwrap();
    }
    for claimed in kit.claim(4) {
        let state = if claimed.claim.position == 1 { EventState::Superseded } else { EventState::Done };
        kit.finish(&claimed, settled(state)).unwrap();
    }
    let list = |name: Option<&str>, state, limit, before| {
        let filter = EventFilter { source: name.map(source), state, limit, before };
        let records = wait(kit.journal.events(filter)).unwrap();
        records.into_iter().map(|record| record.event_key).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, 3, None), ["9", "8", "7"]);
    assert_eq!(list(None, None, 2, Some(3)), ["1", "0"]);
    assert_eq!(list(Some("odd"), None, 9, None), ["9", "7", "5", "3", "1"]);
    assert_eq!(list(None, Some(EventState::Done), 9, None), ["3", "2", "1"]);
    assert_eq!(list(Some("even"), Some(EventState::Superseded), 9, None), ["0"]);
    assert_eq!(list(Some("even"), Some(EventState::Accepted), 9, None), ["8", "6", "4"]);
    assert_eq!(list(None, Some(EventState::Processing), 9, None), [""; 0]);
}

#[test]
fn waiting_for_work_ends_with_a_new_event_and_with_a_retry_that_came_due() {
    let kit = Kit::new();
    wait(kit.journal.ready());
    assert!(kit.claim(1).is_empty());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let journal = std::sync::Arc::clone(&kit.journal);
    let waiting = runtime.spawn(async move { journal.ready().await });
    kit.append(event("a")).unwrap();
    wait(waiting).unwrap();
    let claimed = kit.claim(5);
    assert_eq!(claimed.len(), 1);
    kit.finish(&claimed[0], retry(Duration::from_millis(50), true)).unwrap();
    until("the retry comes due", || {
        wait(kit.journal.ready());
        !kit.claim(1).is_empty()
    });
}

#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let kit = Kit::new();
    kit.append(event("k")).unwrap();
    let found: Vec<_> = std::fs::read_dir(kit.dir.path()).unwrap().map(|entry| entry.unwrap()).collect();
    assert!(found.len() >= 3, "the database, its log and its index: {found:?}");
    for entry in found {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
}
