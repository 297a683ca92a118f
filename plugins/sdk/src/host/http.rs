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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use crate::testing::{TestHost, set_up, with};
    use crate::types::FaultKind;

    fn answered(status: u16, headers: &str) -> Result<Response, Fault> {
        Response { status, headers: headers.to_owned(), body: Vec::new() }.success()
    }

    #[test]
    fn statuses_become_the_faults_that_fit() {
        assert_eq!(answered(204, "").unwrap().status, 204);
        assert_eq!(answered(401, "").unwrap_err().kind, FaultKind::Unauthorized);
        assert_eq!(answered(503, "").unwrap_err().kind, FaultKind::Retryable(None));
        assert_eq!(answered(302, "").unwrap_err().kind, FaultKind::Permanent);
        for (header, expected) in
            [("Retry-After: 2", 2_000), ("retry-after: 0.0105", 11), ("", 30_000), ("retry-after: soon", 30_000)]
        {
            let FaultKind::RateLimited(limit) = answered(429, header).unwrap_err().kind else {
                panic!("{header}");
            };
            assert_eq!(limit.after_ms, expected, "{header}");
        }
    }

    #[test]
    fn a_request_carries_what_was_put_on_it() {
        set_up(TestHost::default());
        let sent = Request::post_json("https://api.example.com/v1", "{}").header("x-a", "1").credential("token").send();
        assert!(sent.unwrap_err().is_retryable(), "the test gave no answer");
        let expected = Request {
            method: "POST".to_owned(),
            url: "https://api.example.com/v1".to_owned(),
            headers: "content-type: application/json\nx-a: 1\n".to_owned(),
            body: b"{}".to_vec(),
            credential: Some("token".to_owned()),
            timeout_ms: None,
        };
        assert_eq!(with(|host| host.sent.clone()), [expected]);
    }
}
