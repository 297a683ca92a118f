//! The threads: who holds up whom, and that a full queue is an answer.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use apex_config::limits::PluginLimits;
use apex_model::delivery::Judgement;
use apex_model::ports::{ConnectorCalls, WebhookVerifier};
use apex_model::{Code, Failure};
use apex_plugin::Catalog;

use crate::guest::{Guest, accepting};
use crate::host::{accepted_key, catalog, delivery, limits, runtime, source, verify};

/// Spins in `verify`, and in `parse`.
fn spinning(id: &str) -> Guest {
    let spin = "(loop $forever (br $forever)) unreachable";
    Guest::new(id).webhook(spin, spin)
}

fn two_plugins(limits: PluginLimits) -> (tempfile::TempDir, apex_plugin::Catalog) {
    let dir = tempfile::tempdir().unwrap();
    let plugins = dir.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    std::fs::write(plugins.join("spin.wasm"), spinning("spin").build()).unwrap();
    std::fs::write(plugins.join("front.wasm"), accepting("front", "k").build()).unwrap();
    let catalog = catalog(&plugins, &dir.path().join("cache"), limits, Vec::new());
    (dir, catalog)
}

#[test]
fn a_spinning_guest_costs_its_call_and_nothing_else() {
    let (_dir, catalog) = two_plugins(PluginLimits { webhook_threads: 2, ..limits() });
    let (send, spun) = sync_channel(1);
    catalog.verify(delivery("spin", "/", b""), Box::new(move |end| send.send(end.map(drop)).unwrap()));
    let start = Instant::now();
    assert_eq!(accepted_key(&catalog, "front").as_deref(), Ok("k"));
    assert!(start.elapsed() < Duration::from_millis(90), "the other thread answered after {:?}", start.elapsed());
    let failure = spun.recv_timeout(Duration::from_secs(5)).unwrap().unwrap_err();
    assert_eq!(failure.code, Code::PLUGIN_TIMEOUT);
}

#[test]
fn webhooks_do_not_wait_for_parsing() {
    let (_dir, catalog) = two_plugins(PluginLimits { slow_call_ms_max: 2_000, slow_threads: 1, ..limits() });
    let spun = delivery("spin", "/", b"");
    let parsing = catalog.parse_delivery(&spun);
    runtime().block_on(async {
        // Polled once, so that the call is queued, and then left alone.
        let parsing = tokio::time::timeout(Duration::from_millis(20), parsing).await;
        assert!(parsing.is_err());
    });
    let start = Instant::now();
    assert_eq!(accepted_key(&catalog, "front").as_deref(), Ok("k"));
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_full_queue_is_an_answer() {
    let (_dir, catalog) = two_plugins(PluginLimits { webhook_threads: 1, webhook_queue_max: 1, ..limits() });
    let ends = spin(&catalog, 4);
    let codes: Vec<Code> =
        (0..4).map(|_| ends.recv_timeout(Duration::from_secs(5)).unwrap().unwrap_err().code).collect();
    assert!(codes.contains(&Code::PLUGIN_BUSY), "{codes:?}");
    assert!(codes.contains(&Code::PLUGIN_TIMEOUT), "{codes:?}");
    assert_eq!(accepted_key(&catalog, "front").as_deref(), Ok("k"));
}

/// Queues this many calls of the source that spins; their ends come out of the channel.
fn spin(catalog: &Catalog, calls: usize) -> Receiver<Result<(), Failure>> {
    let (send, ends) = sync_channel(calls);
    for _ in 0..calls {
        let send = send.clone();
        let done = Box::new(move |end: Result<Judgement, _>| send.send(end.map(drop)).unwrap());
        catalog.verify(delivery("spin", "/", b""), done);
    }
    ends
}

#[test]
fn a_source_that_keeps_spinning_does_not_starve_the_others() {
    let (_dir, catalog) = two_plugins(PluginLimits { webhook_threads: 1, breaker_failures: 5, ..limits() });
    let ends = spin(&catalog, 60);
    let start = Instant::now();
    assert_eq!(accepted_key(&catalog, "front").as_deref(), Ok("k"));
    // Five calls of 100 ms run; sixty would take six seconds.
    assert!(start.elapsed() < Duration::from_secs(2), "another source answered after {:?}", start.elapsed());
    let failures: Vec<Failure> = ends.try_iter().map(Result::unwrap_err).collect();
    assert_eq!(failures.len(), 60);
    assert!(failures.iter().all(|failure| failure.code == Code::PLUGIN_TIMEOUT));
    assert_eq!(failures.iter().filter(|failure| failure.what.starts_with("not run")).count(), 55);
}

#[test]
fn a_call_that_nobody_waits_for_any_more_is_not_run() {
    let (_dir, catalog) = two_plugins(PluginLimits { webhook_threads: 1, webhook_wait_ms_max: 50, ..limits() });
    let ends = spin(&catalog, 3);
    let codes: Vec<Code> =
        (0..3).map(|_| ends.recv_timeout(Duration::from_secs(5)).unwrap().unwrap_err().code).collect();
    assert_eq!(codes, [Code::PLUGIN_TIMEOUT, Code::PLUGIN_BUSY, Code::PLUGIN_BUSY]);
    assert_eq!(accepted_key(&catalog, "front").as_deref(), Ok("k"));
}

#[test]
fn documents_carry_the_component_they_are_from() {
    let (_dir, catalog) = two_plugins(limits());
    let given = delivery("front", "/", b"");
    let parsed = runtime().block_on(catalog.parse_delivery(&given)).unwrap();
    assert_eq!(parsed.plugin.name, "front");
    assert_eq!(parsed.plugin.version, "1.0.0");
    assert_eq!(parsed.plugin.digest, apex_model::ids::Digest::of(&accepting("front", "k").build()));
}

#[test]
fn an_unknown_source_is_not_found() {
    let (_dir, catalog) = two_plugins(limits());
    let failure = verify(&catalog, delivery("nobody", "/", b"")).unwrap_err();
    assert_eq!(failure.code, Code::NOT_FOUND);
    let name = source("nobody");
    let failure = runtime().block_on(catalog.slices(&name)).unwrap_err();
    assert_eq!(failure.code, Code::NOT_FOUND);
}
