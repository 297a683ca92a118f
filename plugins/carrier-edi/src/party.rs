//! Parties of a set: the loop that `N1` opens (name, address, contacts), the same in every transport set. It must not
//! decide what a party means to a shipment.

use serde_json::{Map, Value, json};

use crate::codes;
use crate::document::Draft;
use crate::segment::Segment;
use crate::text;

/// A party and its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// N101, such as `SH`.
    pub role: String,
    /// N102 and N2.
    pub name: String,
    /// N103 and N104: a code and what gave it.
    pub code: Option<(String, String)>,
    street: Vec<String>,
    city: String,
    state: String,
    postal: String,
    country: String,
    location: Option<(String, String)>,
    contacts: Vec<String>,
}

impl Party {
    /// A party from its `N1`.
    pub fn new(n1: &Segment) -> Self {
        let code = n1.some(4).map(|code| (n1.get(3).to_owned(), code.to_owned()));
        Self { role: n1.get(1).to_owned(), name: n1.get(2).to_owned(), code, ..Self::default() }
    }

    /// Takes a segment that belongs to the party; answers whether it did.
    pub fn take(&mut self, segment: &Segment) -> bool {
        match segment.id() {
            "N2" => {
                for part in [1, 2].iter().filter_map(|at| segment.some(*at)) {
                    [self.name.as_str(), part].join(" ").trim_start().clone_into(&mut self.name);
                }
            }
            "N3" => self.street.extend([1, 2].iter().filter_map(|at| segment.some(*at)).map(str::to_owned)),
            "N4" => self.take_city(segment),
            "G61" | "PER" => {
                let parts: Vec<&str> =
                    (2..=segment.count()).map(|at| segment.get(at)).filter(|v| !v.is_empty()).collect();
                self.contacts.push(parts.join(" "));
            }
            _ => return false,
        }
        true
    }

    fn take_city(&mut self, segment: &Segment) {
        [self.city, self.state, self.postal, self.country] = [1, 2, 3, 4].map(|at| segment.get(at).to_owned());
        self.location = segment.some(6).map(|code| (segment.get(5).to_owned(), code.to_owned()));
    }

    /// What it is called: its name, else its code.
    pub fn label(&self) -> &str {
        let code = self.code.as_ref().map(|(_, code)| code.as_str()).unwrap_or_default();
        if self.name.is_empty() { code } else { &self.name }
    }

    /// `ATTALLA, AL`; empty if there is no city.
    pub fn city(&self) -> String {
        join(&[&self.city, &self.state])
    }

    /// Name and address in one line.
    pub fn prose(&self) -> String {
        let place = join(&[&self.city, &[self.state.as_str(), &self.postal].join(" "), &self.country]);
        let mut parts = vec![self.label()];
        parts.extend(self.street.iter().map(String::as_str));
        parts.push(&place);
        join(&parts)
    }

    /// The role in words with its code, such as `shipper (SH)`.
    pub fn role(&self) -> String {
        codes::named(codes::ROLE, &self.role)
    }

    /// For the metadata.
    pub fn json(&self) -> Value {
        let mut fields = Map::new();
        let mut put = |name: &str, value: &str| {
            if !value.is_empty() {
                fields.insert(name.to_owned(), json!(value));
            }
        };
        put("role", &self.role);
        put("name", &self.name);
        put("code_qualifier", self.code.as_ref().map(|(by, _)| by.as_str()).unwrap_or_default());
        put("code", self.code.as_ref().map(|(_, code)| code.as_str()).unwrap_or_default());
        put("street", &self.street.join(", "));
        put("city", &self.city);
        put("state", &self.state);
        put("postal", &self.postal);
        put("country", &self.country);
        put("location_qualifier", self.location.as_ref().map(|(by, _)| by.as_str()).unwrap_or_default());
        put("location", self.location.as_ref().map(|(_, code)| code.as_str()).unwrap_or_default());
        put("contacts", &self.contacts.join("; "));
        Value::Object(fields)
    }

    /// Adds the party's organisation and answers its key. A code that a registry gave makes the better key than a name.
    pub fn organisation(&self, draft: &mut Draft) -> Option<String> {
        let id = match &self.code {
            // 1 and 9 are D-U-N-S, 2 is SCAC, 93 and the like are numbers the two partners agreed on: not unique elsewhere.
            Some((by, code)) if matches!(by.as_str(), "1" | "9") => format!("duns {code}"),
            Some((by, code)) if by == "2" => return draft.carrier(code),
            _ if matches!(self.label(), "NA" | "N/A") => return None,
            _ => self.label().to_owned(),
        };
        draft.entity("organisation", "organisation", &id, self.label())
    }

    /// Adds the party's place and answers its key: the city, because streets are written in too many ways.
    pub fn place(&self, draft: &mut Draft) -> Option<String> {
        place(draft, &self.city, &self.state, &self.country)
    }
}

/// Adds a city as a place and answers its key.
pub fn place(draft: &mut Draft, city: &str, state: &str, country: &str) -> Option<String> {
    // Country codes come as US, USA or not at all for one and the same city.
    let country = match country {
        "US" | "USA" => "",
        "CAN" => "CA",
        "MEX" => "MX",
        other => other,
    };
    if text::slug(city).is_empty() {
        return None;
    }
    draft.entity("place", "place", &[city, state, country].join(" "), &join(&[city, state, country]))
}

/// The parts that are not blank, with commas.
pub fn join(parts: &[&str]) -> String {
    parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}
