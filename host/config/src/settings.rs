//! The settings, typed. What each key means is said in `default.toml`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use apex_model::ids::SourceName;
use apex_model::source::Priority;
use serde::Deserialize;

use crate::limits::Limits;
use crate::secret::{self, ResolvedSecret, SecretList};
use crate::{ConfigError, duration};

/// Everything that can be configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The public listener.
    pub intake: ListenSettings,
    /// The API's listener.
    pub api: ListenSettings,
    /// The metrics listener.
    pub metrics: ListenSettings,
    /// Logging.
    pub log: LogSettings,
    /// The embedding model.
    pub model: ModelSettings,
    /// Where documents go.
    pub stores: StoresSettings,
    /// Orchestration.
    pub temporal: TemporalSettings,
    /// Configured connectors.
    #[serde(default)]
    pub sources: BTreeMap<SourceName, SourceSettings>,
    /// Every limit.
    #[serde(default)]
    pub limits: Limits,
}

/// One listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenSettings {
    /// Address and port; port 0 takes any free one.
    pub listen: SocketAddr,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logging.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// How lines look.
    pub format: LogFormat,
    /// A level or a filter as `tracing-subscriber`'s `EnvFilter` reads it.
    pub level: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

/// Which embedding model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// all-MiniLM-L6-v2, run locally.
    Minilm,
    /// Feature hashing: no weights, no meaning. A degraded mode.
    Hashing,
}

/// The embedding model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// Which.
    pub kind: ModelKind,
    /// Where its files are; default: the cache directory.
    pub dir: Option<PathBuf>,
}

/// Where documents go: `embedded`, or later a URL each.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoresSettings {
    /// Documents and versions.
    pub relational: String,
    /// Entities and relations.
    pub graph: String,
    /// Embeddings.
    pub vector: String,
    /// Ready-made answers.
    pub cache: String,
}

/// Orchestration by Temporal.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemporalSettings {
    /// Whether it is used.
    pub enabled: bool,
}

/// One configured connector.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSettings {
    /// The connector; default: the source's name.
    pub plugin: Option<String>,
    /// Off: answers like an unknown source.
    pub enabled: bool,
    /// Urgency; default: the manifest's.
    pub priority: Option<Priority>,
    /// Share on Temporal, percent.
    pub rollout_percent: u8,
    /// Keys by secret name.
    pub secrets: BTreeMap<String, SecretList>,
    /// The connector's own settings.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// What it may do.
    pub grant: Grant,
    /// Polling.
    pub poll: PollSettings,
}

impl Default for SourceSettings {
    fn default() -> Self {
        Self {
            plugin: None,
            enabled: true,
            priority: None,
            rollout_percent: 0,
            secrets: BTreeMap::new(),
            config: serde_json::Map::new(),
            grant: Grant::default(),
            poll: PollSettings::default(),
        }
    }
}

/// What a source may do, of what its connector's manifest asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grant {
    /// Hosts it may reach: scheme, host and port (`https://api.samsara.com`).
    pub hosts: Vec<String>,
}

/// Polling.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PollSettings {
    /// Time between polls; default: the manifest's.
    #[serde(deserialize_with = "duration::optional")]
    pub every: Option<Duration>,
}

impl SourceSettings {
    /// Reads every key of every secret from where it is.
    pub fn resolve_secrets(&self, source: &SourceName) -> Result<BTreeMap<String, Vec<ResolvedSecret>>, ConfigError> {
        secret::resolve(source.as_str(), &self.secrets)
    }
}

impl Settings {
    /// Checks what types cannot: rules between keys, and what this build cannot do.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let stores = [
            ("relational", &self.stores.relational),
            ("graph", &self.stores.graph),
            ("vector", &self.stores.vector),
            ("cache", &self.stores.cache),
        ];
        for (name, value) in stores {
            if value != "embedded" {
                return Err(ConfigError::Invalid(format!("stores.{name}: this build has only the `embedded` store")));
            }
        }
        if self.temporal.enabled {
            return Err(ConfigError::Invalid(
                "temporal.enabled: this build works everything off on the direct path".into(),
            ));
        }
        for (name, source) in &self.sources {
            if source.rollout_percent > 0 {
                return Err(ConfigError::Invalid(format!(
                    "sources.{name}.rollout_percent: needs temporal.enabled, which this build does not have; set it to 0"
                )));
            }
        }
        let limits = &self.limits;
        let positive: [(&str, u64); 8] = [
            ("intake.connections_max", limits.intake.connections_max as u64),
            ("plugin.webhook_threads", limits.plugin.webhook_threads.into()),
            ("plugin.slow_threads", limits.plugin.slow_threads.into()),
            ("plugin.epoch_tick_ms", limits.plugin.epoch_tick_ms),
            ("journal.group_rows_max", limits.journal.group_rows_max as u64),
            ("journal.window_rows", limits.journal.window_rows.into()),
            ("pipeline.chunk_tokens_max", limits.pipeline.chunk_tokens_max as u64),
            ("direct.workers", limits.direct.workers.into()),
        ];
        if let Some((name, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::Invalid(format!("limits.{name} must be at least 1")));
        }
        if limits.pipeline.chunk_overlap_tokens >= limits.pipeline.chunk_tokens_max {
            return Err(ConfigError::Invalid(
                "limits.pipeline.chunk_overlap_tokens must be below chunk_tokens_max".into(),
            ));
        }
        Ok(())
    }
}
