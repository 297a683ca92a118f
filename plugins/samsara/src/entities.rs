//! Entity keys that both the feed and the webhooks use, so that a vehicle is the same vehicle in all documents.

use apex_sdk::prelude::*;

use crate::page::Vehicle;

/// Entity keys have at most this many bytes (the host's rule).
const KEY_BYTES_MAX: usize = 512;

/// Adds an entity whose key is its kind's prefix and an id; answers the key. An id that cannot be a key adds nothing.
pub fn add(document: &mut Document, prefix: &str, kind: &str, id: &str, name: &str) -> Option<String> {
    let id = id.trim().to_lowercase();
    let key = format!("{prefix}:{id}");
    if id.is_empty() || key.len() > KEY_BYTES_MAX || key.chars().any(char::is_control) {
        return None;
    }
    let name = if name.trim().is_empty() { id.as_str() } else { name.trim() };
    document.add_entity(key.clone(), kind, name);
    Some(key)
}

/// Adds a vehicle with the numbers it is also known by; answers its key.
pub fn vehicle(document: &mut Document, vehicle: &Vehicle) -> Option<String> {
    let key = add(document, "vehicle", "vehicle", &vehicle.id, &vehicle.name)?;
    let external: serde_json::Value = serde_json::from_str(&vehicle.external_ids).unwrap_or_default();
    for (name, value) in external.as_object().into_iter().flatten() {
        let is_vin = name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("vin"));
        if let Some(vin) = value.as_str().filter(|_| is_vin).and_then(|vin| add(document, "vin", "id", vin, vin)) {
            document.add_relation(key.clone(), "identified_by", vin);
        }
    }
    Some(key)
}

/// Adds a place that is only known by how it is written: `Ashland, OR` is `place:ashland-or`, as other connectors have it.
pub fn written_place(document: &mut Document, name: &str) -> Option<String> {
    add(document, "place", "place", &slug(name), name)
}

/// Lower case, runs of anything but letters and digits as one dash.
fn slug(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-")
}
