//! The two schemes, and what must not pass: missing, cut, swapped, stale, early, with the wrong unit, over other bytes.

use apex_sdk::prelude::*;
use apex_sdk::testing::{self, TestHost};

use crate::verify::judge;

/// 2026-01-01T00:00:00Z, the moment every vector is checked at.
const NOW: Instant = Instant { seconds: 1_767_225_600, nanoseconds: 0 };
const INBOUND: &str =
    r#"{"type":"inbound_received","authorization":{"id":"cmp_1"},"payload":{"id":"evt_2rd8cb","type":"inbound"}}"#;
const INBOUND_SIGNED: &str = "bZh2s1vanPLUqYwJZJinRcUpd7usuV+Br/UzW9Js9Nk=";
const ARCHIVE: &str = r#"{"id":"evt_2rd8cb","type":"archive"}"#;
const ARCHIVE_SIGNED: &str = "kRpRXbKhVOEZOyqXLpDt7vPfjRA=";
const SYNC: &str = r#"{"type":"sync","authorization":{"id":"cmp_abc"}}"#;
const SYNC_SIGNED: &str = "2RihkdDyAC5Mp/Ukjua8ZSYAg//Nz6G4NI1ak69c9zk=";

fn verdict_with(secrets: &[(&str, &str)], headers: &[(&str, &str)], body: &str) -> Verdict {
    let secrets = secrets.iter().map(|(name, key)| ((*name).to_owned(), key.as_bytes().to_vec())).collect();
    testing::set_up(TestHost { now: NOW, secrets, body: body.as_bytes().to_vec(), ..TestHost::default() });
    let headers = headers.iter().flat_map(|(name, value)| [*name, ": ", *value, "\n"]).collect();
    let target = "/webhooks/frontapp".to_owned();
    let request =
        Request { method: "POST".to_owned(), target, headers, body: body.as_bytes().to_vec(), received_at: NOW };
    judge(&request, NOW).into()
}

fn verdict(headers: &[(&str, &str)], body: &str) -> Verdict {
    verdict_with(&[("webhook", "app-signing-key-for-tests"), ("rule", "rule-api-secret-for-tests")], headers, body)
}

fn application(timestamp: &str, signature: &str, body: &str) -> Verdict {
    verdict(&[("x-front-request-timestamp", timestamp), ("x-front-signature", signature)], body)
}

#[test]
fn both_schemes_accept_their_own() {
    assert_eq!(application("1767225600000", INBOUND_SIGNED, INBOUND), Verdict::accept("evt_2rd8cb", "inbound"));
    assert_eq!(
        verdict(&[("x-front-signature", ARCHIVE_SIGNED)], ARCHIVE),
        Verdict::accept("rule:evt_2rd8cb", "archive")
    );
    let utf8 = r#"{"id":"evt_2rd8cb","type":"comment","target":{"data":{"id":"com_1","body":"Überfällig – 📦"}}}"#;
    let signed = "ImIPOowcml4HMKacJj05QO+NXqs1ExJa8ax2/6yZdrM=";
    assert_eq!(application("1767225600000", signed, utf8), Verdict::accept("evt_2rd8cb", "comment"));
}

#[test]
fn five_minutes_either_way_and_not_a_second_more() {
    let accepted = Verdict::accept("evt_2rd8cb", "inbound");
    let cases = [
        ("1767225300000", "Ftj9nC45s+925ODMZpBT5tEkzupFUR59MITyQeF75CM=", &accepted),
        ("1767225900000", "fgaATs3FT7Vvc+hGb/2Bq053nWde37dNA5GuHILQCwE=", &accepted),
        ("1767225299000", "c88qggrf1DeB9BNfb5RV3iR5Kbmlv4RVUpu//M1Br0A=", &Verdict::Reject(Rejection::Stale)),
        ("1767225901000", "FX37twGdIi3d9j0yOXwrqHKjTWVEhmiV8yeB7s9qlP0=", &Verdict::Reject(Rejection::Stale)),
    ];
    for (timestamp, signature, expected) in cases {
        assert_eq!(&application(timestamp, signature, INBOUND), expected, "{timestamp}");
    }
}

#[test]
fn a_time_in_seconds_is_ancient() {
    let signed = "m/Av08P9ln9FbvyZujXUIN3JYEQYE0iW4iOuFYeDuNo=";
    assert_eq!(application("1767225600", signed, INBOUND), Verdict::Reject(Rejection::Stale));
}

#[test]
fn missing_and_unreadable_headers() {
    let missing = Verdict::Reject(Rejection::MissingSignature);
    assert_eq!(verdict(&[], INBOUND), missing);
    assert_eq!(verdict(&[("x-front-signature", "")], INBOUND), missing);
    assert_eq!(application("soon", "8CwGBa+N+d2EhSVroVOo/bd5BUm+ykLWjUDZGVV7Oe8=", INBOUND), missing);
    assert_eq!(application("", INBOUND_SIGNED, INBOUND), missing);
}

#[test]
fn wrong_signatures() {
    let bad = Verdict::Reject(Rejection::BadSignature);
    assert_eq!(application("1767225600000", &INBOUND_SIGNED[..20], INBOUND), bad, "cut short");
    assert_eq!(application("1767225600000", INBOUND_SIGNED, &INBOUND.replace("evt_2", "evt_3")), bad, "other body");
    assert_eq!(application("1767225600001", INBOUND_SIGNED, INBOUND), bad, "other time");
    assert_eq!(application("1767225600000", INBOUND_SIGNED, ""), bad, "empty body");
    // A scheme that write-ups describe and Front does not use: SHA-256 over the body alone.
    assert_eq!(application("1767225600000", "elX5Y4439FlCP7m28divzpu4RxGKvjYtYO2b6UbSSb4=", INBOUND), bad);
    assert_eq!(verdict(&[("x-front-signature", INBOUND_SIGNED)], INBOUND), bad, "the other product's");
}

#[test]
fn a_time_header_rules_out_the_weak_scheme() {
    let sha1 = "xQ+OT3WKiPAonXyi+XeWuTb5TFE=";
    assert_eq!(verdict(&[("x-front-signature", sha1)], INBOUND), Verdict::accept("rule:evt_2rd8cb", "inbound"));
    assert_eq!(application("1767225600000", sha1, INBOUND), Verdict::Reject(Rejection::BadSignature));
}

#[test]
fn a_scheme_without_its_secret_is_not_configured() {
    let waiting = Verdict::Reject(Rejection::NotConfigured);
    let app_only = [("webhook", "app-signing-key-for-tests")];
    assert_eq!(verdict_with(&app_only, &[("x-front-signature", ARCHIVE_SIGNED)], ARCHIVE), waiting);
    let headers = [("x-front-request-timestamp", "1767225600000"), ("x-front-signature", INBOUND_SIGNED)];
    assert_eq!(verdict_with(&[("rule", "rule-api-secret-for-tests")], &headers, INBOUND), waiting);
}

#[test]
fn the_challenge_is_echoed_once_the_signature_fits() {
    let headers = |signature| {
        [
            ("X-Front-Signature", signature),
            ("X-Front-Request-Timestamp", "1767225600000"),
            ("X-Front-Challenge", "a\"b"),
        ]
    };
    let answer = Verdict::Challenge(Reply::json(200, r#"{"challenge":"a\"b"}"#));
    assert_eq!(verdict(&headers(SYNC_SIGNED), SYNC), answer);
    assert_eq!(verdict(&headers(INBOUND_SIGNED), SYNC), Verdict::Reject(Rejection::BadSignature));
    assert_eq!(verdict(&headers(SYNC_SIGNED)[..2], SYNC), Verdict::Ignore(Reply::json(200, "{}")));
}

#[test]
fn a_signed_body_that_is_no_event_is_still_accepted() {
    let not_json = application("1767225600000", "j2KHjgHlhaXpNPAzwDCJZEpQMiZ6X+T5l763bhL133Q=", "not json");
    let hash = "body:7ccfa1fbf3940e6f0c0375d87c0f9235a50514e14cb427bdfaf5077987b26ccf";
    assert_eq!(not_json, Verdict::accept(hash, "unknown"));
    let empty = application("1767225600000", "zkUagCbc43sM3mSLAyoqHknhFtOTkjx58wXj5+i3bDA=", "");
    let hash = "body:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(empty, Verdict::accept(hash, "unknown"));
    assert_eq!(crate::parse::documents(b"not json").unwrap_err().code, "bad-json");
    assert_eq!(crate::parse::documents(b"").unwrap_err().kind, FaultKind::Permanent);
    assert_eq!(crate::parse::documents(b"{\"type\":\"inbound\"}").unwrap_err().code, "no-event-id");
}
