//! Dead letters: kept with everything, replayed once.

use apex_model::event::{EventEnd, EventIssue, EventState};
use apex_model::ids::Digest;
use apex_model::ports::DeadLetters;
use apex_model::{Code, Failure};

use super::kit::*;

fn issue() -> EventIssue {
    EventIssue { id: "i1".to_owned(), code: "segment".to_owned(), message: "unknown".to_owned(), offset: 4, length: 2 }
}

#[test]
fn a_dead_letter_keeps_body_reason_and_next_step() {
    let kit = Kit::new();
    kit.append(event("a")).unwrap();
    let failure = Failure::never(Code::FAULT_PERMANENT, "no such field").next("mend the connector");
    let end = EventEnd::Dead { failure, outcomes: Vec::new(), issues: vec![issue()], plugin: None };
    kit.finish(&kit.claim(1)[0], end).unwrap();
    let found = wait(kit.journal.dead_letter(id("a"))).unwrap().unwrap();
    assert_eq!((found.body.as_ref(), found.headers.as_str()), (&b"body of a"[..], "content-type: text/plain\n"));
    let letter = found.letter;
    assert_eq!((letter.code.as_str(), letter.reason.as_str()), ("APEX0030", "no such field"));
    assert_eq!((letter.next_step.as_str(), letter.attempts, letter.body_bytes), ("mend the connector", 1, 9));
    assert_eq!((letter.body_sha256, letter.issues), (Digest::of(b"body of a"), vec![issue()]));
    assert_eq!(kit.record(id("a")).unwrap().error.as_deref(), Some("no such field"));
    assert!(wait(kit.journal.dead_letter(id("b"))).unwrap().is_none());
}

#[test]
fn letters_are_listed_newest_first_by_source() {
    let kit = Kit::new();
    for n in 0..6 {
        kit.append(event_of(if n < 3 { "low" } else { "high" }, &n.to_string())).unwrap();
    }
    for claimed in kit.claim(6) {
        kit.finish(&claimed, dead()).unwrap();
    }
    let keys = |name: Option<&str>, limit| {
        let letters = wait(kit.journal.dead_letters(name.map(source), limit)).unwrap();
        letters.into_iter().map(|letter| letter.event_key).collect::<Vec<_>>()
    };
    assert_eq!(keys(None, 4), ["5", "4", "3", "2"]);
    assert_eq!(keys(Some("low"), 9), ["2", "1", "0"]);
}

#[test]
fn replaying_twice_changes_nothing() {
    let mut kit = Kit::new();
    for key in ["a", "b", "c"] {
        kit.append(event(key)).unwrap();
    }
    for claimed in kit.claim(2) {
        kit.finish(&claimed, dead()).unwrap();
    }
    let ids = [id("a"), id("c"), id("unknown"), id("a")];
    assert_eq!(wait(kit.journal.replay(&ids)).unwrap(), [id("a")], "c is not dead, a is so only once");
    assert_eq!(wait(kit.journal.replay(&ids)).unwrap(), []);
    let tally = kit.tally();
    assert_eq!((tally.dead, tally.in_flight), (1, 2));
    kit.reopen();
    let claimed = kit.claim(9);
    let seen: Vec<_> =
        claimed.iter().map(|claimed| (claimed.event.event_key.as_str(), claimed.claim.attempt)).collect();
    assert_eq!(seen, [("a", 1), ("c", 1)], "its attempts begin anew");
    kit.finish(&claimed[0], done()).unwrap();
    assert_eq!(kit.record(id("a")).unwrap().state, EventState::Done);
    assert!(wait(kit.journal.dead_letter(id("a"))).unwrap().is_none());
    assert_eq!(wait(kit.journal.replay(&[id("b")])).unwrap(), [id("b")]);
}

#[test]
fn a_replayed_event_can_die_again() {
    let kit = Kit::new();
    kit.append(event("a")).unwrap();
    for _ in 0..3 {
        kit.finish(&kit.claim(1)[0], dead()).unwrap();
        assert_eq!(wait(kit.journal.replay(&[id("a")])).unwrap(), [id("a")]);
    }
    kit.finish(&kit.claim(1)[0], dead()).unwrap();
    let tally = kit.tally();
    assert_eq!((tally.accepted, tally.dead, tally.in_flight), (1, 1, 0));
}

#[test]
fn secrets_are_not_shown_and_replayed_all_the_same() {
    const CANARY: &str = "canary-7f3a";
    let sent = apex_model::event::NewEvent {
        label: format!("POST /webhooks/front?token={CANARY}&kind={CANARY}=&{CANARY}"),
        headers: format!(
            "authorization: Bearer {CANARY}\nproxy-authorization: {CANARY}\ncookie: a={CANARY}\nx-api-key: {CANARY}\n\
             X-Hub-Token-1: {CANARY}\nmy-secret: {CANARY}:{CANARY}\ncontent-type: text/plain\nx-signature: abc=\n"
        ),
        ..event("a")
    };
    let kit = Kit::new();
    kit.append(sent.clone()).unwrap();
    let label = "POST /webhooks/front?token=***&kind=***&***";
    assert_eq!(kit.record(id("a")).unwrap().label, label);
    kit.finish(&kit.claim(1)[0], dead()).unwrap();
    let found = wait(kit.journal.dead_letter(id("a"))).unwrap().unwrap();
    assert_eq!(found.letter.label, label);
    assert_eq!(
        found.headers,
        "authorization: ***\nproxy-authorization: ***\ncookie: ***\nx-api-key: ***\nX-Hub-Token-1: ***\nmy-secret: ***\n\
         content-type: text/plain\nx-signature: abc=\n"
    );
    let listed = wait(kit.journal.dead_letters(None, 9)).unwrap();
    let shown = format!("{found:?} {listed:?} {:?}", kit.record(id("a")));
    assert!(!shown.contains(CANARY), "{shown}");
    wait(kit.journal.replay(&[id("a")])).unwrap();
    let again = kit.claim(1).remove(0).event;
    assert_eq!((again.label, again.headers), (sent.label, sent.headers), "the connector gets every byte");
}
