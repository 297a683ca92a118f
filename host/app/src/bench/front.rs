//! Signed Front application webhooks, as many as asked for. The scheme is Front's: base64 of HMAC-SHA256 over
//! `timestamp:body` (dev.frontapp.com/docs/application-webhooks).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// Makes signed requests for one receiver.
#[derive(Debug, Clone)]
pub struct FrontSender {
    key: hmac::Key,
    target: String,
}

impl FrontSender {
    /// Signs with `secret`; `source` is the last part of the path.
    pub fn new(secret: &str, source: &str) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), target: format!("/webhooks/{source}") }
    }

    /// The `x-front-signature` of this body at this time (milliseconds since 1970).
    pub fn signature(&self, timestamp_ms: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(timestamp_ms.to_string().as_bytes());
        context.update(b":");
        context.update(body);
        STANDARD.encode(context.sign())
    }

    /// One HTTP/1.1 request as bytes, ready for a socket.
    pub fn request(&self, timestamp_ms: i64, body: &[u8]) -> Vec<u8> {
        let signature = self.signature(timestamp_ms, body);
        let mut request = format!(
            "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-front-request-timestamp: {timestamp_ms}\r\n\
             x-front-signature: {signature}\r\ncontent-length: {}\r\n\r\n",
            self.target,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        request
    }
}

/// The body of [`event_body`] with room for any id, so that a load generator spends its time on sending.
#[derive(Debug, Clone)]
pub struct EventTemplate {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

/// Digits of an id in a template: every 64-bit number in base 36 fits.
const ID_DIGITS: usize = 13;

impl EventTemplate {
    /// For bodies of about `bytes` bytes.
    pub fn new(bytes: usize) -> Self {
        let marker = [b'~'; ID_DIGITS];
        let text = event_text(std::str::from_utf8(&marker).unwrap_or_default(), bytes);
        let body = text.into_bytes();
        let places = (0..body.len()).filter(|&at| body.get(at..at + ID_DIGITS) == Some(&marker)).collect();
        Self { bytes: body, places }
    }

    /// The body of this id, good until the next call.
    pub fn body(&mut self, id: u64) -> &[u8] {
        let digits = format!("{:0>ID_DIGITS$}", base36(id));
        for &at in &self.places {
            if let Some(place) = self.bytes.get_mut(at..at + ID_DIGITS) {
                place.copy_from_slice(digits.as_bytes());
            }
        }
        &self.bytes
    }
}

/// A number in base 36, as Front writes event ids.
pub fn base36(mut number: u64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut text = Vec::new();
    loop {
        let digit = usize::try_from(number % 36).ok().and_then(|digit| DIGITS.get(digit)).copied().unwrap_or(b'0');
        text.push(char::from(digit));
        number /= 36;
        if number == 0 {
            break;
        }
    }
    text.iter().rev().collect()
}

/// An `inbound` event of about `bytes` bytes with this id number.
pub fn event_body(id: u64, bytes: usize) -> Vec<u8> {
    event_text(&base36(id), bytes).into_bytes()
}

fn event_text(id: &str, bytes: usize) -> String {
    let head = format!(
        r#"{{"type":"inbound_received","authorization":{{"id":"cmp_bench"}},"payload":{{"id":"evt_{id}","type":"inbound","emitted_at":1767225600.125,"conversation":{{"id":"cnv_{id}","subject":"Where is shipment {id}?","status":"unassigned"}},"target":{{"_meta":{{"type":"message"}},"data":{{"id":"msg_{id}","type":"email","is_inbound":true,"recipients":[{{"handle":"dock@example.com","role":"from"}},{{"handle":"ops@example.com","role":"to"}}],"text":""#
    );
    let tail = r#""}}}}"#;
    let filler = "The truck has not arrived at the dock yet, please tell us when to expect it. ";
    let room = bytes.saturating_sub(head.len() + tail.len());
    let mut body = String::with_capacity(bytes + filler.len());
    body.push_str(&head);
    body.extend(filler.chars().cycle().take(room));
    body.push_str(tail);
    body
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bodies_are_json_of_the_size_asked_for() {
        let body = event_body(35, 2048);
        assert_eq!(body.len(), 2048);
        let event: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(event.pointer("/payload/id").unwrap(), "evt_z");
    }

    #[test]
    fn a_template_makes_the_same_events() {
        let mut template = EventTemplate::new(2048);
        for id in [0, 35, u64::MAX] {
            let event: serde_json::Value = serde_json::from_slice(template.body(id)).unwrap();
            let written = event.pointer("/payload/id").unwrap().as_str().unwrap();
            assert_eq!(written.trim_start_matches("evt_").trim_start_matches('0'), base36(id).trim_start_matches('0'));
        }
    }

    #[test]
    fn base36_counts_like_front() {
        assert_eq!(base36(0), "0");
        assert_eq!(base36(36), "10");
        assert_eq!(base36(1_679_615), "zzzz");
    }
}
