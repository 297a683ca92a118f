//! Every bound of the sandbox, obeyed and violated. A violation costs the one call: the next one works.

use apex_config::limits::PluginLimits;
use apex_model::Code;
use apex_model::ports::Budget;

use crate::guest::{Guest, accepting};
use crate::host::{delivery, limits, workbench};

const BUDGET: Budget = Budget { documents_max: 10, bytes_max: 1_000, ms_max: 1_000 };

/// A guest that does `work` in `verify` if the request has a body, and accepts.
fn working(work: &str, define: &str) -> Guest {
    let mut guest = Guest::new("front");
    let accept = guest.accept("k", "t");
    guest.define(define).webhook(&format!("(if (local.get 7) (then {work})) (i32.const {accept})"), "unreachable")
}

/// What the violation comes to; and that an ordinary call works before and after it.
fn violation(guest: Guest, limits: PluginLimits) -> Code {
    let bench = workbench(guest, limits, None).unwrap();
    assert!(bench.verify(delivery("front", "/", b"")).is_ok());
    let failure = bench.verify(delivery("front", "/", b"x")).unwrap_err();
    assert!(bench.verify(delivery("front", "/", b"")).is_ok());
    failure.code
}

fn obeyed(guest: Guest, limits: PluginLimits) {
    let bench = workbench(guest, limits, None).unwrap();
    bench.verify(delivery("front", "/", b"x")).unwrap();
}

fn grows_to(pages: u32) -> Guest {
    let grow = pages - 4;
    working(&format!("(if (i32.eq (memory.grow (i32.const {grow})) (i32.const -1)) (then unreachable))"), "")
}

#[test]
fn memory() {
    let limits = PluginLimits { memory_mib_max: 2, ..limits() };
    obeyed(grows_to(32), limits.clone());
    assert_eq!(violation(grows_to(33), limits), Code::PLUGIN_MEMORY);
}

#[test]
fn memory_asked_for_in_the_manifest_is_a_bound_too() {
    let asks = |pages| grows_to(pages).manifest("[limits]\nmemory_mib = 1\n");
    obeyed(asks(16), limits());
    assert_eq!(violation(asks(17), limits()), Code::PLUGIN_MEMORY);
    // More than the host's ceiling is not given.
    let greedy = grows_to(33).manifest("[limits]\nmemory_mib = 64\n");
    assert_eq!(violation(greedy, PluginLimits { memory_mib_max: 2, ..limits() }), Code::PLUGIN_MEMORY);
}

#[test]
fn initial_memory() {
    let mut guest = accepting("front", "k");
    guest.pages = 33;
    let failure = workbench(guest, PluginLimits { memory_mib_max: 2, ..limits() }, None).err().unwrap();
    assert_eq!(failure.code, Code::PLUGIN_REFUSED);
    assert!(failure.what.contains("memory"), "{}", failure.what);
}

#[test]
fn table() {
    let grows = |by: u32| {
        working(
            &format!(
                "(if (i32.eq (table.grow $t (ref.null func) (i32.const {by})) (i32.const -1)) (then unreachable))"
            ),
            "(table $t 10 funcref)",
        )
    };
    let limits = PluginLimits { table_elements_max: 100, ..limits() };
    obeyed(grows(90), limits.clone());
    assert_eq!(violation(grows(91), limits), Code::PLUGIN_MEMORY);
}

#[test]
fn stack() {
    let recurse = |depth: u32| {
        working(
            &format!("(call $down (i32.const {depth}))"),
            "(func $down (param i32) (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))",
        )
    };
    obeyed(recurse(100), limits());
    assert_eq!(violation(recurse(u32::MAX), limits()), Code::PLUGIN_MEMORY);
}

#[test]
fn time() {
    let spin = "(loop $forever (br $forever))";
    obeyed(working("nop", ""), limits());
    assert_eq!(violation(working(spin, ""), limits()), Code::PLUGIN_TIMEOUT);
}

#[test]
fn time_in_a_start_function() {
    let guest = accepting("front", "k").define("(func $spin (loop $forever (br $forever))) (start $spin)");
    let failure = workbench(guest, limits(), None).err().unwrap();
    assert_eq!(failure.code, Code::PLUGIN_REFUSED);
    assert!(failure.what.contains("computed for more than 100 ms"), "{}", failure.what);
}

#[test]
fn a_trap_is_told_with_the_guests_stack() {
    let guest = working("(call $deep)", "(func $deep unreachable)");
    let bench = workbench(guest, limits(), None).unwrap();
    let failure = bench.verify(delivery("front", "/", b"x")).unwrap_err();
    assert_eq!(failure.code, Code::PLUGIN_TRAP);
    assert!(failure.what.contains("unreachable") && failure.what.contains("deep"), "{}", failure.what);
}

#[test]
fn documents_of_one_answer() {
    let answers = |count: u32, bytes: u32| {
        let mut guest = Guest::new("front");
        let documents = guest.documents(count, "d", bytes);
        guest.webhook("unreachable", &format!("(i32.const {documents})"))
    };
    let limits = PluginLimits { answer_documents_max: 3, answer_bytes_max: 1_000, ..limits() };
    for (count, bytes, fits) in [(3, 300, true), (4, 0, false), (3, 400, false)] {
        let bench = workbench(answers(count, bytes), limits.clone(), None).unwrap();
        match bench.parse(&delivery("front", "/", b"")) {
            Ok(documents) => assert!(fits && documents.len() == 3),
            Err(failure) => assert!(!fits && failure.code == Code::PLUGIN_ANSWER, "{failure}"),
        }
    }
}

#[test]
fn bytes_handed_over_at_once() {
    // A list that claims to be most of the guest's memory is not copied.
    let claims = |bytes: u32| {
        let mut guest = Guest::new("front");
        guest.pages = 128;
        let documents = guest.documents(1, "d", bytes);
        guest.webhook("unreachable", &format!("(i32.const {documents})"))
    };
    let limits = PluginLimits { answer_bytes_max: 1 << 20, ..limits() };
    let parse = |bytes| workbench(claims(bytes), limits.clone(), None).unwrap().parse(&delivery("front", "/", b""));
    assert!(parse(1_000_000).is_ok());
    let failure = parse(7 << 20).unwrap_err();
    assert_eq!(failure.code, Code::PLUGIN_ANSWER);
    assert!(failure.what.contains("fuel"), "{}", failure.what);
}

/// A guest whose `fetch` writes a value of as many bytes as the budget's `bytes-max` under the slice's name.
fn storing() -> Guest {
    let mut guest = Guest::new("front");
    guest.pages = 8;
    let answer = guest.room(10);
    let page = guest.room(10);
    guest.import("state", "set", "(param i32 i32 i32 i32 i32)").poll(&format!(
        "(call $set (local.get 0) (local.get 1) (i32.const 4096) (local.get 6) (i32.const {answer}))
         (if (result i32) (i32.load8_u (i32.const {answer})) (then (i32.const {answer})) (else (i32.const {page})))"
    ))
}

#[test]
fn state() {
    let bench = workbench(storing(), PluginLimits { state_value_bytes_max: 100, ..limits() }, None).unwrap();
    let store = |key: &str, bytes_max| bench.fetch(key, None, Budget { bytes_max, ..BUDGET });
    store("a", 100).unwrap();
    assert_eq!(store("b", 101).unwrap_err().code, Code::FAULT_DENIED);
    store("b", 100).unwrap();
    // The store's own quota: the fake takes two keys.
    assert_eq!(store("c", 1).unwrap_err().code, Code::FAULT_DENIED);
    assert_eq!(store("", 1).unwrap_err().code, Code::FAULT_DENIED);
}

#[test]
fn cursor() {
    let answers = |bytes: u32| {
        let mut guest = Guest::new("front");
        let page = guest.room(10);
        guest.poll(&format!(
            "(i32.store offset=12 (i32.const {page}) (i32.const 4096)) (i32.store offset=16 (i32.const {page}) (i32.const {bytes}))
             (i32.const {page})"
        ))
    };
    for (bytes, fits) in [(65_536, true), (65_537, false)] {
        let bench = workbench(answers(bytes), limits(), None).unwrap();
        assert_eq!(bench.fetch("default", None, BUDGET).is_ok(), fits, "{bytes}");
    }
}

#[test]
fn file_size() {
    let bytes = accepting("front", "k").build();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("front.wasm");
    std::fs::write(&file, &bytes).unwrap();
    let size = bytes.len() as u64;
    assert!(apex_plugin::inspect(&file, size).is_ok());
    let error = apex_plugin::inspect(&file, size - 1).unwrap_err();
    assert!(error.to_string().contains("limits.plugin.file_bytes_max"), "{error}");
}
