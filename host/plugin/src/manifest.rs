//! What a connector says of itself before any of its code runs: `plugin.toml`, embedded as the custom section
//! `apex:manifest`.
//!
//! Reads and checks the text. What of it an operator grants is `grant.rs`.

use std::time::Duration;

use apex_model::ids::SourceName;
use apex_model::source::Priority;
use serde::{Deserialize, Serialize};

use crate::error::one_line;

/// Name of the custom section.
pub const SECTION: &str = "apex:manifest";
/// The contract this host speaks.
pub const CONTRACT: &str = "apex:connector@1.0.0";
/// The interfaces a connector may export besides `describe`.
pub const OFFERS: [&str; 4] = ["webhook", "poll", "stream", "batch"];

/// A connector's manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The connector's name, spelled like a source's.
    pub id: String,
    /// Semantic version.
    pub version: String,
    /// One line for people.
    #[serde(default)]
    pub summary: String,
    /// The contract it was built against.
    #[serde(default = "contract")]
    pub contract: String,
    /// How urgent its events are if the operator does not say.
    #[serde(default)]
    pub priority: Priority,
    /// What it exports besides `describe`; must equal what the component exports.
    pub exports: Vec<String>,
    /// What `http` may reach.
    #[serde(default)]
    pub hosts: Vec<Host>,
    /// Secrets it names.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// How it is polled if the operator does not say.
    #[serde(default)]
    pub poll: Poll,
    /// Limits it asks for; the host's own are the ceiling.
    #[serde(default)]
    pub limits: Asked,
}

fn contract() -> String {
    CONTRACT.to_owned()
}

/// One host that `http` may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Scheme, host and port (`https://api.example.com`), or `{config.<key>}`: the one that this config key names.
    pub url: String,
    /// Methods, upper case.
    pub methods: Vec<String>,
    /// What the path must start with.
    #[serde(default = "root_path")]
    pub path_prefix: String,
}

fn root_path() -> String {
    "/".to_owned()
}

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// `crypto` compares with it.
    Verify,
    /// `http` sends it along.
    Inject,
    /// Kept for contracts that sign; this one has no such function.
    Sign,
}

/// How a secret's text becomes key bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// The text's own bytes.
    #[default]
    Utf8,
    /// Base64, standard alphabet, padding optional.
    Base64,
    /// Hexadecimal.
    Hex,
    /// `whsec_` and base64, as Standard Webhooks writes it.
    Whsec,
}

impl std::str::FromStr for Encoding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "utf8" => Ok(Self::Utf8),
            "base64" => Ok(Self::Base64),
            "hex" => Ok(Self::Hex),
            "whsec" => Ok(Self::Whsec),
            other => Err(format!("encoding `{other}` is none of utf8, base64, hex, whsec")),
        }
    }
}

/// One secret a connector names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// The name `crypto` and `http` are asked by.
    pub name: String,
    /// What it is for.
    #[serde(rename = "use")]
    pub usage: Use,
    /// How the configured text becomes bytes.
    #[serde(default)]
    pub encoding: Encoding,
    /// Whether the source waits while it is missing.
    #[serde(default = "yes")]
    pub required: bool,
    /// Of all secrets with the same word here, one is enough, and one is needed.
    #[serde(default)]
    pub required_any: Option<String>,
    /// For `inject`: the header it is sent in.
    #[serde(default)]
    pub header: Option<String>,
    /// For `inject`: the header's value, with `{secret}` where the secret goes.
    #[serde(default)]
    pub value: Option<String>,
}

fn yes() -> bool {
    true
}

/// How a connector is polled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Poll {
    /// Time between polls: `500ms`, `5s`, `1m`, `1h`.
    pub every: Option<String>,
}

/// Limits a connector asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// MiB of memory.
    pub memory_mib: Option<u32>,
    /// Milliseconds a call may compute.
    pub call_ms: Option<u64>,
}

impl Manifest {
    /// Reads and checks the text of a `plugin.toml`; answers the first rule broken, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| {
            // The error's own text is a drawing over several lines.
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            format!("the manifest is not readable: line {line}: {}", one_line(error.message()))
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    /// What is assumed of a component without a manifest: it asks for nothing and is called like its file.
    pub fn minimal(stem: &str, exports: Vec<String>) -> Result<Self, String> {
        let manifest = Self {
            id: stem.to_owned(),
            version: "0.0.0".to_owned(),
            summary: String::new(),
            contract: contract(),
            priority: Priority::default(),
            exports,
            hosts: Vec::new(),
            secrets: Vec::new(),
            poll: Poll::default(),
            limits: Asked::default(),
        };
        manifest.check()?;
        Ok(manifest)
    }

    /// Time between polls, if it says so.
    pub fn poll_every(&self) -> Option<Duration> {
        self.poll.every.as_deref().and_then(duration)
    }

    fn check(&self) -> Result<(), String> {
        if SourceName::parse(&self.id).is_none() {
            return Err(format!("manifest id `{}` is not a name", self.id.escape_default()));
        }
        if self.contract != CONTRACT {
            return Err(format!("it is built for `{}`, this host speaks `{CONTRACT}`", self.contract.escape_default()));
        }
        if let Some(other) = self.exports.iter().find(|export| !OFFERS.contains(&export.as_str())) {
            return Err(format!(
                "manifest export `{}` is none of webhook, poll, stream, batch",
                other.escape_default()
            ));
        }
        if let Some(every) = &self.poll.every
            && duration(every).is_none()
        {
            return Err(format!("poll.every `{}` must be like `500ms`, `5s` or `1m`", every.escape_default()));
        }
        self.hosts.iter().try_for_each(check_host)?;
        self.secrets.iter().try_for_each(check_secret)?;
        let mut names: Vec<&str> = self.secrets.iter().map(|secret| secret.name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| matches!(pair, [a, b] if a == b)) {
            Some(pair) => Err(format!("secret `{}` stands twice in the manifest", pair.concat().escape_default())),
            None => Ok(()),
        }
    }
}

fn check_host(host: &Host) -> Result<(), String> {
    let methods_fit = !host.methods.is_empty()
        && host.methods.iter().all(|method| !method.is_empty() && method.bytes().all(|c| c.is_ascii_uppercase()));
    if !methods_fit {
        return Err(format!("host `{}` needs `methods`, in upper case", host.url.escape_default()));
    }
    if !host.path_prefix.starts_with('/') {
        return Err(format!("path_prefix of host `{}` must start with `/`", host.url.escape_default()));
    }
    Ok(())
}

fn check_secret(secret: &Secret) -> Result<(), String> {
    let name = secret.name.escape_default();
    if secret.name.is_empty() || !secret.name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-') {
        return Err(format!("secret name `{name}` may have letters, digits, `_` and `-` only"));
    }
    let template = secret.header.is_some() && secret.value.as_deref().is_some_and(|value| value.contains("{secret}"));
    match secret.usage {
        Use::Inject if !template => {
            Err(format!("secret `{name}` is to be injected: it needs `header` and a `value` with {{secret}}"))
        }
        Use::Verify | Use::Sign if secret.header.is_some() || secret.value.is_some() => {
            Err(format!("secret `{name}` has `header` or `value`, which are for `use = \"inject\"`"))
        }
        _ => Ok(()),
    }
}

/// Reads `500ms`, `5s`, `1m` or `1h`; nothing else, and not zero.
pub fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    let ms = match text.get(digits.len()..)? {
        "ms" => number,
        "s" => number.checked_mul(1_000)?,
        "m" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        _ => return None,
    };
    (ms > 0).then(|| Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    const SAMSARA: &str = r#"
        id = "samsara"
        version = "1.0.0"
        exports = ["webhook", "poll"]
        [[hosts]]
        url = "https://api.samsara.com"
        methods = ["GET"]
        path_prefix = "/fleet/"
        [[secrets]]
        name = "token"
        use = "inject"
        header = "authorization"
        value = "Bearer {secret}"
        [poll]
        every = "5s"
    "#;

    #[test]
    fn a_manifest_reads_with_its_defaults() {
        let manifest = Manifest::parse(SAMSARA).unwrap();
        assert_eq!(manifest.priority, Priority::P2);
        assert_eq!(manifest.poll_every(), Some(Duration::from_secs(5)));
        assert!(manifest.secrets[0].required);
    }

    #[test]
    fn what_breaks_a_rule_is_refused_with_the_reason() {
        for (from, to, reason) in [
            ("id = \"samsara\"", "id = \"Samsara\"", "is not a name"),
            ("exports = [", "surprise = 1\nexports = [", "unknown field `surprise`"),
            ("\"poll\"]", "\"push\"]", "none of webhook, poll, stream, batch"),
            ("\"5s\"", "\"5 seconds\"", "must be like"),
            ("\"GET\"", "\"get\"", "upper case"),
            ("\"/fleet/\"", "\"fleet/\"", "must start with `/`"),
            ("Bearer {secret}", "Bearer", "value"),
            ("version = ", "contract = \"apex:connector@2.0.0\"\nversion = ", "this host speaks"),
        ] {
            let broken = SAMSARA.replace(from, to);
            assert_ne!(broken, SAMSARA);
            let error = Manifest::parse(&broken).unwrap_err();
            assert!(error.contains(reason), "{to}: {error}");
        }
    }

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(duration("1m"), duration("60s"));
        assert_eq!(duration("1h"), duration("3600000ms"));
        for bad in ["", "5", "s", "0s", "-1s", "1.5s", "5d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
