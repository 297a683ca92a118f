//! What is kept beside a document and not searched: the ids, links and times as Front wrote them.

use serde::Serialize;

use crate::event::{Event, Resource};
use crate::ids;

/// The metadata object. Absent fields are left out.
#[derive(Debug, Serialize)]
pub struct Metadata<'a> {
    event_id: &'a str,
    event_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_type: Option<&'a str>,
    /// Ids of the target, such as the message of a preview.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    target_ids: Vec<&'a str>,
    /// The message's channel: `email`, `sms`, `call`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_inbound: Option<bool>,
    /// Seconds since 1970, digit for digit.
    #[serde(skip_serializing_if = "Option::is_none")]
    emitted_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<&'a str>,
    links: Links<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attached<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_fields: Option<&'a serde_json::value::RawValue>,
}

#[derive(Debug, Serialize)]
struct Links<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Attached<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

/// What is known of an event besides the event itself.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The API's event type.
    pub event_type: &'a str,
    /// The envelope's type, if there was one.
    pub webhook_type: Option<&'a str>,
    /// The company's id, if the envelope named it.
    pub company: Option<&'a str>,
}

/// The bytes of custom fields that are kept; more would crowd out the rest.
const CUSTOM_BYTES_MAX: usize = 16 * 1024;
/// Attachments and targets that are listed.
const LISTED_MAX: usize = 50;

/// The metadata of an event as JSON. `target` is the message or comment, if it came in full.
pub fn json(event: &Event, around: Around, target: Option<&Resource>) -> String {
    let conversation = event.conversation.as_ref();
    let data = event.target.as_ref().map_or(&[][..], |target| &target.data.0);
    let created = target
        .and_then(|thing| thing.created_at.or(thing.posted_at))
        .or(conversation.and_then(|thing| thing.created_at));
    let metadata = Metadata {
        event_id: &event.id.0,
        event_type: around.event_type,
        webhook_type: around.webhook_type,
        company: around.company,
        conversation_id: conversation.and_then(|thing| thing.id.some()),
        status: conversation
            .and_then(|thing| thing.status.some())
            .map(|status| crate::parse::status(around.event_type, status)),
        source_type: event.source.as_ref().and_then(|end| end.meta.kind.some()),
        target_type: event.target.as_ref().and_then(|end| end.meta.kind.some()),
        target_ids: data.iter().filter_map(|thing| thing.id.some()).take(LISTED_MAX).collect(),
        channel: target.and_then(|thing| thing.kind.some()),
        is_inbound: target.and_then(|thing| thing.is_inbound),
        emitted_at: ids::written(event.emitted_at),
        created_at: ids::written(created),
        links: Links {
            event: event.links.own.some(),
            conversation: conversation.and_then(|thing| thing.links.own.some()),
            target: data.first().and_then(|thing| thing.links.own.some()),
        },
        attachments: target
            .map_or_else(Vec::new, |target| target.attachments.0.iter().take(LISTED_MAX).map(attached).collect()),
        custom_fields: conversation
            .and_then(|thing| thing.custom_fields)
            .filter(|fields| fields.get().len() <= CUSTOM_BYTES_MAX),
    };
    serde_json::to_string(&metadata).unwrap_or_else(|_| "{}".to_owned())
}

fn attached<'a>(file: &'a Resource) -> Attached<'a> {
    Attached {
        name: file.filename.some().or(file.name.some()),
        media_type: file.content_type.some(),
        bytes: file.size.some(),
        url: file.url.some(),
    }
}
