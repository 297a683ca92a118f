//! Names and meaning of every metric the listeners count, in one place. What other parts know is read at scrape time
//! (`scrape.rs`). Must not grow a label by what a stranger sends: a source has series only if it exists.

use std::sync::atomic::AtomicUsize;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Labels of one series.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// Webhook requests by source and outcome.
pub const WEBHOOK_REQUESTS: &str = "apex_webhook_requests";
/// Seconds from the request's headers to the answer, for accepted deliveries and repeats.
pub const WEBHOOK_ACCEPT_SECONDS: &str = "apex_webhook_accept_seconds";
/// API requests by method and status.
pub const API_REQUESTS: &str = "apex_api_requests";
/// Open connections by listener.
pub const HTTP_CONNECTIONS: &str = "apex_http_connections";
/// Deliveries, pages, files and documents taken in, repeats included, by source.
pub const EVENTS_ACCEPTED: &str = "apex_events_accepted";
/// Repeats among them.
pub const EVENTS_DUPLICATE: &str = "apex_events_duplicate";
/// Events by source and state: `apex_events_accepted_total = apex_events_duplicate_total + sum(apex_events)`, always.
pub const EVENTS: &str = "apex_events";
/// Live documents by source.
pub const DOCUMENTS: &str = "apex_documents";
/// 1 for the state a plugin is in, by plugin and state.
pub const PLUGIN_STATE: &str = "apex_plugin_state";
/// 1 for the state a source is in, by source and state.
pub const SOURCE_STATE: &str = "apex_source_state";
/// 1 if events can be made durable.
pub const JOURNAL_WRITABLE: &str = "apex_journal_writable";
/// 1 if a part of the scrape could not be read.
pub const SCRAPE_FAILED: &str = "apex_scrape_failed";
/// Resident memory, under the name every Prometheus client uses.
pub const RESIDENT_BYTES: &str = "process_resident_memory_bytes";

/// Seconds: the promise is a p99 of 15 ms, so the buckets are fine around it.
const ACCEPT_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.5, 1.0, 5.0];

/// How a webhook request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Duplicate,
    Challenge,
    Ignored,
    MissingSignature,
    BadSignature,
    Stale,
    NotConfigured,
    NoWebhooks,
    TooLarge,
    MediaType,
    Timeout,
    Broken,
    Throttled,
    PluginMissing,
    PluginBusy,
    PluginFailed,
    JournalUnavailable,
    AcceptTimeout,
    Draining,
}

impl Outcome {
    pub(crate) const ALL: [Self; 20] = [
        Self::Accepted,
        Self::Duplicate,
        Self::Challenge,
        Self::Ignored,
        Self::MissingSignature,
        Self::BadSignature,
        Self::Stale,
        Self::NotConfigured,
        Self::NoWebhooks,
        Self::TooLarge,
        Self::MediaType,
        Self::Timeout,
        Self::Broken,
        Self::Throttled,
        Self::PluginMissing,
        Self::PluginBusy,
        Self::PluginFailed,
        Self::JournalUnavailable,
        Self::AcceptTimeout,
        Self::Draining,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Challenge => "challenge",
            Self::Ignored => "ignored",
            Self::MissingSignature => "missing_signature",
            Self::BadSignature => "bad_signature",
            Self::Stale => "stale",
            Self::NotConfigured => "not_configured",
            Self::NoWebhooks => "no_webhooks",
            Self::TooLarge => "too_large",
            Self::MediaType => "media_type",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Throttled => "throttled",
            Self::PluginMissing => "plugin_missing",
            Self::PluginBusy => "plugin_busy",
            Self::PluginFailed => "plugin_failed",
            Self::JournalUnavailable => "journal_unavailable",
            Self::AcceptTimeout => "accept_timeout",
            Self::Draining => "draining",
        }
    }
}

/// The counters of one source, looked up once a request.
#[derive(Debug)]
pub(crate) struct SourceStats {
    outcomes: [Counter; Outcome::ALL.len()],
    /// Seconds until the answer.
    pub accept_seconds: Histogram,
    /// Requests being answered now.
    pub in_flight: AtomicUsize,
}

impl SourceStats {
    /// Counts one request.
    pub(crate) fn count(&self, outcome: Outcome) {
        let place = Outcome::ALL.iter().position(|other| *other == outcome);
        if let Some(counter) = place.and_then(|place| self.outcomes.get(place)) {
            counter.inc();
        }
    }
}

/// Every metric the listeners count themselves.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    webhook_requests: Family<Labels, Counter>,
    accept_seconds: Family<Labels, Histogram, fn() -> Histogram>,
    unknown_source: Counter,
    api_requests: Family<Labels, Counter>,
    connections: Family<Labels, Gauge>,
}

impl Metrics {
    /// Adds the listeners' metrics to a registry that other parts may have put theirs in.
    pub fn new(mut registry: Registry) -> Self {
        let webhook_requests = Family::<Labels, Counter>::default();
        let accept_seconds: Family<Labels, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(ACCEPT_BUCKETS));
        let api_requests = Family::<Labels, Counter>::default();
        let connections = Family::<Labels, Gauge>::default();
        registry.register(WEBHOOK_REQUESTS, "Webhook requests by source and outcome", webhook_requests.clone());
        registry.register(
            WEBHOOK_ACCEPT_SECONDS,
            "Seconds from a webhook's headers to its 2xx, once durable",
            accept_seconds.clone(),
        );
        registry.register(API_REQUESTS, "API requests by method and status", api_requests.clone());
        registry.register(HTTP_CONNECTIONS, "Open connections by listener", connections.clone());
        let unknown = vec![("source", String::new()), ("outcome", "unknown_source".to_owned())];
        let unknown_source = webhook_requests.get_or_create_owned(&unknown);
        Self { registry, webhook_requests, accept_seconds, unknown_source, api_requests, connections }
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Counts a webhook for a source that does not exist; all such share one series.
    pub(crate) fn count_unknown_source(&self) {
        self.unknown_source.inc();
    }

    /// The counters of a source that exists.
    pub(crate) fn source(&self, name: &str) -> SourceStats {
        let counter = |outcome: Outcome| {
            self.webhook_requests
                .get_or_create_owned(&vec![("source", name.to_owned()), ("outcome", outcome.as_str().to_owned())])
        };
        SourceStats {
            outcomes: Outcome::ALL.map(counter),
            accept_seconds: self.accept_seconds.get_or_create_owned(&vec![("source", name.to_owned())]),
            in_flight: AtomicUsize::new(0),
        }
    }

    pub(crate) fn count_api(&self, method: &str, status: u16) {
        self.api_requests
            .get_or_create_owned(&vec![("method", method.to_owned()), ("status", status.to_string())])
            .inc();
    }

    pub(crate) fn connections(&self, listener: &str) -> Gauge {
        self.connections.get_or_create_owned(&vec![("listener", listener.to_owned())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_own_word_and_counter() {
        let metrics = Metrics::new(Registry::default());
        let stats = metrics.source("a");
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            stats.count(outcome);
            assert!(Outcome::ALL.iter().skip(place + 1).all(|other| other.as_str() != outcome.as_str()));
        }
        assert!(stats.outcomes.iter().all(|counter| counter.get() == 1));
    }
}
