//! Alerts of both generations. An incident is one document from its start to its end: the update that resolves it replaces
//! the one that opened it.

use apex_sdk::prelude::*;
use serde_json::Value;

use crate::event::{Event, occurred, ordered, told};
use crate::{stats, verify, walk, window};

/// The kind of all alerts.
const KIND: &str = "alert";

/// A 2.0 alert. The incident is named by its configuration, its start and what it is about: one configuration can go off for
/// two vehicles in the same second.
pub fn incident(event: &Event) -> Document {
    let data = &event.data;
    let text = |key: &str| walk::text(data.get(key)).filter(|text| verify::is_usable(text));
    let id = match (text("configurationId"), text("happenedAtTime")) {
        (Some(configuration), Some(happened)) => format!("incident:{configuration}:{happened}:{}", about(data)),
        _ => format!("event:{}", event.id),
    };
    let id = if id.chars().count() > 200 { format!("event:{}", event.id) } else { id };
    let resolved = data.get("isResolved").and_then(Value::as_bool).unwrap_or(false);
    let conditions: Vec<String> = data
        .get("conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|one| walk::text(one.get("description")))
        .collect();
    let state = if resolved { "Alert resolved" } else { "Alert" };
    let what = if conditions.is_empty() { state.to_owned() } else { format!("{state}, {}", conditions.join(" and ")) };
    let document = told(Document::new(id, KIND), &what, &walk::names(data), data);
    let updated = text("updatedAtTime").as_deref().and_then(window::unix_ms).or(event.sent_ms);
    // Samsara's times have whole seconds: an alert that opens and resolves in one must still end up resolved.
    ordered(document, updated.map(|ms| ms + u64::from(resolved)), occurred(event))
}

/// A 1.0 alert. Nothing but the condition, the start and the device names the incident; without them it is its own document.
pub fn first_generation(event: &Event) -> Document {
    let data = &event.data;
    let condition = walk::text(data.get("alertConditionId")).filter(|text| verify::is_usable(text));
    let id = match (condition, data.get("startMs").and_then(Value::as_u64), walk::subject(data)) {
        (Some(condition), Some(start_ms), Some(subject)) => format!("alert:{condition}:{start_ms}:{subject}"),
        _ => format!("event:{}", event.id),
    };
    let id = if id.chars().count() > 200 { format!("event:{}", event.id) } else { id };
    let resolved = data.get("resolved").and_then(Value::as_bool).unwrap_or(false);
    let state = if resolved { "Alert resolved" } else { "Alert" };
    let what = walk::text(data.get("alertConditionDescription"))
        .map_or_else(|| state.to_owned(), |what| format!("{state}, {what}"));
    let document = told(Document::new(id, KIND), &what, &walk::names(data), data);
    ordered(document, event.sent_ms, occurred(event))
}

/// What an incident is about: the vehicle or other thing in its details, else its page, which does not change.
fn about(data: &Value) -> String {
    let page = || walk::text(data.get("incidentUrl")).map(|url| format!("{:016x}", stats::fnv1a(url.as_bytes())));
    walk::subject(data).filter(|subject| verify::is_usable(subject)).or_else(page).unwrap_or_else(|| "-".to_owned())
}
