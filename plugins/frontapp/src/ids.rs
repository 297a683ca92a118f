//! Front's ids and times: event ids as numbers, timestamps as RFC 3339. No event is judged here.

use apex_sdk::time;
use serde_json::value::RawValue;

/// The largest sequence the contract takes: 38 decimal digits.
const SEQUENCE_END: u128 = 10_u128.pow(38);

/// What `evt_` is followed by is a number in base 36, given out in order: a larger one is newer (said by Front's staff on
/// community.front.com). Absent if the id has another form or is too large to be a sequence.
pub fn sequence(event_id: &str) -> Option<u128> {
    let digits = event_id.strip_prefix("evt_").filter(|digits| !digits.is_empty())?;
    let number = digits
        .chars()
        .try_fold(0_u128, |number, digit| number.checked_mul(36)?.checked_add(u128::from(digit.to_digit(36)?)));
    number.filter(|number| *number < SEQUENCE_END)
}

/// Whether this can name a document and an event.
pub fn is_usable(id: &str) -> bool {
    !id.is_empty() && id.len() <= 200 && !id.chars().any(char::is_control)
}

/// A timestamp as the body writes it: a number of seconds, possibly in quotes. Its digits are never read as a float.
pub fn written(time: Option<&RawValue>) -> Option<&str> {
    time.map(|raw| raw.get().trim_matches('"')).filter(|text| !matches!(*text, "" | "null"))
}

/// [`written`] as RFC 3339; absent if it is no plain decimal number of seconds.
pub fn rfc3339(written: Option<&str>) -> Option<String> {
    written.and_then(time::unix_seconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::{is_usable, rfc3339, sequence, written};
    use serde_json::value::RawValue;

    /// Worked out with `python3 -c 'print(int("2rd8cb", 36))'`.
    #[test]
    fn event_ids_are_numbers_in_base_36() {
        assert_eq!(sequence("evt_2rd8cb"), Some(166_899_323));
        assert_eq!(sequence("evt_z"), Some(35));
        assert_eq!(sequence("evt_10"), Some(36));
        assert!(sequence("evt_10") > sequence("evt_z"), "text order would say otherwise");
        assert_eq!(sequence("evt_5000000000000000000000000"), None, "39 digits are no sequence");
        assert_eq!(sequence("evt_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"), None);
        for bad in ["evt_", "cnv_2rd8cb", "evt_a-b", "2rd8cb", ""] {
            assert_eq!(sequence(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_keep_every_digit() {
        let time = |json: &str| {
            let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
            rfc3339(written(Some(&raw)))
        };
        assert_eq!(time("1703102616.987654321").as_deref(), Some("2023-12-20T20:03:36.987654321Z"));
        assert_eq!(time("1703102616").as_deref(), Some("2023-12-20T20:03:36Z"));
        assert_eq!(time("\"1703102616.5\"").as_deref(), Some("2023-12-20T20:03:36.5Z"));
        assert_eq!(time("null"), None);
        assert_eq!(time("{}"), None);
    }

    #[test]
    fn ids_that_cannot_name_a_document() {
        assert!(is_usable("evt_1"));
        assert!(!is_usable(""));
        assert!(!is_usable("evt_\u{7}"));
        assert!(!is_usable(&"x".repeat(201)));
    }
}
