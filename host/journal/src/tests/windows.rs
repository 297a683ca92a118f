//! Repeats are known across sealed windows, restarts and crashes; old windows go away.

use std::collections::HashSet;
use std::fs;

use apex_config::limits::{JournalLimits, PluginLimits};
use apex_model::event::{Appended, EventState};
use apex_model::ports::EventReader;
use tempfile::TempDir;

use super::kit::*;

const DAY_MS: i64 = 86_400_000;

/// 1,000 keys in random order, each up to three times.
fn shuffled(seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    let mut keys: Vec<String> = (0..2_000).map(|_| format!("k{}", random.below(1_000))).collect();
    keys.extend((0..1_000).map(|n| format!("k{n}")));
    for n in (1..keys.len()).rev() {
        let other = usize::try_from(random.below(n as u64 + 1)).unwrap();
        keys.swap(n, other);
    }
    keys
}

fn count(kit: &Kit, table: &str) -> i64 {
    let file = kit.dir.path().join(crate::schema::FILE);
    let conn = crate::schema::open_reader(&file).unwrap();
    conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn repeats_are_known_across_sealed_windows_and_restarts() {
    let mut kit = Kit::windows_of(50);
    let mut seen = HashSet::new();
    for (turn, part) in shuffled(11).chunks(150).enumerate() {
        let answers = kit.append_all(part.iter().map(|key| event(key)).collect());
        for (key, answer) in part.iter().zip(answers) {
            let expected = if seen.insert(key.clone()) { Appended::New(id(key)) } else { Appended::Duplicate(id(key)) };
            assert_eq!(answer.unwrap(), expected, "{key} in turn {turn}");
        }
        if turn % 4 == 3 {
            kit.reopen();
        }
    }
    assert_eq!(kit.tally().in_flight, 1_000);
    // A group may overfill its window, so there are fewer than twenty.
    until("the full windows are sealed", || count(&kit, "dedupe_window") >= 5);
    for key in seen {
        assert_eq!(kit.record(id(&key)).unwrap().event_key, key, "found by its id in whichever window");
    }
    assert_eq!(kit.record(id("k1000")).map(|record| record.event_key), None);
}

#[test]
fn a_copy_of_the_files_taken_at_any_moment_knows_what_was_answered() {
    let kit = Kit::windows_of(50);
    let keys = shuffled(23);
    let mut seen = HashSet::new();
    for part in keys.chunks(100).take(12) {
        for answer in kit.append_all(part.iter().map(|key| event(key)).collect()) {
            seen.insert(answer.unwrap().id());
        }
        // What a power cut leaves: the file and the log as they are. The shared memory (-shm) is not on the disk.
        let copy = TempDir::new().unwrap();
        for name in ["journal.db-wal", "journal.db"] {
            let _ = fs::copy(kit.dir.path().join(name), copy.path().join(name));
        }
        let crashed = kit.open(copy.path());
        let again: Vec<_> = keys.iter().filter(|key| seen.contains(&id(key))).map(|key| event(key)).collect();
        for answer in append_all(&crashed, again) {
            assert!(matches!(answer.unwrap(), Appended::Duplicate(_)));
        }
        let tallies = wait(crashed.tallies()).unwrap();
        assert!(tallies[0].1.is_conserved());
        assert_eq!(tallies[0].1.in_flight, seen.len() as u64);
        crashed.close().unwrap();
    }
}

#[test]
fn a_window_is_sealed_by_age_and_pruned_when_its_time_is_over() {
    let limits = JournalLimits { window_rows: 100, dedupe_days: 30, ..JournalLimits::default() };
    let kit = Kit::with(limits, PluginLimits::default());
    for n in 0..300 {
        kit.append(event(&format!("old{n}"))).unwrap();
    }
    for (n, claimed) in kit.claim(300).iter().enumerate() {
        let end = if n == 150 { dead() } else { settled(EventState::Done) };
        kit.finish(claimed, end).unwrap();
    }
    until("three windows are sealed", || count(&kit, "dedupe_window") == 3);
    kit.clock.advance_ms(29 * DAY_MS);
    assert_eq!(kit.append(event("old0")).unwrap(), Appended::Duplicate(id("old0")));
    kit.clock.advance_ms(2 * DAY_MS);
    // The writer looks for old windows whenever it wakes; a claim without a result wakes it.
    until("two windows are pruned", || {
        let _ = kit.claim(1);
        count(&kit, "event") == 100
    });
    assert_eq!((count(&kit, "body"), count(&kit, "outcome")), (100, 100));
    until("their keys are gone", || {
        let _ = kit.claim(1);
        count(&kit, "dedupe_window") == 1
    });
    assert_eq!(kit.append(event("old0")).unwrap(), Appended::New(id("old0")));
    assert_eq!(
        kit.append(event("old150")).unwrap(),
        Appended::Duplicate(id("old150")),
        "its window holds a dead letter"
    );
    assert_eq!(kit.record(id("old150")).unwrap().state, EventState::Dead);
    let tally = kit.tally();
    assert_eq!((tally.done, tally.dead, tally.in_flight), (299, 1, 1));
}

#[test]
fn positions_are_not_given_twice_after_everything_was_pruned() {
    let limits = JournalLimits { window_rows: 10, ..JournalLimits::default() };
    let mut kit = Kit::with(limits, PluginLimits::default());
    kit.append_all((0..10).map(|n| event(&n.to_string())).collect());
    for claimed in kit.claim(10) {
        kit.finish(&claimed, done()).unwrap();
    }
    until("the window is sealed", || count(&kit, "dedupe_window") == 1);
    kit.clock.advance_ms(31 * DAY_MS);
    until("everything is pruned", || {
        let _ = kit.claim(1);
        count(&kit, "event") == 0 && count(&kit, "dedupe_window") == 0
    });
    kit.reopen();
    kit.append(event("new")).unwrap();
    assert_eq!(kit.record(id("new")).unwrap().position, 11);
}
