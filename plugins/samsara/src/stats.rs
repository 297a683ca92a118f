//! A window's points as a document: prose for search, the points themselves as metadata. Pure: the same points give the
//! same document, to the byte.

use std::collections::BTreeSet;

use apex_sdk::prelude::*;

use crate::config::{Settings, id_suffix};
use crate::points::{Row, quote};
use crate::store::Window;
use crate::{entities, faults, labels, window};

/// Places named in one document.
const PLACES_MAX: usize = 12;
/// Changes of a state told one by one.
const CHANGES_MAX: usize = 12;

/// The document of a window: all of its points. A later one with more points replaces it.
pub fn whole(start: u32, window: &Window, settings: &Settings, types: &[String]) -> Document {
    let id = format!("{}:{}{}", window.vehicle.id, window::rfc3339(start), id_suffix(types));
    document(id, start, window, settings, types)
}

/// The document of points that could not join their window: named after its content, so that it replaces nothing.
pub fn part(start: u32, window: &Window, settings: &Settings, types: &[String]) -> Document {
    let hash = fnv1a(window.points.encode().as_bytes());
    let id = format!("{}:{}{}:part-{hash:016x}", window.vehicle.id, window::rfc3339(start), id_suffix(types));
    document(id, start, window, settings, types)
}

fn document(id: String, start: u32, window: &Window, settings: &Settings, types: &[String]) -> Document {
    let end = start.saturating_add(settings.window_minutes);
    let vehicle = &window.vehicle;
    let name = if vehicle.name.trim().is_empty() { vehicle.id.clone() } else { one_line(&vehicle.name) };
    let day = window::rfc3339(start).chars().take(10).collect::<String>();
    let span = format!("between {} and {} UTC on {day}", window::clock(start), window::clock(end));
    let mut said = vec![format!("Vehicle {name}, {span}.")];
    for (stat, rows) in &window.points.0 {
        said.push(match stat.as_str() {
            "gps" => told_gps(rows),
            "faultCodes" => told_faults(rows),
            _ => told(stat, rows),
        });
    }
    let document = Document::new(id, "vehicle_stats")
        .title(format!("Vehicle {name}, {day} {} to {} UTC", window::clock(start), window::clock(end)))
        .text(said.join("\n"))
        .sequence(window.points.count())
        .metadata(metadata(start, end, window, types));
    let mut document = related(document, window);
    document.occurred_at = window.points.newest().and_then(|row| time::rfc3339(&row.text("time")?));
    document
}

fn metadata(start: u32, end: u32, window: &Window, types: &[String]) -> String {
    let vehicle = &window.vehicle;
    let external = if vehicle.external_ids.is_empty() { "{}" } else { &vehicle.external_ids };
    let types: Vec<String> = types.iter().map(|name| quote(name)).collect();
    format!(
        "{{\"vehicle_id\":{},\"vehicle_name\":{},\"external_ids\":{external},\"window_start\":\"{}\",\"window_end\":\"{}\",\
         \"types\":[{}],\"points\":\"{}\",\"stats\":{}}}",
        quote(&vehicle.id),
        quote(&vehicle.name),
        window::rfc3339(start),
        window::rfc3339(end),
        types.join(","),
        window.points.count(),
        window.points.encode(),
    )
}

/// Where it was and how fast.
fn told_gps(rows: &BTreeSet<Row>) -> String {
    let places = places(rows);
    let mut told = vec![format!("{} GPS point{}", rows.len(), plural(rows.len()))];
    match (places.first(), places.last()) {
        (Some(first), Some(last)) if first != last => told.push(format!(", from {first} to {last}")),
        (Some(first), _) => told.push(format!(", at {first}")),
        _ => {}
    }
    let via: Vec<&str> =
        places.iter().skip(1).take(places.len().saturating_sub(2)).take(PLACES_MAX).map(String::as_str).collect();
    if !via.is_empty() {
        told.push(format!(" via {}", via.join("; ")));
    }
    let top = rows
        .iter()
        .filter_map(|row| row.text("speedMilesPerHour"))
        .filter_map(numeric)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    told.push(match top {
        Some((speed, _)) if speed <= 0.0 => "; it did not move.".to_owned(),
        Some((_, text)) => format!("; top speed {text} mph."),
        None => ".".to_owned(),
    });
    told.concat()
}

/// The places of a drive in order, each stay once.
fn places(rows: &BTreeSet<Row>) -> Vec<String> {
    let mut places: Vec<String> = rows
        .iter()
        .filter_map(|row| nested(row, "address", "name").or_else(|| nested(row, "reverseGeo", "formattedLocation")))
        .collect();
    places.dedup();
    places
}

fn nested(row: &Row, field: &str, inner: &str) -> Option<String> {
    let object: serde_json::Value = serde_json::from_str(row.cells.get(field)?).ok()?;
    object.get(inner)?.as_str().map(one_line).filter(|text| !text.is_empty())
}

/// Any stat with a `value`: numbers by their range, anything else by its changes.
fn told(stat: &str, rows: &BTreeSet<Row>) -> String {
    let label = labels::label(stat);
    let values: Vec<(u64, String)> = rows.iter().filter_map(|row| Some((row.ms, row.text("value")?))).collect();
    let numbers: Option<Vec<(f64, String)>> = values.iter().map(|(_, text)| numeric(text.clone())).collect();
    numbers
        .and_then(|numbers| told_range(&label, &numbers))
        .unwrap_or_else(|| told_changes(&label.name, rows.len(), &values))
}

fn told_range(label: &labels::Label, numbers: &[(f64, String)]) -> Option<String> {
    let low = numbers.iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let high = numbers.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    let (first, last) = (numbers.first()?, numbers.last()?);
    if low.1 == high.1 {
        return Some(format!("{}: {}.", label.name, label.said(&low.1)));
    }
    let beyond = low.0 < first.0.min(last.0) || high.0 > first.0.max(last.0);
    let extremes = if beyond {
        format!(" (lowest {}, highest {})", label.said(&low.1), label.said(&high.1))
    } else {
        String::new()
    };
    Some(format!("{}: from {} to {}{extremes}.", label.name, label.said(&first.1), label.said(&last.1)))
}

fn told_changes(name: &str, count: usize, values: &[(u64, String)]) -> String {
    let mut changes = values.to_vec();
    changes.dedup_by(|later, earlier| later.1 == earlier.1);
    if changes.is_empty() {
        return format!("{name}: {count} reading{}.", plural(count));
    }
    let told: Vec<String> = changes
        .iter()
        .take(CHANGES_MAX)
        .map(|(ms, value)| format!("{} at {}", one_line(value), window::clock_s(*ms)))
        .collect();
    let more = changes.len().saturating_sub(CHANGES_MAX);
    let more = if more > 0 { format!(" and {more} more changes") } else { String::new() };
    format!("{name}: {}{more}.", told.join(", "))
}

fn told_faults(rows: &BTreeSet<Row>) -> String {
    let codes: Vec<String> = faults::codes(rows).into_iter().map(|fault| fault.told).collect();
    if codes.is_empty() { "Fault codes: none.".to_owned() } else { format!("Fault codes: {}.", codes.join(", ")) }
}

fn related(mut document: Document, window: &Window) -> Document {
    let Some(key) = entities::vehicle(&mut document, &window.vehicle) else { return document };
    let gps = window.points.0.get("gps").into_iter().flatten();
    let mut seen = BTreeSet::new();
    for row in gps {
        let address = nested(row, "address", "id").zip(nested(row, "address", "name"));
        let place = match address {
            Some((id, name)) => entities::add(&mut document, "address", "place", &id, &name),
            None => nested(row, "reverseGeo", "formattedLocation")
                .and_then(|name| entities::written_place(&mut document, &name)),
        };
        if let Some(place) = place.filter(|place| !seen.contains(place)) {
            seen.insert(place.clone());
            document.add_relation(key.clone(), "was_at", place);
        }
        if seen.len() >= PLACES_MAX {
            break;
        }
    }
    for fault in window.points.0.get("faultCodes").map(faults::codes).unwrap_or_default() {
        if let Some(code) = entities::add(&mut document, "fault_code", "fault_code", &fault.key, &fault.told) {
            document.add_relation(key.clone(), "reported", code);
        }
    }
    document
}

/// A JSON number with its text; the float is only for comparing.
fn numeric(text: String) -> Option<(f64, String)> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
    text.starts_with(|c: char| c.is_ascii_digit() || c == '-').then_some((number, text))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// FNV-1a, 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>): a name for some bytes, no defence against anyone.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
