//! Places: a city with its state, province or country, and ports. A city alone is too often a name of something else.

use regex::{Captures, Regex};

use super::regions::{COUNTRIES, PROVINCES, STATES, WORDS_TOO};
use super::words::{after, slug, title_case, without_openers};
use super::{Found, Mention};

/// Words behind which an address goes on with the city.
const STREET_ENDS: &[&str] = &[
    "ave",
    "avenue",
    "blvd",
    "boulevard",
    "cir",
    "circle",
    "court",
    "ct",
    "dr",
    "drive",
    "highway",
    "hwy",
    "lane",
    "ln",
    "parkway",
    "pkwy",
    "pl",
    "place",
    "plaza",
    "rd",
    "road",
    "st",
    "street",
    "suite",
    "terminal",
    "trail",
    "trl",
    "way",
];
/// Last words that make the whole something else than a city.
const NO_CITY: &[&str] = &[
    "brokerage",
    "carriers",
    "co",
    "company",
    "corp",
    "express",
    "foods",
    "freight",
    "gmbh",
    "inc",
    "llc",
    "lines",
    "logistics",
    "ltd",
    "shipping",
    "transport",
    "transportation",
    "trucking",
    "warehouse",
    "yard",
    "dock",
    "team",
];

/// Patterns of this family.
#[derive(Debug)]
pub struct Rules {
    coded: Regex,
    named: Regex,
    port: Regex,
}

impl Rules {
    /// Compiles the patterns.
    pub fn new() -> Result<Self, regex::Error> {
        // Lower-case particles may stand within a name: `Fond du Lac`.
        let city = r"(?P<city>\p{Lu}[\p{L}'’.-]+(?: (?:(?:de|du|of|la|del) )?\p{Lu}[\p{L}'’.-]+){0,3})";
        let names = |table: &[(&str, &str)]| table.iter().map(|(_, name)| *name).collect::<Vec<_>>().join("|");
        let (states, provinces, countries) = (names(STATES), names(PROVINCES), names(COUNTRIES));
        Ok(Self {
            coded: Regex::new(&format!(
                r"{city},? (?P<code>[A-Z]{{2}})\b(?:,? (?P<zip>\d{{5}}(?:-\d{{4}})?|[A-Z]\d[A-Z] ?\d[A-Z]\d)\b)?"
            ))?,
            named: Regex::new(&format!(r"{city}, (?P<region>{states}|{provinces}|{countries})\b"))?,
            port: Regex::new(r"\b[Pp]ort of (?P<port>\p{Lu}[\p{L}'’.-]+(?: \p{Lu}[\p{L}'’.-]+){0,2})")?,
        })
    }

    /// Finds places.
    pub fn find(&self, text: &str, found: &mut Found) {
        for captures in self.port.captures_iter(text) {
            if let (Some(whole), Some(port)) = (captures.get(0), captures.name("port")) {
                let port = port.as_str().trim_end_matches('.');
                let name = format!("Port of {port}");
                found.add(&Mention {
                    at: whole.range(),
                    prefix: "place",
                    kind: "place",
                    id: &slug(&name),
                    name: &name,
                });
            }
        }
        self.coded.captures_iter(text).for_each(|captures| coded(text, &captures, found));
        for captures in self.named.captures_iter(text) {
            let region = captures.name("region").map(|region| region.as_str()).unwrap_or_default();
            let of = |table: &'static [(&'static str, &'static str)]| {
                table.iter().find(|(_, name)| *name == region).map(|(code, _)| *code)
            };
            let key = of(STATES).map(str::to_owned).or_else(|| of(PROVINCES).map(|code| format!("{code} CA")));
            if let Some(key) = key.or_else(|| of(COUNTRIES).map(str::to_owned)) {
                add(&captures, &key, region, found);
            }
        }
    }
}

/// `Dallas, TX`, `DALLAS TX 75201`, `Toronto, ON M5V 2T6`.
fn coded(text: &str, captures: &Captures<'_>, found: &mut Found) {
    let (Some(whole), Some(city), Some(code)) = (captures.get(0), captures.name("city"), captures.name("code")) else {
        return;
    };
    let (code, zip) = (code.as_str(), captures.name("zip"));
    let is_state = STATES.iter().any(|(known, _)| *known == code);
    let is_province = PROVINCES.iter().any(|(known, _)| *known == code);
    let has_comma = text.get(city.end()..).is_some_and(|rest| rest.starts_with(','));
    // Without a comma, a postal code has to prove that it is an address.
    if !(is_state || is_province) || (!has_comma && zip.is_none()) {
        return;
    }
    let shouted = !city.as_str().chars().any(char::is_lowercase);
    let ends = after(text, whole.end()).is_none_or(|c| matches!(c, '.' | ',' | ';' | ')' | '\n' | '-' | '/'));
    let next: String = text.get(whole.end()..).unwrap_or_default().trim_start().chars().take(2).collect();
    let shouting_goes_on = next.chars().count() == 2 && next.chars().all(char::is_uppercase);
    if WORDS_TOO.contains(&code) && zip.is_none() && !ends && (shouted || shouting_goes_on) {
        return;
    }
    let key = if is_state { code.to_owned() } else { format!("{code} CA") };
    add(captures, &key, code, found);
}

fn add(captures: &Captures<'_>, region_key: &str, region_name: &str, found: &mut Found) {
    let (Some(whole), Some(written)) = (captures.get(0), captures.name("city")) else {
        return;
    };
    let Some((city, dropped)) = city_of(written.as_str()) else {
        return;
    };
    let city = title_case(city);
    let id = slug(&format!("{city} {region_key}"));
    let name = format!("{city}, {region_name}");
    found.add(&Mention {
        at: whole.start() + dropped..whole.end(),
        prefix: "place",
        kind: "place",
        id: &id,
        name: &name,
    });
}

/// The city at the end of a run of capitalised words, and the bytes before it; none if it is no city.
fn city_of(words: &str) -> Option<(&str, usize)> {
    let (mut city, mut dropped) = without_openers(words);
    if super::words::is_opener(city) {
        return None;
    }
    // `Main St Dallas`: the city begins behind the street; but `St Louis` and `St. Paul` are cities.
    let mut place = 0;
    for word in city.split(' ') {
        let bare = word.trim_end_matches(['.', ',']).to_lowercase();
        let behind = place + word.len() + 1;
        if place > 0 && STREET_ENDS.contains(&bare.as_str()) && behind < city.len() {
            dropped += behind;
            city = city.get(behind..)?;
            break;
        }
        place = behind;
    }
    let last = city.rsplit(' ').next()?.trim_end_matches('.').to_lowercase();
    (!NO_CITY.contains(&last.as_str()) && !STREET_ENDS.contains(&last.as_str()) && city.len() > 2)
        .then_some((city, dropped))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn places(text: &str) -> Vec<String> {
        let mut found = Found::default();
        Rules::new().unwrap().find(text, &mut found);
        found.in_order().into_iter().map(|entity| entity.key.trim_start_matches("place:").to_owned()).collect()
    }

    #[test]
    fn cities_with_state_province_or_country() {
        assert_eq!(places("From Dallas, TX to St. Louis, MO 63101."), ["dallas-tx", "st-louis-mo"]);
        assert_eq!(places("DELIVER TO SALT LAKE CITY, UT 84101-1234"), ["salt-lake-city-ut"]);
        assert_eq!(places("1950 Sand Lake Rd Orlando, FL 32809"), ["orlando-fl"]);
        assert_eq!(places("ATTALLA AL 35954"), ["attalla-al"]);
        assert_eq!(places("Toronto, ON M5V 2T6 and Montréal, Quebec"), ["toronto-on-ca", "montréal-qc-ca"]);
        assert_eq!(places("via Hamburg, Germany; Fond du Lac, Wisconsin"), ["hamburg-de", "fond-du-lac-wi"]);
        assert_eq!(places("held at the Port of Long Beach since"), ["port-of-long-beach"]);
        assert_eq!(places("Portland, OR is closed"), ["portland-or"]);
    }

    #[test]
    fn what_is_no_place_is_left() {
        for none in [
            "Thanks, OK",
            "PLEASE CALL, OR EMAIL US",
            "Acme Logistics, IN",
            "Dallas",
            "Hello, Texas",
            "Mark TX",
            "Reply, ME TOO",
            "Invoice, PA system",
        ] {
            assert!(places(none).is_empty(), "{none}: {:?}", places(none));
        }
    }
}
