//! A host for native unit tests: a clock, settings, secrets, answers and a store of the test's own, one set per thread.
//! It is never part of a component, and it is no judge of a connector: the host's own run of the cases is.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use crate::host::http::{Request, Response};
use crate::types::{Fault, Instant};

/// What the imports answer. Set it with [`set_up`], look at it with [`with`].
#[derive(Debug, Clone)]
pub struct TestHost {
    /// The host's clock.
    pub now: Instant,
    /// The source's settings, one JSON object.
    pub config: String,
    /// Key bytes by secret name.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// The raw body of the delivery at hand, which MACs and `digest_body` cover.
    pub body: Vec<u8>,
    /// Answers of the source's API, first one first. None left is a retryable fault.
    pub answers: VecDeque<Result<Response, Fault>>,
    /// What was sent to it.
    pub sent: Vec<Request>,
    /// The source's store.
    pub state: BTreeMap<String, Vec<u8>>,
    /// Lines written, level and message.
    pub lines: Vec<(String, String)>,
}

impl Default for TestHost {
    fn default() -> Self {
        Self {
            now: Instant { seconds: 1_767_225_600, nanoseconds: 0 },
            config: "{}".to_owned(),
            secrets: BTreeMap::new(),
            body: Vec::new(),
            answers: VecDeque::new(),
            sent: Vec::new(),
            state: BTreeMap::new(),
            lines: Vec::new(),
        }
    }
}

thread_local! {
    static HOST: RefCell<TestHost> = RefCell::default();
}

/// Replaces this thread's host. A thread that never calls it has the default one: 2026-01-01, `{}`, no secrets.
pub fn set_up(host: TestHost) {
    HOST.with_borrow_mut(|current| *current = host);
}

/// Looks at this thread's host, or changes it.
pub fn with<T>(look: impl FnOnce(&mut TestHost) -> T) -> T {
    HOST.with_borrow_mut(look)
}

pub(crate) mod clock {
    use crate::types::Instant;

    pub(crate) fn now() -> Instant {
        super::with(|host| host.now)
    }
}

pub(crate) mod config {
    pub(crate) fn get() -> String {
        super::with(|host| host.config.clone())
    }
}

pub(crate) mod log {
    use crate::host::log::Level;

    pub(crate) fn write(level: Level, message: &str) {
        super::with(|host| host.lines.push((format!("{level:?}"), message.to_owned())));
    }
}

pub(crate) mod http {
    use crate::host::http::{Request, Response};
    use crate::types::Fault;

    pub(crate) fn send(request: &Request) -> Result<Response, Fault> {
        super::with(|host| {
            host.sent.push(request.clone());
            let none = || Err(Fault::retryable("no-answer", "the test has no answer left for this request"));
            host.answers.pop_front().unwrap_or_else(none)
        })
    }
}

#[allow(clippy::unnecessary_wraps)] // The import's own shape.
pub(crate) mod state {
    use crate::types::Fault;

    pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, Fault> {
        super::with(|host| Ok(host.state.get(key).cloned()))
    }

    pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), Fault> {
        super::with(|host| host.state.insert(key.to_owned(), value.to_vec()));
        Ok(())
    }

    pub(crate) fn increment(key: &str) -> Result<u32, Fault> {
        let count = get(key)?.and_then(|value| String::from_utf8(value).ok()?.parse().ok()).unwrap_or(0_u32) + 1;
        set(key, count.to_string().as_bytes())?;
        Ok(count)
    }

    pub(crate) fn delete(key: &str) -> Result<(), Fault> {
        super::with(|host| host.state.remove(key));
        Ok(())
    }
}

pub(crate) mod payload {
    use super::crypto::digest;
    use crate::host::crypto::Hash;
    use crate::types::Fault;

    #[allow(clippy::unnecessary_wraps)] // The import's own shape.
    pub(crate) fn put(_media_type: &str, data: &[u8]) -> Result<String, Fault> {
        Ok(format!("sha256:{}", crate::signature::hex(&digest(Hash::Sha256, data))))
    }
}

pub(crate) mod crypto {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hmac::Hmac;
    use sha1::Sha1;
    use sha2::{Digest, Sha256, Sha512};

    use crate::host::crypto::{CryptoError, Encoding, Hash, Mac, Signature};

    pub(crate) fn verify_mac(
        secret: &str,
        mac: Mac,
        encoding: Encoding,
        prefix: &str,
        suffix: &str,
        presented: &[String],
    ) -> Result<bool, CryptoError> {
        let key = key(secret)?;
        let message = super::with(|host| [prefix.as_bytes(), &host.body, suffix.as_bytes()].concat());
        let expected = match mac {
            Mac::HmacSha256 => hmac::<Hmac<Sha256>>(&key, &message)?,
            Mac::HmacSha1 => hmac::<Hmac<Sha1>>(&key, &message)?,
            Mac::HmacSha512 => hmac::<Hmac<Sha512>>(&key, &message)?,
            Mac::Sha256OfSecretAndMessage => Sha256::digest([key, message].concat()).to_vec(),
        };
        let expected = match encoding {
            Encoding::Hex => crate::signature::hex(&expected),
            Encoding::Base64 => STANDARD.encode(expected),
        };
        Ok(presented.iter().any(|value| match encoding {
            Encoding::Hex => value.to_ascii_lowercase() == expected,
            Encoding::Base64 => *value == expected,
        }))
    }

    pub(crate) fn verify_signature(
        secret: &str,
        _signature: Signature,
        _prefix: &str,
        _suffix: &str,
        _presented: &[String],
    ) -> Result<bool, CryptoError> {
        Err(beyond(secret))
    }

    pub(crate) fn verify_jwt(secret: &str, _token: &str) -> Result<String, CryptoError> {
        Err(beyond(secret))
    }

    pub(crate) fn verify_token(secret: &str, presented: &str) -> Result<bool, CryptoError> {
        Ok(key(secret)? == presented.as_bytes())
    }

    pub(crate) fn digest(hash: Hash, data: &[u8]) -> Vec<u8> {
        match hash {
            Hash::Sha256 => Sha256::digest(data).to_vec(),
            Hash::Sha1 => Sha1::digest(data).to_vec(),
            Hash::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    pub(crate) fn digest_body(hash: Hash) -> Vec<u8> {
        digest(hash, &super::with(|host| host.body.clone()))
    }

    fn key(secret: &str) -> Result<Vec<u8>, CryptoError> {
        let unknown =
            || CryptoError::UnknownSecret(format!("the test sets no secret `{secret}`: add it to `TestHost::secrets`"));
        super::with(|host| host.secrets.get(secret).cloned()).ok_or_else(unknown)
    }

    fn beyond(secret: &str) -> CryptoError {
        CryptoError::Malformed(format!("the test host checks no public keys (`{secret}`): test this with a case"))
    }

    fn hmac<M: hmac::Mac + hmac::digest::KeyInit>(key: &[u8], message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let keyed = <M as hmac::digest::KeyInit>::new_from_slice(key);
        let keyed = keyed.map_err(|error| CryptoError::Malformed(error.to_string()))?;
        Ok(keyed.chain_update(message).finalize().into_bytes().to_vec())
    }
}
