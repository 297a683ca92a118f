//! Faults with their kinds, made in one call each. What the host does with a kind is said in the contract.

use crate::types::{Fault, FaultKind, RateLimit};

impl Fault {
    /// A fault of any kind. `code` is stable, short, lower case with dashes; `message` is one sentence for a person.
    pub fn new(kind: FaultKind, code: &str, message: impl Into<String>) -> Self {
        Self { kind, code: code.to_owned(), message: message.into() }
    }

    /// Trying again cannot help: the input goes to the dead letters.
    pub fn permanent(code: &str, message: impl Into<String>) -> Self {
        Self::new(FaultKind::Permanent, code, message)
    }

    /// May pass: try again with the host's back-off.
    pub fn retryable(code: &str, message: impl Into<String>) -> Self {
        Self::new(FaultKind::Retryable(None), code, message)
    }

    /// May pass: try again after this many milliseconds.
    pub fn retryable_after(after_ms: u32, code: &str, message: impl Into<String>) -> Self {
        Self::new(FaultKind::Retryable(Some(after_ms)), code, message)
    }

    /// The source asked to slow down; `scope` is `source`, `endpoint`, or the vendor's own word.
    pub fn rate_limited(after_ms: u32, scope: &str, message: impl Into<String>) -> Self {
        let limit = RateLimit { after_ms, scope: scope.to_owned() };
        Self::new(FaultKind::RateLimited(limit), "rate-limited", message)
    }

    /// The credential is refused: the source waits until its secret changes.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Unauthorized, "unauthorized", message)
    }

    /// The configuration is wrong at this JSON pointer, such as `/inbox`.
    pub fn bad_config(pointer: &str, message: impl Into<String>) -> Self {
        Self::new(FaultKind::BadConfig(pointer.to_owned()), "bad-config", message)
    }

    /// The source no longer knows this cursor: the host starts again from none.
    pub fn cursor_lost(message: impl Into<String>) -> Self {
        Self::new(FaultKind::CursorLost, "cursor-lost", message)
    }

    /// Whether trying the same call again may succeed.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, FaultKind::Retryable(_) | FaultKind::RateLimited(_))
    }
}
