//! Cursors move only with their page, and only from where the fetch began.

use apex_model::Code;
use apex_model::cursor::CursorCommit;
use apex_model::event::{Appended, NewEvent};
use apex_model::failure::PortResult;
use apex_model::ports::{Cursors, Inbox};

use super::kit::*;

fn page(kit: &Kit, event: Option<NewEvent>, from: Option<&str>, to: &str) -> PortResult<Option<Appended>> {
    let (from, to) = (from.map(str::to_owned), to.to_owned());
    wait(kit.journal.commit_page(event, CursorCommit { source: source("feed"), slice: "gps".to_owned(), from, to }))
}

fn cursor(kit: &Kit) -> Option<String> {
    wait(kit.journal.cursor(&source("feed"), "gps")).unwrap().map(|record| record.cursor)
}

#[test]
fn a_page_moves_its_cursor_and_comes_in_once() {
    let mut kit = Kit::new();
    assert_eq!(cursor(&kit), None);
    let first = event_of("feed", "p1");
    assert_eq!(page(&kit, Some(first.clone()), None, "c1").unwrap(), Some(Appended::New(first.id)));
    assert_eq!(page(&kit, None, Some("c1"), "c2").unwrap(), None);
    kit.reopen();
    assert_eq!(cursor(&kit).as_deref(), Some("c2"));
    assert_eq!(page(&kit, Some(first.clone()), Some("c2"), "c3").unwrap(), Some(Appended::Duplicate(first.id)));
    assert_eq!(cursor(&kit).as_deref(), Some("c3"));
    let tally = kit.tally();
    assert_eq!((tally.accepted, tally.duplicate), (2, 1));
}

#[test]
fn a_page_fetched_from_an_older_cursor_leaves_no_trace() {
    let kit = Kit::new();
    page(&kit, None, None, "c1").unwrap();
    for from in [None, Some("c0")] {
        let refused = page(&kit, Some(event_of("feed", "late")), from, "c9").unwrap_err();
        assert_eq!(refused.code, Code::FENCED);
    }
    assert_eq!(cursor(&kit).as_deref(), Some("c1"));
    assert_eq!(kit.tally().accepted, 0);
    assert!(kit.claim(1).is_empty());
}

#[test]
fn a_failed_commit_moves_no_cursor() {
    let kit = Kit::new();
    kit.fail_commits(1);
    page(&kit, Some(event_of("feed", "p1")), None, "c1").unwrap_err();
    assert_eq!(cursor(&kit), None);
    page(&kit, Some(event_of("feed", "p1")), None, "c1").unwrap();
    assert_eq!(kit.tally().in_flight, 1);
}

#[test]
fn a_cursor_can_be_set_and_forgotten_by_hand() {
    let kit = Kit::new();
    let feed = source("feed");
    wait(kit.journal.set_cursor(&feed, "gps", Some("here"))).unwrap();
    wait(kit.journal.set_cursor(&feed, "fuel", Some("there"))).unwrap();
    page(&kit, None, Some("here"), "on").unwrap();
    let all = wait(kit.journal.cursors(&feed)).unwrap();
    let all: Vec<_> = all.iter().map(|record| (record.slice.as_str(), record.cursor.as_str())).collect();
    assert_eq!(all, [("fuel", "there"), ("gps", "on")]);
    wait(kit.journal.set_cursor(&feed, "gps", None)).unwrap();
    assert_eq!(cursor(&kit), None);
    let long = "x".repeat(64 * 1024 + 1);
    assert_eq!(wait(kit.journal.set_cursor(&feed, "gps", Some(&long))).unwrap_err().code, Code::PLUGIN_ANSWER);
}

#[test]
fn pauses_survive_a_restart() {
    let mut kit = Kit::new();
    wait(kit.journal.set_paused(&source("feed"), true)).unwrap();
    wait(kit.journal.set_paused(&source("feed"), true)).unwrap();
    wait(kit.journal.set_paused(&source("front"), true)).unwrap();
    kit.reopen();
    assert_eq!(wait(kit.journal.paused()).unwrap(), [source("feed"), source("front")]);
    wait(kit.journal.set_paused(&source("feed"), false)).unwrap();
    assert_eq!(wait(kit.journal.paused()).unwrap(), [source("front")]);
}
