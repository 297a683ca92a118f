//! Windows of time: which one a moment belongs to, and how moments are written. It asks no clock.

use apex_sdk::time;

/// Seconds in a minute.
pub const MINUTE_S: u64 = 60;

/// Milliseconds since 1970 of an RFC 3339 time and its relatives; absent before 1970 or if it cannot be read.
pub fn unix_ms(text: &str) -> Option<u64> {
    let text = time::rfc3339(text)?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let days = days_from_civil(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let of_day = number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    let rest = text.get(19..)?;
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (fraction, zone) = rest.split_at_checked(zone_at)?;
    let ms = format!("{:0<3}", fraction.trim_start_matches('.'));
    let ms: i64 = ms.get(..3)?.parse().ok()?;
    u64::try_from((days * 86_400 + of_day - offset_s(zone)?) * 1_000 + ms).ok()
}

fn offset_s(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let seconds = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
    Some(if zone.starts_with('-') { -seconds } else { seconds })
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years start in March here, so that the leap day is the last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// The start of the window that a moment belongs to, in minutes since 1970.
pub fn start_minute(ms: u64, window_minutes: u32) -> u32 {
    let minute = ms / 1_000 / MINUTE_S;
    let start = minute - minute % u64::from(window_minutes.max(1));
    u32::try_from(start).unwrap_or(u32::MAX)
}

/// A minute since 1970 as RFC 3339.
pub fn rfc3339(minute: u32) -> String {
    time::unix_seconds(&(u64::from(minute) * MINUTE_S).to_string()).unwrap_or_default()
}

/// `10:00`, of a minute since 1970, UTC.
pub fn clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60 % 24, minute % 60)
}

/// `10:00:05`, of milliseconds since 1970, UTC.
pub fn clock_s(ms: u64) -> String {
    let seconds = ms / 1_000;
    format!("{:02}:{:02}:{:02}", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::{clock, clock_s, rfc3339, start_minute, unix_ms};

    /// Expected values from `date -u -d TEXT +%s`.
    #[test]
    fn moments() {
        assert_eq!(unix_ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(unix_ms("2024-02-29T23:59:59Z"), Some(1_709_251_199_000));
        assert_eq!(unix_ms("2026-01-01T00:00:00.5Z"), Some(1_767_225_600_500));
        assert_eq!(unix_ms("2026-01-01T01:00:00.123456+01:00"), Some(1_767_225_600_123));
        assert_eq!(unix_ms("2025-12-31T19:00:00-05:00"), Some(1_767_225_600_000));
        assert_eq!(unix_ms("time"), None);
        assert_eq!(unix_ms("1969-12-31T23:59:59Z"), None);
    }

    #[test]
    fn windows_start_at_whole_multiples() {
        let ms = unix_ms("2026-01-01T10:14:59.999Z").unwrap();
        assert_eq!(rfc3339(start_minute(ms, 15)), "2026-01-01T10:00:00Z");
        assert_eq!(rfc3339(start_minute(ms + 1, 15)), "2026-01-01T10:15:00Z");
        assert_eq!(rfc3339(start_minute(ms, 60)), "2026-01-01T10:00:00Z");
        assert_eq!(rfc3339(start_minute(ms, 1_440)), "2026-01-01T00:00:00Z");
        assert_eq!(clock(start_minute(ms, 15)), "10:00");
        assert_eq!(clock_s(ms), "10:14:59");
    }
}
