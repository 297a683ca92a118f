//! Secrets made ready for use once, at load: bytes decoded, keyed MAC states computed. Values never leave this crate.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::hmac;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use crate::manifest::Encoding;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One active key of a secret with the use `verify`.
pub(crate) struct VerifyKey {
    bytes: SecretSlice<u8>,
    pub(crate) hmac_sha256: hmac::Key,
    pub(crate) hmac_sha1: hmac::Key,
    pub(crate) hmac_sha512: hmac::Key,
}

impl VerifyKey {
    /// Decodes the configured text; answers what is wrong with it, without the text.
    pub(crate) fn new(text: &SecretString, encoding: Encoding) -> Result<Self, String> {
        let bytes = decode(text.expose_secret(), encoding)?;
        if bytes.is_empty() {
            return Err("it is empty".to_owned());
        }
        Ok(Self {
            hmac_sha256: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
            hmac_sha1: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes),
            hmac_sha512: hmac::Key::new(hmac::HMAC_SHA512, &bytes),
            bytes: bytes.into(),
        })
    }

    /// The key's own bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.expose_secret()
    }
}

fn decode(text: &str, encoding: Encoding) -> Result<Vec<u8>, String> {
    // Files end in a newline that is not part of the key.
    let text = text.trim_end_matches(['\r', '\n']);
    let base64 = |text: &str| BASE64.decode(text).map_err(|_| "it is not base64".to_owned());
    match encoding {
        Encoding::Utf8 => Ok(text.as_bytes().to_vec()),
        Encoding::Base64 => base64(text.trim()),
        Encoding::Hex => hex::decode(text.trim()).map_err(|_| "it is not hexadecimal".to_owned()),
        Encoding::Whsec => {
            base64(text.trim().strip_prefix("whsec_").ok_or_else(|| "it does not start with `whsec_`".to_owned())?)
        }
    }
}

/// A secret that `http` sends along: the header's name and its whole value.
pub(crate) struct Credential {
    pub(crate) header: reqwest::header::HeaderName,
    pub(crate) value: reqwest::header::HeaderValue,
}

impl Credential {
    /// Puts the secret into the manifest's template; answers what is wrong, without the secret.
    pub(crate) fn new(header: &str, template: &str, secret: &SecretString) -> Result<Self, String> {
        let text = secret.expose_secret().trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        let header = reqwest::header::HeaderName::from_bytes(header.as_bytes())
            .map_err(|_| "its header is not a header name".to_owned())?;
        let mut value = reqwest::header::HeaderValue::from_str(&template.replace("{secret}", text))
            .map_err(|_| "it has characters that a header cannot carry".to_owned())?;
        value.set_sensitive(true);
        Ok(Self { header, value })
    }
}
