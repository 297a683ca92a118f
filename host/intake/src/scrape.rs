//! `/metrics`: what the listeners count, and what the ports know at the moment of the scrape.
//!
//! **Invariant** (held by `tests/it/metrics.rs`): in every scrape, for every source, `apex_events_accepted_total =
//! apex_events_duplicate_total + sum over states of apex_events`, because all of them come from one snapshot.

use std::sync::Arc;

use apex_model::event::Tally;
use apex_model::ids::SourceName;
use apex_model::plugin::PluginState;
use apex_model::ports::{Cursors, DocumentReader, EventReader, Inbox, PluginCatalog};
use apex_model::source::SourceState;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::metrics::{
    DOCUMENTS, EVENTS, EVENTS_ACCEPTED, EVENTS_DUPLICATE, JOURNAL_WRITABLE, Labels, Metrics, PLUGIN_STATE,
    RESIDENT_BYTES, SCRAPE_FAILED, SOURCE_STATE,
};
use crate::sources::mark_paused;

/// The media type of the answer (OpenMetrics 1.0, section "Overall structure").
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a scrape reads.
#[derive(Clone)]
pub(crate) struct Scrape {
    pub metrics: Arc<Metrics>,
    pub events: Arc<dyn EventReader>,
    pub documents: Arc<dyn DocumentReader>,
    pub catalog: Arc<dyn PluginCatalog>,
    pub inbox: Arc<dyn Inbox>,
    pub cursors: Arc<dyn Cursors>,
}

impl Scrape {
    /// The whole exposition. A port that fails leaves its part out and sets `apex_scrape_failed`.
    pub(crate) async fn text(&self) -> String {
        let tallies = self.events.tallies().await;
        let documents = self.documents.counts().await;
        let paused = self.cursors.paused().await;
        let failures = [tallies.as_ref().err(), documents.as_ref().err(), paused.as_ref().err()];
        let failed = failures.iter().any(Option::is_some);
        for failure in failures.into_iter().flatten() {
            tracing::warn!(code = %failure.code, "a part of the metrics could not be read: {failure}");
        }
        let mut registry = Registry::default();
        events(&mut registry, &tallies.unwrap_or_default());
        gauges(
            &mut registry,
            DOCUMENTS,
            "Live documents by source",
            documents.unwrap_or_default().into_iter().map(|(source, count)| (source_label(&source), number(count))),
        );
        self.states(&mut registry, &paused.unwrap_or_default());
        single(&mut registry, JOURNAL_WRITABLE, "1 if events can be made durable", i64::from(self.inbox.is_writable()));
        single(&mut registry, SCRAPE_FAILED, "1 if a part of this scrape could not be read", i64::from(failed));
        if let Some(bytes) = resident_bytes() {
            single(&mut registry, RESIDENT_BYTES, "Resident memory", bytes);
        }
        let mut text = String::with_capacity(16 << 10);
        // Writing to a string cannot fail.
        let _ = prometheus_client::encoding::text::encode_registry(&mut text, self.metrics.registry());
        let _ = prometheus_client::encoding::text::encode_registry(&mut text, &registry);
        let _ = prometheus_client::encoding::text::encode_eof(&mut text);
        text
    }

    fn states(&self, registry: &mut Registry, paused: &[SourceName]) {
        let plugins = self.catalog.plugins().into_iter().map(|plugin| {
            let state = match plugin.state {
                PluginState::Active => "active",
                PluginState::Waiting => "waiting",
                PluginState::Failed => "failed",
            };
            (vec![("plugin", plugin.name), ("state", state.to_owned())], 1)
        });
        gauges(registry, PLUGIN_STATE, "1 for the state a plugin is in", plugins);
        let mut sources = self.catalog.sources();
        mark_paused(&mut sources, paused);
        let sources = sources.into_iter().map(|source| {
            let state = match source.state {
                SourceState::Active => "active",
                SourceState::Waiting => "waiting",
                SourceState::Paused => "paused",
                SourceState::Draining => "draining",
                SourceState::Disabled => "disabled",
            };
            (vec![("source", source.name.to_string()), ("state", state.to_owned())], 1)
        });
        gauges(registry, SOURCE_STATE, "1 for the state a source is in", sources);
    }
}

fn events(registry: &mut Registry, tallies: &[(SourceName, Tally)]) {
    counters(
        registry,
        EVENTS_ACCEPTED,
        "Events answered with success, repeats included",
        tallies.iter().map(|(source, tally)| (source_label(source), tally.accepted)),
    );
    counters(
        registry,
        EVENTS_DUPLICATE,
        "Repeats among the accepted events",
        tallies.iter().map(|(source, tally)| (source_label(source), tally.duplicate)),
    );
    let states = tallies.iter().flat_map(|(source, tally)| {
        [
            ("in_flight", tally.in_flight),
            ("done", tally.done),
            ("unchanged", tally.unchanged),
            ("superseded", tally.superseded),
            ("dead", tally.dead),
        ]
        .map(|(state, count)| {
            let mut labels = source_label(source);
            labels.push(("state", state.to_owned()));
            (labels, number(count))
        })
    });
    gauges(registry, EVENTS, "Events by source and state", states);
}

fn source_label(source: &SourceName) -> Labels {
    vec![("source", source.to_string())]
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn single(registry: &mut Registry, name: &str, help: &str, value: i64) {
    let gauge: Gauge = Gauge::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn gauges(registry: &mut Registry, name: &str, help: &str, series: impl Iterator<Item = (Labels, i64)>) {
    let family = Family::<Labels, Gauge>::default();
    for (labels, value) in series {
        family.get_or_create(&labels).set(value);
    }
    registry.register(name, help, family);
}

fn counters(registry: &mut Registry, name: &str, help: &str, series: impl Iterator<Item = (Labels, u64)>) {
    let family = Family::<Labels, Counter>::default();
    for (labels, value) in series {
        family.get_or_create(&labels).inc_by(value);
    }
    registry.register(name, help, family);
}

/// Resident memory as Linux tells it (`proc_pid_status(5)`, `VmRSS`, in kB); none elsewhere.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}
