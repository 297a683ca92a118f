//! People: names that a title, a header line, a closing or a verb of speech gives away. Two capitalised words alone are
//! no person.

use regex::Regex;

use super::words::{is_opener, slug, title_case};
use super::{Found, Mention};

/// Capitalised words that are in no person's name: weekdays, months, and what business mail capitalises.
const NO_NAMES: &[&str] = &[
    "account",
    "accounting",
    "accounts",
    "april",
    "august",
    "bill",
    "center",
    "central",
    "city",
    "claims",
    "company",
    "county",
    "customer",
    "december",
    "department",
    "dock",
    "eastern",
    "federal",
    "february",
    "friday",
    "front",
    "gate",
    "group",
    "inc",
    "invoice",
    "january",
    "july",
    "june",
    "lading",
    "llc",
    "logistics",
    "manager",
    "march",
    "monday",
    "mountain",
    "north",
    "november",
    "number",
    "october",
    "office",
    "operations",
    "pacific",
    "payable",
    "port",
    "purchase",
    "receivable",
    "receiving",
    "sales",
    "saturday",
    "september",
    "service",
    "shipping",
    "south",
    "street",
    "sunday",
    "support",
    "team",
    "terminal",
    "thursday",
    "transport",
    "tuesday",
    "united",
    "warehouse",
    "wednesday",
    "west",
    "yard",
];
const NAME: &str = r"\p{Lu}[\p{Ll}'’]+(?:-\p{Lu}\p{Ll}+)?(?: \p{Lu}\.)?(?: (?:van|von|de|da|del|der|la|di|bin) ?)? ?(?:\p{Lu}[\p{L}'’]*\p{Ll}(?:-\p{Lu}\p{Ll}+)?)";

/// Patterns of this family.
#[derive(Debug)]
pub struct Rules {
    patterns: [Regex; 5],
    honorific: Regex,
}

impl Rules {
    /// Compiles the patterns.
    pub fn new() -> Result<Self, regex::Error> {
        let headed = format!(
            r"(?m)^ ?(?:From|To|Cc|CC|Attn|ATTN|Attention|Contact|Driver|Dispatcher|Signed by|Received by|Requested by|Name):? +(?P<name>{NAME})\b"
        );
        let labelled = format!(
            r"\b(?:[Dd]river|[Dd]ispatcher|[Bb]roker|[Mm]anager|[Cc]ontact|[Aa]ttn|[Rr]ep|[Aa]gent|[Cc]oordinator|[Ss]igned by|[Rr]eceived by):? (?P<name>{NAME})\b"
        );
        let speaking = format!(
            r"\b(?P<name>{NAME}) (?:said|says|wrote|called|calls|confirmed|confirms|asked|asks|told|reported|reports|requested|requests|replied|emailed|texted|informed|advised|advises|mentioned|signed|approved|noted|accepted|declined|promised|answered|forwarded)\b"
        );
        let spoken = format!(
            r"\b(?:told|asked|asks|emailed|call|contact|contacted|text|reach|spoke (?:with|to)|talked (?:with|to)|talk to|speak (?:with|to)|according to|assigned to|signed by|per) (?P<name>{NAME})\b"
        );
        let closing = format!(
            r"(?m)^(?:[Bb]est|[Kk]ind|[Ww]arm)?(?: ?[Rr]egards|[Bb]est|[Tt]hanks|[Tt]hank you|[Ss]incerely|[Cc]heers|[Rr]espectfully|[Tt]hanks again|Mit freundlichen Grüßen)[,.!]?\n+(?P<name>{NAME}) ?(?:$|[,|(])"
        );
        Ok(Self {
            patterns: [
                Regex::new(&headed)?,
                Regex::new(&labelled)?,
                Regex::new(&closing)?,
                Regex::new(&speaking)?,
                Regex::new(&spoken)?,
            ],
            honorific: Regex::new(
                r"\b(?:Mr|Mrs|Ms|Mx|Dr|Prof)\.? (?P<name>\p{Lu}[\p{L}'’-]*\p{Ll}(?: \p{Lu}[\p{L}'’-]*\p{Ll}){0,2})\b",
            )?,
        })
    }

    /// Finds people.
    pub fn find(&self, text: &str, found: &mut Found) {
        for pattern in self.patterns.iter().chain([&self.honorific]) {
            for captures in pattern.captures_iter(text) {
                let Some(name) = captures.name("name").filter(|name| is_name(name.as_str())) else {
                    continue;
                };
                let shown = title_case(name.as_str());
                found.add(&Mention {
                    at: name.range(),
                    prefix: "person",
                    kind: "person",
                    id: &slug(&shown),
                    name: &shown,
                });
            }
        }
    }
}

fn is_name(words: &str) -> bool {
    words.split(' ').all(|word| !is_opener(word) && !NO_NAMES.contains(&word.to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn people(text: &str) -> Vec<String> {
        let mut found = Found::default();
        Rules::new().unwrap().find(text, &mut found);
        found.in_order().into_iter().map(|entity| entity.name).collect()
    }

    #[test]
    fn what_gives_a_name_away() {
        assert_eq!(people("From: Jane Doe\nTo: Carlos de Silva"), ["Jane Doe", "Carlos de Silva"]);
        assert_eq!(people("Please ask Mr. Okafor or Dr. Anna Lindqvist."), ["Okafor", "Anna Lindqvist"]);
        assert_eq!(people("Driver Luis Ortega is late"), ["Luis Ortega"]);
        assert_eq!(people("Then Mary O'Brien confirmed the dock."), ["Mary O'Brien"]);
        assert_eq!(people("I spoke with Tom K. Becker about it"), ["Tom K. Becker"]);
        assert_eq!(people("see you\n\nBest regards,\nPriya Natarajan\nAcme"), ["Priya Natarajan"]);
    }

    #[test]
    fn two_capitalised_words_alone_are_no_person() {
        for none in [
            "Salt Lake is far",
            "Please call Customer Service",
            "To: Accounts Payable",
            "The Driver called",
            "Contact: Shipping Office",
            "On Monday Morning we confirmed",
            "call Front Desk",
            "Driver: On Duty",
        ] {
            assert!(people(none).is_empty(), "{none}: {:?}", people(none));
        }
    }
}
