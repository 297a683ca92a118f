//! Signatures, tokens and hashes over the host's own copy of the body. Secrets are named, never handed out; values are
//! compared in constant time, and every active key is tried.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, signature};

use crate::grant::Grant;
use crate::keys::VerifyKey;

/// How a check value is made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mac {
    HmacSha256,
    HmacSha1,
    HmacSha512,
    Sha256OfSecretAndMessage,
}

/// How a presented check value is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Written {
    Hex,
    Base64,
}

/// A public-key signature scheme.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scheme {
    Ed25519,
    EcdsaP256Sha256,
}

/// A hash function.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hash {
    Sha256,
    Sha1,
    Sha512,
}

/// Why a check could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CryptoError {
    UnknownSecret(String),
    UnknownKey(String),
    Malformed(String),
}

/// The message under a signature: prefix, raw body, suffix.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) prefix: &'a [u8],
    pub(crate) body: &'a [u8],
    pub(crate) suffix: &'a [u8],
}

/// Bytes of the longest check value, SHA-512's, and what base64 needs of room to decode it.
const PRESENTED_BYTES_MAX: usize = 72;

/// Whether any presented value is the MAC of the message under any active key of the secret.
pub(crate) fn verify_mac(
    grant: &Grant,
    secret: &str,
    mac: Mac,
    written: Written,
    message: Message<'_>,
    presented: &[String],
) -> Result<bool, CryptoError> {
    let mut fits = false;
    for key in keys(grant, secret)? {
        let tag = Tag::of(key, mac, message);
        for text in presented {
            let mut room = [0; PRESENTED_BYTES_MAX];
            fits |= decode(text, written, &mut room).is_some_and(|value| same(tag.as_ref(), value));
        }
    }
    Ok(fits)
}

/// Whether any presented signature (base64) fits the message under the public key.
pub(crate) fn verify_signature(
    grant: &Grant,
    secret: &str,
    scheme: Scheme,
    message: Message<'_>,
    presented: &[String],
) -> Result<bool, CryptoError> {
    let whole = [message.prefix, message.body, message.suffix].concat();
    let mut fits = false;
    for key in keys(grant, secret)? {
        let public = public_key(key.bytes(), scheme)
            .ok_or_else(|| CryptoError::Malformed(format!("`{secret}` is not a public key of this scheme")))?;
        for text in presented {
            fits |= STANDARD.decode(text).is_ok_and(|value| signature_fits(scheme, &public, &whole, &value));
        }
    }
    Ok(fits)
}

/// Whether the presented text is the secret itself.
pub(crate) fn verify_token(grant: &Grant, secret: &str, presented: &str) -> Result<bool, CryptoError> {
    let presented = digest::digest(&digest::SHA256, presented.as_bytes());
    let mut fits = false;
    for key in keys(grant, secret)? {
        // Hashes are compared, so that not even the length shows.
        fits |= same(digest::digest(&digest::SHA256, key.bytes()).as_ref(), presented.as_ref());
    }
    Ok(fits)
}

/// The hash of the bytes.
pub(crate) fn hash(hash: Hash, data: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, data).as_ref().to_vec()
}

/// The keys of a secret, or the error for an unknown one.
pub(crate) fn keys<'a>(grant: &'a Grant, secret: &str) -> Result<&'a [VerifyKey], CryptoError> {
    grant.keys(secret).map_err(CryptoError::UnknownSecret)
}

/// Whether a signature fits; `public` is what [`public_key`] or a JWK gave.
pub(crate) fn signature_fits(scheme: Scheme, public: &[u8], message: &[u8], value: &[u8]) -> bool {
    let algorithm: &dyn signature::VerificationAlgorithm = match scheme {
        Scheme::Ed25519 => &signature::ED25519,
        Scheme::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_FIXED,
    };
    signature::UnparsedPublicKey::new(algorithm, public).verify(message, value).is_ok()
}

enum Tag {
    Hmac(hmac::Tag),
    Digest(digest::Digest),
}

impl Tag {
    fn of(key: &VerifyKey, mac: Mac, message: Message<'_>) -> Self {
        let keyed = match mac {
            Mac::HmacSha256 => &key.hmac_sha256,
            Mac::HmacSha1 => &key.hmac_sha1,
            Mac::HmacSha512 => &key.hmac_sha512,
            Mac::Sha256OfSecretAndMessage => {
                let mut context = digest::Context::new(&digest::SHA256);
                for part in [key.bytes(), message.prefix, message.body, message.suffix] {
                    context.update(part);
                }
                return Self::Digest(context.finish());
            }
        };
        let mut context = hmac::Context::with_key(keyed);
        for part in [message.prefix, message.body, message.suffix] {
            context.update(part);
        }
        Self::Hmac(context.sign())
    }
}

impl AsRef<[u8]> for Tag {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Hmac(tag) => tag.as_ref(),
            Self::Digest(digest) => digest.as_ref(),
        }
    }
}

fn decode<'a>(text: &str, written: Written, room: &'a mut [u8; PRESENTED_BYTES_MAX]) -> Option<&'a [u8]> {
    let length = match written {
        Written::Hex => {
            let length = text.len() / 2;
            hex::decode_to_slice(text, room.get_mut(..length)?).ok()?;
            length
        }
        Written::Base64 => STANDARD.decode_slice(text, room.as_mut_slice()).ok()?,
    };
    room.get(..length)
}

/// Compares in a time that depends on the lengths only.
fn same(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(0_u8, |difference, (x, y)| std::hint::black_box(difference | (x ^ y)));
    (a.len() == b.len()) & (std::hint::black_box(difference) == 0)
}

/// Reads a public key as the raw point, or as SubjectPublicKeyInfo in DER or PEM (RFC 8410 §4, RFC 5480 §2).
fn public_key(bytes: &[u8], scheme: Scheme) -> Option<Vec<u8>> {
    const ED25519_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    const P256_HEAD: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let (head, raw_length): (&[u8], usize) = match scheme {
        Scheme::Ed25519 => (&ED25519_HEAD, 32),
        Scheme::EcdsaP256Sha256 => (&P256_HEAD, 65),
    };
    let der = match std::str::from_utf8(bytes).ok().filter(|text| text.starts_with("-----BEGIN PUBLIC KEY-----")) {
        Some(pem) => {
            let lines = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
            STANDARD.decode(lines.collect::<String>()).ok()?
        }
        None => bytes.to_vec(),
    };
    let raw = der.strip_prefix(head).unwrap_or(&der);
    (raw.len() == raw_length).then(|| raw.to_vec())
}

#[cfg(test)]
#[path = "crypto_tests.rs"]
mod tests;
