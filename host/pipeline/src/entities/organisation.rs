//! Organisations: capitalised words that end in a legal form or in a word of the trade.

use regex::Regex;

use super::words::{slug, without_openers};
use super::{Found, Mention};

/// Legal forms: one name word before them is enough.
const FORMS: &str = r"Inc|Incorporated|INC|LLC|L\.L\.C|Llc|Ltd|LTD|Limited|Corp|CORP|Corporation|Co|Company|LP|LLP|PLC|plc|GmbH|AG|KG|S\.A|SA|S\.r\.l|SRL|S\.p\.A|SpA|B\.V|BV|NV|N\.V|AB|A/S|Oy|Pty Ltd|S\.A\. de C\.V|de C\.V";
/// Words of the trade: they need a name before them that is no common word.
const TRADES: &str = "Logistics|Freight|Trucking|Transport|Transportation|Transit|Express|Carriers|Freightways|Shipping|Brokerage|Warehousing|Forwarding|Haulage|Airlines|Airways|Railway|Railroad|Foods|Industries|Manufacturing|Distributors|Distribution|Markets|Supermarkets|Pharmaceuticals|Insurance|Bank";

/// Words that describe a service rather than name who gives it.
const COMMON: &[&str] = &[
    "air",
    "bulk",
    "cold",
    "common",
    "contract",
    "cross",
    "customs",
    "dedicated",
    "domestic",
    "dry",
    "empty",
    "expedited",
    "food",
    "freight",
    "full",
    "global",
    "ground",
    "heavy",
    "inbound",
    "inland",
    "intermodal",
    "international",
    "less",
    "local",
    "long",
    "ltl",
    "motor",
    "national",
    "ocean",
    "outbound",
    "partial",
    "public",
    "rail",
    "reefer",
    "regional",
    "road",
    "rush",
    "sea",
    "short",
    "small",
    "spot",
    "standard",
    "third",
    "total",
    "truckload",
    "volume",
];

/// Patterns of this family.
#[derive(Debug)]
pub struct Rules {
    formal: Regex,
    trading: Regex,
}

impl Rules {
    /// Compiles the patterns.
    pub fn new() -> Result<Self, regex::Error> {
        let word = r"\p{Lu}[\p{L}\p{Nd}'’.-]*";
        let joined = r"(?: (?:&|and|of|\+)(?: the)?)? ";
        let names = |least: usize| format!(r"{word}(?:{joined}{word}){{{least},4}}");
        Ok(Self {
            formal: Regex::new(&format!(r"\b(?P<name>{},? (?:{FORMS}))\b\.?", names(0)))?,
            trading: Regex::new(&format!(r"\b(?P<name>{} (?:{TRADES}))\b", names(0)))?,
        })
    }

    /// Finds organisations.
    pub fn find(&self, text: &str, found: &mut Found) {
        for (pattern, formal) in [(&self.formal, true), (&self.trading, false)] {
            for captures in pattern.captures_iter(text) {
                let Some(written) = captures.name("name") else {
                    continue;
                };
                let (name, dropped) = trimmed(written.as_str());
                if !is_name(name, formal) {
                    continue;
                }
                let at = written.start() + dropped..written.end();
                let id = slug(name);
                found.add(&Mention { at, prefix: "organisation", kind: "organisation", id: &id, name });
            }
        }
    }
}

/// Without what only opens the sentence, and without a sentence that ended within (`… arrived. Acme Inc`).
fn trimmed(written: &str) -> (&str, usize) {
    let start = written
        .rmatch_indices(". ")
        .find(|(at, _)| ends_sentence(written.get(..*at).unwrap_or_default()))
        .map_or(0, |(at, _)| at + 2);
    let (name, dropped) = without_openers(written.get(start..).unwrap_or_default());
    (name, start + dropped)
}

/// Whether the word before a full stop is longer than an initial or an abbreviation such as `St`.
fn ends_sentence(front: &str) -> bool {
    front.rsplit(' ').next().is_some_and(|word| word.chars().count() > 3)
}

fn is_name(name: &str, formal: bool) -> bool {
    let words: Vec<&str> = name.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let Some((_, front)) = words.split_last() else {
        return false;
    };
    let Some(first) = front.first() else {
        return false;
    };
    if super::words::is_opener(first) {
        return false;
    }
    formal
        || front.iter().any(|word| {
            word.chars().count() > 1
                && !COMMON.contains(&word.to_lowercase().as_str())
                && !super::words::is_opener(word)
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn organisations(text: &str) -> Vec<String> {
        let mut found = Found::default();
        Rules::new().unwrap().find(text, &mut found);
        found.in_order().into_iter().map(|entity| entity.name).collect()
    }

    #[test]
    fn legal_forms_and_words_of_the_trade() {
        assert_eq!(organisations("The load goes to Acme Foods, Inc. in Dallas."), ["Acme Foods, Inc"]);
        assert_eq!(
            organisations("Please call Swift River Logistics or J.B. Hunter Transport."),
            ["Swift River Logistics", "J.B. Hunter Transport"]
        );
        assert_eq!(organisations("Müller & Söhne GmbH hat bestätigt"), ["Müller & Söhne GmbH"]);
        assert_eq!(organisations("We paid Bank of the Plains Corp today"), ["Bank of the Plains Corp"]);
        assert_eq!(organisations("It arrived late. Northern Freight LLC knows."), ["Northern Freight LLC"]);
        assert_eq!(organisations("3PL Central Carriers"), ["Central Carriers"]);
    }

    #[test]
    fn what_names_nobody_is_left() {
        for none in [
            "Our Freight is late",
            "Ocean Freight and Air Freight",
            "The Company decided",
            "Expedited Shipping costs more",
            "Please Express",
            "freight forwarding",
            "Global Logistics",
        ] {
            assert!(organisations(none).is_empty(), "{none}: {:?}", organisations(none));
        }
    }
}
