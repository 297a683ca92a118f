//! The scrape: conservation, states, and what happens when a part cannot be read.

use std::sync::atomic::Ordering;

use apex_model::event::EventState;

use crate::client;
use crate::fakes::name;
use crate::harness::{Host, series};

#[tokio::test]
async fn every_scrape_conserves_events_by_source() {
    let host = Host::start().await;
    let states = [
        EventState::Done,
        EventState::Done,
        EventState::Unchanged,
        EventState::Superseded,
        EventState::Dead,
        EventState::Accepted,
        EventState::Processing,
    ];
    for (number, state) in states.into_iter().enumerate() {
        host.webhook("accept", format!("{number}").as_bytes()).await;
        host.fake.with(|fake| fake.events.last_mut().unwrap().1 = state);
    }
    for _ in 0..3 {
        host.webhook("accept", b"0").await;
    }
    let scrape = host.scrape().await;
    let value = |name: &str| series(&scrape, name).unwrap_or_else(|| panic!("{name} in\n{scrape}"));
    let state = |state: &str| value(&format!("apex_events{{source=\"alpha\",state=\"{state}\"}}"));
    assert_eq!(value("apex_events_accepted_total{source=\"alpha\"}"), 10);
    assert_eq!(value("apex_events_duplicate_total{source=\"alpha\"}"), 3);
    assert_eq!(state("done"), 2);
    assert_eq!(state("in_flight"), 2);
    let kept: u64 = ["done", "unchanged", "superseded", "dead", "in_flight"].into_iter().map(state).sum();
    assert_eq!(value("apex_events_accepted_total{source=\"alpha\"}"), kept + 3);
    assert_eq!(value("apex_webhook_accept_seconds_count{source=\"alpha\"}"), 10);
    assert!(value("process_resident_memory_bytes") > 1_000_000);
    assert_eq!(value("apex_plugin_state{plugin=\"alpha\",state=\"active\"}"), 1);
    assert_eq!(value("apex_journal_writable"), 1);
    assert_eq!(value("apex_scrape_failed"), 0);
    assert!(scrape.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_scrape_shows_a_journal_that_cannot_write() {
    let host = Host::start().await;
    host.fake.unwritable.store(true, Ordering::Relaxed);
    assert_eq!(series(&host.scrape().await, "apex_journal_writable"), Some(0));
    let answer = client::request(host.metrics, "GET", "/metrics", &[], b"").await;
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(client::request(host.metrics, "GET", "/webhooks/alpha", &[], b"").await.status, 404);
}

#[tokio::test]
async fn the_scrape_shows_a_paused_source_as_paused() {
    let host = Host::start().await;
    host.fake.with(|state| state.paused.push(name("alpha")));
    let scrape = host.scrape().await;
    assert_eq!(series(&scrape, "apex_source_state{source=\"alpha\",state=\"paused\"}"), Some(1));
    assert_eq!(series(&scrape, "apex_source_state{source=\"alpha\",state=\"active\"}"), None);
}
