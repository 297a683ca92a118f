//! What one source's connector may do: what its manifest asks for *and* the operator gave. Every capability takes a
//! [`Grant`]; there is no other way to reach a host or a key.

use std::collections::HashMap;
use std::fmt::Write as _;

use reqwest::{Method, Url};
use serde_json::Value;

use crate::keys::{Credential, VerifyKey};
use crate::manifest::{Encoding, Host, Manifest, Secret, Use};
use crate::origin::Origin;
use crate::settings::SourceSettings;

/// The effective grant of one source.
#[derive(Default)]
pub(crate) struct Grant {
    hosts: Vec<HostRule>,
    keys: HashMap<String, Vec<VerifyKey>>,
    credentials: HashMap<String, Credential>,
}

struct HostRule {
    origin: Origin,
    methods: Vec<String>,
    path_prefix: String,
}

/// Why a request may not be sent; a sentence with the line to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denied(pub(crate) String);

impl Grant {
    /// The intersection of manifest and settings; or, if something is missing, the lines to add to `apex.toml`.
    pub(crate) fn effective(
        manifest: &Manifest,
        settings: &SourceSettings,
        config: &Config<'_>,
    ) -> Result<Self, String> {
        let mut grant = Self::default();
        let mut missing = Missing::default();
        for secret in &manifest.secrets {
            grant.add_secret(secret, settings, &mut missing);
        }
        missing.groups(manifest, settings);
        grant.add_hosts(manifest, settings, config, &mut missing);
        if missing.is_empty() { Ok(grant) } else { Err(missing.lines(settings)) }
    }

    /// Whether this request may be sent.
    pub(crate) fn allow(&self, url: &Url, method: &Method) -> Result<(), Denied> {
        let Some(origin) = Origin::of(url) else {
            return Err(Denied("only http and https URLs can be reached".to_owned()));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Denied("a URL must not carry a user name or password; name a `credential`".to_owned()));
        }
        if climbs(url.path()) {
            return Err(Denied(format!("the path `{}` climbs out of its folder", url.path().escape_default())));
        }
        let mut known = false;
        for rule in self.hosts.iter().filter(|rule| rule.origin == origin) {
            known = true;
            if rule.methods.iter().any(|allowed| allowed == method.as_str()) && below(url.path(), &rule.path_prefix) {
                return Ok(());
            }
        }
        Err(Denied(if known {
            format!("the manifest does not declare {method} {} at {origin}", url.path().escape_default())
        } else {
            format!(
                "{origin} is not granted; it must stand in the manifest's [[hosts]] and in the source's \
                 `grant.hosts = [\"{origin}\"]`"
            )
        }))
    }

    /// The active keys of a secret with the use `verify`.
    pub(crate) fn keys(&self, name: &str) -> Result<&[VerifyKey], String> {
        self.keys.get(name).map(Vec::as_slice).ok_or_else(|| {
            format!(
                "`{}` is not declared with use = \"verify\" in the manifest and configured as `secrets.{}`",
                name.escape_default(),
                name.escape_default()
            )
        })
    }

    /// The credential that `http` sends along.
    pub(crate) fn credential(&self, name: &str) -> Result<&Credential, Denied> {
        self.credentials.get(name).ok_or_else(|| {
            Denied(format!(
                "`{}` is not declared with use = \"inject\" in the manifest and configured as `secrets.{}`",
                name.escape_default(),
                name.escape_default()
            ))
        })
    }

    fn add_secret(&mut self, secret: &Secret, settings: &SourceSettings, missing: &mut Missing) {
        let values = settings.secrets.get(&secret.name).map(Vec::as_slice).unwrap_or_default();
        if values.is_empty() {
            if secret.required && secret.required_any.is_none() {
                missing.secrets.push(secret.name.clone());
            }
            return;
        }
        let encoding = settings.secret_encoding.get(&secret.name).copied().unwrap_or(secret.encoding);
        let ready = match secret.usage {
            Use::Verify => self.add_keys(&secret.name, values, encoding),
            Use::Inject => self.add_credential(secret, values),
            Use::Sign => Ok(()),
        };
        if let Err(problem) = ready {
            missing.problems.push(format!("secrets.{}: {problem}", secret.name));
        }
    }

    fn add_keys(&mut self, name: &str, values: &[secrecy::SecretString], encoding: Encoding) -> Result<(), String> {
        let keys = values.iter().map(|value| VerifyKey::new(value, encoding)).collect::<Result<Vec<_>, _>>()?;
        self.keys.insert(name.to_owned(), keys);
        Ok(())
    }

    fn add_credential(&mut self, secret: &Secret, values: &[secrecy::SecretString]) -> Result<(), String> {
        let header = secret.header.as_deref().unwrap_or_default();
        let template = secret.value.as_deref().unwrap_or_default();
        if let Some(current) = values.first() {
            self.credentials.insert(secret.name.clone(), Credential::new(header, template, current)?);
        }
        Ok(())
    }

    /// Grants what is declared and granted. A source waits if it asks for hosts and is granted none of them; what is
    /// missing of several is said when it is asked for.
    fn add_hosts(
        &mut self,
        manifest: &Manifest,
        settings: &SourceSettings,
        config: &Config<'_>,
        missing: &mut Missing,
    ) {
        let granted: Vec<Origin> = settings.granted_hosts.iter().filter_map(|host| Origin::parse(host)).collect();
        let mut lacking = Vec::new();
        for host in &manifest.hosts {
            let Some(url) = config.url(host) else { continue };
            let Some(origin) = Origin::parse(url) else {
                missing.problems.push(format!("host `{}` is not an http or https URL", url.escape_default()));
                continue;
            };
            if granted.contains(&origin) {
                let rule = HostRule { origin, methods: host.methods.clone(), path_prefix: host.path_prefix.clone() };
                self.hosts.push(rule);
            } else {
                lacking.push(origin);
            }
        }
        if self.hosts.is_empty() {
            for origin in lacking {
                missing.host(&origin);
            }
        }
    }
}

/// Why a source is not polled although it works: it takes something else too, and has none of the secrets its requests
/// would carry, so that every poll would be refused. Answers the lines to add.
pub(crate) fn poll_waits(manifest: &Manifest, settings: &SourceSettings) -> Option<String> {
    let other = manifest.exports.iter().any(|export| export != "poll");
    let given = |secret: &Secret| settings.secrets.get(&secret.name).is_some_and(|values| !values.is_empty());
    let carried: Vec<&Secret> = manifest.secrets.iter().filter(|secret| secret.usage == Use::Inject).collect();
    let polls = manifest.exports.iter().any(|export| export == "poll");
    if !polls || !other || carried.is_empty() || carried.iter().any(|secret| given(secret)) {
        return None;
    }
    let source = settings.name.as_str();
    let names: Vec<String> = carried.iter().map(|secret| format!("secrets.{}", secret.name)).collect();
    let lines: Vec<String> = carried.iter().map(|secret| secret_line(source, &secret.name)).collect();
    let what = format!("it is not polled, because {} is missing", names.join(" or "));
    Some(format!("{what}; to poll it, add to apex.toml:\n[sources.{source}]\n{}", lines.join("\n")))
}

/// A source's settings, with the defaults that the connector's schema gives.
pub(crate) struct Config<'a> {
    pub(crate) given: &'a Value,
    pub(crate) schema: &'a Value,
}

impl<'a> Config<'a> {
    /// The URL of a declared host; none if it is to be named by a setting that is neither given nor has a default.
    pub(crate) fn url(&self, host: &'a Host) -> Option<&'a str> {
        let Some(key) = config_key(&host.url) else { return Some(&host.url) };
        let default = || self.schema.get("properties")?.get(key)?.get("default");
        self.given.get(key).or_else(default)?.as_str()
    }
}

/// `{config.base_url}` → `base_url`.
fn config_key(url: &str) -> Option<&str> {
    url.strip_prefix("{config.")?.strip_suffix('}')
}

/// Whether the path lies under the prefix, at a border between segments.
fn below(path: &str, prefix: &str) -> bool {
    let Some(rest) = path.strip_prefix(prefix) else { return false };
    prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/')
}

/// Whether a server that decodes `%2f` or `%5c` could read `..` in it; plain `..` is resolved by the URL parser.
fn climbs(path: &str) -> bool {
    let plain =
        path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace('\\', "/");
    plain.split('/').any(|segment| segment == "..")
}

/// What keeps a source waiting.
#[derive(Default)]
struct Missing {
    secrets: Vec<String>,
    any: Vec<Vec<String>>,
    hosts: Vec<String>,
    problems: Vec<String>,
}

impl Missing {
    fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.any.is_empty() && self.hosts.is_empty() && self.problems.is_empty()
    }

    fn host(&mut self, origin: &Origin) {
        let text = origin.to_string();
        if !self.hosts.contains(&text) {
            self.hosts.push(text);
        }
    }

    fn groups(&mut self, manifest: &Manifest, settings: &SourceSettings) {
        let mut groups: Vec<&str> =
            manifest.secrets.iter().filter_map(|secret| secret.required_any.as_deref()).collect();
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            let members = manifest.secrets.iter().filter(|secret| secret.required_any.as_deref() == Some(group));
            let names: Vec<String> = members.map(|secret| secret.name.clone()).collect();
            if !names.iter().any(|name| settings.secrets.get(name).is_some_and(|values| !values.is_empty())) {
                self.any.push(names);
            }
        }
    }

    fn lines(&self, settings: &SourceSettings) -> String {
        let source = settings.name.as_str();
        let mut text = String::new();
        for problem in &self.problems {
            let _ = writeln!(text, "{problem}");
        }
        if self.secrets.is_empty() && self.any.is_empty() && self.hosts.is_empty() {
            return text.trim_end().to_owned();
        }
        let _ = write!(text, "add to apex.toml:\n[sources.{source}]");
        for name in &self.secrets {
            let _ = write!(text, "\n{}", secret_line(source, name));
        }
        if !self.hosts.is_empty() {
            let all = settings.granted_hosts.iter().chain(&self.hosts);
            let quoted: Vec<String> = all.map(|host| format!("\"{host}\"")).collect();
            let _ = write!(text, "\ngrant.hosts = [{}]", quoted.join(", "));
        }
        for names in &self.any {
            // The block works as it is pasted: a secret whose variable nobody set would stop the start.
            let _ = write!(text, "\n# one of these is enough:");
            for (number, name) in names.iter().enumerate() {
                let mark = if number == 0 { "" } else { "# " };
                let _ = write!(text, "\n{mark}{}", secret_line(source, name));
            }
        }
        text
    }
}

fn secret_line(source: &str, name: &str) -> String {
    let variable = format!("{source}_{name}_SECRET").to_ascii_uppercase().replace('-', "_");
    format!("secrets.{name} = {{ env = \"{variable}\" }}")
}
