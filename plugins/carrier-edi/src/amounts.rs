//! Money and quantities as exact decimal text. X12 writes some amounts with two implied decimals (type N2) and others
//! with a decimal point (type R): which is which depends on the element, not on the text. It must not use floats.

/// An amount of type N2 as decimal text: `65940` is `659.40`, `-1274` is `-12.74`. A partner that writes a point anyway
/// means it. Absent if it is no number.
pub fn implied(text: &str) -> Option<String> {
    let text = text.trim();
    if text.contains('.') {
        return explicit(text);
    }
    let (sign, digits) = split_sign(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = format!("{digits:0>3}");
    let (whole, cents) = padded.split_at_checked(padded.len() - 2)?;
    Some(format!("{sign}{}.{cents}", trim_zeros(whole)))
}

/// An amount of type R as it came, without a leading plus or zeros. Absent if it is no number.
pub fn explicit(text: &str) -> Option<String> {
    let (sign, digits) = split_sign(text.trim());
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = !(whole.is_empty() && fraction.is_empty())
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    let point = if fraction.is_empty() { "" } else { "." };
    is_number.then(|| format!("{sign}{}{point}{fraction}", trim_zeros(whole)))
}

fn split_sign(text: &str) -> (&'static str, &str) {
    match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    }
}

fn trim_zeros(whole: &str) -> &str {
    let trimmed = whole.trim_start_matches('0');
    if trimmed.is_empty() { "0" } else { trimmed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implied_decimals_are_put_in() {
        for (sent, meant) in [
            ("65940", "659.40"),
            ("-1274", "-12.74"),
            ("5", "0.05"),
            ("-5", "-0.05"),
            ("100", "1.00"),
            ("0", "0.00"),
            ("46.09", "46.09"),
            ("000123", "1.23"),
            ("12345678901234567890123", "123456789012345678901.23"),
        ] {
            assert_eq!(implied(sent).as_deref(), Some(meant), "{sent}");
        }
        for bad in ["", "-", "12a", "1 2", "1.2.3", "."] {
            assert_eq!(implied(bad), None, "{bad}");
        }
    }

    #[test]
    fn explicit_decimals_are_kept() {
        assert_eq!(explicit("21298.97").as_deref(), Some("21298.97"));
        assert_eq!(explicit("-143.76").as_deref(), Some("-143.76"));
        assert_eq!(explicit("2276.1").as_deref(), Some("2276.1"));
        assert_eq!(explicit("500").as_deref(), Some("500"));
        assert_eq!(explicit(".5").as_deref(), Some("0.5"));
        assert_eq!(explicit("1e5"), None);
    }
}
