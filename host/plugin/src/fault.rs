//! The one place where what a guest says or does becomes a [`Failure`]: faults, and sentences from a guest.
//!
//! Text from a guest is untrusted: it is capped, control characters are escaped, and the connector's name stands before
//! it. Traps are told apart in `trap.rs`.

use std::time::Duration;

use apex_model::{Code, Failure};

/// Characters of a guest's text that are shown: a sentence. A parser's message may quote what a sender sent, and that
/// belongs neither into a log nor into the reason of a dead letter.
const GUEST_TEXT_CHARS_MAX: usize = 200;

/// What kind of failure a connector or a capability reports, free of any contract version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FaultKind {
    Retryable(Option<Duration>),
    RateLimited(Duration),
    Unauthorized,
    Permanent,
    BadConfig(String),
    CursorLost,
    Denied,
    Cancelled,
}

/// Why a call could not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, code: &str, message: impl Into<String>) -> Self {
        Self { kind, code: code.to_owned(), message: message.into() }
    }

    /// A refused capability.
    pub(crate) fn denied(code: &str, message: impl Into<String>) -> Self {
        Self::new(FaultKind::Denied, code, message)
    }

    /// What a port of the host answered, as a connector may see it.
    pub(crate) fn of_port(failure: &Failure) -> Self {
        let kind = if failure.code == Code::FAULT_DENIED { FaultKind::Denied } else { FaultKind::Retryable(None) };
        Self::new(kind, "host", failure.what.clone())
    }
}

/// The failure that a connector's fault stands for.
pub(crate) fn failure(connector: &str, fault: &Fault) -> Failure {
    let said = format!("{connector}: {} ({})", guest_text(&fault.message), guest_text(&fault.code));
    match &fault.kind {
        FaultKind::Retryable(Some(delay)) => Failure::after(Code::FAULT_RETRYABLE, *delay, said),
        FaultKind::Retryable(None) | FaultKind::Cancelled => Failure::backoff(Code::FAULT_RETRYABLE, said),
        FaultKind::RateLimited(delay) => Failure::after(Code::FAULT_RATE_LIMITED, *delay, said),
        FaultKind::Unauthorized => Failure::hold(Code::FAULT_UNAUTHORIZED, said)
            .next("the source refuses the credential: set a valid one under `secrets` of this source"),
        FaultKind::Permanent => Failure::never(Code::FAULT_PERMANENT, said),
        FaultKind::BadConfig(pointer) => Failure::hold(Code::FAULT_BAD_CONFIG, said)
            .next(format!("correct `config` of this source at `{}`", guest_text(pointer))),
        FaultKind::CursorLost => Failure::never(Code::FAULT_CURSOR_LOST, said)
            .next("the source is read again from the start; nothing needs to be done"),
        FaultKind::Denied => {
            Failure::hold(Code::FAULT_DENIED, said).next("grant what the message names, if the connector is to have it")
        }
    }
}

/// A guest's text, safe to show: control characters escaped, and then at most 200 characters.
pub(crate) fn guest_text(text: &str) -> String {
    let mut safe = String::new();
    text.chars().take(GUEST_TEXT_CHARS_MAX + 1).for_each(|character| push_safe(&mut safe, character));
    match safe.char_indices().nth(GUEST_TEXT_CHARS_MAX) {
        Some((end, _)) => {
            safe.truncate(end);
            safe + "…"
        }
        None => safe,
    }
}

/// Appends a character, escaped if a terminal or a log would act on it.
pub(crate) fn push_safe(out: &mut String, character: char) {
    let acts = character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if acts { out.extend(character.escape_default()) } else { out.push(character) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use apex_model::Retry;

    #[test]
    fn each_kind_has_its_code_and_retry() {
        let second = Duration::from_secs(1);
        for (kind, code, retry) in [
            (FaultKind::Retryable(None), Code::FAULT_RETRYABLE, Retry::Backoff),
            (FaultKind::Retryable(Some(second)), Code::FAULT_RETRYABLE, Retry::After(second)),
            (FaultKind::RateLimited(second), Code::FAULT_RATE_LIMITED, Retry::After(second)),
            (FaultKind::Unauthorized, Code::FAULT_UNAUTHORIZED, Retry::Hold),
            (FaultKind::Permanent, Code::FAULT_PERMANENT, Retry::Never),
            (FaultKind::BadConfig("/a".to_owned()), Code::FAULT_BAD_CONFIG, Retry::Hold),
            (FaultKind::CursorLost, Code::FAULT_CURSOR_LOST, Retry::Never),
            (FaultKind::Denied, Code::FAULT_DENIED, Retry::Hold),
            (FaultKind::Cancelled, Code::FAULT_RETRYABLE, Retry::Backoff),
        ] {
            let failure = failure("front", &Fault::new(kind, "c", "m"));
            assert_eq!((failure.code, failure.retry), (code, retry));
            assert_eq!(failure.what, "front: m (c)");
        }
    }

    #[test]
    fn a_guests_text_is_capped_and_cannot_steer_a_terminal() {
        assert_eq!(guest_text("a\u{1b}[31m\nb\u{202e}"), "a\\u{1b}[31m\\nb\\u{202e}");
        assert_eq!(guest_text(&"ä".repeat(200)), "ä".repeat(200));
        assert_eq!(guest_text(&"ä".repeat(201)), "ä".repeat(200) + "…");
        // Escaped, one character becomes eight.
        assert_eq!(guest_text(&"\u{202e}".repeat(200)).chars().count(), 201);
    }

    #[test]
    fn a_fault_that_quotes_what_was_sent_is_cut() {
        let quoting = format!("invalid type: string \"{}\", expected a number", "a".repeat(4_000));
        let failure = failure("front", &Fault::new(FaultKind::Permanent, "bad-json", quoting));
        assert_eq!(failure.what, format!("front: invalid type: string \"{}… (bad-json)", "a".repeat(178)));
    }
}
