//! 214 shipment status: each message is an event of its own and stands beside the others of its shipment, so that the
//! history stays. The same events sent again give the same document.
//!
//! Layout: B10, LX loops with AT7 (status), MS1 (where), MS2 (equipment), L11, Q7, AT8; loop 0260 may carry BIN.

use serde_json::{Value, json};

use super::element;
use crate::codes;
use crate::dates::Stamp;
use crate::document::{self, Draft, Finished};
use crate::party::{self, join};
use crate::scan::SetUnit;
use crate::section::Section;
use crate::segment::Segment;
use crate::text;

/// Events that are put into prose; all are in the metadata.
const PROSE_EVENTS_MAX: usize = 100;

/// One status event.
#[derive(Default)]
struct Event {
    line: String,
    /// Status, its reason, appointment status, its reason: AT701 to AT704.
    codes: [String; 4],
    stamp: Option<Stamp>,
    /// City, state, country.
    place: [String; 3],
    position: Option<(String, String)>,
    equipment: String,
}

/// The document of a status message.
pub fn document(unit: &SetUnit) -> Finished {
    let reference = element(unit, "B10", 1);
    let shipment = element(unit, "B10", 2);
    let scac = element(unit, "B10", 3);
    let (section, events) = read(unit);
    let carrier = if scac.is_empty() { document::sender(unit) } else { scac };
    let load = if shipment.is_empty() { reference } else { shipment };
    let print = fingerprint(&events);
    let latest = events.iter().filter_map(|event| event.stamp.as_ref()).max_by(|a, b| a.rfc3339.cmp(&b.rfc3339));
    let at: String =
        latest.map(|stamp| stamp.rfc3339.chars().take(16).filter(char::is_ascii_digit).collect()).unwrap_or_default();
    // Without a time nothing tells two messages of one shipment apart but their numbers.
    let key = document::key(unit, !load.is_empty() && !at.is_empty(), &[carrier, load, &at, &print]);
    let mut draft = Draft::new(unit, "shipment_status", &key);
    draft.is_state = true;
    draft.occurred = latest.cloned();
    let last = events.iter().max_by(|a, b| a.at().cmp(b.at()));
    draft.title = title(load, carrier, last);
    say(&mut draft, carrier, &section, &events);
    entities(&mut draft, &section, &events, carrier, load);
    draft.put("carrier_reference", reference);
    draft.put("shipment_id", shipment);
    draft.put("scac", scac);
    draft.put("status", last.map(|event| event.codes.first().cloned().unwrap_or_default()));
    for (name, value) in section.json() {
        draft.put(name, value);
    }
    draft.put("events", events.iter().map(Event::json).collect::<Vec<_>>());
    draft.finish()
}

fn read(unit: &SetUnit) -> (Section, Vec<Event>) {
    let mut section = Section::default();
    let mut events: Vec<Event> = Vec::new();
    let mut line = String::new();
    for segment in &unit.segments {
        match segment.id() {
            "LX" => {
                section.close();
                segment.get(1).clone_into(&mut line);
            }
            "AT7" => events.push(Event::new(segment, &line)),
            "MS1" => events.iter_mut().last().into_iter().for_each(|event| event.locate(segment)),
            "MS2" => {
                section.take(segment);
                events.iter_mut().last().into_iter().for_each(|event| segment.get(2).clone_into(&mut event.equipment));
            }
            "Q7" => {
                section.notes.push(format!("exception {} on {} {}", segment.get(1), segment.get(3), segment.get(2)));
            }
            _ => {
                section.take(segment);
            }
        }
    }
    section.close();
    (section, events)
}

impl Event {
    fn new(at7: &Segment, line: &str) -> Self {
        Self {
            line: line.to_owned(),
            codes: [1, 2, 3, 4].map(|at| at7.get(at).to_owned()),
            stamp: Stamp::new(at7.get(5), at7.get(6), at7.get(7)),
            ..Self::default()
        }
    }

    fn locate(&mut self, ms1: &Segment) {
        self.place = [1, 2, 3].map(|at| ms1.get(at).to_owned());
        self.position = ms1.some(4).map(|longitude| (longitude.to_owned(), ms1.get(5).to_owned()));
    }

    fn at(&self) -> &str {
        self.stamp.as_ref().map(|stamp| stamp.rfc3339.as_str()).unwrap_or_default()
    }

    fn city(&self) -> String {
        let [city, state, country] = &self.place;
        join(&[city, state, country])
    }

    fn what(&self) -> String {
        let [status, reason, appointment, why] = &self.codes;
        let (table, status, reason) =
            if status.is_empty() { (codes::APPOINTMENT, appointment, why) } else { (codes::STATUS, status, reason) };
        let reason =
            if reason.is_empty() { String::new() } else { format!(", {}", codes::named(codes::REASON, reason)) };
        format!("{}{reason}", codes::named(table, status))
    }

    fn prose(&self) -> String {
        let when = self.stamp.as_ref().map(|stamp| format!(" on {}", stamp.prose())).unwrap_or_default();
        let city = self.city();
        let place = if city.is_empty() { String::new() } else { format!(" in {city}") };
        let equipment =
            if self.equipment.is_empty() { String::new() } else { format!(", equipment {}", self.equipment) };
        format!("{}{when}{place}{equipment}", self.what())
    }

    fn json(&self) -> Value {
        let [status, reason, appointment, why] = &self.codes;
        let [city, state, country] = &self.place;
        let mut fields = json!({ "line": self.line });
        if let Some(fields) = fields.as_object_mut() {
            let texts = [
                ("status", status),
                ("reason", reason),
                ("appointment_status", appointment),
                ("appointment_reason", why),
                ("city", city),
                ("state", state),
                ("country", country),
                ("equipment", &self.equipment),
            ];
            let texts = texts.into_iter().filter(|(_, value)| !value.is_empty());
            fields.extend(texts.map(|(name, value)| (name.to_owned(), json!(value))));
            if let Some(stamp) = &self.stamp {
                fields.insert("occurred".to_owned(), stamp.json());
            }
            if let Some((longitude, latitude)) = &self.position {
                fields.insert("position".to_owned(), json!({ "longitude": longitude, "latitude": latitude }));
            }
        }
        fields
    }
}

/// What tells messages about one shipment at one time apart: all their events.
fn fingerprint(events: &[Event]) -> String {
    let parts =
        events.iter().flat_map(|event| event.codes.iter().map(String::as_str).chain([event.at(), &event.equipment]));
    format!("{:016x}", text::fingerprint(parts))
}

fn title(load: &str, carrier: &str, last: Option<&Event>) -> String {
    let what = last.map_or_else(|| "no status".to_owned(), Event::prose);
    format!("Shipment {load} ({carrier}): {what}")
}

fn say(draft: &mut Draft, carrier: &str, section: &Section, events: &[Event]) {
    let unit = draft.unit;
    let reference = element(unit, "B10", 1);
    let reference = if reference.is_empty() { String::new() } else { format!(", carrier reference {reference}") };
    draft.say(format!(
        "Shipment status (214) of shipment {} from carrier {carrier}{reference}.",
        element(unit, "B10", 2)
    ));
    for event in events.iter().take(PROSE_EVENTS_MAX) {
        draft.say(format!("Status: {}.", event.prose()));
    }
    section.say(draft);
}

fn entities(draft: &mut Draft, section: &Section, events: &[Event], carrier: &str, load: &str) {
    let load = draft.shipment(load);
    let scac = draft.carrier(carrier);
    draft.relate(scac.as_ref(), "carries", load.as_ref());
    section.entities(draft, load.as_ref());
    for event in events {
        let [city, state, country] = &event.place;
        let place = party::place(draft, city, state, country);
        draft.relate(load.as_ref(), "seen_at", place.as_ref());
    }
}
