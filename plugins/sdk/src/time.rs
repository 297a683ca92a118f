//! The times that sources write, read into RFC 3339 text. It knows no time zone names and asks no clock.
//!
//! A time without a zone is taken as UTC: the contract wants an offset, and a source that gives none means the same one
//! every time, so order is kept.

use crate::types::Instant;

/// Days before each month in a year that is not a leap year.
const DAYS_BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// Reads `2026-01-31T08:30:00.5+0100` and its relatives: `T`, `t` or a space between; seconds, fraction, offset or the
/// whole time absent; offsets as `Z`, `+01:00`, `+0100` or `+01`. The offset is kept.
pub fn rfc3339(text: &str) -> Option<String> {
    let text = text.trim();
    let (date, rest) = match text.split_once(['T', 't', ' ']) {
        Some((date, rest)) => (date, rest),
        None => (text, "00:00"),
    };
    let mut parts = date.split('-');
    let date = Date::new(parts.next()?, parts.next()?, parts.next()?)?;
    if parts.next().is_some() {
        return None;
    }
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(zone_at)?;
    let mut parts = clock.trim_end().split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next().unwrap_or("00"));
    if parts.next().is_some() {
        return None;
    }
    let (second, fraction) = second.split_once('.').unwrap_or((second, ""));
    Some(format!("{date}T{}{}", Clock::new(hour, minute, second, fraction)?, offset(zone)?))
}

/// Reads an X12 date (`CCYYMMDD` or `YYMMDD`) and time (`HHMM`, `HHMMSS`, with tenths or hundredths, or empty) as UTC.
/// Two-digit years from 70 on are of the last century.
pub fn x12(date: &str, time: &str) -> Option<String> {
    x12_zoned(date, time, "")
}

/// As [`x12`], with an X12 time code (element 623): `UT`, `GM`, `ET`, `ES`, `ED`, `CT`, `CS`, `CD`, `MT`, `MS`, `MD`, `PT`,
/// `PS`, `PD`. Codes that do not say whether daylight saving is on (`ET`, `LT`) and unknown ones are taken as UTC.
pub fn x12_zoned(date: &str, time: &str, code: &str) -> Option<String> {
    let date = match date.len() {
        8 => Date::new(date.get(..4)?, date.get(4..6)?, date.get(6..)?)?,
        6 => {
            let century = if date.get(..2)? < "70" { "20" } else { "19" };
            Date::new(&format!("{century}{}", date.get(..2)?), date.get(2..4)?, date.get(4..)?)?
        }
        _ => return None,
    };
    let time = if time.is_empty() { "0000" } else { time };
    let clock = match time.len() {
        4 => Clock::new(time.get(..2)?, time.get(2..)?, "00", "")?,
        6..=8 => Clock::new(time.get(..2)?, time.get(2..4)?, time.get(4..6)?, time.get(6..)?)?,
        _ => return None,
    };
    let zone = match code {
        "ED" => "-04:00",
        "ES" | "CD" => "-05:00",
        "CS" | "MD" => "-06:00",
        "MS" | "PD" => "-07:00",
        "PS" => "-08:00",
        _ => "Z",
    };
    Some(format!("{date}T{clock}{zone}"))
}

/// Reads seconds since 1970 as decimal text, with or without a fraction: `1698765432.123`. The digits of the fraction
/// are kept, so a float never loses any.
pub fn unix_seconds(text: &str) -> Option<String> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    unix(number(seconds)?, fraction)
}

/// Reads milliseconds since 1970.
pub fn unix_ms(ms: u64) -> Option<String> {
    let fraction = match ms % 1_000 {
        0 => String::new(),
        rest => format!("{rest:03}"),
    };
    unix(ms / 1_000, &fraction)
}

impl Instant {
    /// Milliseconds since 1970.
    pub fn unix_ms(&self) -> u64 {
        u64::from(self.seconds) * 1_000 + u64::from(self.nanoseconds / 1_000_000)
    }

    /// RFC 3339 in UTC, to the millisecond.
    pub fn rfc3339(&self) -> String {
        unix(u64::from(self.seconds), &format!("{:03}", self.nanoseconds / 1_000_000)).unwrap_or_default()
    }
}

fn unix(seconds: u64, fraction: &str) -> Option<String> {
    let date = Date::from_days(seconds / 86_400)?;
    let of_day = u32::try_from(seconds % 86_400).ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let clock =
        Clock { hour: of_day / 3_600, minute: of_day / 60 % 60, second: of_day % 60, fraction: fraction.to_owned() };
    Some(format!("{date}T{clock}Z"))
}

fn number<N: core::str::FromStr>(digits: &str) -> Option<N> {
    let readable = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| readable)
}

fn two(digits: &str) -> Option<u32> {
    number(digits).filter(|_| digits.len() == 2)
}

fn offset(zone: &str) -> Option<String> {
    if matches!(zone, "" | "Z" | "z") {
        return Some("Z".to_owned());
    }
    let (sign, digits) = zone.split_at_checked(1)?;
    let (hours, minutes) = match digits.len() {
        2 => (digits, "00"),
        4 => digits.split_at_checked(2)?,
        5 => digits.split_once(':')?,
        _ => return None,
    };
    (two(hours)? < 24 && two(minutes)? < 60).then(|| format!("{sign}{hours}:{minutes}"))
}

struct Date {
    year: u32,
    month: u32,
    day: u32,
}

impl Date {
    fn new(year: &str, month: &str, day: &str) -> Option<Self> {
        let date = Self { year: number(year).filter(|_| year.len() == 4)?, month: two(month)?, day: two(day)? };
        let in_month = (1..=12).contains(&date.month) && date.day >= 1 && date.day <= month_days(date.year, date.month);
        in_month.then_some(date)
    }

    /// The date this many days after 1970-01-01.
    fn from_days(days: u64) -> Option<Self> {
        // Years of 366 days only make the first guess too early, never too late.
        let mut year = 1970 + u32::try_from(days / 366).ok().filter(|years| *years < 8_029)?;
        while days_before(year + 1) <= days {
            year += 1;
        }
        let mut left = u32::try_from(days - days_before(year)).ok()?;
        let mut month = 1;
        while left >= month_days(year, month) {
            left -= month_days(year, month);
            month += 1;
        }
        Some(Self { year, month, day: left + 1 })
    }
}

impl core::fmt::Display for Date {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

struct Clock {
    hour: u32,
    minute: u32,
    second: u32,
    fraction: String,
}

impl Clock {
    /// A leap second (`60`) is taken: RFC 3339 allows it.
    fn new(hour: &str, minute: &str, second: &str, fraction: &str) -> Option<Self> {
        let readable = fraction.is_empty() || fraction.bytes().all(|byte| byte.is_ascii_digit());
        let clock =
            Self { hour: two(hour)?, minute: two(minute)?, second: two(second)?, fraction: fraction.to_owned() };
        (readable && clock.hour < 24 && clock.minute < 60 && clock.second <= 60).then_some(clock)
    }
}

impl core::fmt::Display for Clock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.hour, self.minute, self.second)?;
        if self.fraction.is_empty() { Ok(()) } else { write!(f, ".{}", self.fraction) }
    }
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn month_days(year: u32, month: u32) -> u32 {
    let end = DAYS_BEFORE.get(month as usize).copied().unwrap_or(365);
    let start = DAYS_BEFORE.get(month as usize - 1).copied().unwrap_or(365);
    end - start + u32::from(month == 2 && is_leap(year))
}

/// Days from 1970-01-01 to the first day of a year from 1970 on.
fn days_before(year: u32) -> u64 {
    let before = u64::from(year - 1);
    let leaps = before / 4 - before / 100 + before / 400;
    u64::from(year - 1970) * 365 + leaps - 477
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::{rfc3339, unix_ms, unix_seconds, x12, x12_zoned};
    use crate::types::Instant;

    #[test]
    fn tolerant_forms_become_rfc3339() {
        let cases = [
            ("2026-01-31T08:30:00Z", "2026-01-31T08:30:00Z"),
            ("2026-01-31 08:30", "2026-01-31T08:30:00Z"),
            ("2026-01-31t08:30:00.250z", "2026-01-31T08:30:00.250Z"),
            ("2026-01-31T08:30:00+0100", "2026-01-31T08:30:00+01:00"),
            ("2026-01-31T08:30:00-05", "2026-01-31T08:30:00-05:00"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(rfc3339(text).as_deref(), Some(expected), "{text}");
        }
        let bad = [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "2026-01-01T24:00:00",
            "2026-01-01T08",
            "2026-01-01T08:00:00+1",
            "x",
        ];
        for bad in bad {
            assert_eq!(rfc3339(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn x12_dates_and_times() {
        assert_eq!(x12("20260131", "0830").as_deref(), Some("2026-01-31T08:30:00Z"));
        assert_eq!(x12("260131", "083015").as_deref(), Some("2026-01-31T08:30:15Z"));
        assert_eq!(x12("991231", "").as_deref(), Some("1999-12-31T00:00:00Z"));
        assert_eq!(x12("20260131", "08301525").as_deref(), Some("2026-01-31T08:30:15.25Z"));
        assert_eq!(x12_zoned("20260131", "0830", "CS").as_deref(), Some("2026-01-31T08:30:00-06:00"));
        for (date, time) in
            [("20260230", "0830"), ("2026131", "0830"), ("20260131", "2460"), ("20260131", "830"), ("२०२६", "")]
        {
            assert_eq!(x12(date, time), None, "{date} {time}");
        }
    }

    /// Expected values from `date -u -d @N +%FT%TZ`.
    #[test]
    fn unix_times() {
        let cases = [
            ("0", "1970-01-01T00:00:00Z"),
            ("951782400", "2000-02-29T00:00:00Z"),
            ("1709251199", "2024-02-29T23:59:59Z"),
            ("1735689599", "2024-12-31T23:59:59Z"),
            ("4102444800", "2100-01-01T00:00:00Z"),
            ("1698765432.123", "2023-10-31T15:17:12.123Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(unix_seconds(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(unix_ms(1_698_765_432_007).as_deref(), Some("2023-10-31T15:17:12.007Z"));
        assert_eq!(unix_seconds("-1"), None);
        assert_eq!(unix_seconds("1.x"), None);
        assert_eq!(unix_ms(u64::MAX), None);
        let now = Instant { seconds: 1_698_765_432, nanoseconds: 7_000_000 };
        assert_eq!(now.rfc3339(), "2023-10-31T15:17:12.007Z");
    }
}
