//! Calendar dates, written out with a year, as ISO 8601.
//!
//! Numbers with slashes are read month first unless that is impossible: the mail of this trade is mostly American.

use chrono::{Datelike as _, NaiveDate};
use regex::{Captures, Regex};

use super::words::{after, before};
use super::{Found, Mention};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH: &str = r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?";

/// Patterns of this family.
#[derive(Debug)]
pub struct Rules {
    patterns: [(Regex, Order); 5],
}

/// What the numbers of a pattern mean.
#[derive(Debug, Clone, Copy)]
enum Order {
    YearMonthDay,
    MonthDayYear,
    DayMonthYear,
    Named,
}

impl Rules {
    /// Compiles the patterns.
    pub fn new() -> Result<Self, regex::Error> {
        let named_first = format!(r"(?i)\b{MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})\b");
        let day_first =
            format!(r"(?i)\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[ -](?:of )?{MONTH},?[ -](?P<year>\d{{4}})\b");
        Ok(Self {
            patterns: [
                (Regex::new(r"\b(?P<year>\d{4})-(?P<a>\d{2})-(?P<b>\d{2})(?:T\d{2}:\d{2}\S*)?")?, Order::YearMonthDay),
                (Regex::new(&named_first)?, Order::Named),
                (Regex::new(&day_first)?, Order::Named),
                (Regex::new(r"\b(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<year>\d{4}|\d{2})\b")?, Order::MonthDayYear),
                (Regex::new(r"\b(?P<a>\d{1,2})\.(?P<b>\d{1,2})\.(?P<year>\d{4})\b")?, Order::DayMonthYear),
            ],
        })
    }

    /// Finds dates.
    pub fn find(&self, text: &str, found: &mut Found) {
        for (pattern, order) in &self.patterns {
            for captures in pattern.captures_iter(text) {
                let Some(whole) = captures.get(0) else {
                    continue;
                };
                let part_of_more = before(text, whole.start())
                    .is_some_and(|c| matches!(c, '/' | '-' | '.' | ':' | '#' | '$'))
                    || after(text, whole.end()).is_some_and(|c| matches!(c, '/' | '-' | '_'));
                if let (Some(date), false) = (read(&captures, *order), part_of_more) {
                    let date = date.format("%Y-%m-%d").to_string();
                    found.add(&Mention { at: whole.range(), prefix: "date", kind: "date", id: &date, name: &date });
                }
            }
        }
    }
}

fn read(captures: &Captures<'_>, order: Order) -> Option<NaiveDate> {
    let number = |name: &str| captures.name(name)?.as_str().parse::<u32>().ok();
    let year = number("year").map(|year| if year < 100 { year + 2_000 } else { year })?;
    let (month, day) = match order {
        Order::YearMonthDay => (number("a")?, number("b")?),
        Order::DayMonthYear => (number("b")?, number("a")?),
        Order::MonthDayYear => match (number("a")?, number("b")?) {
            (day, month) if day > 12 && month <= 12 => (month, day),
            (month, day) => (month, day),
        },
        Order::Named => {
            let written = captures.name("month")?.as_str().to_lowercase();
            let place = MONTHS.iter().position(|month| written.starts_with(month))?;
            (u32::try_from(place).ok()? + 1, number("day")?)
        }
    };
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    (1990..=2100).contains(&date.year()).then_some(date)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn dates(text: &str) -> Vec<String> {
        let mut found = Found::default();
        Rules::new().unwrap().find(text, &mut found);
        found.in_order().into_iter().map(|entity| entity.name).collect()
    }

    #[test]
    fn many_ways_to_write_one_day() {
        for written in [
            "2026-11-23",
            "2026-11-23T08:15:00Z",
            "11/23/2026",
            "11/23/26",
            "23/11/2026",
            "23.11.2026",
            "November 23, 2026",
            "Nov. 23rd 2026",
            "23 November 2026",
            "23rd of Nov, 2026",
            "23-Nov-2026",
        ] {
            assert_eq!(dates(written), ["2026-11-23"], "{written}");
        }
    }

    #[test]
    fn what_is_no_date_is_left() {
        for none in [
            "2026-13-01",
            "02/30/2026",
            "1/2",
            "Nov 23",
            "May 5",
            "12.5.6",
            "192.168.10.2026",
            "1/2/3/2026",
            "5-2026-11-23-7",
            "1850-01-01",
        ] {
            assert!(dates(none).is_empty(), "{none}: {:?}", dates(none));
        }
    }
}
