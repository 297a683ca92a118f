//! Reference numbers of the trade: those that a label names, and those that their shape and check digit prove.

use regex::Regex;

use super::checks::{is_container, is_ups, is_vin};
use super::words::{after, before, slug};
use super::{Found, Mention};

/// What stands before a number, and what the number then is.
#[derive(Debug)]
struct Label {
    pattern: &'static str,
    prefix: &'static str,
    kind: &'static str,
    /// Also an ordinary word (`load 20 pallets`): needs a sign such as `#`, or four digits.
    is_word: bool,
}

const fn label(pattern: &'static str, prefix: &'static str, kind: &'static str, is_word: bool) -> Label {
    Label { pattern, prefix, kind, is_word }
}

/// A load is a shipment: brokers say the one, carriers the other, of the same number.
static LABELS: [Label; 20] = [
    label("shipments?|shpt", "shipment", "shipment", true),
    label("loads?", "shipment", "shipment", true),
    label("B/?OLs?|bills? of lading|MBOL|HBOL", "bol", "id", false),
    label("PRO|pro number", "pro", "id", false),
    label(r"POs?|P\.O\.|purchase orders?", "po", "id", false),
    label("invoices?|inv", "invoice", "invoice", true),
    label("orders?", "order", "id", true),
    label("bookings?", "booking", "id", true),
    label("tracking|AWB|MAWB|HAWB|air ?waybill", "tracking", "id", false),
    label("containers?", "container", "vehicle", true),
    label("trailers?|TRL", "equipment", "vehicle", true),
    label("trucks?|tractors?", "truck", "vehicle", true),
    label("seals?", "seal", "id", true),
    label("claims?", "claim", "id", true),
    label("quotes?", "quote", "id", true),
    label("tickets?|case", "ticket", "id", true),
    label("pickup|pick-up|PU", "pickup", "id", true),
    label("delivery|appointment|appt|confirmation", "appointment", "id", true),
    label("customer ref(?:erence)?|ref(?:erence)?", "reference", "id", true),
    label("entry|customs entry", "entry", "id", true),
];

/// What is counted rather than named: `order 10000 units`.
const UNITS: &[&str] = &[
    "boxes",
    "cartons",
    "cases",
    "days",
    "dollars",
    "eur",
    "feet",
    "gallons",
    "hours",
    "kg",
    "kgs",
    "kilos",
    "kilometers",
    "km",
    "lb",
    "lbs",
    "loads",
    "mi",
    "miles",
    "minutes",
    "orders",
    "pallets",
    "pcs",
    "percent",
    "pieces",
    "pounds",
    "skids",
    "tons",
    "totes",
    "units",
    "usd",
    "years",
];
const SIGN: &str = r"(?P<sign>(?:\s?(?:#|No\.?|no\.?|NO\.?|Nr\.?|[Nn]umbers?|NUMBER|ID|id|[Ii]s|:))+)?";
const VALUE: &str = r"[A-Za-z0-9](?:[A-Za-z0-9]|[-_/][A-Za-z0-9]){2,29}";

/// Patterns of this family.
#[derive(Debug)]
pub struct Rules {
    labelled: Vec<(Regex, &'static Label)>,
    more: Regex,
    container: Regex,
    vin: Regex,
    ups: Regex,
    uuid: Regex,
    scac: Regex,
    authority: Regex,
}

impl Rules {
    /// Compiles the patterns.
    pub fn new() -> Result<Self, regex::Error> {
        let labelled = |label: &'static Label| {
            Ok((Regex::new(&format!(r"\b(?i:{}){SIGN}\s?(?P<value>{VALUE})\b", label.pattern))?, label))
        };
        Ok(Self {
            labelled: LABELS.iter().map(labelled).collect::<Result<_, regex::Error>>()?,
            more: Regex::new(&format!(r"^(?:,| and| &|, and| or| /) ?#?(?P<value>{VALUE})\b"))?,
            container: Regex::new(r"\b([A-Z]{3}[UJZ]) ?-?(\d{6}) ?-?(\d)\b")?,
            vin: Regex::new(r"\b[A-HJ-NPR-Z0-9]{17}\b")?,
            ups: Regex::new(r"\b1Z[0-9A-Z]{16}\b")?,
            uuid: Regex::new(r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")?,
            scac: Regex::new(r"\bSCAC(?: [Cc]ode)?(?: ?[:#]| is)? ?\(?([A-Z]{2,4})\b")?,
            authority: Regex::new(
                r"\b(?P<by>MC|(?:US ?)?DOT)(?: [Nn]umber| [Nn]o\.?)? ?[#:-]? ?#?(?P<value>\d{5,8})\b",
            )?,
        })
    }

    /// Finds reference numbers.
    pub fn find(&self, text: &str, found: &mut Found) {
        self.by_shape(text, found);
        for (pattern, label) in &self.labelled {
            for captures in pattern.captures_iter(text) {
                let (Some(value), signed) = (captures.name("value"), captures.name("sign").is_some()) else {
                    continue;
                };
                if fits(text, value.start(), value.as_str(), signed, label) {
                    add(value.start(), value.as_str(), label, found);
                    self.rest_of_list(text, value.end(), label, found);
                }
            }
        }
    }

    /// `loads 4455667, 4455668 and 4455669`: what follows must look as strict as a number without a sign.
    fn rest_of_list(&self, text: &str, from: usize, label: &Label, found: &mut Found) {
        let mut from = from;
        while let Some(value) = text.get(from..).and_then(|rest| self.more.captures(rest)?.name("value")) {
            let start = from + value.start();
            if !fits(text, start, value.as_str(), false, label) || digits(value.as_str()) < 4 {
                return;
            }
            add(start, value.as_str(), label, found);
            from += value.end();
        }
    }

    fn by_shape(&self, text: &str, found: &mut Found) {
        let mut add = |at: std::ops::Range<usize>, prefix: &str, kind: &str, id: &str, name: &str| {
            found.add(&Mention { at, prefix, kind, id: &id.to_lowercase(), name });
        };
        for uuid in self.uuid.find_iter(text) {
            add(uuid.range(), "uuid", "id", uuid.as_str(), uuid.as_str());
        }
        for captures in self.container.captures_iter(text) {
            let (_, parts) = captures.extract::<3>();
            let number = parts.concat();
            if let Some(at) = captures.get(0).filter(|_| is_container(&number)) {
                add(at.range(), "equipment", "vehicle", &number, &number);
            }
        }
        for vin in
            self.vin.find_iter(text).filter(|vin| is_vin(vin.as_str()) && vin.as_str().contains(char::is_alphabetic))
        {
            add(vin.range(), "vin", "id", vin.as_str(), vin.as_str());
        }
        for parcel in self.ups.find_iter(text).filter(|parcel| is_ups(parcel.as_str())) {
            add(parcel.range(), "tracking", "id", parcel.as_str(), parcel.as_str());
        }
        for captures in self.scac.captures_iter(text) {
            if let (Some(at), Some(code)) = (captures.get(0), captures.get(1)) {
                add(at.range(), "scac", "organisation", code.as_str(), &format!("carrier {}", code.as_str()));
            }
        }
        for captures in self.authority.captures_iter(text) {
            if let (Some(at), Some(by), Some(value)) = (captures.get(0), captures.name("by"), captures.name("value")) {
                let prefix = if by.as_str() == "MC" { "mc" } else { "dot" };
                let name = format!("{} {}", prefix.to_uppercase(), value.as_str());
                add(at.range(), prefix, "id", value.as_str(), &name);
            }
        }
    }
}

fn digits(value: &str) -> usize {
    value.chars().filter(char::is_ascii_digit).count()
}

/// Whether a value behind a label is a number of that kind.
fn fits(text: &str, start: usize, value: &str, signed: bool, label: &Label) -> bool {
    let end = start + value.len();
    let needed = if label.is_word && !signed { 4 } else { 1 };
    let goes_on = match after(text, end) {
        Some('.' | ',' | ':') => after(text, end + 1).is_some_and(|c| c.is_ascii_digit()),
        Some('@' | '%' | '/' | '-' | '_' | '\'') => true,
        _ => false,
    };
    let next: String =
        text.get(end..).unwrap_or_default().trim_start().chars().take_while(|c| c.is_alphabetic()).collect();
    let is_ordinal = ["st", "nd", "rd", "th", "am", "pm", "k", "ft"].iter().any(|end| {
        value.to_lowercase().strip_suffix(end).is_some_and(|front| front.chars().all(|c| c.is_ascii_digit()))
    });
    digits(value) >= needed
        && !goes_on
        && !is_ordinal
        && !is_date(value)
        && !UNITS.contains(&next.to_lowercase().as_str())
        && before(text, start) != Some('$')
        // Lower case within a number is rare; within a word it is the rule.
        && value.chars().filter(|c| c.is_lowercase()).count() <= digits(value)
}

/// `2026-11-23`, `11/23/2026`, `23-11`.
fn is_date(value: &str) -> bool {
    let parts: Vec<&str> = value.split(['-', '/']).collect();
    let short = |part: &&str| part.len() <= 4 && part.chars().all(|c| c.is_ascii_digit());
    parts.len() >= 2 && parts.iter().all(short) && parts.iter().any(|part| part.len() <= 2)
}

fn add(start: usize, value: &str, label: &Label, found: &mut Found) {
    let at = start..start + value.len();
    let name = format!(
        "{} {value}",
        if label.kind == "id" && label.prefix.len() <= 3 {
            label.prefix.to_uppercase()
        } else {
            label.prefix.to_owned()
        }
    );
    found.add(&Mention { at, prefix: label.prefix, kind: label.kind, id: &slug(value), name: &name });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn references(text: &str) -> Vec<String> {
        let mut found = Found::default();
        Rules::new().unwrap().find(text, &mut found);
        let mut entities = found.entities;
        entities.sort_by_key(|(at, _)| *at);
        entities.into_iter().map(|(_, entity)| entity.key).collect()
    }

    #[test]
    fn labels_name_numbers() {
        assert_eq!(
            references("Shipment 4455667, BOL# 889-12A, PRO 123456789, PO: 4500012345, invoice no. INV-4471"),
            ["shipment:4455667", "bol:889-12a", "pro:123456789", "po:4500012345", "invoice:inv-4471"]
        );
        assert_eq!(
            references("loads 4455667, 4455668 and 4455669 are late"),
            ["shipment:4455667", "shipment:4455668", "shipment:4455669"]
        );
        assert_eq!(
            references("Trailer #53021 on truck 1187, seal no 00291"),
            ["equipment:53021", "truck:1187", "seal:00291"]
        );
        assert_eq!(references("SCAC: ABCD, MC-123456, USDOT 1234567"), ["scac:abcd", "mc:123456", "dot:1234567"]);
        assert_eq!(references("Bill of Lading number X77881"), ["bol:x77881"]);
    }

    #[test]
    fn shapes_and_check_digits_prove_numbers() {
        assert_eq!(
            references("box CSQU 305438-3 on 1M8GDM9AXKP042788"),
            ["equipment:csqu3054383", "vin:1m8gdm9axkp042788"]
        );
        assert_eq!(references("1Z999AA10123456784"), ["tracking:1z999aa10123456784"]);
        assert_eq!(
            references("id 3F2504E0-4F89-11D3-9A0C-0305E82C3301"),
            ["uuid:3f2504e0-4f89-11d3-9a0c-0305e82c3301"]
        );
        assert!(references("CSQU3054384 1M8GDM9AXKP042789 1Z999AA10123456785").is_empty());
    }

    #[test]
    fn ordinary_words_are_no_labels() {
        for none in [
            "load 200 cases",
            "order 10000 units",
            "PO Box 1234",
            "the invoice is due 11/23/2026",
            "invoice 11/23/2026",
            "delivery at 0800-1200",
            "pro bono",
            "order 1,250.00",
            "truck stop",
            "claims 5000 dollars",
            "case closed",
            "delivery: 8:30",
            "pickup 11/23",
        ] {
            assert!(references(none).is_empty(), "{none}: {:?}", references(none));
        }
    }
}
