//! What partners answer: 997 and 999, which acknowledge a group, and TA1, which acknowledges an interchange. Kept so that
//! one can ask what became of what was sent.

use apex_sdk::prelude::*;
use serde_json::{Value, json};

use super::{element, first, generic};
use crate::check;
use crate::codes;
use crate::document::{self, Draft, Finished};
use crate::scan::{Interchange, SetUnit};
use crate::segment::Segment;
use crate::text;

/// The document of a 997 or 999.
pub fn document(unit: &SetUnit) -> Finished {
    let key = document::natural_key(unit);
    let mut draft = Draft::new(unit, "functional_acknowledgement", &key);
    let set = element(unit, "ST", 1);
    let group = [element(unit, "AK1", 1), element(unit, "AK1", 2)].join(" ");
    let status = element(unit, "AK9", 1);
    let verdict = if status.is_empty() { "no verdict".to_owned() } else { codes::named(codes::VERDICT, status) };
    let parties = generic::from_to(unit);
    let group = if group.trim().is_empty() { "no group".to_owned() } else { format!("group {group}") };
    draft.title = format!("Acknowledgment ({set}) of {group}: {verdict}");
    draft.say(format!("Functional acknowledgment ({set}){parties} for {group} that we sent: {verdict}."));
    if let Some(ak9) = first(unit, "AK9") {
        let counts = [2, 3, 4].map(|at| ak9.some(at).unwrap_or("0"));
        let [included, received, accepted] = counts;
        draft.say(format!("Of {included} transaction sets {received} were received and {accepted} accepted."));
    }
    let sets = sets(unit, &mut draft);
    let codes: Vec<&str> = first(unit, "AK9").map(|ak9| codes_from(ak9, 5)).unwrap_or_default();
    draft.put(
        "acknowledges",
        json!({
            "functional_id": element(unit, "AK1", 1),
            "group_control_number": element(unit, "AK1", 2),
            "version": element(unit, "AK1", 3),
            "status": status,
            "included": element(unit, "AK9", 2),
            "received": element(unit, "AK9", 3),
            "accepted": element(unit, "AK9", 4),
            "codes": codes,
        }),
    );
    draft.put("sets", sets);
    draft.finish()
}

fn codes_from(segment: &Segment, at: usize) -> Vec<&str> {
    (at..=segment.count()).map(|at| segment.get(at)).filter(|code| !code.is_empty()).collect()
}

/// The verdicts on single sets, in sentences and as values.
fn sets(unit: &SetUnit, draft: &mut Draft) -> Vec<Value> {
    let mut sets = Vec::new();
    let mut named = (String::new(), String::new());
    let mut errors: Vec<Value> = Vec::new();
    for segment in &unit.segments {
        match segment.id() {
            "AK2" => named = (segment.get(1).to_owned(), segment.get(2).to_owned()),
            "AK3" | "IK3" => {
                errors.push(json!({ "segment": segment.get(1), "position": segment.get(2), "code": segment.get(4) }));
                let error = codes::named(codes::SEGMENT_ERROR, segment.get(4));
                draft.say(format!("Segment {} at position {}: {error}.", segment.get(1), segment.get(2)));
            }
            "AK4" | "IK4" => {
                errors.push(json!({ "element": segment.get(1), "code": segment.get(3), "data": segment.get(4) }));
                let error = codes::named(codes::ELEMENT_ERROR, segment.get(3));
                let data = segment.some(4).map(|data| format!(": {data}")).unwrap_or_default();
                draft.say(format!("Element {}: {error}{data}.", segment.get(1)));
            }
            "AK5" | "IK5" => {
                let (set, control) = std::mem::take(&mut named);
                let codes = codes_from(segment, 2);
                let reasons: Vec<String> =
                    codes.iter().map(|code| format!("{} ({code})", check::meaning(code))).collect();
                let reasons = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
                let verdict = codes::named(codes::VERDICT, segment.get(1));
                let which = if control.is_empty() {
                    "A set".to_owned()
                } else {
                    format!("Set {set} with control number {control}")
                };
                draft.say(format!("{which}: {verdict}{reasons}."));
                let errors = std::mem::take(&mut errors);
                sets.push(json!({ "set": set, "control_number": control, "status": segment.get(1), "codes": codes, "errors": errors }));
            }
            _ => {}
        }
    }
    sets
}

/// The document of a TA1, which is no transaction set but stands in an interchange by itself.
pub fn answer(interchange: &Interchange, ta1: &Segment) -> Document {
    let status = ta1.get(4);
    let verdict = codes::named(codes::VERDICT, status);
    let control = ta1.get(1);
    let parts = [interchange.get(6), interchange.get(8), interchange.get(13), control, status, ta1.get(5)];
    let mut id = format!("TA1:{}", parts.map(text::id_part).join(":"));
    if document::is_test(interchange) {
        id.push_str(":test");
    }
    let from = super::partner(interchange, 6);
    let title = format!("Interchange {control} {verdict} by {from}");
    let metadata = json!({
        "set": "TA1",
        "data": { "acknowledges": {
            "interchange_control_number": control, "date": ta1.get(2), "time": ta1.get(3), "status": status, "code": ta1.get(5),
        } },
        "envelope": { "interchange": { "sender": from, "receiver": interchange.get(8), "control_number": interchange.get(13) } },
        "segments": [ta1.join()],
    });
    let content = format!(
        "Interchange acknowledgment (TA1) from {from}: the interchange with control number {control} that we sent is {verdict}, note code {}.",
        ta1.get(5)
    );
    let document =
        Document::new(text::clip(&id, 180), "interchange_acknowledgement").title(text::one_line(&title, 200));
    let document = document.text(content).metadata(metadata);
    match crate::dates::Stamp::new(interchange.get(9), interchange.get(10), "") {
        Some(stamp) => document.occurred_at(stamp.rfc3339),
        None => document,
    }
}
