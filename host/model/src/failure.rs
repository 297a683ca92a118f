//! The one error that crosses a port: a code, what happened, what to do, and whether trying again can help.
//!
//! Each part of the host has its own typed errors and turns them into this at its border.

use std::time::Duration;

use crate::Code;

/// Whether and when to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Trying again cannot help: dead-letter it.
    Never,
    /// May pass: try again with the host's back-off, up to the attempts limit.
    Backoff,
    /// Try again after this long.
    After(Duration),
    /// Waits for a person: a plugin, a secret, a grant. Costs no attempt.
    Hold,
}

/// What went wrong, as far as other parts of the host and the user need to know.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    /// Stable code.
    pub code: Code,
    /// Whether trying again can help.
    pub retry: Retry,
    /// What happened and why, one sentence, secrets redacted.
    pub what: String,
    /// The next step for a person; empty if there is none.
    pub next_step: String,
}

/// What a port answers.
pub type PortResult<T> = Result<T, Failure>;

impl Failure {
    /// A failure that trying again cannot mend.
    pub fn never(code: Code, what: impl Into<String>) -> Self {
        Self { code, retry: Retry::Never, what: what.into(), next_step: String::new() }
    }

    /// A failure that may pass.
    pub fn backoff(code: Code, what: impl Into<String>) -> Self {
        Self { code, retry: Retry::Backoff, what: what.into(), next_step: String::new() }
    }

    /// A failure that may pass after this long.
    pub fn after(code: Code, delay: Duration, what: impl Into<String>) -> Self {
        Self { code, retry: Retry::After(delay), what: what.into(), next_step: String::new() }
    }

    /// A failure that waits for a person.
    pub fn hold(code: Code, what: impl Into<String>) -> Self {
        Self { code, retry: Retry::Hold, what: what.into(), next_step: String::new() }
    }

    /// The same failure with the next step for a person.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next_step = step.into();
        self
    }

    /// A thing asked for by name that does not exist.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::never(Code::NOT_FOUND, what)
    }
}
