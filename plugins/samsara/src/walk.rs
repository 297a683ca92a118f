//! Reading JSON whose shape is not promised: lines of prose, the things named in it, the first of a name. Bounded in depth
//! and size, so that no body can make it long.

use apex_sdk::prelude::*;
use serde_json::{Map, Value};

use crate::page::Vehicle;
use crate::{entities, labels};

/// Lines told of one body.
const LINES_MAX: usize = 120;
/// Characters of one value.
const VALUE_CHARS_MAX: usize = 2_000;
/// Levels looked into.
const DEPTH_MAX: usize = 12;

/// The objects that are entities: the key they stand under, the prefix of their keys, and their kind.
const THINGS: [(&str, &str, &str); 14] = [
    ("vehicle", "vehicle", "vehicle"),
    ("device", "vehicle", "vehicle"),
    ("driver", "driver", "driver"),
    ("trailer", "trailer", "trailer"),
    ("asset", "asset", "asset"),
    ("equipment", "asset", "asset"),
    ("address", "address", "place"),
    ("geofence", "address", "place"),
    ("route", "route", "route"),
    ("shipment", "samsara_shipment", "shipment"),
    ("document", "driver_document", "document"),
    ("dvir", "dvir", "document"),
    ("issue", "issue", "issue"),
    ("site", "site", "place"),
];

/// Lines such as `Vehicle name: Truck 12`, by the names of the fields.
pub fn lines(value: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    tell("", value, 0, &mut lines);
    lines
}

fn tell(path: &str, value: &Value, depth: usize, lines: &mut Vec<String>) {
    if lines.len() >= LINES_MAX || depth > DEPTH_MAX {
        return;
    }
    let of = if path.is_empty() { String::new() } else { format!("{path}: ") };
    match value {
        Value::Object(object) => {
            let named = object.contains_key("name") || object.contains_key("description");
            for (key, value) in object {
                // The id of something that has a name says nothing to a reader; entities and metadata keep it.
                if !(named && key == "id") {
                    tell(&joined(path, key), value, depth + 1, lines);
                }
            }
        }
        Value::Array(list) => {
            let scalars: Vec<String> = list.iter().filter_map(scalar).collect();
            if scalars.is_empty() {
                for value in list {
                    tell(path, value, depth + 1, lines);
                }
            } else {
                lines.push(format!("{of}{}", scalars.join(", ")));
            }
        }
        _ => lines.extend(scalar(value).map(|text| format!("{of}{text}"))),
    }
}

/// Levels that only hold others are left out of the words.
fn joined(path: &str, key: &str) -> String {
    if matches!(key, "conditions" | "details") {
        return path.to_owned();
    }
    let words = labels::words(key);
    if path.is_empty() { words } else { format!("{path} {}", words.to_lowercase()) }
}

fn scalar(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then(|| text.chars().take(VALUE_CHARS_MAX).collect())
}

/// Text or a number as text.
pub fn text(value: Option<&Value>) -> Option<String> {
    value.filter(|value| value.is_string() || value.is_number()).and_then(scalar)
}

/// The first object under a key with an id, anywhere in the value; nearer ones first.
pub fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Map<String, Value>> {
    let mut level = vec![value];
    for _ in 0..DEPTH_MAX {
        let under = |value: &&'a Value| {
            value.get(name).and_then(Value::as_object).filter(|object| text(object.get("id")).is_some())
        };
        if let Some(found) = level.iter().find_map(under) {
            return Some(found);
        }
        level = level.into_iter().flat_map(children).collect();
    }
    None
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(object) => object.values().collect(),
        Value::Array(list) => list.iter().collect(),
        _ => Vec::new(),
    }
}

/// The names of what an event is about, the vehicle first.
pub fn names(value: &Value) -> Vec<String> {
    let named =
        |kind: &str| find(value, kind).and_then(|object| text(object.get("name")).or_else(|| text(object.get("id"))));
    ["vehicle", "device", "trailer", "asset", "driver", "route", "address"]
        .iter()
        .filter_map(|kind| named(kind))
        .collect()
}

/// The id of what an alert is about, with its kind: `vehicle-281474977075805`.
pub fn subject(value: &Value) -> Option<String> {
    let kinds = ["vehicle", "device", "trailer", "asset", "equipment", "driver", "sensor", "gateway", "site"];
    kinds.iter().find_map(|kind| Some(format!("{kind}-{}", text(find(value, kind)?.get("id"))?)))
}

/// Adds everything that is named, and how a vehicle, its driver, its route and a place hang together.
pub fn relate(document: &mut Document, value: &Value) {
    let mut keys = Vec::new();
    gather(document, value, 0, &mut keys);
    let first = |kind: &str| keys.iter().find(|key| key.starts_with(kind)).cloned();
    let Some(vehicle) = first("vehicle:") else { return };
    for (prefix, relation) in [("driver:", "driven_by"), ("route:", "follows"), ("address:", "was_at")] {
        if let Some(other) = first(prefix) {
            document.add_relation(vehicle.clone(), relation, other);
        }
    }
}

fn gather(document: &mut Document, value: &Value, depth: usize, keys: &mut Vec<String>) {
    if depth > DEPTH_MAX || keys.len() >= LINES_MAX {
        return;
    }
    if let Some(object) = value.as_object() {
        for (name, prefix, kind) in THINGS {
            if let Some(thing) = object.get(name).and_then(Value::as_object) {
                keys.extend(entity(document, prefix, kind, thing));
            }
        }
    }
    for child in children(value) {
        gather(document, child, depth + 1, keys);
    }
}

/// Adds one object as an entity; answers its key.
pub fn entity(document: &mut Document, prefix: &str, kind: &str, thing: &Map<String, Value>) -> Option<String> {
    let id = text(thing.get("id"))?;
    let name = text(thing.get("name")).unwrap_or_default();
    if kind != "vehicle" {
        return entities::add(document, prefix, kind, &id, &name);
    }
    let vin = text(thing.get("vin")).map(|vin| serde_json::json!({ "vin": vin }).to_string());
    let external = thing.get("externalIds").map(Value::to_string);
    entities::vehicle(document, &Vehicle { id, name, external_ids: vin.or(external).unwrap_or_default() })
}
