//! 204 motor carrier load tender: heading, equipment and stops. A change, a replacement and a cancellation are states of
//! the same document; a cancelled tender stays visible.
//!
//! Layout: v004010 tables of apimeister/x12-types (B2, B2A, L11, G62, MS3, N1 loop 0100, N7 loop 0200, S5 loop 0300, L3).

use serde_json::{Map, Value, json};

use super::{element, first};
use crate::amounts;
use crate::codes;
use crate::document::{self, Draft, Finished};
use crate::scan::SetUnit;
use crate::section::Section;
use crate::segment::Segment;

/// A stop and what is said of it.
struct Stop {
    number: String,
    reason: String,
    weight: String,
    section: Section,
}

/// The document of a load tender.
pub fn document(unit: &SetUnit) -> Finished {
    let scac = element(unit, "B2", 2);
    let shipment = element(unit, "B2", 4);
    let purpose = element(unit, "B2A", 1);
    let (heading, stops) = read(unit);
    let sender = document::sender(unit);
    let key = document::key(unit, !shipment.is_empty(), &[sender, scac, shipment]);
    let mut draft = Draft::new(unit, "load_tender", &key);
    draft.is_state = !shipment.is_empty();
    draft.title = title(purpose, shipment, scac, &stops);
    opening(&mut draft, purpose, shipment, scac);
    heading.say(&mut draft);
    let carrier = draft.carrier(scac);
    let load = draft.shipment(shipment);
    draft.relate(carrier.as_ref(), "carries", load.as_ref());
    let tenderer = draft.entity("organisation", "organisation", sender, sender);
    draft.relate(tenderer.as_ref(), "tenders", load.as_ref());
    heading.entities(&mut draft, load.as_ref());
    for stop in &stops {
        say_stop(&mut draft, stop, load.as_ref());
    }
    let charge = first(unit, "L3").and_then(|total| amounts::implied(total.get(5)));
    if let Some(charge) = &charge {
        draft.say(format!("The total charge is {charge}."));
    }
    draft.put("status", status(purpose));
    draft.put("purpose", purpose);
    draft.put("shipment_id", shipment);
    draft.put("scac", scac);
    draft.put("payment", element(unit, "B2", 6));
    draft.put("total_weight", element(unit, "L3", 1));
    draft.put("total_charge", charge);
    for (name, value) in heading.json() {
        draft.put(name, value);
    }
    draft.put("stops", stops.iter().map(stop_json).collect::<Vec<_>>());
    draft.finish()
}

fn status(purpose: &str) -> &'static str {
    match purpose {
        "01" | "03" => "cancelled",
        "04" => "changed",
        "05" => "replaced",
        _ => "tendered",
    }
}

fn read(unit: &SetUnit) -> (Section, Vec<Stop>) {
    let mut heading = Section::default();
    let mut stops: Vec<Stop> = Vec::new();
    for segment in &unit.segments {
        if segment.id() == "S5" {
            stops.push(Stop {
                number: segment.get(1).to_owned(),
                reason: segment.get(2).to_owned(),
                weight: weight(segment),
                section: Section::default(),
            });
            continue;
        }
        stops.last_mut().map_or(&mut heading, |stop| &mut stop.section).take(segment);
    }
    heading.close();
    for stop in &mut stops {
        stop.section.close();
    }
    (heading, stops)
}

fn weight(stop: &Segment) -> String {
    let unit = |at: usize| codes::meaning(codes::UNIT, stop.get(at)).unwrap_or(stop.get(at));
    stop.some(3).map(|weight| format!("{weight} {}", unit(4)).trim().to_owned()).unwrap_or_default()
}

impl Stop {
    /// The party at whose door the stop is: the address roles first, else the first party.
    fn party(&self) -> Option<&crate::party::Party> {
        self.section.party(&["SF", "ST", "PW", "DA", "SH", "CN"]).or_else(|| self.section.parties.first())
    }

    /// Whether goods are taken in, given out, or neither is said.
    fn direction(&self) -> Option<&'static str> {
        match self.reason.as_str() {
            "CL" | "LD" | "PL" | "AL" | "SL" | "PA" | "RT" => Some("picks_up_at"),
            "CU" | "UL" | "PU" | "SU" | "DT" => Some("delivers_to"),
            _ => None,
        }
    }
}

fn title(purpose: &str, shipment: &str, scac: &str, stops: &[Stop]) -> String {
    let city = |stop: Option<&Stop>| stop.and_then(Stop::party).map(crate::party::Party::city).unwrap_or_default();
    let (from, to) = (city(stops.first()), city(stops.last()));
    let route = match (from.is_empty(), to.is_empty()) {
        (false, false) if stops.len() > 1 => format!(": {from} to {to}"),
        (false, _) => format!(": {from}"),
        (true, false) => format!(": {to}"),
        (true, true) => String::new(),
    };
    let carrier = if scac.is_empty() { String::new() } else { format!(" for {scac}") };
    let purpose = codes::meaning(codes::PURPOSE, purpose).unwrap_or("original");
    format!("Load tender {shipment}{carrier}{route} ({purpose})")
}

fn opening(draft: &mut Draft, purpose: &str, shipment: &str, scac: &str) {
    let unit = draft.unit;
    let from = document::sender(unit);
    let from = if from.is_empty() { String::new() } else { format!(" from {from}") };
    let carrier = if scac.is_empty() { "the carrier".to_owned() } else { format!("carrier {scac}") };
    let purpose =
        if purpose.is_empty() { String::new() } else { format!(", {}", codes::named(codes::PURPOSE, purpose)) };
    draft.say(format!("Load tender (204{purpose}) for shipment {shipment}{from} to {carrier}."));
    if draft.unit.segments.iter().any(|s| s.id() == "B2A" && matches!(s.get(1), "01" | "03")) {
        draft.say(format!("The tender of shipment {shipment} is cancelled."));
    }
    let payment = element(unit, "B2", 6);
    if !payment.is_empty() {
        draft.say(format!("Payment: {}.", codes::named(codes::PAYMENT, payment)));
    }
    if let Some(respond) = first(unit, "G62").filter(|g62| g62.get(1) == "64") {
        let stamp = crate::dates::Stamp::new(respond.get(2), respond.get(4), respond.get(5));
        draft.say(stamp.map(|stamp| format!("An answer is due by {}.", stamp.prose())).unwrap_or_default());
    }
}

fn say_stop(draft: &mut Draft, stop: &Stop, load: Option<&String>) {
    let party = stop.party().cloned();
    let at = party.as_ref().map(|party| format!(" at {}", party.prose())).unwrap_or_default();
    let weight = if stop.weight.is_empty() { String::new() } else { format!(", {}", stop.weight) };
    draft.say(format!("Stop {}: {}{at}{weight}.", stop.number, codes::named(codes::STOP_REASON, &stop.reason)));
    stop.section.say(draft);
    stop.section.entities(draft, load);
    let place = party.and_then(|party| party.place(draft));
    if let Some(direction) = stop.direction() {
        draft.relate(load, direction, place.as_ref());
    }
}

fn stop_json(stop: &Stop) -> Value {
    let mut fields = Map::new();
    fields.insert("number".to_owned(), json!(stop.number));
    fields.insert("reason".to_owned(), json!(stop.reason));
    if !stop.weight.is_empty() {
        fields.insert("weight".to_owned(), json!(stop.weight));
    }
    fields.extend(stop.section.json().into_iter().map(|(name, value)| (name.to_owned(), value)));
    Value::Object(fields)
}
