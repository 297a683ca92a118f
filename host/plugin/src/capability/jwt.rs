//! Compact JWS (RFC 7515) against a JWK set (RFC 7517) that a secret holds: ES256 and EdDSA, nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::crypto::{self, CryptoError, Scheme};
use crate::grant::Grant;

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    alg: Option<String>,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Jwk>,
}

/// Checks the token and answers its claims as JSON text.
pub(crate) fn verify(grant: &Grant, secret: &str, token: &str) -> Result<String, CryptoError> {
    let malformed = |what: &str| CryptoError::Malformed(what.to_owned());
    let mut parts = token.split('.');
    let (Some(head), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed("the token does not have three parts"));
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed("the token is not base64url"));
    let header: Header =
        serde_json::from_slice(&decode(head)?).map_err(|_| malformed("the token's header is not what it should be"))?;
    if header.crit.is_some() {
        return Err(malformed("the token has critical extensions, none of which is known here"));
    }
    let scheme = match header.alg.as_str() {
        "ES256" => Scheme::EcdsaP256Sha256,
        "EdDSA" | "Ed25519" => Scheme::Ed25519,
        _ => return Err(malformed("the token's algorithm is neither ES256 nor EdDSA")),
    };
    let signature = decode(signature)?;
    let signed = token.rsplit_once('.').map(|(signed, _)| signed).unwrap_or_default();
    let mut candidates = 0_u32;
    for jwk in key_set(grant, secret)?.iter().filter(|jwk| fits(jwk, &header, scheme)) {
        candidates += 1;
        let public = point(jwk, scheme).ok_or_else(|| malformed("a key of the set is not readable"))?;
        if crypto::signature_fits(scheme, &public, signed.as_bytes(), &signature) {
            let claims = decode(claims)?;
            let readable = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&claims).is_ok();
            return readable
                .then(|| String::from_utf8(claims).ok())
                .flatten()
                .ok_or_else(|| malformed("the token's claims are not a JSON object"));
        }
    }
    if candidates == 0 {
        return Err(CryptoError::UnknownKey(header.kid.unwrap_or_default().chars().take(128).collect()));
    }
    Err(malformed("the token's signature does not fit"))
}

/// The keys of every active value of the secret: a JWK set each, or a single JWK.
fn key_set(grant: &Grant, secret: &str) -> Result<Vec<Jwk>, CryptoError> {
    let mut all = Vec::new();
    for key in crypto::keys(grant, secret)? {
        match serde_json::from_slice::<JwkSet>(key.bytes()) {
            Ok(set) => all.extend(set.keys),
            Err(_) => match serde_json::from_slice::<Jwk>(key.bytes()) {
                Ok(one) => all.push(one),
                Err(_) => return Err(CryptoError::Malformed(format!("`{secret}` is not a JWK set"))),
            },
        }
    }
    Ok(all)
}

fn fits(jwk: &Jwk, header: &Header, scheme: Scheme) -> bool {
    let kind = match scheme {
        Scheme::EcdsaP256Sha256 => jwk.kty == "EC" && jwk.crv == "P-256",
        Scheme::Ed25519 => jwk.kty == "OKP" && jwk.crv == "Ed25519",
    };
    let id = header.kid.is_none() || header.kid == jwk.kid;
    kind && id && jwk.alg.as_ref().is_none_or(|alg| *alg == header.alg)
}

fn point(jwk: &Jwk, scheme: Scheme) -> Option<Vec<u8>> {
    let x = URL_SAFE_NO_PAD.decode(&jwk.x).ok().filter(|x| x.len() == 32)?;
    match scheme {
        Scheme::Ed25519 => Some(x),
        Scheme::EcdsaP256Sha256 => {
            let y = URL_SAFE_NO_PAD.decode(&jwk.y).ok().filter(|y| y.len() == 32)?;
            // SEC 1 §2.3.3: 4, x, y is the uncompressed point.
            Some([&[4_u8], x.as_slice(), y.as_slice()].concat())
        }
    }
}
