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
