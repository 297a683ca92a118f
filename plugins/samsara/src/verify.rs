//! Whether Samsara sent a request: HMAC-SHA256 in hex over `v1:`, the time in seconds, `:` and the raw body, under the
//! base64-decoded secret key (the manifest decodes it).
//!
//! The vendor's own SDK helper describes another scheme (`x-samsara-hmacsha256-signature`, over URL and body) that does not
//! match its documented headers; it is not taken.

use std::borrow::Cow;

use apex_sdk::prelude::*;
use apex_sdk::signature::Unit;
use serde::Deserialize;

/// Either way. Samsara documents no window; five minutes is what the other vendors take.
const WINDOW_S: u32 = 300;

/// The parts of a body that name the event; both generations have them, and nothing else is read.
#[derive(Debug, Default, Deserialize)]
struct Probe<'a> {
    #[serde(borrow, default, rename = "eventId")]
    id: Cow<'a, str>,
    #[serde(borrow, default, rename = "eventType")]
    kind: Cow<'a, str>,
}

/// Judges a request at a moment.
///
/// # Errors
/// The rejection: no signature, a wrong one, an old one, or a secret that is not configured.
pub fn judge(request: &Request, now: Instant) -> Result<Verdict, Rejection> {
    let signatures = request.required_header("x-samsara-signature")?;
    let timestamp = request.required_header("x-samsara-timestamp")?;
    let presented: Vec<&str> = signatures.split(',').filter_map(|value| value.trim().strip_prefix("v1=")).collect();
    if presented.is_empty() {
        return Err(Rejection::MissingSignature);
    }
    let fresh = signature::fresh(now, timestamp, Unit::Seconds, WINDOW_S);
    // An unreadable time is no signature at all; a stale one is said only to those who could sign it.
    if fresh == Err(Rejection::MissingSignature) {
        return Err(Rejection::MissingSignature);
    }
    signature::hmac_sha256_hex_over("webhook", &format!("v1:{timestamp}:"), "", &presented)?;
    fresh?;
    let probe: Probe = serde_json::from_slice(&request.body).unwrap_or_default();
    if probe.kind == "Ping" {
        return Ok(Verdict::Ignore(Reply::json(200, "{}")));
    }
    let kind = if probe.kind.is_empty() { Cow::Borrowed("unknown") } else { probe.kind };
    let key = if is_usable(&probe.id) { probe.id.into_owned() } else { format!("body:{}", signature::body_key()) };
    Ok(Verdict::accept(key, kind))
}

/// Whether this can name an event and, with a prefix, a document.
pub fn is_usable(id: &str) -> bool {
    (1..=120).contains(&id.len()) && !id.chars().any(char::is_control)
}
