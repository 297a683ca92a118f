//! Checks that signature schemes are made of. Each answers `Ok(())` or the rejection to give; secrets stay in the host.
//! What is signed, and in which header, is the connector's to know.

use crate::host::crypto::{self, CryptoError, Encoding, Hash, Mac};
use crate::types::{Instant, Rejection};

/// How a timestamp counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Since 1970, in seconds.
    Seconds,
    /// Since 1970, in milliseconds.
    Milliseconds,
}

/// Whether a decimal timestamp lies within `window_s` seconds of `now`, before or after. Both edges are inside.
///
/// # Errors
/// `missing-signature` if it is no number, `stale` if it lies outside.
pub fn fresh(now: Instant, timestamp: &str, unit: Unit, window_s: u32) -> Result<(), Rejection> {
    let digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let sent: u64 =
        Some(timestamp).filter(|_| digits).and_then(|text| text.parse().ok()).ok_or(Rejection::MissingSignature)?;
    let sent_ms = match unit {
        Unit::Seconds => sent.checked_mul(1_000).ok_or(Rejection::Stale)?,
        Unit::Milliseconds => sent,
    };
    if now.unix_ms().abs_diff(sent_ms) <= u64::from(window_s) * 1_000 { Ok(()) } else { Err(Rejection::Stale) }
}

/// Whether any presented value is the MAC of `prefix`, the raw body and `suffix` under the secret of this name.
///
/// # Errors
/// `bad-signature`, or `not-configured` if there is no such secret.
pub fn mac_over(
    secret: &str,
    mac: Mac,
    encoding: Encoding,
    prefix: &str,
    suffix: &str,
    presented: &[&str],
) -> Result<(), Rejection> {
    judge(crypto::verify_mac(secret, mac, encoding, prefix, suffix, presented))
}

/// [`mac_over`] for HMAC-SHA256 written in hex.
///
/// # Errors
/// As [`mac_over`].
pub fn hmac_sha256_hex_over(secret: &str, prefix: &str, suffix: &str, presented: &[&str]) -> Result<(), Rejection> {
    mac_over(secret, Mac::HmacSha256, Encoding::Hex, prefix, suffix, presented)
}

/// [`mac_over`] for HMAC-SHA256 written in base64.
///
/// # Errors
/// As [`mac_over`].
pub fn hmac_sha256_base64_over(secret: &str, prefix: &str, suffix: &str, presented: &[&str]) -> Result<(), Rejection> {
    mac_over(secret, Mac::HmacSha256, Encoding::Base64, prefix, suffix, presented)
}

/// [`mac_over`] for HMAC-SHA1 written in hex.
///
/// # Errors
/// As [`mac_over`].
pub fn hmac_sha1_hex_over(secret: &str, prefix: &str, suffix: &str, presented: &[&str]) -> Result<(), Rejection> {
    mac_over(secret, Mac::HmacSha1, Encoding::Hex, prefix, suffix, presented)
}

/// [`mac_over`] for HMAC-SHA1 written in base64.
///
/// # Errors
/// As [`mac_over`].
pub fn hmac_sha1_base64_over(secret: &str, prefix: &str, suffix: &str, presented: &[&str]) -> Result<(), Rejection> {
    mac_over(secret, Mac::HmacSha1, Encoding::Base64, prefix, suffix, presented)
}

/// The Standard Webhooks scheme: `id.timestamp.body` under HMAC-SHA256, a space-separated list of `v1,<base64>`.
/// The text is that of <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
/// Freshness is checked apart, with [`fresh`].
///
/// # Errors
/// As [`mac_over`]; `missing-signature` if the list holds no `v1` value.
pub fn standard_webhooks(secret: &str, id: &str, timestamp: &str, signatures: &str) -> Result<(), Rejection> {
    let presented: Vec<&str> = signatures.split(' ').filter_map(|value| value.strip_prefix("v1,")).collect();
    if presented.is_empty() {
        return Err(Rejection::MissingSignature);
    }
    hmac_sha256_base64_over(secret, &format!("{id}.{timestamp}."), "", &presented)
}

/// Whether the source sent the secret itself.
///
/// # Errors
/// `bad-signature`, or `not-configured` if there is no such secret.
pub fn token(secret: &str, presented: &str) -> Result<(), Rejection> {
    judge(crypto::verify_token(secret, presented))
}

/// An event key for sources that send none: SHA-256 of the raw body in lower-case hex. The body does not move.
pub fn body_key() -> String {
    hex(&crypto::digest_body(Hash::Sha256))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value)).map_or('0', |digit| char::from(*digit));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

fn judge(checked: Result<bool, CryptoError>) -> Result<(), Rejection> {
    let genuine = checked.map_err(|error| match error {
        CryptoError::UnknownSecret(_) => Rejection::NotConfigured,
        CryptoError::Malformed(_) | CryptoError::UnknownKey(_) => Rejection::BadSignature,
    })?;
    if genuine { Ok(()) } else { Err(Rejection::BadSignature) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use crate::testing::{TestHost, set_up};

    const NOW: Instant = Instant { seconds: 1_700_000_000, nanoseconds: 0 };

    fn host(secret: &[u8], body: &str) {
        let secrets = [("webhook".to_owned(), secret.to_vec())].into();
        set_up(TestHost { secrets, body: body.as_bytes().to_vec(), ..TestHost::default() });
    }

    #[test]
    fn both_edges_of_the_window_are_fresh() {
        for (timestamp, expected) in [
            ("1699999700", Ok(())),
            ("1700000300", Ok(())),
            ("1699999699", Err(Rejection::Stale)),
            ("1700000301", Err(Rejection::Stale)),
            ("99999999999999999999", Err(Rejection::MissingSignature)),
            ("18446744073709551615", Err(Rejection::Stale)),
            ("-1700000000", Err(Rejection::MissingSignature)),
            ("+1700000000", Err(Rejection::MissingSignature)),
            ("", Err(Rejection::MissingSignature)),
        ] {
            assert_eq!(fresh(NOW, timestamp, Unit::Seconds, 300), expected, "{timestamp}");
        }
        assert_eq!(fresh(NOW, "1699999700000", Unit::Milliseconds, 300), Ok(()));
        assert_eq!(fresh(NOW, "1699999699999", Unit::Milliseconds, 300), Err(Rejection::Stale));
        assert_eq!(fresh(NOW, "1700000000", Unit::Milliseconds, 300), Err(Rejection::Stale), "seconds are not taken");
    }

    /// RFC 4231 test case 2 and RFC 2202 test case 2.
    #[test]
    fn macs_of_the_published_vectors_are_genuine() {
        host(b"Jefe", " ya want for");
        let sha256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hmac_sha256_hex_over("webhook", "what do", " nothing?", &["00", sha256]), Ok(()));
        assert_eq!(hmac_sha256_hex_over("webhook", "what do", " nothing?", &[&sha256.to_uppercase()]), Ok(()));
        let sha1 = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
        assert_eq!(hmac_sha1_hex_over("webhook", "what do", " nothing?", &[sha1]), Ok(()));
        let wrong = hmac_sha256_hex_over("webhook", "what do", " nothing!", &[sha256]);
        assert_eq!(wrong, Err(Rejection::BadSignature));
        assert_eq!(hmac_sha256_hex_over("webhook", "", "", &[]), Err(Rejection::BadSignature));
    }

    /// The example of the Standard Webhooks specification, its secret `whsec_plJ3nmyCDGBKInavdOK15jsl`.
    #[test]
    fn the_standard_webhooks_example_is_genuine() {
        let key = [
            0xa6, 0x52, 0x77, 0x9e, 0x6c, 0x82, 0x0c, 0x60, 0x4a, 0x22, 0x76, 0xaf, 0x74, 0xe2, 0xb5, 0xe6, 0x3b, 0x25,
        ];
        host(&key, r#"{"event_type":"ping","data":{"success":true}}"#);
        let signature = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=";
        let check = |signatures: &str| standard_webhooks("webhook", "msg_loFOjxBNrRLzqYUf", "1731705121", signatures);
        assert_eq!(check(signature), Ok(()));
        assert_eq!(check(&format!("v1a,AAAA v1,AAAA {signature}")), Ok(()), "any of the list will do");
        assert_eq!(check("v1a,AAAA"), Err(Rejection::MissingSignature));
        assert_eq!(check("v1,AAAA"), Err(Rejection::BadSignature));
    }

    #[test]
    fn a_secret_that_is_not_there_is_not_a_bad_signature() {
        host(b"s3cret", "");
        assert_eq!(token("webhook", "s3cret"), Ok(()));
        assert_eq!(token("webhook", "s3cret "), Err(Rejection::BadSignature));
        assert_eq!(token("other", "s3cret"), Err(Rejection::NotConfigured));
    }

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn the_body_key_is_its_sha256() {
        host(b"", "abc");
        assert_eq!(body_key(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
