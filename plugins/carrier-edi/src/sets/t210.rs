//! 210 motor carrier freight invoice: what is billed, to whom, for which shipment, line by line. Amounts of B3, L1 and L3
//! have two implied decimals.
//!
//! Layout: B3, C3, N9, G62, N1 loops, LX loops with L5, L0, L1, L7, then L3, as in the samples of indice-co/EDI.Net and
//! jf-tech/omniparser (65940 is 659.40).

use serde_json::{Value, json};

use super::{element, first};
use crate::amounts;
use crate::codes;
use crate::dates::Stamp;
use crate::document::{self, Draft, Finished};
use crate::party::join;
use crate::scan::SetUnit;
use crate::section::Section;
use crate::segment::Segment;

/// Charges that are put into prose; all are in the metadata.
const PROSE_CHARGES_MAX: usize = 60;

/// One charge of one line.
struct Charge {
    line: String,
    what: String,
    code: String,
    amount: Option<String>,
    rate: String,
    rate_qualifier: String,
}

/// The document of a freight invoice.
pub fn document(unit: &SetUnit) -> Finished {
    let invoice = element(unit, "B3", 2);
    let shipment = element(unit, "B3", 3);
    let scac = element(unit, "B3", 11);
    let carrier = if scac.is_empty() { document::sender(unit) } else { scac };
    let key = document::key(unit, !invoice.is_empty(), &[carrier, invoice]);
    let mut draft = Draft::new(unit, "freight_invoice", &key);
    // B308 says that an invoice corrects one of the same number.
    draft.is_state = !invoice.is_empty() && !element(unit, "B3", 8).is_empty();
    let amount = first(unit, "B3").and_then(|b3| amounts::implied(b3.get(7)));
    let currency = element(unit, "C3", 1);
    let due = [amount.as_deref().unwrap_or_default(), currency].join(" ").trim().to_owned();
    draft.title = format!("Freight invoice {invoice} from {carrier}: {due}");
    draft.occurred = Stamp::new(element(unit, "B3", 6), "", "");
    let (section, charges) = read(unit);
    say(&mut draft, &due, carrier);
    section.say(&mut draft);
    say_charges(&mut draft, &charges, currency);
    entities(&mut draft, &section, carrier);
    draft.put("invoice_number", invoice);
    draft.put("shipment_id", shipment);
    draft.put("scac", scac);
    draft.put("payment", element(unit, "B3", 4));
    draft.put("invoice_date", element(unit, "B3", 6));
    draft.put("delivery_date", element(unit, "B3", 9));
    draft.put("correction", element(unit, "B3", 8));
    draft.put("amount_due", amount);
    draft.put("currency", currency);
    draft.put("total_charge", first(unit, "L3").and_then(|l3| amounts::implied(l3.get(5))));
    draft.put("total_weight", element(unit, "L3", 1));
    draft.put("total_pieces", element(unit, "L3", 11));
    for (name, value) in section.json() {
        draft.put(name, value);
    }
    draft.put("charges", charges.iter().map(Charge::json).collect::<Vec<_>>());
    draft.finish()
}

fn read(unit: &SetUnit) -> (Section, Vec<Charge>) {
    let mut section = Section::default();
    let mut charges = Vec::new();
    let mut line = String::new();
    let mut what = String::new();
    for segment in &unit.segments {
        match segment.id() {
            "LX" => {
                section.close();
                segment.get(1).clone_into(&mut line);
                what.clear();
            }
            "L5" => {
                segment.get(2).clone_into(&mut what);
                section.take(segment);
            }
            "L0" => section.weights.extend(quantity(segment)),
            "L1" => charges.push(Charge::new(segment, &line, &what)),
            _ => {
                section.take(segment);
            }
        }
    }
    section.close();
    (section, charges)
}

/// `L0`: weight, then pieces.
fn quantity(segment: &Segment) -> Option<String> {
    let weight = segment.some(4).map(|weight| format!("{weight} {}", unit(segment.get(5))));
    let pieces = segment.some(8).map(|pieces| format!("{pieces} {}", unit(segment.get(9))));
    let text = join(&[weight.as_deref().unwrap_or_default(), pieces.as_deref().unwrap_or_default()]);
    Some(text).filter(|text| !text.is_empty())
}

fn unit(code: &str) -> &str {
    codes::meaning(codes::UNIT, code).unwrap_or(code)
}

impl Charge {
    fn new(segment: &Segment, line: &str, what: &str) -> Self {
        Self {
            line: line.to_owned(),
            what: segment.some(12).unwrap_or(what).to_owned(),
            code: segment.get(8).to_owned(),
            amount: amounts::implied(segment.get(4)),
            rate: amounts::explicit(segment.get(2)).unwrap_or_default(),
            rate_qualifier: segment.get(3).to_owned(),
        }
    }

    fn prose(&self, currency: &str) -> String {
        let code = if self.code.is_empty() { String::new() } else { codes::named(codes::CHARGE, &self.code) };
        let what = join(&[&self.what, &code]);
        let amount = self.amount.as_deref().unwrap_or("no amount");
        format!("line {} {what}: {amount} {currency}", self.line).trim().to_owned()
    }

    fn json(&self) -> Value {
        let mut fields = json!({ "line": self.line, "code": self.code, "amount": self.amount });
        if let Some(fields) = fields.as_object_mut() {
            for (name, value) in
                [("description", &self.what), ("rate", &self.rate), ("rate_qualifier", &self.rate_qualifier)]
            {
                if !value.is_empty() {
                    fields.insert(name.to_owned(), json!(value));
                }
            }
        }
        fields
    }
}

fn say(draft: &mut Draft, due: &str, carrier: &str) {
    let unit = draft.unit;
    let shipment = element(unit, "B3", 3);
    let shipment = if shipment.is_empty() { String::new() } else { format!(" for shipment {shipment}") };
    let dated = draft.occurred.as_ref().map(|stamp| format!(", dated {}", stamp.prose())).unwrap_or_default();
    let invoice = element(unit, "B3", 2);
    draft.say(format!("Freight invoice (210) {invoice} from carrier {carrier}{shipment}{dated}."));
    draft.say(format!("The net amount due is {due}."));
    let payment = element(unit, "B3", 4);
    if !payment.is_empty() {
        draft.say(format!("Payment: {}.", codes::named(codes::PAYMENT, payment)));
    }
    if let Some(delivered) = Stamp::new(element(unit, "B3", 9), "", "") {
        draft.say(format!("Delivered on {}.", delivered.prose()));
    }
    if let Some(weight) = first(unit, "L3").and_then(|l3| l3.some(1)) {
        draft.say(format!("The total weight is {weight}."));
    }
}

fn say_charges(draft: &mut Draft, charges: &[Charge], currency: &str) {
    let spoken: Vec<String> = charges.iter().take(PROSE_CHARGES_MAX).map(|charge| charge.prose(currency)).collect();
    if !spoken.is_empty() {
        let more = charges.len().saturating_sub(PROSE_CHARGES_MAX);
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        draft.say(format!("Charges: {}{rest}.", spoken.join("; ")));
    }
}

fn entities(draft: &mut Draft, section: &Section, carrier: &str) {
    let unit = draft.unit;
    let number = element(unit, "B3", 2);
    let load = draft.shipment(element(unit, "B3", 3));
    let scac = draft.carrier(carrier);
    let name = format!("invoice {number}");
    let id = if number.is_empty() { String::new() } else { format!("{carrier} {number}") };
    let invoice = draft.entity("invoice", "invoice", &id, &name);
    draft.relate(scac.as_ref(), "bills", invoice.as_ref());
    draft.relate(invoice.as_ref(), "bills", load.as_ref());
    draft.relate(scac.as_ref(), "carries", load.as_ref());
    section.entities(draft, load.as_ref());
    if let Some(payer) = section.party(&["BT", "PF", "PR"]) {
        let payer = payer.organisation(draft);
        draft.relate(invoice.as_ref(), "billed_to", payer.as_ref());
    }
}
