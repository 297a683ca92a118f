//! What the sets say: one module for each that is understood, and one for all others. Here is only the choice.

mod ack;
mod generic;
mod t204;
mod t210;
mod t214;
mod t820;
mod t990;

use crate::document::Finished;
use crate::scan::{Interchange, SetUnit};
use crate::segment::Segment;

pub use ack::answer;

/// Document kinds that come out of here.
pub const KINDS: [&str; 8] = [
    "load_tender",
    "freight_invoice",
    "shipment_status",
    "tender_response",
    "remittance",
    "functional_acknowledgement",
    "interchange_acknowledgement",
    "transaction_set",
];

/// The document of a transaction set.
pub fn document(unit: &SetUnit) -> Finished {
    match unit.segments.first().map(|header| header.get(1)).unwrap_or_default() {
        "204" => t204::document(unit),
        "210" => t210::document(unit),
        "214" => t214::document(unit),
        "990" => t990::document(unit),
        "820" => t820::document(unit),
        "997" | "999" => ack::document(unit),
        _ => generic::document(unit),
    }
}

/// The first segment with this id, if there is one.
fn first<'u>(unit: &'u SetUnit, id: &str) -> Option<&'u Segment> {
    unit.segments.iter().find(|segment| segment.id() == id)
}

/// Element `at` of the first segment with this id; empty if there is none.
fn element<'u>(unit: &'u SetUnit, id: &str, at: usize) -> &'u str {
    first(unit, id).map(|segment| segment.get(at)).unwrap_or_default()
}

/// Who sent an interchange, in words; empty without a header.
fn partner(interchange: &Interchange, at: usize) -> &str {
    interchange.get(at)
}
