//! Headers as connectors get them, and the trace a delivery belongs to.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use apex_model::ids::TraceId;
use http::HeaderMap;

/// The headers as one text: `name: value` a line, names in lower case, lines ended by `\n`, bytes that are not UTF-8
/// replaced.
pub(crate) fn headers(map: &HeaderMap) -> String {
    let mut text = String::with_capacity(map.iter().map(|(name, value)| name.as_str().len() + value.len() + 3).sum());
    for (name, value) in map {
        text.push_str(name.as_str());
        text.push_str(": ");
        text.push_str(&String::from_utf8_lossy(value.as_bytes()));
        text.push('\n');
    }
    text
}

/// Makes trace ids: keyed hashes of a counter under keys that the system gave this process at random. Asking the system
/// for every id would cost a call into the kernel a request.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    keys: RandomState,
    count: AtomicU64,
}

impl Traces {
    /// The trace of the `traceparent` header if it is valid, else a new one.
    pub(crate) fn of(&self, map: &HeaderMap) -> TraceId {
        let header = map.get("traceparent").and_then(|value| value.to_str().ok());
        header.and_then(parse_traceparent).unwrap_or_else(|| self.fresh())
    }

    fn fresh(&self) -> TraceId {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let half = |which: u8| u128::from(self.keys.hash_one((which, count)));
        TraceId((half(0) << 64 | half(1)).to_be_bytes())
    }
}

/// W3C Trace Context, section 3.2: `00-<32 lower-case hex>-<16 lower-case hex>-<2 hex>`, neither id all zeros; a higher
/// version may go on after that.
fn parse_traceparent(text: &str) -> Option<TraceId> {
    let lower_hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
    };
    let mut parts = text.trim().split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let ends_right = version != "00" || parts.next().is_none();
    let spelled = lower_hex(version, 2) && version != "ff" && lower_hex(parent, 16) && lower_hex(flags, 2);
    let named = lower_hex(trace, 32) && trace.bytes().any(|c| c != b'0') && parent.bytes().any(|c| c != b'0');
    (ends_right && spelled && named).then(|| TraceId::parse(trace)).flatten()
}

/// Reads a header block: `name: value` lines ended by `\n` or `\r\n`, into the flat form. None if a line has no colon.
pub(crate) fn parse_headers(block: &str) -> Option<String> {
    let mut text = String::with_capacity(block.len());
    for line in block.lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let _ = writeln!(text, "{}: {}", name.trim().to_ascii_lowercase(), value.trim());
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http::HeaderValue;

    #[test]
    fn headers_are_one_lower_case_line_each() {
        let mut map = HeaderMap::new();
        map.append("X-Front-Signature", HeaderValue::from_static("abc="));
        map.append("x-two", HeaderValue::from_static("1"));
        map.append("x-two", HeaderValue::from_static("2"));
        map.append("x-raw", HeaderValue::from_bytes(b"\xff").unwrap());
        let text = headers(&map);
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["x-front-signature: abc=", "x-raw: \u{fffd}", "x-two: 1", "x-two: 2"]);
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn new_traces_differ_within_a_process_and_between_processes() {
        let (here, there) = (Traces::default(), Traces::default());
        let none = HeaderMap::new();
        let ids: std::collections::HashSet<TraceId> =
            (0..1_000).flat_map(|_| [here.of(&none), there.of(&none)]).collect();
        assert_eq!(ids.len(), 2_000);
    }

    #[test]
    fn a_valid_traceparent_is_taken_up_and_any_other_is_not() {
        // The example of W3C Trace Context, section 3.2.
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(parse_traceparent(good).unwrap().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what").is_some());
        for bad in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736",
            "",
        ] {
            assert_eq!(parse_traceparent(bad), None, "{bad}");
        }
    }
}
