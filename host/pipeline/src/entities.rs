//! Entities found in text by rules: ids, people, organisations, places, amounts, dates, addresses of mail and web.
//!
//! Precision goes before recall: a wrong edge in the graph costs a reader more than a missing one. Finds mentions only;
//! how entities relate is for the connector to say.

use apex_model::document::Entity;

mod contact;

/// Finds entities. Its patterns are compiled once, when it is made.
#[derive(Debug)]
pub struct Extractor {
    contact: contact::Rules,
}

impl Extractor {
    /// Compiles the patterns; an error is a defect in a pattern.
    pub fn new() -> Result<Self, regex::Error> {
        Ok(Self { contact: contact::Rules::new()? })
    }

    /// The entities of a title and a plain text, unique by key, in order of first mention within each family.
    pub fn extract(&self, title: &str, text: &str) -> Vec<Entity> {
        let whole = format!("{title}\n{text}");
        let mut found = Found::default();
        self.contact.find(&whole, &mut found);
        found.entities
    }
}

/// Collects entities without repeats.
#[derive(Debug, Default)]
struct Found {
    entities: Vec<Entity>,
    keys: std::collections::HashSet<String>,
}

impl Found {
    fn add(&mut self, kind: &str, id: &str, name: &str) {
        let key = format!("{kind}:{id}");
        if key.len() <= 512 && self.keys.insert(key.clone()) {
            self.entities.push(Entity { key, kind: kind.to_owned(), name: name.to_owned() });
        }
    }
}
