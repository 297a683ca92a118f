//! Whether Front sent a request. Two schemes that must not be mixed up:
//!
//! | product | header with a time | signed bytes | MAC | secret |
//! |---|---|---|---|---|
//! | application webhook | `x-front-request-timestamp`, ms | time, `:`, body | SHA-256, base64 | `webhook` |
//! | rule webhook | none | body | SHA-1, base64 | `rule` |
//!
//! **Invariant:** a request with a time header is never judged by the SHA-1 scheme, which has no defence against replays
//! (`a_time_header_rules_out_the_weak_scheme`).

use std::borrow::Cow;

use apex_sdk::prelude::*;
use apex_sdk::signature::Unit;
use serde::Deserialize;

use crate::event::api_type;
use crate::ids;
use crate::json::Text;

/// Front's own recommendation (<https://dev.frontapp.com/docs/security-1>), taken in both directions.
const WINDOW_S: u32 = 300;

/// The parts of a body that name the event; everything else is skipped unread.
#[derive(Debug, Default, Deserialize)]
struct Probe<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    payload: Option<Inner<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct Inner<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
}

/// Judges a request at a moment.
///
/// # Errors
/// The rejection: no signature, a wrong one, an old one, or a secret that is not configured.
pub fn judge(request: &Request, now: Instant) -> Result<Verdict, Rejection> {
    let signature = request.required_header("x-front-signature")?;
    let Some(timestamp) = request.header("x-front-request-timestamp") else {
        signature::hmac_sha1_base64_over("rule", "", "", &[signature])?;
        return Ok(accept(&probe(request), Product::Rule));
    };
    let fresh = signature::fresh(now, timestamp, Unit::Milliseconds, WINDOW_S);
    // An unreadable time is no signature at all; a stale one is said only to those who could sign it.
    if fresh == Err(Rejection::MissingSignature) {
        return Err(Rejection::MissingSignature);
    }
    signature::hmac_sha256_base64_over("webhook", &format!("{timestamp}:"), "", &[signature])?;
    fresh?;
    let probe = probe(request);
    Ok(handshake(request, &probe).unwrap_or_else(|| accept(&probe, Product::Application)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Product {
    Application,
    Rule,
}

/// An unreadable body names nothing: it is kept under its hash, and `parse` says what is wrong with it.
fn probe(request: &Request) -> Probe<'_> {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

/// The answer Front waits for when a webhook is created or changed, if this is that request.
fn handshake(request: &Request, probe: &Probe) -> Option<Verdict> {
    if probe.kind.0 != "sync" {
        return None;
    }
    Some(match request.header("x-front-challenge").filter(|challenge| !challenge.is_empty()) {
        Some(challenge) => Verdict::Challenge(Reply::json(200, serde_json::json!({ "challenge": challenge }))),
        None => Verdict::Ignore(Reply::json(200, "{}")),
    })
}

fn accept(probe: &Probe, product: Product) -> Verdict {
    let (id, own_type) = match &probe.payload {
        Some(inner) => (&inner.id.0, inner.kind.some()),
        None => (&probe.id.0, probe.kind.some()),
    };
    let event_type = own_type.map_or_else(|| api_type(probe.kind.0.clone()), Cow::Borrowed);
    let key = match product {
        _ if !ids::is_usable(id) => format!("body:{}", signature::body_key()),
        Product::Application => id.to_string(),
        // The same event often comes by both products, once as a preview and once in full: neither may hide the other.
        Product::Rule => format!("rule:{id}"),
    };
    Verdict::accept(key, if event_type.is_empty() { Cow::Borrowed("unknown") } else { event_type })
}
