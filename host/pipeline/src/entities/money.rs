//! Amounts of money: a currency and a decimal number, exactly as written, never through a float.

use regex::Regex;

use super::words::{after, before};
use super::{Found, Mention};

/// Currencies by ISO 4217 code that trade mail mentions.
const CODES: &str = "USD|EUR|GBP|CAD|MXN|JPY|CNY|AUD|NZD|CHF|INR|BRL|SEK|NOK|DKK|PLN|CZK|HUF|TRY|ZAR|SGD|HKD|KRW|AED";
const NUMBER: &str = r"\d{1,3}(?:[,.' ]\d{3})+(?:[.,]\d{1,4})?|\d+(?:[.,]\d{1,4})?";

/// Patterns of this family.
#[derive(Debug)]
pub struct Rules {
    before: Regex,
    behind: Regex,
}

impl Rules {
    /// Compiles the patterns.
    pub fn new() -> Result<Self, regex::Error> {
        let symbol = r"US\$|CA\$|C\$|A\$|AU\$|MX\$|\$|€|£|¥";
        Ok(Self {
            before: Regex::new(&format!(
                r"(?P<minus>[-−] ?)?(?P<unit>{symbol}|\b(?:{CODES})\b) ?(?P<inner>[-−])?(?P<number>{NUMBER})"
            ))?,
            behind: Regex::new(&format!(r"(?P<minus>[-−] ?)?(?P<number>{NUMBER}) ?(?P<unit>€|£|\b(?:{CODES})\b)"))?,
        })
    }

    /// Finds amounts.
    pub fn find(&self, text: &str, found: &mut Found) {
        for pattern in [&self.before, &self.behind] {
            for captures in pattern.captures_iter(text) {
                let (Some(whole), Some(number), Some(unit)) =
                    (captures.get(0), captures.name("number"), captures.name("unit"))
                else {
                    continue;
                };
                let cut_off = before(text, number.start())
                    .is_some_and(|c| c.is_alphanumeric() && unit.start() > number.start())
                    || before(text, unit.start()).is_some_and(char::is_alphanumeric)
                    || after(text, whole.end()).is_some_and(char::is_alphanumeric)
                    || continues(text, whole.end());
                let (Some(code), Some(decimal), false) = (code(unit.as_str()), decimal(number.as_str()), cut_off)
                else {
                    continue;
                };
                let minus = captures.name("minus").is_some_and(|sign| is_negative(text, sign.as_str(), sign.start()))
                    || captures.name("inner").is_some();
                let value = format!("{}{decimal}", if minus { "-" } else { "" });
                let id = format!("{}:{value}", code.to_lowercase());
                let name = format!("{code} {value}");
                found.add(&Mention { at: whole.range(), prefix: "amount", kind: "amount", id: &id, name: &name });
            }
        }
    }
}

/// Whether a number goes on behind what was read (`1.2.3`, `5,000,00`), or is only part of one (`$1.2 million`, `$3k`).
fn continues(text: &str, end: usize) -> bool {
    let rest = text.get(end..).unwrap_or_default();
    let word = rest.trim_start().chars().take_while(|c| c.is_alphabetic()).collect::<String>().to_lowercase();
    let mut next = rest.chars();
    let digits_follow =
        next.next().is_some_and(|c| matches!(c, '.' | ',' | '\'')) && next.next().is_some_and(|c| c.is_ascii_digit());
    digits_follow
        || matches!(word.as_str(), "k" | "m" | "mm" | "bn" | "million" | "billion" | "thousand" | "mio" | "mrd")
}

/// A minus sign that is not a dash between words. Brackets are no sign: in prose they hold a remark.
fn is_negative(text: &str, sign: &str, at: usize) -> bool {
    !sign.ends_with(' ') && !before(text, at).is_some_and(char::is_alphanumeric)
}

fn code(unit: &str) -> Option<&str> {
    Some(match unit {
        "$" | "US$" => "USD",
        "CA$" | "C$" => "CAD",
        "A$" | "AU$" => "AUD",
        "MX$" => "MXN",
        "€" => "EUR",
        "£" => "GBP",
        "¥" => "JPY",
        code if code.len() == 3 => code,
        _ => return None,
    })
}

/// The number with a decimal point, without separators, with at least two decimals and no zeros beyond them.
fn decimal(number: &str) -> Option<String> {
    let number: String = number.chars().filter(|c| !matches!(c, '\'' | ' ')).collect();
    let last = number.rfind(['.', ',']);
    let (whole, fraction) = match last {
        None => (number.clone(), String::new()),
        Some(at) => {
            let (front, behind) = (number.get(..at)?, number.get(at + 1..)?);
            let separator = number.get(at..=at)?;
            let repeated = front.contains(separator);
            let mixed = front.contains([',', '.']) && !repeated;
            // `1,234` and `1.234.567` group thousands; `3.459` is a fuel price and `12,50` has decimals.
            let groups = behind.len() == 3 && !mixed && (separator == "," || repeated);
            if groups || (repeated && mixed) {
                (format!("{front}{behind}"), String::new())
            } else {
                (front.to_owned(), behind.to_owned())
            }
        }
    };
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    (whole.len() <= 15).then(|| format!("{}.{fraction:0<2}", if whole.is_empty() { "0" } else { whole }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn amounts(text: &str) -> Vec<String> {
        let mut found = Found::default();
        Rules::new().unwrap().find(text, &mut found);
        found.in_order().into_iter().map(|entity| entity.key).collect()
    }

    #[test]
    fn numbers_are_exact() {
        for (written, expected) in [
            ("659.40", "659.40"),
            ("659.4", "659.40"),
            ("659", "659.00"),
            ("1,234", "1234.00"),
            ("1,234,567.89", "1234567.89"),
            ("1.234.567,89", "1234567.89"),
            ("1'234.50", "1234.50"),
            ("12,50", "12.50"),
            ("3.459", "3.459"),
            ("0.05", "0.05"),
            ("00012.1000", "12.10"),
        ] {
            assert_eq!(decimal(written).unwrap(), expected, "{written}");
        }
    }

    #[test]
    fn symbols_and_codes_on_both_sides() {
        assert_eq!(
            amounts("We billed $1,250.00 plus USD 75 and 99.5 EUR."),
            ["amount:usd:1250.00", "amount:usd:75.00", "amount:eur:99.50"]
        );
        assert_eq!(amounts("12,50 € or £3.20 or CA$40"), ["amount:eur:12.50", "amount:gbp:3.20", "amount:cad:40.00"]);
        assert_eq!(
            amounts("credit of -$15.00, ($20.00) and $-3"),
            ["amount:usd:-15.00", "amount:usd:20.00", "amount:usd:-3.00"]
        );
    }

    #[test]
    fn what_is_no_exact_amount_is_left() {
        for none in ["$1.2 million", "$3k", "$1.2.3", "1000 pounds", "USDA 12", "price $", "A$$", "5 USDT", "x$5"] {
            assert!(amounts(none).is_empty(), "{none}: {:?}", amounts(none));
        }
    }
}
