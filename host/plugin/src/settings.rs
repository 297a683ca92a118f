//! What the operator says of one source, as this crate needs it. The app makes it from its configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use apex_model::ids::SourceName;
use apex_model::source::Priority;
use secrecy::{ExposeSecret, SecretString};

use crate::manifest::Encoding;

/// One source of the configuration.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// Its name.
    pub name: SourceName,
    /// The connector's name.
    pub plugin: String,
    /// Its `config` table as one JSON object.
    pub config_json: String,
    /// Secrets by name: the current key, then previous ones. Resolved from environment or file.
    pub secrets: BTreeMap<String, Vec<SecretString>>,
    /// How a secret's text becomes key bytes, where the operator says otherwise than the manifest.
    pub secret_encoding: BTreeMap<String, Encoding>,
    /// Hosts it may reach: scheme, host, port.
    pub granted_hosts: Vec<String>,
    /// Urgency; none: the manifest's.
    pub priority: Option<Priority>,
    /// Time between polls; none: the manifest's.
    pub poll_every: Option<Duration>,
    /// Share on Temporal, percent.
    pub rollout_percent: u8,
    /// Whether it takes anything at all.
    pub enabled: bool,
}

impl SourceSettings {
    /// A source of which nothing is configured but the connector.
    pub fn bare(name: SourceName, plugin: impl Into<String>) -> Self {
        Self {
            name,
            plugin: plugin.into(),
            config_json: "{}".to_owned(),
            secrets: BTreeMap::new(),
            secret_encoding: BTreeMap::new(),
            granted_hosts: Vec::new(),
            priority: None,
            poll_every: None,
            rollout_percent: 0,
            enabled: true,
        }
    }

    /// Whether a connector bound to either would see the same: configuration, secrets, hosts.
    pub(crate) fn binds_like(&self, other: &Self) -> bool {
        let (own, others) = (self.secrets.iter(), other.secrets.iter());
        self.name == other.name
            && self.plugin == other.plugin
            && self.config_json == other.config_json
            && self.secret_encoding == other.secret_encoding
            && self.granted_hosts == other.granted_hosts
            && own.map(exposed).eq(others.map(exposed))
    }
}

fn exposed<'a>((name, values): (&'a String, &'a Vec<SecretString>)) -> (&'a str, Vec<&'a str>) {
    (name, values.iter().map(SecretString::expose_secret).collect())
}
