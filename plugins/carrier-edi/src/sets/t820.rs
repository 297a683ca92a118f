//! 820 remittance advice: a payment and the invoices it settles. Amounts carry their decimal point.
//!
//! Layout: BPR (amount, method, date), TRN (trace number), N1 parties, RMR per invoice with REF, DTM and ADX adjustments,
//! as in the samples of indice-co/EDI.Net; up to 3020 BPS and RMT in their place, as in adriand/stupidedi.

use serde_json::{Value, json};

use super::{element, first};
use crate::amounts;
use crate::codes;
use crate::dates::Stamp;
use crate::document::{self, Draft, Finished};
use crate::party::Party;
use crate::scan::SetUnit;
use crate::section::Section;
use crate::segment::Segment;

/// Invoices that are put into prose; all are in the metadata.
const PROSE_ITEMS_MAX: usize = 100;

/// One settled invoice, or an adjustment that stands by itself.
#[derive(Default)]
struct Item {
    qualifier: String,
    reference: String,
    paid: Option<String>,
    total: Option<String>,
    discount: Option<String>,
    references: Vec<(String, String)>,
    date: Option<Stamp>,
    /// Amount, reason and what it concerns.
    adjustments: Vec<(String, String, String)>,
}

/// The document of a remittance.
pub fn document(unit: &SetUnit) -> Finished {
    let trace = element(unit, "TRN", 2);
    let sender = document::sender(unit);
    let key = document::key(unit, !trace.is_empty(), &[sender, trace]);
    let mut draft = Draft::new(unit, "remittance", &key);
    let (section, items) = read(unit);
    let payment = Payment::new(unit);
    draft.occurred.clone_from(&payment.date);
    let amount = [payment.amount.as_deref().unwrap_or_default(), payment.currency].join(" ").trim().to_owned();
    let payer = section.party(&["PR"]).map_or(sender, Party::label).to_owned();
    draft.title = format!("Remittance {trace} from {payer}: {amount}");
    say(&mut draft, &payment, &amount, &payer, trace);
    section.say(&mut draft);
    for item in items.iter().take(PROSE_ITEMS_MAX) {
        draft.say(item.prose());
    }
    entities(&mut draft, &section, &items, trace);
    draft.put("trace_number", trace);
    draft.put("amount", payment.amount);
    draft.put("currency", payment.currency);
    draft.put("credit_or_debit", payment.direction);
    draft.put("method", payment.method);
    draft.put("date", payment.date.map(|stamp| stamp.text));
    for (name, value) in section.json() {
        draft.put(name, value);
    }
    draft.put("items", items.iter().map(Item::json).collect::<Vec<_>>());
    draft.finish()
}

struct Payment<'u> {
    amount: Option<String>,
    currency: &'u str,
    direction: &'u str,
    method: &'u str,
    date: Option<Stamp>,
}

impl<'u> Payment<'u> {
    fn new(unit: &'u SetUnit) -> Self {
        let currency = element(unit, "CUR", 2);
        if let Some(bpr) = first(unit, "BPR") {
            let date = Stamp::new(bpr.get(16), "", "");
            let amount = amounts::explicit(bpr.get(2));
            return Self { amount, currency, direction: bpr.get(3), method: bpr.get(4), date };
        }
        let amount = amounts::explicit(element(unit, "BPS", 2));
        let date = Stamp::new(element(unit, "BPS", 12), "", "");
        Self { amount, currency, direction: "", method: element(unit, "BPS", 1), date }
    }
}

fn read(unit: &SetUnit) -> (Section, Vec<Item>) {
    let mut section = Section::default();
    let mut items: Vec<Item> = Vec::new();
    for segment in &unit.segments {
        let item = items.last_mut();
        match (segment.id(), item) {
            ("RMR", _) => items.push(Item::invoice(segment, [4, 5, 6])),
            ("RMT", _) => items.push(Item::old_invoice(segment)),
            ("ADX", Some(item)) => item.adjustments.extend(adjustment(segment)),
            ("ADX", None) => {
                items.push(Item { adjustments: adjustment(segment).into_iter().collect(), ..Item::default() });
            }
            ("REF", Some(item)) => {
                let value = segment.some(2).unwrap_or(segment.get(3));
                item.references.push((segment.get(1).to_owned(), value.to_owned()));
            }
            ("DTM", Some(item)) => item.date = Stamp::new(segment.get(2), segment.get(3), segment.get(4)),
            // Versions up to 3020 number their lines and groups with N1.
            ("N1" | "N3" | "N4", Some(_)) => {}
            ("N1", None) if matches!(segment.get(1), "HH" | "LI") => section.close(),
            _ => {
                section.take(segment);
            }
        }
    }
    section.close();
    (section, items)
}

fn adjustment(adx: &Segment) -> Option<(String, String, String)> {
    let amount = amounts::explicit(adx.get(1))?;
    Some((amount, adx.get(2).to_owned(), adx.get(4).to_owned()))
}

impl Item {
    /// `at`: where paid, total and discount stand.
    fn invoice(segment: &Segment, at: [usize; 3]) -> Self {
        let [paid, total, discount] = at.map(|at| amounts::explicit(segment.get(at)));
        Self {
            qualifier: segment.get(1).to_owned(),
            reference: segment.get(2).to_owned(),
            paid,
            total,
            discount,
            ..Self::default()
        }
    }

    /// Up to 3020 the amount paid comes second and may be left out; for a line of an invoice the first is its price.
    fn old_invoice(segment: &Segment) -> Self {
        let at = if segment.some(4).is_none() {
            [3, 0, 5]
        } else if segment.get(1) == "IV" {
            [4, 3, 5]
        } else {
            [4, 0, 5]
        };
        Self::invoice(segment, at)
    }

    fn prose(&self) -> String {
        let mut parts = Vec::new();
        if !self.reference.is_empty() {
            parts.push(format!("Pays {} {}", codes::named(codes::REFERENCE, &self.qualifier), self.reference));
        }
        parts.extend(self.date.as_ref().map(|stamp| format!("dated {}", stamp.prose())));
        parts.extend(self.paid.as_ref().map(|paid| format!("{paid} paid")));
        parts.extend(self.total.as_ref().map(|total| format!("of {total}")));
        parts.extend(self.discount.as_ref().map(|discount| format!("discount {discount}")));
        for (amount, reason, of) in &self.adjustments {
            parts.push(
                format!("adjusted by {amount}, {} {of}", codes::named(codes::ADJUSTMENT, reason)).trim().to_owned(),
            );
        }
        parts.extend(
            self.references.iter().map(|(by, value)| format!("{} {value}", codes::named(codes::REFERENCE, by))),
        );
        format!("{}.", parts.join(", "))
    }

    fn json(&self) -> Value {
        let references: Vec<Value> =
            self.references.iter().map(|(by, value)| json!({ "qualifier": by, "value": value })).collect();
        let adjustments: Vec<Value> = self
            .adjustments
            .iter()
            .map(|(amount, reason, of)| json!({ "amount": amount, "reason": reason, "reference": of }))
            .collect();
        let mut fields = json!({ "qualifier": self.qualifier, "reference": self.reference, "paid": self.paid });
        if let Some(fields) = fields.as_object_mut() {
            for (name, value) in [("total", &self.total), ("discount", &self.discount)] {
                fields.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
            }
            fields.extend(self.date.as_ref().map(|stamp| ("date".to_owned(), json!(stamp.text))));
            for (name, list) in [("references", references), ("adjustments", adjustments)] {
                if !list.is_empty() {
                    fields.insert(name.to_owned(), Value::Array(list));
                }
            }
        }
        fields
    }
}

fn say(draft: &mut Draft, payment: &Payment, amount: &str, payer: &str, trace: &str) {
    let trace = if trace.is_empty() { String::new() } else { format!(", trace number {trace}") };
    let when = payment.date.as_ref().map(|stamp| format!(" on {}", stamp.prose())).unwrap_or_default();
    let method = codes::named(codes::PAY_METHOD, payment.method);
    draft.say(format!("Payment and remittance advice (820) from {payer}{trace}: {amount} by {method}{when}."));
}

fn entities(draft: &mut Draft, section: &Section, items: &[Item], trace: &str) {
    let id = if trace.is_empty() { String::new() } else { format!("{} {trace}", document::sender(draft.unit)) };
    let payment = draft.entity("payment", "payment", &id, &format!("payment {trace}"));
    section.entities(draft, None);
    let from = section.party(&["PR"]).and_then(|party| party.organisation(draft));
    let to = section.party(&["PE", "RE"]).and_then(|party| party.organisation(draft));
    draft.relate(from.as_ref(), "pays", payment.as_ref());
    draft.relate(payment.as_ref(), "paid_to", to.as_ref());
    // The payer's document does not say whose invoice number it is: the payee's name makes it unique.
    let whose = section.party(&["PE", "RE"]).map(|party| party.label().to_owned()).unwrap_or_default();
    for item in items.iter().filter(|item| !item.reference.is_empty() && item.qualifier == "IV") {
        let id = [whose.as_str(), &item.reference].join(" ");
        let invoice = draft.entity("invoice", "invoice", &id, &format!("invoice {}", item.reference));
        draft.relate(payment.as_ref(), "settles", invoice.as_ref());
    }
}
