//! The shapes Front sends, with every field optional: full resources, previews (ids and links), and both envelopes. They
//! only hold what was sent; what it means is for [`crate::parse`].

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{FromId, Many, Text};

/// A webhook body: an event, or the envelope of an application webhook around one.
#[derive(Debug, Default, Deserialize)]
pub struct Event<'a> {
    /// `evt_…`.
    #[serde(borrow, default)]
    pub id: Text<'a>,
    /// One of the API's event types, or the webhook's own type in an envelope.
    #[serde(borrow, default, rename = "type")]
    pub kind: Text<'a>,
    /// Seconds since 1970, with a fraction.
    #[serde(borrow, default)]
    pub emitted_at: Option<&'a RawValue>,
    /// Who or what caused it.
    #[serde(borrow, default)]
    pub source: Option<End<'a>>,
    /// What it was done to or with.
    #[serde(borrow, default)]
    pub target: Option<End<'a>>,
    /// The conversation it belongs to.
    #[serde(borrow, default)]
    pub conversation: Option<Resource<'a>>,
    /// Where the full event can be read.
    #[serde(borrow, default, rename = "_links")]
    pub links: Links<'a>,
    /// The event, if this is an envelope.
    #[serde(borrow, default)]
    pub payload: Option<Box<Event<'a>>>,
    /// The company, if this is an envelope.
    #[serde(borrow, default)]
    pub authorization: Option<Resource<'a>>,
}

/// A source or target: its type, and one thing, several, or none.
#[derive(Debug, Default, Deserialize)]
pub struct End<'a> {
    /// Holds the type of `data`.
    #[serde(borrow, default, rename = "_meta")]
    pub meta: Meta<'a>,
    /// The things themselves.
    #[serde(borrow, default)]
    pub data: Many<Resource<'a>>,
}

/// `teammate`, `rule`, `inboxes`, `message`, `comment`, `tag`, `link`, …
#[derive(Debug, Default, Deserialize)]
pub struct Meta<'a> {
    /// The type's name.
    #[serde(borrow, default, rename = "type")]
    pub kind: Text<'a>,
}

/// Links of a resource.
#[derive(Debug, Default, Deserialize)]
pub struct Links<'a> {
    /// The resource itself.
    #[serde(borrow, default, rename = "self")]
    pub own: Text<'a>,
}

/// Any of Front's resources: teammates, rules, inboxes, tags, links, messages, comments, conversations. Their fields do
/// not clash, and a preview of any of them is an id and a link.
#[derive(Debug, Default, Deserialize)]
pub struct Resource<'a> {
    #[serde(borrow, default)]
    pub id: Text<'a>,
    #[serde(borrow, default, rename = "_links")]
    pub links: Links<'a>,
    #[serde(borrow, default)]
    pub name: Text<'a>,
    #[serde(borrow, default)]
    pub email: Text<'a>,
    #[serde(borrow, default)]
    pub username: Text<'a>,
    #[serde(borrow, default)]
    pub first_name: Text<'a>,
    #[serde(borrow, default)]
    pub last_name: Text<'a>,
    /// An address or number; only recipients have one.
    #[serde(borrow, default)]
    pub handle: Text<'a>,
    /// `from`, `to`, `cc`, `bcc`, `reply-to`; only recipients have one.
    #[serde(borrow, default)]
    pub role: Text<'a>,
    /// A message's channel type, or a link's kind.
    #[serde(borrow, default, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow, default)]
    pub subject: Text<'a>,
    #[serde(borrow, default)]
    pub status: Text<'a>,
    /// HTML in messages, plain text in comments.
    #[serde(borrow, default)]
    pub body: Text<'a>,
    /// A message's plain text.
    #[serde(borrow, default)]
    pub text: Text<'a>,
    /// The first words of a message.
    #[serde(borrow, default)]
    pub blurb: Text<'a>,
    #[serde(borrow, default)]
    pub error_type: Text<'a>,
    #[serde(borrow, default)]
    pub external_url: Text<'a>,
    #[serde(default)]
    pub is_inbound: Option<bool>,
    #[serde(borrow, default)]
    pub created_at: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub posted_at: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub author: Option<Box<Resource<'a>>>,
    #[serde(borrow, default)]
    pub assignee: Option<Box<Resource<'a>>>,
    /// The main correspondent of a conversation.
    #[serde(borrow, default)]
    pub recipient: Option<Box<Resource<'a>>>,
    #[serde(borrow, default)]
    pub recipients: Many<Resource<'a>>,
    #[serde(borrow, default)]
    pub tags: Many<Resource<'a>>,
    #[serde(borrow, default)]
    pub inboxes: Many<Resource<'a>>,
    #[serde(borrow, default, rename = "links")]
    pub topics: Many<Resource<'a>>,
    #[serde(borrow, default)]
    pub attachments: Many<Resource<'a>>,
    #[serde(borrow, default)]
    pub filename: Text<'a>,
    #[serde(borrow, default)]
    pub url: Text<'a>,
    #[serde(borrow, default)]
    pub content_type: Text<'a>,
    #[serde(borrow, default)]
    pub size: Text<'a>,
    #[serde(borrow, default)]
    pub custom_fields: Option<&'a RawValue>,
}

impl<'a> FromId<'a> for Resource<'a> {
    fn from_id(id: Text<'a>) -> Self {
        Self { id, ..Self::default() }
    }
}

impl<'a> Event<'a> {
    /// The event within an envelope, or itself. An envelope's type is kept in the answer's second part.
    pub fn unwrapped(mut self) -> (Event<'a>, Text<'a>, Option<Resource<'a>>) {
        match self.payload.take() {
            Some(event) => (*event, self.kind, self.authorization),
            None => (self, Text::default(), None),
        }
    }

    /// The API's event type: the event's own, else what the webhook's type stands for.
    pub fn event_type(&self, webhook_type: &Text<'a>) -> Cow<'a, str> {
        if self.kind.some().is_some() { self.kind.0.clone() } else { api_type(webhook_type.0.clone()) }
    }
}

/// The event type that an application webhook's type stands for; both vocabularies meet here. Unknown words stay as they
/// are. `assignee_changed` covers two types and is only used if the event itself names none.
pub fn api_type(webhook_type: Cow<'_, str>) -> Cow<'_, str> {
    Cow::Borrowed(match webhook_type.as_ref() {
        "inbound_received" => "inbound",
        "outbound_sent" => "outbound",
        "conversation_archived" => "archive",
        "conversation_reopened" => "reopen",
        "conversation_deleted" => "trash",
        "conversation_restored" => "restore",
        "conversation_snooze_expired" => "reminder",
        "conversation_moved" => "move",
        "new_comment_added" => "comment",
        "assignee_changed" => "assign",
        "tag_added" => "tag",
        "tag_removed" => "untag",
        "message_delivery_failed" => "sending_error",
        _ => return webhook_type,
    })
}

impl Resource<'_> {
    /// Whether a message came with its content, not just its id and link.
    pub fn is_full_message(&self) -> bool {
        self.id.0.starts_with("msg_")
            && (self.text.some().is_some() || self.body.some().is_some() || !self.recipients.0.is_empty())
    }

    /// Whether a comment came with its content.
    pub fn is_full_comment(&self) -> bool {
        self.id.0.starts_with("com_") && self.body.some().is_some()
    }

    /// Whether a conversation came with its state: previews carry no status.
    pub fn is_full_conversation(&self) -> bool {
        self.id.some().is_some() && self.status.some().is_some()
    }

    /// What people call it: a full name, a name, a subject, an address, else its id.
    pub fn label(&self) -> Option<Cow<'_, str>> {
        let full = format!("{} {}", self.first_name.0.trim(), self.last_name.0.trim());
        if let Some(full) = Some(full.trim()).filter(|full| !full.is_empty()) {
            return Some(Cow::Owned(full.to_owned()));
        }
        [&self.name, &self.subject, &self.email, &self.handle, &self.username, &self.external_url, &self.id]
            .into_iter()
            .find_map(Text::some)
            .map(Cow::Borrowed)
    }
}
