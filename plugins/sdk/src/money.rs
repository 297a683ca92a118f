//! Exact amounts as decimal text. Nothing here is ever a float, and nothing is rounded.

/// An amount with implied decimals, such as X12's type N2: `("65940", 2)` is `659.40`, `("-5", 2)` is `-0.05`.
/// Nothing but digits after an optional sign is taken.
pub fn implied(digits: &str, decimals: usize) -> Option<String> {
    let (sign, digits) = sign(digits);
    if !is_digits(digits) {
        return None;
    }
    let padded = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, fraction) = padded.split_at_checked(padded.len() - decimals)?;
    Some(assemble(sign, whole, fraction))
}

/// An amount with a written decimal point, such as X12's type R: `.5` is `0.5`, `0012.50` is `12.50`. Its digits after
/// the point are kept as they are. Exponents and thousands separators are refused.
pub fn decimal(text: &str) -> Option<String> {
    let (sign, digits) = sign(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let readable = |part: &str| part.is_empty() || is_digits(part);
    if !readable(whole) || !readable(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    Some(assemble(sign, whole, fraction))
}

fn sign(text: &str) -> (&str, &str) {
    match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn assemble(sign: &str, whole: &str, fraction: &str) -> String {
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let zero = whole == "0" && fraction.bytes().all(|byte| byte == b'0');
    let sign = if zero { "" } else { sign };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::{decimal, implied};

    #[test]
    fn implied_decimals_are_placed_exactly() {
        let cases = [("65940", 2, "659.40"), ("5", 2, "0.05"), ("-5", 2, "-0.05"), ("0", 2, "0.00"), ("-0", 2, "0.00")];
        for (digits, decimals, expected) in cases {
            assert_eq!(implied(digits, decimals).as_deref(), Some(expected), "{digits}");
        }
        assert_eq!(implied("000123", 0).as_deref(), Some("123"));
        assert_eq!(implied("90071992547409931", 2).as_deref(), Some("900719925474099.31"));
    }

    #[test]
    fn implied_decimals_refuse_what_is_no_number() {
        for bad in ["", "-", "6.5", "1e3", "12 ", "--1", "१"] {
            assert_eq!(implied(bad, 2), None, "{bad:?}");
        }
    }

    #[test]
    fn written_decimals_keep_their_digits() {
        let cases =
            [("659.40", "659.40"), (".5", "0.5"), ("5.", "5"), ("-0012.50", "-12.50"), ("+7", "7"), ("-0.00", "0.00")];
        for (text, expected) in cases {
            assert_eq!(decimal(text).as_deref(), Some(expected), "{text}");
        }
        for bad in ["", ".", "1,000.00", "1e3", "1.2.3", "- 1", "NaN"] {
            assert_eq!(decimal(bad), None, "{bad:?}");
        }
    }
}
