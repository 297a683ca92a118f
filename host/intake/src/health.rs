//! `/healthz` and `/readyz`: alive at all, and able to take events now, with what is missing by name.

use std::sync::Arc;

use apex_model::Timestamp;
use apex_model::plugin::PluginStatus;
use apex_model::ports::{Cursors, Inbox, PluginCatalog};
use apex_model::source::{SourceState, SourceStatus};
use http::StatusCode;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// Intervals a polled source may let pass without a commit before the host says so.
const LATE_INTERVALS: i64 = 10;
/// Milliseconds more, for sources with a short interval.
const LATE_GRACE_MS: i64 = 60_000;

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
    pub cursors: Arc<dyn Cursors>,
    pub shutdown: CancellationToken,
}

impl Health {
    /// The process answers.
    pub(crate) fn live() -> &'static str {
        "{\"status\":\"ok\"}"
    }

    /// Everything that must be right, looked at now.
    pub(crate) async fn ready(&self) -> Readiness {
        let one = |wrong: bool, problem: &str| if wrong { vec![problem.to_owned()] } else { Vec::new() };
        let sources = self.catalog.sources();
        let checks = vec![
            Check::new("running", one(self.shutdown.is_cancelled(), "the host is shutting down")),
            Check::new("journal", one(!self.inbox.is_writable(), "the journal cannot write")),
            Check::new("plugins", missing_plugins(&sources, &self.catalog.plugins())),
            Check::new("polling", self.late_sources(&sources).await),
        ];
        Readiness { ready: checks.iter().all(|check| check.ok), checks }
    }

    async fn late_sources(&self, sources: &[SourceStatus]) -> Vec<String> {
        let paused = match self.cursors.paused().await {
            Ok(paused) => paused,
            Err(failure) => return vec![format!("paused sources cannot be read: {failure}")],
        };
        let mut problems = Vec::new();
        for source in sources {
            let Some(every_ms) = source.poll_every_ms else { continue };
            if source.state != SourceState::Active || paused.contains(&source.name) {
                continue;
            }
            match self.cursors.cursors(&source.name).await {
                Ok(cursors) => {
                    let last = cursors.iter().map(|cursor| cursor.committed_at).max();
                    problems.extend(late(source, every_ms, last, Timestamp::now()));
                }
                Err(failure) => problems.push(format!("cursors of `{}` cannot be read: {failure}", source.name)),
            }
        }
        problems
    }
}

/// Sources whose plugin no file in `plugins/` provides.
fn missing_plugins(sources: &[SourceStatus], plugins: &[PluginStatus]) -> Vec<String> {
    let answers = |name: &str| plugins.iter().any(|plugin| plugin.name == name && plugin.digest.is_some());
    sources
        .iter()
        .filter(|source| source.state != SourceState::Draining && !answers(&source.plugin))
        .map(|source| format!("source `{}` has no plugin: nothing loadable is `{}.wasm`", source.name, source.plugin))
        .collect()
}

/// Whether a polled source has committed nothing for too long.
fn late(source: &SourceStatus, every_ms: u64, last: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let allowed_ms =
        i64::try_from(every_ms).unwrap_or(i64::MAX).saturating_mul(LATE_INTERVALS).saturating_add(LATE_GRACE_MS);
    let reference = last.map_or(source.since, |last| last.max(source.since));
    let age_ms = now.unix_ms() - reference.unix_ms();
    (age_ms > allowed_ms).then(|| {
        format!(
            "source `{}` is polled every {every_ms} ms and has committed nothing for {age_ms} ms (at most {allowed_ms} ms are expected)",
            source.name
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use apex_model::ids::SourceName;
    use apex_model::source::Priority;

    #[test]
    fn a_source_is_late_after_ten_intervals_and_a_minute() {
        let at = Timestamp::from_unix_ms;
        let source = SourceStatus {
            name: SourceName::parse("samsara").unwrap(),
            plugin: "samsara".to_owned(),
            state: SourceState::Active,
            reason: None,
            priority: Priority::P1,
            exports: vec!["poll".to_owned()],
            poll_every_ms: Some(5_000),
            rollout_percent: 0,
            since: at(1_000),
        };
        // 10 x 5 s + 60 s = 110 s.
        assert_eq!(late(&source, 5_000, Some(at(10_000)), at(120_000)), None);
        assert!(late(&source, 5_000, Some(at(10_000)), at(120_001)).unwrap().contains("`samsara`"));
        assert_eq!(late(&source, 5_000, None, at(111_000)), None, "counted from the start before the first commit");
        assert!(late(&source, 5_000, None, at(111_001)).is_some());
    }
}
