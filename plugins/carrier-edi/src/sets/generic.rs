//! Any set that is not understood: its segments line by line, its parties and its envelope, so that it can be found by
//! what it names. It must not interpret codes.

use crate::codes;
use crate::document::{self, Draft, Finished};
use crate::scan::SetUnit;
use crate::section::Section;
use crate::segment::Segment;

/// The document of a set that is not understood.
pub fn document(unit: &SetUnit) -> Finished {
    let header = unit.segments.first();
    let set = header.map(|header| header.get(1)).unwrap_or_default();
    let control = header.map(|header| header.get(2)).unwrap_or_default();
    let key = document::natural_key(unit);
    let mut draft = Draft::new(unit, "transaction_set", &key);
    let name = codes::meaning(codes::SETS, set).unwrap_or("transaction set");
    let parties = from_to(unit);
    draft.title = format!("{} ({set}) {control}{parties}", capital(name));
    draft.say(format!("{} ({set}), control number {control}{parties}.", capital(name)));
    let mut section = Section::default();
    for segment in unit.segments.iter().skip(1).filter(|segment| segment.id() != "SE") {
        section.take(segment);
        draft.say(line(segment));
    }
    section.close();
    for party in &section.parties {
        let organisation = party.organisation(&mut draft);
        let place = party.place(&mut draft);
        draft.relate(organisation.as_ref(), "located_at", place.as_ref());
    }
    draft.finish()
}

/// ` from A to B`, as far as the envelope says.
pub fn from_to(unit: &SetUnit) -> String {
    let part = |word: &str, name: &str| if name.is_empty() { String::new() } else { format!(" {word} {name}") };
    part("from", document::sender(unit)) + &part("to", document::receiver(unit))
}

/// The elements that are not empty, with blanks.
fn line(segment: &Segment) -> String {
    let elements: Vec<&str> =
        (0..=segment.count()).map(|at| segment.get(at)).filter(|value| !value.is_empty()).collect();
    elements.join(" ")
}

fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}
