//! Webhook bodies of both generations to documents: `{eventId, eventMs, eventType, event}` and
//! `{eventId, eventTime, eventType, orgId, webhookId, data}`. One event is one document; which one, [`crate::kinds`] says.

use apex_sdk::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::points::{compact, quote};
use crate::{alert, kinds, labels, verify, walk, window};

/// Bytes of the event's own data that are kept beside the document.
const DATA_BYTES_MAX: usize = 56 * 1024;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    event_id: String,
    #[serde(default)]
    event_type: String,
    /// 1.0, milliseconds.
    #[serde(default)]
    event_ms: Option<u64>,
    /// 2.0, RFC 3339.
    #[serde(default)]
    event_time: Option<String>,
    #[serde(default)]
    org_id: Option<Value>,
    #[serde(default)]
    webhook_id: Option<Value>,
    #[serde(borrow, default)]
    event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// An event of either generation.
#[derive(Debug)]
pub struct Event {
    /// `eventId`.
    pub id: String,
    /// `eventType`.
    pub kind: String,
    /// When Samsara sent it, in milliseconds since 1970.
    pub sent_ms: Option<u64>,
    /// `data`, or `event` of 1.0.
    pub data: Value,
    /// Metadata fields as JSON, without the braces.
    metadata: String,
}

/// The documents of a body: exactly one.
///
/// # Errors
/// `permanent`: the body is no event of either generation (`bad-json`), or names none (`no-event-id`).
pub fn documents(body: &[u8]) -> Result<Vec<Document>, Fault> {
    let event = read(body)?;
    let mut document = match event.kind.as_str() {
        "AlertIncident" => alert::incident(&event),
        "Alert" => alert::first_generation(&event),
        _ => plain(&event),
    };
    if document.op == Op::Upsert {
        walk::relate(&mut document, &event.data);
    }
    document.metadata = format!("{{{}}}", event.metadata);
    Ok(vec![document])
}

fn read(body: &[u8]) -> Result<Event, Fault> {
    let body: Body = serde_json::from_slice(body).map_err(|error| {
        Fault::permanent("bad-json", format!("the body is not a Samsara event: {error}; check what sent it"))
    })?;
    if !verify::is_usable(&body.event_id) {
        return Err(Fault::permanent(
            "no-event-id",
            "the body names no event: `eventId` is empty, too long, or has control characters",
        ));
    }
    let raw = body.data.or(body.event);
    let data = raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or(Value::Null);
    let sent_ms = body.event_ms.or_else(|| body.event_time.as_deref().and_then(window::unix_ms));
    let mut fields =
        vec![format!("\"event_id\":{}", quote(&body.event_id)), format!("\"event_type\":{}", quote(&body.event_type))];
    fields.extend(body.event_time.map(|time| format!("\"event_time\":{}", quote(&time))));
    fields.extend(body.event_ms.map(|ms| format!("\"event_ms\":\"{ms}\"")));
    fields.extend(walk::text(body.org_id.as_ref()).map(|id| format!("\"org_id\":{}", quote(&id))));
    fields.extend(walk::text(body.webhook_id.as_ref()).map(|id| format!("\"webhook_id\":{}", quote(&id))));
    let data_json = raw.map(|raw| compact(raw.get())).filter(|json| json.len() <= DATA_BYTES_MAX);
    fields.extend(data_json.map(|json| format!("\"data\":{json}")));
    Ok(Event { id: body.event_id, kind: body.event_type, sent_ms, data, metadata: fields.join(",") })
}

/// An event that is no alert: the state of an object, or something that happened.
fn plain(event: &Event) -> Document {
    let kind = kinds::kind(&event.kind);
    let subject = kind.subject.and_then(|name| {
        let nested = walk::find(&event.data, name);
        // Some events are the object themselves.
        let object = nested.or_else(|| event.data.as_object())?;
        Some((name, object, walk::text(object.get("id")).filter(|id| verify::is_usable(id))?))
    });
    let id = match &subject {
        Some(("routeStopDetails", _, id)) => format!("route_stop_eta:{id}"),
        Some((_, _, id)) => format!("{}:{id}", kind.document),
        None => format!("event:{}", event.id),
    };
    if kind.gone && subject.is_some() {
        return ordered(Document::deleted(id, kind.document), event.sent_ms, occurred(event));
    }
    let mut names = walk::names(&event.data);
    if names.is_empty() {
        names.extend(subject.as_ref().and_then(|(_, object, _)| walk::text(object.get("name"))));
    }
    let mut document = told(Document::new(id, kind.document), &labels::words(&event.kind), &names, &event.data);
    if let Some((name, object, _)) = subject.filter(|(name, _, _)| matches!(*name, "vehicle" | "driver" | "address")) {
        let kind = if name == "address" { "place" } else { name };
        walk::entity(&mut document, name, kind, object);
    }
    ordered(document, event.sent_ms, occurred(event))
}

/// Gives a document its title (what happened, to whom) and its text (that, and every field in words).
pub fn told(document: Document, what: &str, names: &[String], data: &Value) -> Document {
    let what = if what.is_empty() { "Samsara event" } else { what };
    let title = if names.is_empty() { what.to_owned() } else { format!("{what}: {}", names.join(", ")) };
    let text = std::iter::once(format!("{title}.")).chain(walk::lines(data)).collect::<Vec<_>>().join("\n");
    document.title(title).text(text)
}

/// Gives a document its order and its time.
pub fn ordered(mut document: Document, sequence_ms: Option<u64>, occurred_at: Option<String>) -> Document {
    document.sequence = sequence_ms.map(|ms| ms.to_string());
    document.occurred_at = occurred_at;
    document
}

/// When it happened: what the event says, else when it was sent.
pub fn occurred(event: &Event) -> Option<String> {
    let said = ["happenedAtTime", "happenedAt", "time", "startTime", "createdAtTime"];
    let text = said.iter().find_map(|key| time::rfc3339(event.data.get(*key)?.as_str()?));
    let ms = || event.data.get("startMs").and_then(Value::as_u64).and_then(time::unix_ms);
    text.or_else(ms).or_else(|| event.sent_ms.and_then(time::unix_ms))
}
