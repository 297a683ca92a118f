//! The sources' own stores: durable, counted, bounded for each source on its own.

use std::sync::Arc;
use std::thread;

use apex_config::limits::{JournalLimits, PluginLimits};
use apex_model::Code;
use apex_model::ports::ConnectorState;

use super::kit::*;

fn small() -> Kit {
    let quota =
        PluginLimits { state_value_bytes_max: 10, state_keys_max: 3, state_bytes_max: 25, ..PluginLimits::default() };
    Kit::with(JournalLimits::default(), quota)
}

#[test]
fn values_survive_a_restart_and_belong_to_one_source() {
    let mut kit = Kit::new();
    let (one, two) = (source("one"), source("two"));
    kit.journal.set(&one, "k", b"first").unwrap();
    kit.journal.set(&one, "k", b"second").unwrap();
    kit.reopen();
    assert_eq!(kit.journal.get(&one, "k").unwrap().as_deref(), Some(&b"second"[..]));
    assert_eq!(kit.journal.get(&two, "k").unwrap(), None);
    kit.journal.delete(&one, "k").unwrap();
    kit.journal.delete(&one, "k").unwrap();
    assert_eq!(kit.journal.get(&one, "k").unwrap(), None);
}

#[test]
fn counters_lose_no_step_of_many_threads() {
    let kit = Kit::new();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let journal = Arc::clone(&kit.journal);
            thread::spawn(move || (0..25).map(|_| journal.increment(&source("one"), "n").unwrap()).collect::<Vec<_>>())
        })
        .collect();
    let mut values: Vec<u32> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    values.sort_unstable();
    assert_eq!(values, (1..=100).collect::<Vec<_>>());
    assert_eq!(kit.journal.get(&source("one"), "n").unwrap().as_deref(), Some(&b"100"[..]));
}

#[test]
fn what_is_no_counter_is_not_counted() {
    let kit = Kit::new();
    for value in [&b"x"[..], b"4294967295", b"-1"] {
        kit.journal.set(&source("one"), "n", value).unwrap();
        assert_eq!(kit.journal.increment(&source("one"), "n").unwrap_err().code, Code::FAULT_DENIED);
    }
}

#[test]
fn quotas_are_obeyed() {
    let kit = small();
    let one = source("one");
    kit.journal.set(&one, "a", &[0; 10]).unwrap();
    kit.journal.set(&one, "b", &[0; 10]).unwrap();
    kit.journal.set(&one, "c", &[0; 2]).unwrap();
    kit.journal.set(&one, "a", &[1; 10]).unwrap();
    kit.journal.set(&source("two"), "a", &[0; 10]).unwrap();
}

#[test]
fn quotas_violated_are_denied_and_change_nothing() {
    let kit = small();
    let one = source("one");
    let denied = |key: &str, value: &[u8]| {
        assert_eq!(kit.journal.set(&one, key, value).unwrap_err().code, Code::FAULT_DENIED, "{key}");
    };
    denied("a", &[0; 11]);
    kit.journal.set(&one, "a", &[0; 10]).unwrap();
    kit.journal.set(&one, "b", &[0; 10]).unwrap();
    denied("c", &[0; 3]);
    kit.journal.set(&one, "c", &[0; 1]).unwrap();
    denied("d", &[]);
    assert_eq!(kit.journal.increment(&one, "d").unwrap_err().code, Code::FAULT_DENIED);
    kit.journal.delete(&one, "b").unwrap();
    kit.journal.set(&one, "d", &[0; 9]).unwrap();
    assert_eq!(kit.journal.get(&one, "b").unwrap(), None);
}
