//! Reading a webhook request and answering it. It must not judge anything: see [`crate::signature`].

use crate::types::{Acceptance, Fault, Rejection, Reply, Request, Verdict};

/// The first value of a header, its name in any letter case.
pub fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    find_header(&request.headers, name)
}

/// The first value of a name in a list of `name: value` lines.
pub(crate) fn find_header<'a>(lines: &'a str, name: &str) -> Option<&'a str> {
    lines
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

impl Request {
    /// The first value of a header, its name in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self, name)
    }

    /// A header that the source's signature scheme needs.
    ///
    /// # Errors
    /// `missing-signature` if it is absent or empty.
    pub fn required_header(&self, name: &str) -> Result<&str, Rejection> {
        self.header(name).filter(|value| !value.is_empty()).ok_or(Rejection::MissingSignature)
    }

    /// The value of a query parameter as it was sent, not decoded.
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    /// The body as text.
    ///
    /// # Errors
    /// `permanent`, code `not-utf8`.
    pub fn text(&self) -> Result<&str, Fault> {
        core::str::from_utf8(&self.body).map_err(|error| {
            Fault::permanent("not-utf8", format!("the body is not UTF-8 from byte {} on", error.valid_up_to()))
        })
    }
}

impl Reply {
    /// An answer with this status, content type and body.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type: content_type.to_owned(), body: body.into() }
    }

    /// An answer of plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body.into())
    }

    /// An answer of JSON.
    #[allow(clippy::needless_pass_by_value)] // Takes a JSON value or its text as it comes.
    pub fn json(status: u16, body: impl ToString) -> Self {
        Self::new(status, "application/json", body.to_string())
    }
}

impl Acceptance {
    /// Genuine, with the host's own answer. `event_key` makes a repeat the same event; `event_type` is the source's word.
    pub fn new(event_key: impl Into<String>, event_type: impl Into<String>) -> Self {
        Self { event_key: event_key.into(), event_type: event_type.into(), reply: None }
    }

    /// Answers in the source's own form once the event is durable.
    #[must_use]
    pub fn reply(mut self, reply: Reply) -> Self {
        self.reply = Some(reply);
        self
    }
}

impl Verdict {
    /// Genuine, with the host's own answer: see [`Acceptance::new`].
    pub fn accept(event_key: impl Into<String>, event_type: impl Into<String>) -> Self {
        Self::Accept(Acceptance::new(event_key, event_type))
    }
}

impl From<Rejection> for Verdict {
    fn from(rejection: Rejection) -> Self {
        Self::Reject(rejection)
    }
}

/// Lets `verify` be written with `?`: what a function with rejections answers, `.into()`.
impl From<Result<Verdict, Rejection>> for Verdict {
    fn from(judged: Result<Verdict, Rejection>) -> Self {
        judged.unwrap_or_else(Self::Reject)
    }
}

impl From<Result<Acceptance, Rejection>> for Verdict {
    fn from(judged: Result<Acceptance, Rejection>) -> Self {
        judged.map_or_else(Self::Reject, Self::Accept)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use crate::types::Instant;

    fn request() -> Request {
        Request {
            method: "POST".to_owned(),
            target: "/webhooks/doorbell?token=a%20b&x=1".to_owned(),
            headers: "x-a:  first \nx-b: one: two\nx-empty:\nx-a: second\n".to_owned(),
            body: vec![b'o', b'k', 0xff],
            received_at: Instant { seconds: 0, nanoseconds: 0 },
        }
    }

    #[test]
    fn headers_are_found_in_any_case_and_the_first_one_counts() {
        let request = request();
        assert_eq!(request.header("X-A"), Some("first"));
        assert_eq!(request.header("x-b"), Some("one: two"));
        assert_eq!(request.header("x-empty"), Some(""));
        assert_eq!(request.header("x"), None);
        assert_eq!(request.required_header("x-empty"), Err(Rejection::MissingSignature));
    }

    #[test]
    fn query_parameters_are_as_they_were_sent() {
        assert_eq!(request().query("token"), Some("a%20b"));
        assert_eq!(request().query("y"), None);
    }

    #[test]
    fn a_body_that_is_no_text_says_where() {
        let fault = request().text().unwrap_err();
        assert_eq!(fault.code, "not-utf8");
        assert!(fault.message.contains("byte 2"), "{}", fault.message);
    }

    #[test]
    fn a_rejection_becomes_a_verdict() {
        let judged: Result<Acceptance, Rejection> = Err(Rejection::Stale);
        assert_eq!(Verdict::from(judged), Verdict::Reject(Rejection::Stale));
        let judged: Result<Acceptance, Rejection> = Ok(Acceptance::new("key", "type"));
        assert_eq!(Verdict::from(judged), Verdict::accept("key", "type"));
    }
}
