//! `/healthz` and `/readyz`: alive at all, and able to take events now, with what is missing by name.

use std::sync::Arc;
use std::time::Duration;

use apex_model::plugin::PluginStatus;
use apex_model::ports::{Inbox, PluginCatalog, Poller};
use apex_model::source::{SourceState, SourceStatus};
use http::StatusCode;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// Intervals a polled source may let pass without a commit before the host says so.
const LATE_INTERVALS: u32 = 10;
/// Time more, for sources with a short interval.
const LATE_GRACE: Duration = Duration::from_mins(1);

/// One of the things that must be right.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(crate) struct Check {
    name: &'static str,
    ok: bool,
    /// What is wrong, one sentence each.
    problems: Vec<String>,
}

impl Check {
    fn new(name: &'static str, problems: Vec<String>) -> Self {
        Self { name, ok: problems.is_empty(), problems }
    }
}

/// Whether the host can take events, and if not, why.
#[derive(Debug, Serialize)]
pub(crate) struct Readiness {
    ready: bool,
    checks: Vec<Check>,
}

impl Readiness {
    /// 200 or 503, and the JSON.
    pub(crate) fn into_parts(self) -> (StatusCode, String) {
        let status = if self.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, serde_json::to_string(&self).unwrap_or_default())
    }
}

/// What readiness is read from.
#[derive(Clone)]
pub(crate) struct Health {
    pub inbox: Arc<dyn Inbox>,
    pub catalog: Arc<dyn PluginCatalog>,
    pub poller: Arc<dyn Poller>,
    pub shutdown: CancellationToken,
}

impl Health {
    /// The process answers.
    pub(crate) fn live() -> &'static str {
        "{\"status\":\"ok\"}"
    }

    /// Everything that must be right, looked at now.
    pub(crate) fn ready(&self) -> Readiness {
        let one = |wrong: bool, problem: &str| if wrong { vec![problem.to_owned()] } else { Vec::new() };
        let sources = self.catalog.sources();
        let checks = vec![
            Check::new("running", one(self.shutdown.is_cancelled(), "the host is shutting down")),
            Check::new("journal", one(!self.inbox.is_writable(), "the journal cannot write")),
            Check::new("plugins", missing_plugins(&sources, &self.catalog.plugins())),
            Check::new("polling", self.late_sources(&sources)),
        ];
        Readiness { ready: checks.iter().all(|check| check.ok), checks }
    }

    fn late_sources(&self, sources: &[SourceStatus]) -> Vec<String> {
        let late = |source: &SourceStatus| late(source, self.poller.silence(&source.name)?);
        sources.iter().filter_map(late).collect()
    }
}

/// Sources whose plugin no file in `plugins/` provides; one that is switched off needs none.
fn missing_plugins(sources: &[SourceStatus], plugins: &[PluginStatus]) -> Vec<String> {
    let answers = |name: &str| plugins.iter().any(|plugin| plugin.name == name && plugin.digest.is_some());
    sources
        .iter()
        .filter(|source| source.state != SourceState::Disabled && !answers(&source.plugin))
        .map(|source| format!("source `{}` has no plugin: nothing loadable is `{}.wasm`", source.name, source.plugin))
        .collect()
}

/// Whether a polled source has been silent for too long: what it answers is committed at once.
fn late(source: &SourceStatus, silence: Duration) -> Option<String> {
    let every = Duration::from_millis(source.poll_every_ms?);
    let allowed = every.saturating_mul(LATE_INTERVALS).saturating_add(LATE_GRACE);
    (silence > allowed).then(|| {
        format!(
            "source `{}` is polled every {} ms and has answered nothing for {} ms (at most {} ms are expected)",
            source.name,
            every.as_millis(),
            silence.as_millis(),
            allowed.as_millis()
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use apex_model::Timestamp;
    use apex_model::ids::SourceName;
    use apex_model::source::Priority;

    #[test]
    fn a_source_is_late_after_ten_intervals_and_a_minute() {
        let source = SourceStatus {
            name: SourceName::parse("samsara").unwrap(),
            plugin: "samsara".to_owned(),
            state: SourceState::Active,
            reason: None,
            priority: Priority::P1,
            exports: vec!["poll".to_owned()],
            poll_every_ms: Some(5_000),
            rollout_percent: 0,
            since: Timestamp::from_unix_ms(0),
        };
        // 10 x 5 s + 60 s = 110 s.
        assert_eq!(late(&source, Duration::from_secs(110)), None);
        assert!(late(&source, Duration::from_millis(110_001)).unwrap().contains("`samsara`"));
        let webhooks_only = SourceStatus { poll_every_ms: None, ..source };
        assert_eq!(late(&webhooks_only, Duration::from_hours(9)), None);
    }
}
