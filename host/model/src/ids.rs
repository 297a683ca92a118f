//! Identifiers: what they are made of and how they are written.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected 64 hex digits"))
    }
}

/// The name of a configured connector: 1 to 64 of `a-z`, `0-9`, `-` and `_`, starting with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SourceName(String);

impl SourceName {
    /// Checks the spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        (starts_well && text.len() <= 64 && text.chars().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SourceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SourceName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is not a source name: 1 to 64 of a-z, 0-9, - and _, starting with a letter or digit"
            ))
        })
    }
}

/// Names an event by what makes it the same as a repeat: the first 16 bytes of SHA-256(source, 0, event key).
///
/// A repeat has the same id by construction, so answering "the same id again" needs no look-up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub [u8; 16]);

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl EventId {
    /// The id of the event with this key at this source.
    pub fn of(source: &SourceName, event_key: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(source.as_str().as_bytes());
        hash.update([0]);
        hash.update(event_key.as_bytes());
        let full: [u8; 32] = hash.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(full.split_at(16).0);
        Self(id)
    }

    /// Reads `ev_` and 26 digits of Crockford base32.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("ev_")?;
        if digits.len() != 26 {
            return None;
        }
        let mut value: u128 = 0;
        for digit in digits.bytes() {
            let position = CROCKFORD.iter().position(|&c| c == digit)?;
            value = value.checked_mul(32)?.checked_add(position as u128)?;
        }
        Some(Self(value.to_be_bytes()))
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut value = u128::from_be_bytes(self.0);
        let mut text = *b"ev_00000000000000000000000000";
        for place in text.iter_mut().skip(3).rev() {
            let digit = usize::try_from(value & 31).unwrap_or(0);
            *place = CROCKFORD.get(digit).copied().unwrap_or(b'0');
            value >>= 5;
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl std::fmt::Debug for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected `ev_` and 26 base32 digits"))
    }
}

/// A document's id within the host: `<source>:<the connector's id>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocumentId(String);

impl DocumentId {
    /// The id of the connector's document `local` at `source`.
    pub fn new(source: &SourceName, local: &str) -> Self {
        Self(format!("{source}:{local}"))
    }

    /// Takes an id as a user writes it; whether it exists is for a store to say.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for DocumentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One trace per delivery: 16 random bytes, written as 32 hex digits (W3C Trace Context, `trace-id`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

impl TraceId {
    /// Reads 32 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Serialize for TraceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn event_id_is_the_hash_prefix_of_source_and_key() {
        let source = SourceName::parse("frontapp").unwrap();
        let id = EventId::of(&source, "evt_1");
        // sha256("frontapp\0evt_1"), computed with coreutils sha256sum.
        assert_eq!(hex::encode(id.0), "a2406b2195388a3df1a9d61712753612");
        assert_eq!(EventId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn event_id_text_is_crockford_base32_of_the_number() {
        assert_eq!(EventId([0; 16]).to_string(), "ev_00000000000000000000000000");
        assert_eq!(EventId([255; 16]).to_string(), "ev_7zzzzzzzzzzzzzzzzzzzzzzzzz");
        assert_eq!(EventId::parse("ev_8zzzzzzzzzzzzzzzzzzzzzzzzz"), None);
        assert_eq!(EventId::parse("ev_0000000000000000000000000u"), None);
    }

    #[test]
    fn source_names_are_safe_in_urls_and_file_names() {
        for good in ["a", "front-app", "x12_in", "7eleven"] {
            assert!(SourceName::parse(good).is_some(), "{good}");
        }
        for bad in ["", "-a", "_a", "A", "a/b", "a.b", "ä", &"a".repeat(65)] {
            assert!(SourceName::parse(bad).is_none(), "{bad}");
        }
    }
}
