//! Signatures, tokens and hashes, made by the host. Secrets are named, never seen.

use super::imports;
pub use crate::bindings::batch::apex::connector::crypto::{CryptoError, Encoding, Hash, Mac, Signature};

/// Whether any presented value is the MAC of `prefix`, the raw body and `suffix` under any active key of `secret`.
///
/// # Errors
/// The check could not be made: no such secret.
pub fn verify_mac(
    secret: &str,
    mac: Mac,
    encoding: Encoding,
    prefix: &str,
    suffix: &str,
    presented: &[&str],
) -> Result<bool, CryptoError> {
    imports::crypto::verify_mac(secret, mac, encoding, prefix, suffix, &owned(presented))
}

/// Whether any presented signature (base64) fits the same message under the public key that `secret` names.
///
/// # Errors
/// The check could not be made: no such secret, or it is no key.
pub fn verify_signature(
    secret: &str,
    signature: Signature,
    prefix: &str,
    suffix: &str,
    presented: &[&str],
) -> Result<bool, CryptoError> {
    imports::crypto::verify_signature(secret, signature, prefix, suffix, &owned(presented))
}

/// Checks a compact JWS against the JWK set that `secret` names; its claims as JSON. Times in them are not checked.
///
/// # Errors
/// No such secret, a key id the set does not hold, or a bad token.
pub fn verify_jwt(secret: &str, token: &str) -> Result<String, CryptoError> {
    imports::crypto::verify_jwt(secret, token)
}

/// Whether `presented` equals the secret itself.
///
/// # Errors
/// No such secret.
pub fn verify_token(secret: &str, presented: &str) -> Result<bool, CryptoError> {
    imports::crypto::verify_token(secret, presented)
}

/// The hash of some bytes.
pub fn digest(hash: Hash, data: &[u8]) -> Vec<u8> {
    imports::crypto::digest(hash, data)
}

/// The hash of the raw body of the delivery at hand, without moving it.
pub fn digest_body(hash: Hash) -> Vec<u8> {
    imports::crypto::digest_body(hash)
}

/// SHA-256 in lower-case hex.
pub fn sha256_hex(data: &[u8]) -> String {
    crate::signature::hex(&digest(Hash::Sha256, data))
}

fn owned(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}
