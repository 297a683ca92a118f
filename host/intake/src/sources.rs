//! Which sources there are, as the hot path needs them: one look-up a request, no lock.
//!
//! A copy of what the catalogue says, renewed when it is older than `FRESH_FOR` by the request that notices. Must not
//! keep anything that the catalogue does not say, besides counters.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use apex_model::event::IngestPath;
use apex_model::ids::{EventId, SourceName};
use apex_model::ports::PluginCatalog;
use apex_model::source::{Priority, SourceState, SourceStatus};
use arc_swap::ArcSwap;

use crate::metrics::{Metrics, SourceStats};

/// How old the copy may be. A dropped-in plugin is to answer within 2 s.
const FRESH_FOR: Duration = Duration::from_millis(250);

/// What the hot path knows of a source.
#[derive(Debug)]
pub(crate) struct SourceEntry {
    /// Its name.
    pub name: SourceName,
    /// Urgency.
    pub priority: Priority,
    /// Share on Temporal, percent.
    pub rollout_percent: u8,
    /// Whether it takes webhooks, or may once its plugin is there.
    pub may_take_webhooks: bool,
    /// Whether it reads files, or may once its plugin is there.
    pub may_read_files: bool,
    /// Its counters.
    pub stats: Arc<SourceStats>,
}

impl SourceEntry {
    /// Which path works this event off: decided by the event's id, so that a repeat is decided alike.
    pub(crate) fn path(&self, event_key: &str) -> IngestPath {
        match self.rollout_percent {
            0 => IngestPath::Direct,
            100.. => IngestPath::Temporal,
            percent => {
                let [high, low, ..] = EventId::of(&self.name, event_key).0;
                let bucket = u16::from_be_bytes([high, low]) % 100;
                if bucket < u16::from(percent) { IngestPath::Temporal } else { IngestPath::Direct }
            }
        }
    }
}

type Entries = HashMap<String, Arc<SourceEntry>>;

/// The sources by name.
pub(crate) struct SourceTable {
    catalog: Arc<dyn PluginCatalog>,
    metrics: Arc<Metrics>,
    entries: ArcSwap<Entries>,
    started: Instant,
    /// Milliseconds after `started` at which the copy is too old.
    stale_at_ms: AtomicU64,
}

impl SourceTable {
    pub(crate) fn new(catalog: Arc<dyn PluginCatalog>, metrics: Arc<Metrics>) -> Self {
        let entries = copy(&catalog.sources(), &Entries::new(), &metrics);
        Self {
            catalog,
            metrics,
            entries: ArcSwap::from_pointee(entries),
            started: Instant::now(),
            stale_at_ms: AtomicU64::new(millis(FRESH_FOR)),
        }
    }

    /// The source of this name, if there is one.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<SourceEntry>> {
        self.renew();
        self.entries.load().get(name).cloned()
    }

    /// Which path works off what this key names, and how urgent it is. For a source that is gone: the defaults.
    pub(crate) fn route(&self, source: &SourceName, key: &str) -> (IngestPath, Priority) {
        let entry = self.get(source.as_str());
        entry.map_or_else(Default::default, |entry| (entry.path(key), entry.priority))
    }

    fn renew(&self) {
        let now = millis(self.started.elapsed());
        let stale_at = self.stale_at_ms.load(Ordering::Relaxed);
        let next = now + millis(FRESH_FOR);
        let mine = now >= stale_at
            && self.stale_at_ms.compare_exchange(stale_at, next, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if mine {
            let entries = copy(&self.catalog.sources(), &self.entries.load(), &self.metrics);
            self.entries.store(Arc::new(entries));
        }
    }
}

fn copy(sources: &[SourceStatus], before: &Entries, metrics: &Metrics) -> Entries {
    let entry = |source: &SourceStatus| {
        let may = |export: &str| source.exports.is_empty() || source.exports.iter().any(|known| known == export);
        let name = source.name.as_str();
        let stats = before.get(name).map_or_else(|| Arc::new(metrics.source(name)), |entry| Arc::clone(&entry.stats));
        let entry = SourceEntry {
            name: source.name.clone(),
            priority: source.priority,
            rollout_percent: source.rollout_percent,
            may_take_webhooks: may("webhook"),
            may_read_files: may("batch"),
            stats,
        };
        (name.to_owned(), Arc::new(entry))
    };
    sources.iter().map(entry).collect()
}

/// Adds to what the catalogue says what an operator paused, which only the journal knows.
pub(crate) fn mark_paused(sources: &mut [SourceStatus], paused: &[SourceName]) {
    for source in sources {
        let is_paused = paused.contains(&source.name);
        source.state = match source.state {
            SourceState::Active if is_paused => SourceState::Paused,
            SourceState::Paused if !is_paused => SourceState::Active,
            other => other,
        };
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use prometheus_client::registry::Registry;

    fn entry(rollout_percent: u8) -> SourceEntry {
        let metrics = Metrics::new(Registry::default());
        SourceEntry {
            name: SourceName::parse("frontapp").unwrap(),
            priority: Priority::P0,
            rollout_percent,
            may_take_webhooks: true,
            may_read_files: false,
            stats: Arc::new(metrics.source("frontapp")),
        }
    }

    #[test]
    fn the_rollout_takes_its_share_and_decides_a_repeat_alike() {
        let share = |percent: u8| {
            let entry = entry(percent);
            (0..2_000).filter(|n| entry.path(&format!("evt_{n}")) == IngestPath::Temporal).count()
        };
        assert_eq!(share(0), 0);
        assert_eq!(share(100), 2_000);
        let half = share(50);
        assert!((900..1_100).contains(&half), "{half} of 2000 at 50 percent");
        assert_eq!(entry(50).path("evt_1"), entry(50).path("evt_1"));
    }
}
