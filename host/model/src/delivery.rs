//! A webhook request on its way to the journal, and the type state that only verification can pass.
//!
//! ```text
//! Delivery --judge(verifier)--> Accepted(VerifiedDelivery) --> the journal
//!                           \-> Challenge / Ignored (answered, not kept) / Rejected (counted)
//! ```

use bytes::Bytes;

use crate::ids::{SourceName, TraceId};
use crate::{Failure, Timestamp};

/// One webhook request as received: raw bytes, never parsed.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The source in the path.
    pub source: SourceName,
    /// `POST`, or what the source uses for its handshake.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// One header a line, `name: value`, names in lower case, lines ended by `\n`.
    pub headers: String,
    /// The raw body.
    pub body: Bytes,
    /// When the host had read the request.
    pub received_at: Timestamp,
    /// The delivery's trace.
    pub trace: TraceId,
}

/// An answer in the source's own form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type; empty for none.
    pub content_type: String,
    /// Body.
    pub body: Bytes,
}

/// What the connector says of a genuine delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// What makes a repeat the same event, unique within the source. 1 to 512 bytes.
    pub event_key: String,
    /// The source's word for it.
    pub event_type: String,
    /// The answer once durable; none: 202 with the event's id.
    pub reply: Option<Reply>,
}

/// Why a delivery is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// A needed header is missing or unreadable.
    MissingSignature,
    /// The signature does not fit.
    BadSignature,
    /// Too old or from the future.
    Stale,
    /// The secret is not configured.
    NotConfigured,
}

impl Rejection {
    /// The word for it in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingSignature => "missing_signature",
            Self::BadSignature => "bad_signature",
            Self::Stale => "stale",
            Self::NotConfigured => "not_configured",
        }
    }
}

/// What a connector's `verify` answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Genuine: make it durable, then answer.
    Accept(Acceptance),
    /// Genuine: give this answer, keep nothing.
    Challenge(Reply),
    /// Genuine and of no interest: give this answer, keep nothing.
    Ignore(Reply),
    /// Not genuine.
    Reject(Rejection),
}

/// Asks a connector about one delivery. Implemented by the sandbox, and by fakes in tests.
pub trait Verify {
    /// Judges the delivery.
    fn verify(&mut self, delivery: &Delivery) -> Result<Verdict, Failure>;
}

/// A delivery that a connector accepted.
///
/// **Invariant:** [`judge`] is the only way to get one, so nothing unverified can reach the journal as a webhook.
#[derive(Debug)]
pub struct VerifiedDelivery {
    delivery: Delivery,
    acceptance: Acceptance,
}

impl VerifiedDelivery {
    /// The request.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// What the connector said of it.
    pub fn acceptance(&self) -> &Acceptance {
        &self.acceptance
    }

    pub(crate) fn into_parts(self) -> (Delivery, Acceptance) {
        (self.delivery, self.acceptance)
    }
}

/// A judged delivery.
// Made once a request and moved twice; a box would be one more allocation on the way of every webhook.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Judgement {
    /// Goes to the journal.
    Accepted(VerifiedDelivery),
    /// Answered, not kept.
    Challenge(Reply),
    /// Answered, not kept.
    Ignored(Reply),
    /// Refused and counted.
    Rejected(Rejection),
}

/// Lets the connector judge the delivery.
pub fn judge(delivery: Delivery, verifier: &mut dyn Verify) -> Result<Judgement, Failure> {
    Ok(match verifier.verify(&delivery)? {
        Verdict::Accept(acceptance) => Judgement::Accepted(VerifiedDelivery { delivery, acceptance }),
        Verdict::Challenge(reply) => Judgement::Challenge(reply),
        Verdict::Ignore(reply) => Judgement::Ignored(reply),
        Verdict::Reject(rejection) => Judgement::Rejected(rejection),
    })
}
