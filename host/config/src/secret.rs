//! Secrets are named in the configuration and read from the environment or a file, never written into it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::ConfigError;

/// Where one key of a secret is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRef {
    /// An environment variable that holds it.
    pub env: Option<String>,
    /// A file that holds it; a trailing line break is cut.
    pub file: Option<PathBuf>,
    /// How the text becomes key bytes; default: what the connector's manifest says.
    pub encoding: Option<String>,
    /// The value itself: only for hosts built in code, there is no key for it.
    #[serde(skip)]
    pub value: Option<SecretString>,
}

/// One secret: its current key and, while it is rotated, the previous one.
#[derive(Debug, Clone, Default)]
pub struct SecretList(pub Vec<SecretRef>);

/// One key, read.
#[derive(Debug, Clone)]
pub struct ResolvedSecret {
    /// The text.
    pub value: SecretString,
    /// The operator's word on its encoding.
    pub encoding: Option<String>,
}

impl SecretRef {
    fn resolve(&self) -> Result<ResolvedSecret, String> {
        let value = match (&self.env, &self.file, &self.value) {
            (Some(name), None, None) => {
                std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))?.into()
            }
            (None, Some(path), None) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|cause| format!("cannot read {}: {cause}", path.display()))?;
                text.trim_end_matches(['\r', '\n']).to_owned().into()
            }
            (None, None, Some(value)) => value.clone(),
            _ => return Err("give exactly one of `env` and `file`".to_owned()),
        };
        Ok(ResolvedSecret { value, encoding: self.encoding.clone() })
    }
}

/// Reads every key of every secret of a source.
pub(crate) fn resolve(
    source: &str,
    secrets: &BTreeMap<String, SecretList>,
) -> Result<BTreeMap<String, Vec<ResolvedSecret>>, ConfigError> {
    let one = |(name, list): (&String, &SecretList)| {
        let keys: Result<Vec<_>, String> = list.0.iter().map(SecretRef::resolve).collect();
        let keys =
            keys.map_err(|cause| ConfigError::Secret { source_name: source.to_owned(), name: name.clone(), cause })?;
        Ok((name.clone(), keys))
    };
    secrets.iter().map(one).collect()
}

impl<'de> Deserialize<'de> for SecretList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = SecretList;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("{ env = \"…\" } or { file = \"…\" }, or a list of them (current key first)")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretList, A::Error> {
                SecretRef::deserialize(de::value::MapAccessDeserializer::new(map)).map(|one| SecretList(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<SecretList, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(SecretList)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}
