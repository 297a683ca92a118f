//! X12 dates and times to RFC 3339. X12 has no zone offsets, only two-letter codes (data element 623), and most partners
//! send `LT`, the stop's own time: then UTC is assumed and said so. It must not drop the original text.

use serde_json::{Value, json};

/// A date with the time of day and zone that go with it, as sent and as RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// RFC 3339, such as `2016-07-26T12:30:00Z`.
    pub rfc3339: String,
    /// As sent, parts separated by blanks: `20160726 1230 LT`.
    pub text: String,
    /// Whether the offset is assumed because the zone code says nothing.
    pub assumed: bool,
    has_time: bool,
    zone: String,
}

impl Stamp {
    /// A stamp from a date, and a time and zone code that may be empty; absent if the date is none.
    pub fn new(date: &str, time: &str, zone: &str) -> Option<Self> {
        let (year, month, day) = self::date(date)?;
        let clock = self::time(time);
        let (hour, minute, second) = clock.unwrap_or_default();
        let offset = offset(zone, year, month, day);
        let minutes = offset.unwrap_or_default();
        let shown = if minutes == 0 {
            "Z".to_owned()
        } else {
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
        };
        let parts: Vec<&str> = [date, time, zone].into_iter().map(str::trim).filter(|part| !part.is_empty()).collect();
        Some(Self {
            rfc3339: format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{shown}"),
            text: parts.join(" "),
            assumed: offset.is_none(),
            has_time: clock.is_some(),
            zone: zone.trim().to_owned(),
        })
    }

    /// For people: `2016-07-26 12:30 (LT)`.
    pub fn prose(&self) -> String {
        let mut prose = self.rfc3339.get(..10).unwrap_or_default().to_owned();
        if self.has_time {
            prose.push(' ');
            prose.push_str(self.rfc3339.get(11..16).unwrap_or_default());
        }
        if !self.zone.is_empty() {
            prose = format!("{prose} ({})", zone_name(&self.zone));
        }
        prose
    }

    /// For the metadata: what was sent, what it was taken for, and whether the zone is a guess.
    pub fn json(&self) -> Value {
        json!({ "text": self.text, "at": self.rfc3339, "zone": self.zone, "zone_assumed": self.assumed })
    }
}

/// Year, month and day of `CCYYMMDD` or `YYMMDD`; two-digit years from 70 on are of the twentieth century.
pub fn date(text: &str) -> Option<(i32, u32, u32)> {
    let text = text.trim();
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match text.len() {
        8 => (text.get(..4)?.parse().ok()?, text.get(4..)?),
        6 => {
            let short: i32 = text.get(..2)?.parse().ok()?;
            (if short >= 70 { 1900 + short } else { 2000 + short }, text.get(2..)?)
        }
        _ => return None,
    };
    let month: u32 = rest.get(..2)?.parse().ok()?;
    let day: u32 = rest.get(2..)?.parse().ok()?;
    let days = month_days(year, month)?;
    (year >= 1900 && (1..=days).contains(&day)).then_some((year, month, day))
}

/// Hour, minute and second of `HHMM`, `HHMMSS` and with hundredths.
pub fn time(text: &str) -> Option<(u32, u32, u32)> {
    let text = text.trim();
    if !matches!(text.len(), 4 | 6..=8) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hour: u32 = text.get(..2)?.parse().ok()?;
    let minute: u32 = text.get(2..4)?.parse().ok()?;
    let second: u32 = text.get(4..6).map_or(Some(0), |second| second.parse().ok())?;
    (hour < 24 && minute < 60 && second < 60).then_some((hour, minute, second))
}

fn month_days(year: i32, month: u32) -> Option<u32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Minutes east of UTC of a zone code of data element 623, where it says so. `01`..`12` are hours east, `13`..`24` hours
/// west counted down from 12. `ET` and its like follow the summer time of the United States.
fn offset(zone: &str, year: i32, month: u32, day: u32) -> Option<i32> {
    let zone = zone.trim();
    if let Ok(number) = zone.parse::<i32>() {
        return match number {
            1..=12 if zone.len() == 2 => Some(number * 60),
            13..=24 => Some((number - 25) * 60),
            _ => None,
        };
    }
    if matches!(zone, "UT" | "GM" | "Z") {
        return Some(0);
    }
    let (region, kind) = zone.split_at_checked(1)?;
    let standard = match region {
        "T" => -240,
        "E" => -300,
        "C" => -360,
        "M" => -420,
        "P" => -480,
        "A" => -540,
        "H" => -600,
        "N" => -210,
        _ => return None,
    };
    match kind {
        "S" => Some(standard),
        "D" => Some(standard + 60),
        // Hawaii has no summer time; its Aleutian part cannot be told apart here.
        "T" if region == "H" => Some(standard),
        "T" => Some(standard + if is_summer(year, month, day) { 60 } else { 0 }),
        _ => None,
    }
}

/// Summer time of the United States, to the day: second Sunday of March to first Sunday of November since 2007, first
/// Sunday of April to last Sunday of October before (Uniform Time Act as amended 1986 and 2005).
fn is_summer(year: i32, month: u32, day: u32) -> bool {
    let (first, last) = if year >= 2007 {
        ((3, sunday(year, 3, 8)), (11, sunday(year, 11, 1)))
    } else {
        ((4, sunday(year, 4, 1)), (10, sunday(year, 10, 25)))
    };
    (month, day) >= first && (month, day) < last
}

/// The first Sunday of a month on or after `day`.
fn sunday(year: i32, month: u32, day: u32) -> u32 {
    // Sakamoto's weekday rule, 0 being Sunday.
    const SHIFT: [i32; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
    let shift = SHIFT.get(month.saturating_sub(1) as usize).copied().unwrap_or_default();
    let y = if month < 3 { year - 1 } else { year };
    let weekday = (y + y / 4 - y / 100 + y / 400 + shift + i32::try_from(day).unwrap_or_default()).rem_euclid(7);
    day + u32::try_from((7 - weekday) % 7).unwrap_or_default()
}

fn zone_name(zone: &str) -> &str {
    match zone {
        "LT" => "local time",
        "UT" | "GM" => "UTC",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    fn at(date: &str, time: &str, zone: &str) -> String {
        Stamp::new(date, time, zone).unwrap().rfc3339
    }

    #[test]
    fn zones_become_offsets_where_the_code_says_so() {
        assert_eq!(at("20160726", "1230", "LT"), "2016-07-26T12:30:00Z");
        assert_eq!(at("20160726", "1230", "ET"), "2016-07-26T12:30:00-04:00");
        assert_eq!(at("20160126", "1230", "ET"), "2016-01-26T12:30:00-05:00");
        assert_eq!(at("20111217", "0830", "PS"), "2011-12-17T08:30:00-08:00");
        assert_eq!(at("20220823", "1630", "CD"), "2022-08-23T16:30:00-05:00");
        assert_eq!(at("20220823", "1630", "05"), "2022-08-23T16:30:00+05:00");
        assert_eq!(at("20220823", "1630", "20"), "2022-08-23T16:30:00-05:00");
        assert_eq!(at("960807", "", ""), "1996-08-07T00:00:00Z");
        assert!(Stamp::new("20160726", "1230", "LT").unwrap().assumed);
        assert!(!Stamp::new("20160726", "1230", "UT").unwrap().assumed);
    }

    /// Dates of change as published by the United States Naval Observatory: 2019-03-10, 2019-11-03, 2006-04-02, 2006-10-29.
    #[test]
    fn summer_time_begins_and_ends_on_the_right_sunday() {
        assert!(!is_summer(2019, 3, 9) && is_summer(2019, 3, 10));
        assert!(is_summer(2019, 11, 2) && !is_summer(2019, 11, 3));
        assert!(!is_summer(2006, 4, 1) && is_summer(2006, 4, 2));
        assert!(is_summer(2006, 10, 28) && !is_summer(2006, 10, 29));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in ["", "BAD_DATE", "20160230", "20161301", "2016072", "20160700"] {
            assert_eq!(date(bad), None, "{bad}");
        }
        for bad in ["", "295335", "12", "2460", "12:30"] {
            assert_eq!(time(bad), None, "{bad}");
        }
        assert_eq!(date("20160229"), Some((2016, 2, 29)));
        assert_eq!(time("17030169"), Some((17, 3, 1)));
    }

    #[test]
    fn prose_keeps_the_zone() {
        assert_eq!(Stamp::new("20160726", "1230", "LT").unwrap().prose(), "2016-07-26 12:30 (local time)");
        assert_eq!(Stamp::new("20160726", "", "").unwrap().prose(), "2016-07-26");
    }
}
