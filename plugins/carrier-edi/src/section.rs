//! A part of a transport set that gathers the segments all of them share: references, dates, notes, parties, equipment,
//! weights, goods. A 204 has one for its heading and one for every stop. It must not know which set it is in.

use serde_json::{Value, json};

use crate::codes;
use crate::dates::Stamp;
use crate::document::Draft;
use crate::party::{Party, join};
use crate::segment::Segment;

/// Items of one kind that are put into prose; all are in the metadata.
const PROSE_ITEMS_MAX: usize = 60;

/// A reference number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Element 128, such as `BM`.
    pub qualifier: String,
    /// The number.
    pub value: String,
    /// Free text beside it.
    pub description: String,
}

/// A date with what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// Element 432, such as `37`.
    pub qualifier: String,
    /// The date.
    pub stamp: Stamp,
}

/// What was gathered.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// `L11`, `N9`, `REF`.
    pub references: Vec<Reference>,
    /// `G62`, `DTM`.
    pub dates: Vec<Dated>,
    /// `NTE`, `K1`, `AT5`, `LH6`.
    pub notes: Vec<String>,
    /// `N1` loops.
    pub parties: Vec<Party>,
    /// `N7`, `MS2`: number, description and SCAC.
    pub equipment: Vec<(String, String, String)>,
    /// `AT8`, `PLD`: weights and quantities in words.
    pub weights: Vec<String>,
    /// `L5`, `OID`, `LAD`, `LH1`-`LH3`: what is carried, in words.
    pub goods: Vec<String>,
    open: Option<Party>,
}

impl Section {
    /// Takes a segment; answers whether it is one that sections know.
    pub fn take(&mut self, segment: &Segment) -> bool {
        if segment.id() == "N1" {
            self.close();
            self.open = Some(Party::new(segment));
            return true;
        }
        if self.open.as_mut().is_some_and(|party| party.take(segment)) {
            return true;
        }
        match segment.id() {
            "L11" => self.reference(segment.get(2), segment.get(1), segment.get(3)),
            "N9" | "REF" => self.reference(segment.get(1), segment.get(2), segment.get(3)),
            "G62" => self.date(segment.get(1), segment.get(2), segment.get(4), segment.get(5)),
            "DTM" => self.date(segment.get(1), segment.get(2), segment.get(3), segment.get(4)),
            "NTE" => self.note(&[segment.get(2)]),
            "K1" | "LH6" => self.note(&[segment.get(1), segment.get(2)]),
            "AT5" => self.note(&[segment.get(3), segment.get(1), segment.get(2)]),
            "N7" => self.unit(&[segment.get(1), segment.get(2)].concat(), segment.get(11), segment.get(12)),
            "MS2" => self.unit(segment.get(2), segment.get(3), segment.get(1)),
            "AT8" => self.weights.extend(weight(segment)),
            "PLD" => self.weights.extend(segment.some(1).map(|pallets| format!("{pallets} pallets"))),
            "L5" | "OID" | "LAD" | "LH1" | "LH2" | "LH3" => self.goods.extend(goods(segment)),
            "G61" | "PER" => {}
            _ => return false,
        }
        true
    }

    /// Ends the party at hand: what follows no longer belongs to it.
    pub fn close(&mut self) {
        let party = self.open.take().filter(|party| !self.parties.contains(party));
        self.parties.extend(party);
    }

    fn reference(&mut self, qualifier: &str, value: &str, description: &str) {
        if !value.is_empty() || !description.is_empty() {
            self.references.push(Reference {
                qualifier: qualifier.to_owned(),
                value: value.to_owned(),
                description: description.to_owned(),
            });
        }
    }

    fn date(&mut self, qualifier: &str, date: &str, time: &str, zone: &str) {
        let stamp = Stamp::new(date, time, zone);
        self.dates.extend(stamp.map(|stamp| Dated { qualifier: qualifier.to_owned(), stamp }));
    }

    fn note(&mut self, parts: &[&str]) {
        let note = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ");
        self.notes.extend(Some(note).filter(|note| !note.is_empty()));
    }

    fn unit(&mut self, number: &str, description: &str, scac: &str) {
        // Placeholders such as `ZZ` have no digit; equipment numbers do.
        if number.bytes().any(|byte| byte.is_ascii_digit()) {
            self.equipment.push((number.to_owned(), description.to_owned(), scac.to_owned()));
        }
    }

    /// The first party of any of these roles.
    pub fn party(&self, roles: &[&str]) -> Option<&Party> {
        roles.iter().find_map(|role| self.parties.iter().find(|party| party.role == *role))
    }

    /// The date of the first of these qualifiers that is there.
    pub fn date_of(&self, qualifiers: &[&str]) -> Option<&Stamp> {
        qualifiers
            .iter()
            .find_map(|wanted| self.dates.iter().find(|d| d.qualifier == *wanted))
            .map(|dated| &dated.stamp)
    }

    /// Everything in sentences, for what is searched.
    pub fn say(&self, draft: &mut Draft) {
        for party in self.parties.iter().take(PROSE_ITEMS_MAX) {
            draft.say(format!("The {} is {}.", party.role(), party.prose()));
        }
        for (from, to, what) in [("37", "38", "Pickup"), ("53", "54", "Delivery")] {
            if let (Some(from), Some(to)) = (self.date_of(&[from]), self.date_of(&[to])) {
                draft.say(format!("{what} window from {} to {}.", from.prose(), to.prose()));
            }
        }
        let dates =
            self.dates.iter().map(|d| format!("{} {}", codes::named(codes::DATE, &d.qualifier), d.stamp.prose()));
        list(draft, "Dates", dates);
        list(draft, "Weight and quantity", self.weights.iter().cloned());
        list(draft, "Goods", self.goods.iter().cloned());
        list(
            draft,
            "Equipment",
            self.equipment.iter().map(|(number, kind, _)| [number.as_str(), kind].join(" ").trim().to_owned()),
        );
        list(draft, "References", self.references.iter().map(Reference::prose));
        list(draft, "Notes", self.notes.iter().cloned());
    }

    /// Everything as fields of the metadata.
    pub fn json(&self) -> Vec<(&'static str, Value)> {
        let texts = |items: &[String]| Value::from(items.to_vec());
        let references: Vec<Value> = self.references.iter().map(Reference::json).collect();
        let dates: Vec<Value> = self
            .dates
            .iter()
            .map(|dated| json!({ "qualifier": dated.qualifier, "text": dated.stamp.text, "at": dated.stamp.rfc3339, "zone_assumed": dated.stamp.assumed }))
            .collect();
        let equipment: Vec<Value> = self
            .equipment
            .iter()
            .map(|(number, kind, scac)| json!({ "number": number, "description": kind, "scac": scac }))
            .collect();
        let parties: Vec<Value> = self.parties.iter().map(Party::json).collect();
        let all: Vec<(&'static str, Value)> = vec![
            ("parties", parties.into()),
            ("dates", dates.into()),
            ("references", references.into()),
            ("equipment", equipment.into()),
            ("weights", texts(&self.weights)),
            ("goods", texts(&self.goods)),
            ("notes", texts(&self.notes)),
        ];
        all.into_iter().filter(|(_, value)| value.as_array().is_some_and(|items| !items.is_empty())).collect()
    }

    /// Adds the organisations, places and vehicles to the document and ties the vehicles to the shipment.
    pub fn entities(&self, draft: &mut Draft, shipment: Option<&String>) {
        for party in &self.parties {
            let organisation = party.organisation(draft);
            let place = party.place(draft);
            draft.relate(organisation.as_ref(), "located_at", place.as_ref());
            let relation = match party.role.as_str() {
                "SH" | "SF" => "shipped_by",
                "CN" | "ST" => "consigned_to",
                "BT" => "billed_to",
                _ => "concerns",
            };
            draft.relate(shipment, relation, organisation.as_ref());
        }
        for (number, _, _) in &self.equipment {
            let vehicle = draft.entity("equipment", "vehicle", number, &format!("equipment {number}"));
            draft.relate(vehicle.as_ref(), "carries", shipment);
        }
    }
}

impl Reference {
    fn prose(&self) -> String {
        let value = join(&[&self.value, &self.description]);
        format!("{} {value}", codes::named(codes::REFERENCE, &self.qualifier)).trim().to_owned()
    }

    fn json(&self) -> Value {
        let mut fields = json!({ "qualifier": self.qualifier, "value": self.value });
        if let (Some(fields), false) = (fields.as_object_mut(), self.description.is_empty()) {
            fields.insert("description".to_owned(), json!(self.description));
        }
        fields
    }
}

fn list(draft: &mut Draft, what: &str, items: impl Iterator<Item = String>) {
    let mut items: Vec<String> = items.collect();
    let more = items.len().saturating_sub(PROSE_ITEMS_MAX);
    items.truncate(PROSE_ITEMS_MAX);
    if !items.is_empty() {
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        draft.say(format!("{what}: {}{rest}.", items.join("; ")));
    }
}

/// `AT8`: `8888.88 lb gross, 4 pieces`.
fn weight(segment: &Segment) -> Option<String> {
    let unit = codes::meaning(codes::UNIT, segment.get(2)).unwrap_or(segment.get(2));
    let kind = codes::meaning(codes::UNIT, segment.get(1)).unwrap_or(segment.get(1));
    let weight = segment.some(3).map(|weight| format!("{weight} {unit} {kind}").trim().to_owned());
    let pieces = segment.some(4).map(|pieces| format!("{pieces} pieces"));
    let text = join(&[weight.as_deref().unwrap_or_default(), pieces.as_deref().unwrap_or_default()]);
    Some(text).filter(|text| !text.is_empty())
}

fn goods(segment: &Segment) -> Option<String> {
    let text = match segment.id() {
        "L5" => join(&[segment.get(2), segment.get(3)]),
        "OID" => {
            let order = segment.some(2).or_else(|| segment.some(1)).map(|order| format!("order {order}"));
            let quantity = segment.some(5).map(|quantity| format!("{quantity} {}", unit(segment.get(4))));
            let weight = segment.some(7).map(|weight| format!("{weight} {}", unit(segment.get(6))));
            let parts = [order, quantity, weight].map(Option::unwrap_or_default);
            join(&parts.iter().map(String::as_str).collect::<Vec<_>>())
        }
        "LAD" => {
            let quantity = segment.some(2).map(|quantity| format!("{quantity} {}", unit(segment.get(1))));
            join(&[quantity.as_deref().unwrap_or_default(), segment.get(13), segment.get(8)])
        }
        "LH1" => {
            let amount = format!("{} {}", segment.get(2), unit(segment.get(1)));
            join(&["hazardous", segment.get(3), &amount])
        }
        "LH2" => segment.some(1).map(|class| format!("hazard class {class}")).unwrap_or_default(),
        _ => join(&[segment.get(1), segment.get(2)]),
    };
    Some(text).filter(|text| !text.is_empty())
}

fn unit(code: &str) -> &str {
    codes::meaning(codes::UNIT, code).unwrap_or(code)
}
