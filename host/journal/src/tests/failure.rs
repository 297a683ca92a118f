//! What a disk that fails leaves behind: nothing half done, and a retry that is new.

use std::fs;

use apex_config::limits::{JournalLimits, PluginLimits};
use apex_model::event::Appended;
use apex_model::failure::Retry;
use apex_model::ports::{Inbox, WorkQueue};
use apex_model::{Code, Failure};
use tempfile::TempDir;

use super::kit::*;
use crate::command::Op;
use crate::{Journal, JournalError};

fn big(key: &str) -> apex_model::event::NewEvent {
    apex_model::event::NewEvent { body: vec![7; 300_000].into(), ..event(key) }
}

/// Lets the file grow no more: every write that needs a page fails as on a full disk (SQLITE_FULL).
fn fill(kit: &Kit) {
    kit.sql("PRAGMA max_page_count = 1");
}

fn make_room(kit: &Kit) {
    kit.sql("PRAGMA max_page_count = 1000000");
}

#[test]
fn a_failed_write_leaves_neither_key_nor_row() {
    let mut kit = Kit::new();
    kit.append(event("before")).unwrap();
    let before = kit.tally();
    fill(&kit);
    let failures = kit.append_all((0..40).map(|n| big(&n.to_string())).collect());
    for failure in failures {
        let failure: Failure = failure.unwrap_err();
        assert_eq!((failure.code, failure.retry), (Code::JOURNAL_WRITE, Retry::Backoff));
    }
    assert!(!kit.journal.is_writable());
    assert_eq!(kit.tally(), before);
    assert_eq!(kit.record(id("3")).map(|record| record.id), None);
    make_room(&kit);
    for (n, answer) in kit.append_all((0..40).map(|n| big(&n.to_string())).collect()).into_iter().enumerate() {
        assert_eq!(answer.unwrap(), Appended::New(id(&n.to_string())));
    }
    assert!(kit.journal.is_writable());
    kit.reopen();
    assert_eq!(kit.append(event("3")).unwrap(), Appended::Duplicate(id("3")));
    let claimed = kit.claim(100);
    assert_eq!(claimed.len(), 41);
    assert!(claimed[1..].iter().all(|claimed| claimed.event.body.len() == 300_000));
}

#[test]
fn a_failed_group_gives_its_claims_and_ends_back() {
    let kit = Kit::new();
    for n in 0..5 {
        kit.append(event(&n.to_string())).unwrap();
    }
    let held = kit.claim(2);
    kit.fail_commits(2);
    assert_eq!(wait(kit.journal.claim(2, LEASE, &[])).unwrap_err().code, Code::JOURNAL_WRITE);
    assert_eq!(kit.finish(&held[0], done()).unwrap_err().code, Code::JOURNAL_WRITE);
    kit.finish(&held[0], done()).unwrap();
    let claimed = kit.claim(9);
    let seen: Vec<_> =
        claimed.iter().map(|claimed| (claimed.event.event_key.as_str(), claimed.claim.attempt)).collect();
    assert_eq!(seen, [("2", 1), ("3", 1), ("4", 1)]);
    let tally = kit.tally();
    assert_eq!((tally.done, tally.in_flight), (1, 4));
}

#[test]
fn a_commit_that_fails_is_not_remembered() {
    let kit = Kit::windows_of(5);
    for n in 0..30 {
        let key = n.to_string();
        if n % 3 == 0 {
            // Not one commit: sealing a window is a commit of its own and may come first.
            kit.fail_commits(u32::MAX);
            assert_eq!(kit.append(event(&key)).unwrap_err().code, Code::JOURNAL_WRITE);
            kit.fail_commits(0);
            assert_eq!(kit.record(id(&key)).map(|record| record.id), None);
        }
        assert_eq!(kit.append(event(&key)).unwrap(), Appended::New(id(&key)));
        assert_eq!(kit.append(event(&key)).unwrap(), Appended::Duplicate(id(&key)));
    }
    assert_eq!(kit.tally().in_flight, 30);
    let positions: Vec<i64> = kit.claim(30).iter().map(|claimed| claimed.claim.position).collect();
    assert_eq!(positions, (1..=30).collect::<Vec<_>>());
}

#[test]
fn one_operation_that_fails_does_not_take_its_neighbours_with_it() {
    let kit = Kit::new();
    let (first, broken, second) = kit.while_held(|| {
        let first = kit.start_append(event("a"));
        let broken = kit.start(Op::Sql("SELECT no such column".to_owned()));
        (first, broken, kit.start_append(event("b")))
    });
    assert_eq!(first.recv().unwrap().unwrap(), Appended::New(id("a")));
    assert_eq!(wait(broken).unwrap().unwrap_err().code, Code::JOURNAL_WRITE);
    assert_eq!(second.recv().unwrap().unwrap(), Appended::New(id("b")));
    assert_eq!(kit.tally().accepted, 2);
}

#[test]
fn a_disk_that_takes_rows_again_is_noticed_without_traffic() {
    let kit = Kit::new();
    kit.fail_commits(1);
    kit.append(event("a")).unwrap_err();
    assert!(!kit.journal.is_writable());
    until("the journal finds the disk well", || kit.journal.is_writable());
}

#[test]
fn a_full_queue_and_a_closed_journal_answer_at_once() {
    let limits = JournalLimits { queue_rows_max: 4, ..JournalLimits::default() };
    let kit = Kit::with(limits, PluginLimits::default());
    let answers = kit.while_held(|| (0..10).map(|n| kit.start_append(event(&n.to_string()))).collect::<Vec<_>>());
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.recv().unwrap()).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 4);
    assert!(answers[4..].iter().all(|answer| answer.as_ref().unwrap_err().code == Code::JOURNAL_FULL));
    kit.journal.close().unwrap();
    assert_eq!(kit.append(event("late")).unwrap_err().code, Code::DRAINING);
}

#[test]
fn large_bodies_wait_only_up_to_a_bound_of_bytes() {
    let kit = Kit::new();
    let large = vec![7; 100 << 20];
    let body = bytes::Bytes::from(large);
    let large = |key: &str| apex_model::event::NewEvent { body: body.clone(), ..event(key) };
    let answers =
        kit.while_held(|| [large("a"), large("b"), large("c"), event("d")].map(|event| kit.start_append(event)));
    let codes = answers.map(|answer| answer.recv().unwrap().err().map(|failure| failure.code));
    assert_eq!(codes, [None, None, Some(Code::JOURNAL_FULL), None]);
    assert_eq!(kit.claim(9).len(), 1, "one claim hands out one such body, whatever it is asked for");
    assert_eq!(kit.claim(9).len(), 1);
}

#[test]
fn a_directory_that_cannot_be_used_is_a_clear_error() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    let error = Journal::open(&file.join("data"), &JournalLimits::default()).err().unwrap();
    assert!(matches!(error, JournalError::Directory { .. }), "{error}");
    assert_eq!(error.code(), Code::DATA_DIR_UNUSABLE);
    fs::write(
        dir.path().join("journal.db"),
        "this is no database, but longer than a header of one hundred bytes. ".repeat(9),
    )
    .unwrap();
    let error = Journal::open(dir.path(), &JournalLimits::default()).err().unwrap();
    assert_eq!(error.code(), Code::DATA_DIR_UNUSABLE);
    assert!(error.to_string().contains("journal.db"), "{error}");
}

#[test]
fn a_file_of_a_newer_program_is_refused() {
    let kit = Kit::new();
    kit.sql("PRAGMA user_version = 99");
    kit.journal.close().unwrap();
    let error = Journal::open(kit.dir.path(), &kit.limits).err().unwrap();
    assert!(matches!(error, JournalError::NewerFormat { found: 99, .. }), "{error}");
}

#[test]
fn a_file_deleted_or_replaced_under_the_journal_takes_nothing_more() {
    for replaced in [false, true] {
        let kit = Kit::new();
        kit.append(event("before")).unwrap();
        let file = kit.dir.path().join("journal.db");
        let copy = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        if replaced {
            fs::write(&file, copy).unwrap();
        }
        let mut tried = 0;
        until("an append fails", || {
            tried += 1;
            let answer = kit.append(event(&tried.to_string()));
            answer.is_err_and(|failure| failure.code == Code::JOURNAL_WRITE && failure.to_string().contains("deleted"))
        });
        assert!(!kit.journal.is_writable(), "replaced: {replaced}");
        assert_eq!(kit.append(event("after")).unwrap_err().code, Code::JOURNAL_WRITE);
        assert!(wait(kit.journal.claim(1, LEASE, &[])).is_err(), "bodies would be read from another file");
        assert!(!kit.journal.is_writable(), "replaced: {replaced}");
    }
}
