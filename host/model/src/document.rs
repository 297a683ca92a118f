//! What a connector emits: documents with the entities and relations the source already knows.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::Digest;

/// What a document asks of the stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Create it, or replace it if this one is newer.
    #[default]
    Upsert,
    /// Remove it.
    Delete,
}

/// A thing a document speaks of. The key is stable and unique within the host (`shipment:4455667`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entity {
    /// Lower case, prefixed with the kind.
    pub key: String,
    /// One lower-case word.
    pub kind: String,
    /// What a reader sees.
    pub name: String,
}

/// A directed edge between two entities of one document, by their keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Relation {
    /// Key of the entity it starts at.
    pub from: String,
    /// Lower-case words joined by `_`.
    pub kind: String,
    /// Key of the entity it ends at.
    pub to: String,
}

/// Bytes kept beside a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// File name for people.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Bytes.
    pub size: u32,
    /// Where the blob store keeps it: `sha256:<hex>`.
    pub reference: String,
}

/// The source's own order of a document's states: a non-negative integer of at most 38 decimal digits.
///
/// Written as text, because JSON numbers and guest languages lose digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u128);

impl Sequence {
    /// Reads decimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = !text.is_empty() && text.len() <= 38 && text.bytes().all(|digit| digit.is_ascii_digit());
        plain.then(|| text.parse().ok().map(Self)).flatten()
    }
}

impl std::fmt::Display for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Sequence {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sequence {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a sequence is 1 to 38 decimal digits"))
    }
}

/// One document as a connector emits it: the unit that is chunked, embedded, searched and versioned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The connector's id, unique within the source.
    pub id: String,
    /// One lower-case word or words joined by `_`.
    pub kind: String,
    /// Create or remove.
    #[serde(default)]
    pub op: Op,
    /// One line.
    #[serde(default)]
    pub title: String,
    /// What is searched.
    #[serde(default)]
    pub content: String,
    /// `text/plain`, `text/markdown` or `text/html`.
    #[serde(default = "plain_text")]
    pub media_type: String,
    /// When it happened at the source, RFC 3339 as the connector wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<String>,
    /// The source's own order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Sequence>,
    /// One JSON object as text.
    #[serde(default = "empty_object")]
    pub metadata: String,
    /// Entities the source already knows.
    #[serde(default)]
    pub entities: Vec<Entity>,
    /// Relations the source already knows.
    #[serde(default)]
    pub relations: Vec<Relation>,
    /// Bytes kept beside it.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
}

fn plain_text() -> String {
    "text/plain".to_owned()
}

fn empty_object() -> String {
    "{}".to_owned()
}

/// Characters a document id may have at most.
pub const DOCUMENT_ID_CHARS_MAX: usize = 200;
/// Bytes of metadata a document may carry at most.
pub const METADATA_BYTES_MAX: usize = 64 * 1024;

impl Document {
    /// Checks the rules the contract states (`wit/v1/types.wit`); answers the first one broken, as a sentence.
    pub fn check(&self) -> Result<(), String> {
        let id_chars = self.id.chars().count();
        if id_chars == 0 || id_chars > DOCUMENT_ID_CHARS_MAX || self.id.chars().any(char::is_control) {
            return Err(format!(
                "document id `{}` must have 1 to {DOCUMENT_ID_CHARS_MAX} characters and no control characters",
                self.id.escape_default()
            ));
        }
        let word = |text: &str| {
            !text.is_empty()
                && text.len() <= 64
                && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
        };
        if !word(&self.kind) {
            return Err(format!(
                "document kind `{}` must be lower-case words joined by `_`",
                self.kind.escape_default()
            ));
        }
        if self.metadata.len() > METADATA_BYTES_MAX {
            return Err(format!(
                "metadata has {} bytes, at most {METADATA_BYTES_MAX} are allowed",
                self.metadata.len()
            ));
        }
        if !serde_json::from_str::<serde_json::Value>(&self.metadata).is_ok_and(|value| value.is_object()) {
            return Err("metadata must be one JSON object".to_owned());
        }
        if !matches!(self.media_type.as_str(), "text/plain" | "text/markdown" | "text/html") {
            return Err(format!(
                "media type `{}` must be text/plain, text/markdown or text/html",
                self.media_type.escape_default()
            ));
        }
        for entity in &self.entities {
            if entity.key.is_empty() || entity.key.len() > 512 || !word(&entity.kind) {
                return Err(format!(
                    "entity `{}` of kind `{}` needs a key of 1 to 512 bytes and a lower-case kind",
                    entity.key.escape_default(),
                    entity.kind.escape_default()
                ));
            }
        }
        let known = |key: &str| self.entities.iter().any(|entity| entity.key == key);
        match self.relations.iter().find(|relation| !known(&relation.from) || !known(&relation.to)) {
            Some(relation) => Err(format!(
                "relation `{}` joins `{}` and `{}`, which are not both among the entities",
                relation.kind, relation.from, relation.to
            )),
            None => Ok(()),
        }
    }

    /// Hash of everything a reader could see. The sequence is left out: the same state at a later moment is unchanged.
    pub fn content_hash(&self) -> Digest {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        part(if self.op == Op::Delete { b"delete" } else { b"upsert" });
        for text in [&self.id, &self.kind, &self.title, &self.content, &self.media_type, &self.metadata] {
            part(text.as_bytes());
        }
        part(self.occurred_at.as_deref().unwrap_or_default().as_bytes());
        for entity in &self.entities {
            for text in [&entity.key, &entity.kind, &entity.name] {
                part(text.as_bytes());
            }
        }
        for relation in &self.relations {
            for text in [&relation.from, &relation.kind, &relation.to] {
                part(text.as_bytes());
            }
        }
        for attachment in &self.attachments {
            for text in [&attachment.name, &attachment.media_type, &attachment.reference] {
                part(text.as_bytes());
            }
        }
        Digest(hash.finalize().into())
    }
}
