//! One call of `GET /fleet/vehicles/stats/feed`: the URL, and what every status means.

use apex_sdk::host::http;
use apex_sdk::prelude::*;

use crate::config::Settings;

/// Milliseconds to hold off after a page with nothing behind it (the feed's guide: at least 5 s).
pub const IDLE_MS: u32 = 5_000;
/// Characters of the vendor's own message that are passed on.
const MESSAGE_CHARS_MAX: usize = 200;

/// Asks for the next page and answers its body.
///
/// # Errors
/// As [`judge`], or no answer at all.
pub fn ask(settings: &Settings, types: &[String], after: Option<&str>, timeout_ms: u32) -> Result<Vec<u8>, Fault> {
    let request = http::Request::get(url(settings, types, after)).header("accept", "application/json");
    let response = request.credential("token").timeout_ms(timeout_ms).send()?;
    judge(response, after.is_some())
}

/// The URL of a page.
pub fn url(settings: &Settings, types: &[String], after: Option<&str>) -> String {
    let base = settings.base_url.trim_end_matches('/');
    let mut parts = vec![format!("{base}/fleet/vehicles/stats/feed?types={}", types.join(","))];
    let lists =
        [("decorations", &settings.decorations), ("vehicleIds", &settings.vehicle_ids), ("tagIds", &settings.tag_ids)];
    for (name, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        let values: Vec<String> = values.iter().map(|value| encoded(value)).collect();
        parts.push(format!("{name}={}", values.join(",")));
    }
    parts.extend(after.map(|after| format!("after={}", encoded(after))));
    parts.join("&")
}

/// Percent-encoding of everything but unreserved characters.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// The body of a good answer.
///
/// # Errors
/// `cursor-lost` for a refused cursor; `rate-limited` by a fractional `retry-after`, rounded up; `unauthorized` for 401 and
/// 403; `retryable` for 408 and 5xx; else `permanent`, with the vendor's own words.
pub fn judge(response: http::Response, with_cursor: bool) -> Result<Vec<u8>, Fault> {
    let status = response.status;
    if !(400..500).contains(&status) || matches!(status, 401 | 403 | 408 | 429) {
        return response.success().map(|response| response.body);
    }
    let said = message(&response.body);
    let words = said.to_lowercase();
    if with_cursor && matches!(status, 400 | 404 | 410) && ["cursor", "after"].iter().any(|word| words.contains(word)) {
        return Err(Fault::cursor_lost(format!("Samsara refused the cursor: {said}")));
    }
    Err(Fault::permanent(
        "refused",
        format!("Samsara answered with status {status}: {said}; check `types` and the filters"),
    ))
}

/// The vendor's `message`, else the start of the body.
fn message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        message: String,
    }
    let text = serde_json::from_slice::<Said>(body)
        .map_or_else(|_| String::from_utf8_lossy(body).into_owned(), |said| said.message);
    text.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::{judge, url};
    use crate::config::Settings;
    use apex_sdk::host::http::Response;
    use apex_sdk::prelude::*;

    fn response(status: u16, headers: &str, body: &str) -> Response {
        Response { status, headers: headers.to_owned(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn urls() {
        let settings = Settings::default();
        let types = settings.groups()[0];
        let base = "https://api.samsara.com/fleet/vehicles/stats/feed?types=gps,engineStates,obdOdometerMeters";
        assert_eq!(url(&settings, types, None), base);
        assert_eq!(url(&settings, types, Some("a/b+c=")), format!("{base}&after=a%2Fb%2Bc%3D"));
        let settings = Settings { tag_ids: vec!["1".into(), "ü".into()], decorations: vec!["gps".into()], ..settings };
        assert_eq!(
            url(&settings, &["gps".to_owned()], None),
            "https://api.samsara.com/fleet/vehicles/stats/feed?types=gps&decorations=gps&tagIds=1,%C3%BC"
        );
    }

    #[test]
    fn a_fraction_of_a_second_is_rounded_up() {
        let fault = judge(response(429, "retry-after: 0.40235\n", ""), true).unwrap_err();
        assert_eq!(fault.kind, FaultKind::RateLimited(RateLimit { after_ms: 403, scope: "source".into() }));
    }

    #[test]
    fn statuses() {
        assert_eq!(judge(response(200, "", "x"), false).unwrap(), b"x");
        for (status, kind) in [
            (401, FaultKind::Unauthorized),
            (403, FaultKind::Unauthorized),
            (408, FaultKind::Retryable(None)),
            (500, FaultKind::Retryable(None)),
            (503, FaultKind::Retryable(None)),
            (404, FaultKind::Permanent),
            (302, FaultKind::Permanent),
        ] {
            assert_eq!(judge(response(status, "", ""), true).unwrap_err().kind, kind, "{status}");
        }
        let lost = r#"{"message":"Invalid cursor in parameter 'after'.","requestId":"1"}"#;
        assert_eq!(judge(response(400, "", lost), true).unwrap_err().kind, FaultKind::CursorLost);
        assert_eq!(judge(response(400, "", lost), false).unwrap_err().kind, FaultKind::Permanent, "none was sent");
        let other = judge(response(400, "", r#"{"message":"Unknown stat type foo"}"#), true).unwrap_err();
        assert_eq!(other.kind, FaultKind::Permanent);
        assert!(other.message.contains("Unknown stat type foo"), "{}", other.message);
    }
}
