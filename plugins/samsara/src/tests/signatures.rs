//! The webhook scheme, and what must not pass. Key: base64 of `samsara-test-key-0123456789`; hex by `openssl dgst -sha256 -mac HMAC`.

use apex_sdk::prelude::*;
use apex_sdk::testing::{self, TestHost};

use crate::verify::judge;

/// 2026-01-01T00:00:00Z, the moment every vector is checked at.
const NOW: Instant = Instant { seconds: 1_767_225_600, nanoseconds: 0 };
const ENTRY: &str = r#"{"eventId":"017db07f-6e95-470e-8cc0-a371f9deed2b","eventTime":"2026-01-01T00:00:00Z","eventType":"GeofenceEntry","orgId":20936,"webhookId":"1411751028848270","data":{}}"#;
const ENTRY_SIGNED: &str = "169b26abae9d06d44760bf17a76712802dd56d6c3ff8c380097ef44743aaa549";

fn verdict(headers: &[(&str, &str)], body: &str) -> Verdict {
    let key = b"samsara-test-key-0123456789".to_vec();
    let secrets = std::iter::once(("webhook".to_owned(), key)).collect();
    testing::set_up(TestHost { now: NOW, secrets, body: body.as_bytes().to_vec(), ..TestHost::default() });
    let headers = headers.iter().flat_map(|(name, value)| [*name, ": ", *value, "\n"]).collect();
    let target = "/webhooks/samsara".to_owned();
    let request =
        Request { method: "POST".to_owned(), target, headers, body: body.as_bytes().to_vec(), received_at: NOW };
    judge(&request, NOW).into()
}

fn signed(timestamp: &str, signature: &str, body: &str) -> Verdict {
    verdict(&[("X-Samsara-Timestamp", timestamp), ("X-Samsara-Signature", signature)], body)
}

fn accepted() -> Verdict {
    Verdict::accept("017db07f-6e95-470e-8cc0-a371f9deed2b", "GeofenceEntry")
}

#[test]
fn good_signatures() {
    assert_eq!(signed("1767225600", &format!("v1={ENTRY_SIGNED}"), ENTRY), accepted());
    assert_eq!(signed("1767225600", &format!("v1={}", ENTRY_SIGNED.to_uppercase()), ENTRY), accepted());
    let second = format!("v1={}, v1={ENTRY_SIGNED}", "0".repeat(64));
    assert_eq!(signed("1767225600", &second, ENTRY), accepted(), "the second of two");
    let utf8 = r#"{"eventId":"u1","eventType":"DriverUpdated","data":{"driver":{"id":"7","name":"Søren – 📦"}}}"#;
    let signature = "v1=2b5b57faf3985059704e05c32869f1064daf1e25f19485edc407911cf07eed12";
    assert_eq!(signed("1767225600", signature, utf8), Verdict::accept("u1", "DriverUpdated"));
}

#[test]
fn five_minutes_either_way_and_not_a_second_more() {
    let cases = [
        ("1767225300", "a5eee87ebce6119458dfa65fec9993de182ff5e93703d7672b16dbad8d3bae3d", accepted()),
        ("1767225900", "a52ef234026357bf027c8161940fea9f93b4eab84a1d2c9b4d53da651b9cb726", accepted()),
        (
            "1767225299",
            "29f6b51b89f1799a319b906e1b0b3b6bbf1018879795174c18434d3b153872f2",
            Verdict::Reject(Rejection::Stale),
        ),
        (
            "1767225901",
            "b62c5282bda7e5cc0fee9864e9f2b487be326acb514c2204e829bf42bf8ee066",
            Verdict::Reject(Rejection::Stale),
        ),
        // Milliseconds are seconds of the far future.
        (
            "1767225600000",
            "31468917f41da0e6e9e583c8cc74b43eee75949681ace6e817189f7cd632be25",
            Verdict::Reject(Rejection::Stale),
        ),
    ];
    for (timestamp, signature, expected) in cases {
        assert_eq!(signed(timestamp, &format!("v1={signature}"), ENTRY), expected, "{timestamp}");
    }
}

#[test]
fn missing_and_unreadable_headers() {
    let missing = Verdict::Reject(Rejection::MissingSignature);
    let good = format!("v1={ENTRY_SIGNED}");
    assert_eq!(verdict(&[], ENTRY), missing);
    assert_eq!(verdict(&[("x-samsara-signature", &good)], ENTRY), missing);
    assert_eq!(verdict(&[("x-samsara-timestamp", "1767225600")], ENTRY), missing);
    assert_eq!(signed("1767225600", ENTRY_SIGNED, ENTRY), missing, "no version");
    assert_eq!(signed("1767225600", &format!("v2={ENTRY_SIGNED}"), ENTRY), missing, "another version");
    let soon = "v1=bdf73dfd262f1598b2fdd5b37ccbe8956a66c06d934b4d5d5ec2bb22ebf4fa34";
    assert_eq!(signed("soon", soon, ENTRY), missing);
    // The header of the vendor's SDK helper, which its documentation does not know.
    assert_eq!(
        verdict(&[("x-samsara-hmacsha256-signature", "abc"), ("x-samsara-timestamp", "1767225600")], ENTRY),
        missing
    );
}

#[test]
fn wrong_signatures() {
    let bad = Verdict::Reject(Rejection::BadSignature);
    assert_eq!(signed("1767225600", &format!("v1={}", &ENTRY_SIGNED[..40]), ENTRY), bad, "cut short");
    assert_eq!(signed("1767225601", &format!("v1={ENTRY_SIGNED}"), ENTRY), bad, "another time");
    assert_eq!(signed("1767225600", &format!("v1={ENTRY_SIGNED}"), ""), bad, "an empty body");
    let text_key = "v1=7f9ca13a9bd033f8ad631992b8f2d94eaacacb54eafd98958f17ff9ec36269ce";
    assert_eq!(signed("1767225600", text_key, ENTRY), bad, "the key's base64 text instead of its bytes");
    let no_version = "v1=33187c1eb3b86aad56cf6db6f261e0ccc1e623beca7bd7465a2847b1fcf1a4bd";
    assert_eq!(signed("1767225600", no_version, ENTRY), bad, "without `v1:` in the signed text");
}

#[test]
fn a_ping_is_answered_and_not_kept() {
    let ping = r#"{"eventId":"8928d556-72f5-439c-a924-953022c44bfb","eventMs":1767225600000,"eventType":"Ping","event":{"text":"Ping"}}"#;
    let signature = "v1=f3203935f1f3d6f2375ce05a5d8e55f2c697e2ca07f37ad6b241b28c1a2dda74";
    assert_eq!(signed("1767225600", signature, ping), Verdict::Ignore(Reply::json(200, "{}")));
}

#[test]
fn a_signed_body_that_is_no_event_is_still_accepted() {
    let not_json =
        signed("1767225600", "v1=4f0018209999164e413361a8a4f0393561ba8f197710bf800a5f1a9119593f67", "not json");
    assert_eq!(
        not_json,
        Verdict::accept("body:7ccfa1fbf3940e6f0c0375d87c0f9235a50514e14cb427bdfaf5077987b26ccf", "unknown")
    );
    let empty = signed("1767225600", "v1=34e11e650b4a0e4e1119618db8c12b4dd5e05f684d668abb46d02f2ab0bf973a", "");
    assert_eq!(
        empty,
        Verdict::accept("body:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "unknown")
    );
    for body in ["not json", "", "{}", r#"{"eventType":"Alert"}"#, "[]"] {
        assert_eq!(crate::event::documents(body.as_bytes()).unwrap_err().kind, FaultKind::Permanent, "{body}");
    }
}
