//! 990 response to a load tender: one document per carrier and shipment, a later answer being its newer state.
//!
//! Layout: B1 (SCAC, shipment, date, action), N9 references, V9 reason, K1 remarks.

use super::element;
use crate::codes;
use crate::dates::Stamp;
use crate::document::{self, Draft, Finished};
use crate::scan::SetUnit;
use crate::section::Section;

/// The document of an answer to a tender.
pub fn document(unit: &SetUnit) -> Finished {
    let scac = element(unit, "B1", 1);
    let shipment = element(unit, "B1", 2);
    let action = element(unit, "B1", 4);
    let carrier = if scac.is_empty() { document::sender(unit) } else { scac };
    let key = document::key(unit, !shipment.is_empty(), &[carrier, shipment]);
    let mut draft = Draft::new(unit, "tender_response", &key);
    draft.is_state = !shipment.is_empty();
    draft.occurred = Stamp::new(element(unit, "B1", 3), "", "");
    let answer = codes::named(codes::ANSWER, action);
    draft.title = format!("Carrier {carrier} {} load {shipment}", verb(action));
    let dated = draft.occurred.as_ref().map(|stamp| format!(" on {}", stamp.prose())).unwrap_or_default();
    draft.say(format!(
        "Response to a load tender (990): carrier {carrier} answers for shipment {shipment}{dated}: {answer}."
    ));
    draft.say(format!("Carrier {carrier} {} load {shipment}.", verb(action)));
    let reason = reason(unit);
    if !reason.is_empty() {
        draft.say(format!("Reason: {reason}."));
    }
    let mut section = Section::default();
    for segment in &unit.segments {
        section.take(segment);
    }
    section.close();
    section.say(&mut draft);
    let load = draft.shipment(shipment);
    let party = draft.carrier(carrier);
    let relation = match action {
        "A" => "accepts",
        "D" => "declines",
        _ => "answers",
    };
    draft.relate(party.as_ref(), relation, load.as_ref());
    section.entities(&mut draft, load.as_ref());
    draft.put("scac", scac);
    draft.put("shipment_id", shipment);
    draft.put("action", action);
    draft.put("answer", codes::meaning(codes::ANSWER, action));
    draft.put("date", element(unit, "B1", 3));
    draft.put("event", element(unit, "V9", 1));
    draft.put("reason", element(unit, "V9", 8));
    for (name, value) in section.json() {
        draft.put(name, value);
    }
    draft.finish()
}

fn verb(action: &str) -> &'static str {
    match action {
        "A" => "accepted",
        "D" => "declined",
        "C" => "made a counter-proposal for",
        "B" => "conditionally accepted",
        _ => "answered the tender of",
    }
}

/// V901 is the event, V902 its text, V908 the reason.
fn reason(unit: &SetUnit) -> String {
    crate::party::join(&[element(unit, "V9", 1), element(unit, "V9", 2), element(unit, "V9", 8)])
}
