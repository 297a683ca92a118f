//! Calls to the source's API, made by the host under the source's grant.

use super::imports;
pub use crate::bindings::batch::apex::connector::http::{Request, Response};
use crate::types::Fault;

/// Milliseconds to hold off when a source says 429 without a `retry-after` that can be read.
const RATE_LIMIT_MS: u32 = 30_000;

/// Sends one request. An answer of any status is a response.
///
/// # Errors
/// There was no answer, or the call is not allowed.
pub fn send(request: &Request) -> Result<Response, Fault> {
    imports::http::send(request)
}

impl Request {
    /// A request without body, to an absolute URL.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            url: url.into(),
            headers: String::new(),
            body: Vec::new(),
            credential: None,
            timeout_ms: None,
        }
    }

    /// A `GET` of an absolute URL.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A `POST` of JSON to an absolute URL.
    pub fn post_json(url: impl Into<String>, json: impl Into<Vec<u8>>) -> Self {
        Self { body: json.into(), ..Self::new("POST", url).header("content-type", "application/json") }
    }

    /// Adds a header. `host`, `authorization`, `cookie` and hop-by-hop headers are refused by the host.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        for part in [name, ": ", value, "\n"] {
            self.headers.push_str(part);
        }
        self
    }

    /// Sends the secret of this name along, in the way the manifest says (`use = "inject"`).
    #[must_use]
    pub fn credential(mut self, name: &str) -> Self {
        self.credential = Some(name.to_owned());
        self
    }

    /// Gives up after this many milliseconds.
    #[must_use]
    pub fn timeout_ms(mut self, ms: u32) -> Self {
        self.timeout_ms = Some(ms);
        self
    }

    /// Sends it: see [`send`].
    ///
    /// # Errors
    /// As [`send`].
    pub fn send(&self) -> Result<Response, Fault> {
        send(self)
    }
}

impl Response {
    /// The first value of a header, its name in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        crate::request::find_header(&self.headers, name)
    }

    /// The response if its status is 2xx.
    ///
    /// # Errors
    /// 401 and 403 are `unauthorized`; 429 is `rate-limited` by `retry-after` in seconds, else 30 s; 408 and 5xx are
    /// `retryable`; anything else is `permanent`.
    pub fn success(self) -> Result<Self, Fault> {
        let message = || format!("the source answered with status {}", self.status);
        match self.status {
            200..=299 => Ok(self),
            401 | 403 => Err(Fault::unauthorized(message())),
            429 => {
                let after_s: Option<f64> = self.header("retry-after").and_then(|value| value.parse().ok());
                Err(Fault::rate_limited(after_s.map_or(RATE_LIMIT_MS, whole_ms), "source", message()))
            }
            408 | 500..=599 => Err(Fault::retryable("source-unavailable", message())),
            _ => Err(Fault::permanent("unexpected-status", message())),
        }
    }
}

/// Seconds to whole milliseconds, rounded up; what does not fit is the nearest that does.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Float to integer casts saturate, which is wanted.
fn whole_ms(seconds: f64) -> u32 {
    (seconds * 1_000.0).ceil() as u32
}
