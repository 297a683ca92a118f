//! Lists: how long a page is, and where the next one starts (`Link: <…>; rel="next"`, RFC 8288).

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;

/// Items of a list if the client does not say.
pub(super) const LIMIT_DEFAULT: u32 = 50;
/// Items of a list at most.
pub(super) const LIMIT_MAX: u32 = 1_000;

/// How many items to answer.
pub(super) fn limit(asked: Option<u32>, default: u32, max: u32) -> Result<u32, Problem> {
    match asked {
        None => Ok(default),
        Some(limit) if (1..=max).contains(&limit) => Ok(limit),
        Some(limit) => Err(Problem::bad_request(format!("limit is {limit}, 1 to {max} is possible"))),
    }
}

/// One page of a list: a JSON array, and the query of the next page if this one is full.
pub(super) fn page<T: Serialize>(
    items: &[T],
    limit: u32,
    path: &str,
    next: impl FnOnce(&T) -> Vec<(&'static str, String)>,
) -> Response {
    let full = u32::try_from(items.len()).is_ok_and(|length| length >= limit);
    let link = items.last().filter(|_| full).map(|last| {
        let query: Vec<String> = next(last).iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        format!("<{path}?{}>; rel=\"next\"", query.join("&"))
    });
    let mut response = Json(items).into_response();
    if let Some(value) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(LINK, value);
    }
    response
}

/// Percent-encodes everything but the unreserved characters (RFC 3986, section 2.3).
fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
