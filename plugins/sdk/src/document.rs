//! Documents and descriptions, built step by step. Nothing is validated here: the host does, with one set of rules.
// Builders take whatever turns into text, by value: `.sequence(7)`, `.metadata(json)`.
#![allow(clippy::needless_pass_by_value)]

use crate::types::{Attachment, Description, Document, Entity, EntityKind, Next, Op, Page, Relation};

impl Document {
    /// A document to store: plain text, no metadata (`{}`), the rest empty. `id` is unique within the source and stable.
    pub fn new(id: impl Into<String>, kind: &str) -> Self {
        Self {
            id: id.into(),
            kind: kind.to_owned(),
            op: Op::Upsert,
            title: String::new(),
            content: String::new(),
            media_type: "text/plain".to_owned(),
            occurred_at: None,
            sequence: None,
            metadata: "{}".to_owned(),
            entities: Vec::new(),
            relations: Vec::new(),
            attachments: Vec::new(),
        }
    }

    /// Asks the stores to remove the document of this id.
    pub fn deleted(id: impl Into<String>, kind: &str) -> Self {
        Self { op: Op::Delete, ..Self::new(id, kind) }
    }

    /// One line for lists and search hits.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// What is searched, as plain text.
    #[must_use]
    pub fn text(mut self, content: impl Into<String>) -> Self {
        self.content = content.into();
        self
    }

    /// What is searched, as `text/markdown`.
    #[must_use]
    pub fn markdown(mut self, content: impl Into<String>) -> Self {
        "text/markdown".clone_into(&mut self.media_type);
        self.text(content)
    }

    /// What is searched, as `text/html`.
    #[must_use]
    pub fn html(mut self, content: impl Into<String>) -> Self {
        "text/html".clone_into(&mut self.media_type);
        self.text(content)
    }

    /// When it happened at the source, RFC 3339: see [`crate::time`].
    #[must_use]
    pub fn occurred_at(mut self, rfc3339: impl Into<String>) -> Self {
        self.occurred_at = Some(rfc3339.into());
        self
    }

    /// The source's own order: a non-negative decimal integer of at most 38 digits.
    #[must_use]
    pub fn sequence(mut self, sequence: impl ToString) -> Self {
        self.sequence = Some(sequence.to_string());
        self
    }

    /// One JSON object, at most 64 KiB.
    #[must_use]
    pub fn metadata(mut self, json: impl ToString) -> Self {
        self.metadata = json.to_string();
        self
    }

    /// Adds a thing that the document speaks of; a key that is there already is not added again.
    #[must_use]
    pub fn entity(mut self, key: impl Into<String>, kind: &str, name: impl Into<String>) -> Self {
        self.add_entity(key, kind, name);
        self
    }

    /// Adds a directed edge between the keys of two entities of this document.
    #[must_use]
    pub fn relation(mut self, from: impl Into<String>, kind: &str, to: impl Into<String>) -> Self {
        self.add_relation(from, kind, to);
        self
    }

    /// Adds bytes that were handed to the host: `reference` is what [`crate::host::payload::put`] answered.
    #[must_use]
    pub fn attachment(mut self, name: impl Into<String>, media_type: &str, size: u32, reference: String) -> Self {
        self.attachments.push(Attachment { name: name.into(), media_type: media_type.to_owned(), size, reference });
        self
    }

    /// As [`Document::entity`], in place: for loops.
    pub fn add_entity(&mut self, key: impl Into<String>, kind: &str, name: impl Into<String>) {
        let key = key.into();
        if !self.entities.iter().any(|entity| entity.key == key) {
            self.entities.push(Entity { key, kind: kind.to_owned(), name: name.into() });
        }
    }

    /// As [`Document::relation`], in place: for loops.
    pub fn add_relation(&mut self, from: impl Into<String>, kind: &str, to: impl Into<String>) {
        self.relations.push(Relation { from: from.into(), kind: kind.to_owned(), to: to.into() });
    }
}

impl Description {
    /// What the manifest says too: id, semantic version and one line for people. The configuration's schema is that of
    /// an empty table until [`Description::config_schema`] is called.
    pub fn new(id: &str, version: &str, summary: &str) -> Self {
        Self {
            id: id.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            document_kinds: Vec::new(),
            entity_kinds: Vec::new(),
            config_schema: r#"{"type":"object","additionalProperties":false}"#.to_owned(),
        }
    }

    /// The document kinds it emits.
    #[must_use]
    pub fn documents(mut self, kinds: &[&str]) -> Self {
        self.document_kinds.extend(kinds.iter().map(|kind| (*kind).to_owned()));
        self
    }

    /// An entity kind it emits, and the fields its key is made of, in order.
    #[must_use]
    pub fn entity(mut self, kind: &str, key_fields: &[&str]) -> Self {
        let key_fields = key_fields.iter().map(|field| (*field).to_owned()).collect();
        self.entity_kinds.push(EntityKind { kind: kind.to_owned(), key_fields });
        self
    }

    /// JSON Schema of the source's `config` table.
    #[must_use]
    pub fn config_schema(mut self, schema: &str) -> Self {
        schema.clone_into(&mut self.config_schema);
        self
    }
}

impl Page {
    /// A page that says when to call next.
    pub fn new(documents: Vec<Document>, cursor: impl Into<String>, next: Next) -> Self {
        Self { documents, cursor: cursor.into(), next }
    }
}
