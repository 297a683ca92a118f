//! Entities found in text by rules: ids, people, organisations, places, amounts, dates, addresses of mail and web.
//!
//! Precision goes before recall: a wrong edge in the graph costs a reader more than a missing one. Finds mentions only;
//! how entities relate is for the connector to say.
//!
//! | prefix of the key | kind | example |
//! |---|---|---|
//! | `shipment` | `shipment` | `shipment:4455667` |
//! | `bol` `pro` `po` `order` `booking` `tracking` `mc` `dot` `vin` `uuid` … | `id` | `pro:123456789` |
//! | `invoice` | `invoice` | `invoice:inv-4471` |
//! | `equipment` | `vehicle` | `equipment:csqu3054383` |
//! | `scac` `organisation` | `organisation` | `organisation:acme-freight-llc` |
//! | `email` `person` | `person` | `email:jane@acme.example.com` |
//! | `phone` | `phone` | `phone:+12565381111` |
//! | `place` | `place` | `place:dallas-tx` |
//! | `amount` | `amount` | `amount:usd:659.40` |
//! | `date` | `date` | `date:2026-11-23` |
//! | `url` | `url` | `url:https://acme.example.com/track` |

use std::collections::HashSet;
use std::ops::Range;

use apex_model::document::Entity;

mod checks;
mod contact;
mod date;
mod money;
mod organisation;
mod person;
mod place;
mod reference;
mod regions;
mod words;

/// Bytes of text that are read at most; a longer document has said what it is about by then.
const TEXT_BYTES_MAX: usize = 512 << 10;
/// Kinds in the order they are kept if there are too many.
const KINDS: [&str; 11] =
    ["shipment", "invoice", "id", "vehicle", "organisation", "person", "place", "phone", "amount", "date", "url"];

/// Finds entities. Its patterns are compiled once, when it is made.
#[derive(Debug)]
pub struct Extractor {
    contact: contact::Rules,
    reference: reference::Rules,
    money: money::Rules,
    date: date::Rules,
    place: place::Rules,
    organisation: organisation::Rules,
    person: person::Rules,
}

impl Extractor {
    /// Compiles the patterns; an error is a defect in a pattern.
    pub fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            contact: contact::Rules::new()?,
            reference: reference::Rules::new()?,
            money: money::Rules::new()?,
            date: date::Rules::new()?,
            place: place::Rules::new()?,
            organisation: organisation::Rules::new()?,
            person: person::Rules::new()?,
        })
    }

    /// The entities of a title and a plain text, unique by key: shipments and ids first, then in order of mention.
    pub fn extract(&self, title: &str, text: &str) -> Vec<Entity> {
        let mut whole = format!("{title}\n{text}");
        whole.truncate(whole.floor_char_boundary(TEXT_BYTES_MAX));
        let mut found = Found::default();
        // What is written most strictly goes first and claims its characters: a date within a URL is no date.
        self.contact.find_addresses(&whole, &mut found);
        self.money.find(&whole, &mut found);
        self.reference.find(&whole, &mut found);
        self.date.find(&whole, &mut found);
        self.contact.find_phones(&whole, &mut found);
        self.place.find(&whole, &mut found);
        self.organisation.find(&whole, &mut found);
        self.person.find(&whole, &mut found);
        found.in_order()
    }
}

/// Collects entities without repeats; no character belongs to two of them.
#[derive(Debug, Default)]
struct Found {
    entities: Vec<(usize, Entity)>,
    keys: HashSet<String>,
    claimed: Vec<Range<usize>>,
}

/// One mention.
struct Mention<'a> {
    /// Where it stands.
    at: Range<usize>,
    /// Prefix of its key.
    prefix: &'a str,
    /// Its kind.
    kind: &'a str,
    /// The rest of its key.
    id: &'a str,
    /// What a reader sees.
    name: &'a str,
}

impl Found {
    fn is_free(&self, at: &Range<usize>) -> bool {
        !self.claimed.iter().any(|claimed| claimed.start < at.end && at.start < claimed.end)
    }

    /// Takes the mention, unless it overlaps another one.
    fn add(&mut self, mention: &Mention<'_>) {
        if mention.id.is_empty() || !self.is_free(&mention.at) {
            return;
        }
        self.claimed.push(mention.at.clone());
        let key = format!("{}:{}", mention.prefix, mention.id);
        if key.len() <= 512 && self.keys.insert(key.clone()) {
            let entity = Entity { key, kind: mention.kind.to_owned(), name: mention.name.to_owned() };
            self.entities.push((mention.at.start, entity));
        }
    }

    fn in_order(mut self) -> Vec<Entity> {
        let rank = |entity: &Entity| KINDS.iter().position(|kind| *kind == entity.kind).unwrap_or(KINDS.len());
        self.entities.sort_by_key(|(at, entity)| (rank(entity), *at));
        self.entities.into_iter().map(|(_, entity)| entity).collect()
    }
}
