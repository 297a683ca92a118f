//! Puts the layers together: defaults, then the file, then the environment.

use std::path::Path;

use figment::Figment;
use figment::error::Kind;
use figment::providers::{Env, Format as _, Toml};

use crate::{ConfigError, Settings};

/// The defaults, which are also the manual.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Reads the settings: `default.toml`, then `file` if given, then `APEX__SECTION__KEY` variables.
pub fn load(file: Option<&Path>) -> Result<Settings, ConfigError> {
    let mut figment = Figment::from(Toml::string(DEFAULTS));
    if let Some(path) = file {
        let text =
            std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
        figment = figment.merge(Toml::string(&text));
    }
    let settings: Settings =
        figment.merge(Env::prefixed("APEX__").split("__")).extract().map_err(|error| invalid(&error, file))?;
    settings.check()?;
    Ok(settings)
}

/// One line a finding, each with the key it is about and where that key came from.
fn invalid(error: &figment::Error, file: Option<&Path>) -> ConfigError {
    let place = file.map_or_else(|| "the environment".to_owned(), |path| path.display().to_string());
    let line = |one: figment::Error| {
        let (key, what) = (one.path.join("."), without_values(&one.kind));
        if key.is_empty() { format!("{what} (in {place})") } else { format!("{key}: {what} (in {place})") }
    };
    ConfigError::Invalid(error.clone().into_iter().map(line).collect::<Vec<_>>().join("; "))
}

/// What is wrong, without quoting the file: the value in the wrong place may be a secret.
fn without_values(kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(_, expected) => format!("wrong type, expected {expected}"),
        Kind::InvalidValue(_, expected) => format!("wrong value, expected {expected}"),
        // The parser of TOML shows the line between where and why.
        Kind::Message(text) if text.lines().count() > 1 => {
            let (first, last) = (text.lines().next().unwrap_or_default(), text.lines().last().unwrap_or_default());
            format!("{first}: {last}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::io::Write as _;

    use apex_model::ids::SourceName;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn from_text(text: &str) -> Result<Settings, ConfigError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        load(Some(file.path()))
    }

    #[test]
    fn the_defaults_alone_are_valid() {
        let settings = load(None).unwrap();
        assert_eq!(settings.intake.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.api.listen.to_string(), "127.0.0.1:8081");
        assert_eq!(settings.metrics.listen.to_string(), "127.0.0.1:8078");
        assert!(settings.sources.is_empty());
    }

    #[test]
    fn a_source_table_is_read_whole() {
        let mut key = tempfile::NamedTempFile::new().unwrap();
        key.write_all(b"previous-key\n").unwrap();
        let text = format!(
            r#"
            [sources.frontapp]
            priority = "P0"
            secrets.webhook = [{{ file = "{0}" }}, {{ file = "{0}", encoding = "base64" }}]
            config = {{ inbox = "ops" }}
            grant.hosts = ["https://api2.frontapp.com"]
            poll.every = "5s"
            "#,
            key.path().display()
        );
        let settings = from_text(&text).unwrap();
        let name = SourceName::parse("frontapp").unwrap();
        let source = settings.sources.get(&name).unwrap();
        assert_eq!(source.poll.every, Some(std::time::Duration::from_secs(5)));
        assert_eq!(source.config.get("inbox").unwrap(), "ops");
        let secrets = source.resolve_secrets(&name).unwrap();
        let keys = secrets.get("webhook").unwrap();
        assert_eq!(keys.len(), 2);
        assert!(keys.iter().all(|key| key.value.expose_secret() == "previous-key"));
        assert_eq!(keys.get(1).unwrap().encoding.as_deref(), Some("base64"));
    }

    #[test]
    fn unknown_keys_are_errors_that_name_the_key() {
        for (text, key) in [
            ("[intake]\nlisten = \"127.0.0.1:1\"\nport = 5", "port"),
            ("[sources.a]\nsecret = 1", "secret"),
            ("[limits.plugin]\nmemory = 1", "memory"),
            ("[colour]\nx = 1", "colour"),
            ("[sources.A]\nenabled = true", "A"),
        ] {
            let message = from_text(text).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_repeated() {
        for text in [
            "[sources.a]\nsecrets.webhook = \"CANARY\"",
            "[sources.a]\nsecrets.webhook = \"CANARY\" x",
            "[sources.a]\nsecrets = \"CANARY\"",
            "[sources.a]\nenabled = \"CANARY\"",
        ] {
            let message = from_text(text).unwrap_err().to_string();
            assert!(!message.contains("CANARY") && !message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn what_this_build_cannot_do_is_an_error_not_a_silence() {
        for text in
            ["[stores]\ngraph = \"bolt://x\"", "[temporal]\nenabled = true", "[sources.a]\nrollout_percent = 10"]
        {
            assert!(matches!(from_text(text), Err(ConfigError::Invalid(_))), "{text}");
        }
    }

    #[test]
    fn a_missing_secret_names_source_and_variable() {
        let settings = from_text("[sources.a]\nsecrets.webhook = { env = \"APEX_TEST_NO_SUCH_VARIABLE\" }").unwrap();
        let name = SourceName::parse("a").unwrap();
        let message = settings.sources.get(&name).unwrap().resolve_secrets(&name).unwrap_err().to_string();
        assert!(message.contains("APEX_TEST_NO_SUCH_VARIABLE") && message.contains("`a`"), "{message}");
    }
}
