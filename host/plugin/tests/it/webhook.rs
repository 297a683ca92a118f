//! Verification and parsing: what a webhook connector may answer and use, and that secrets stay outside.

use apex_model::delivery::{Judgement, Rejection};
use apex_model::{Code, Retry};
use apex_plugin::SourceSettings;
use secrecy::SecretString;

use crate::guest::{Guest, accepting, checking};
use crate::host::{delivery, limits, source, workbench};

/// RFC 4231 §4.3, test case 2: HMAC-SHA-256 of "what do ya want for nothing?" under "Jefe".
const RFC_4231_CASE_2: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

fn with_secrets(secrets: &[&str]) -> SourceSettings {
    let mut settings = SourceSettings::bare(source("front"), "front");
    let values = secrets.iter().map(|text| SecretString::from(*text)).collect();
    settings.secrets.insert("webhook".to_owned(), values);
    settings
}

#[test]
fn a_signature_is_checked_over_the_hosts_copy_of_the_body() {
    let bench = workbench(checking("front"), limits(), Some(with_secrets(&["Jefe"]))).unwrap();
    let verify = |mac: &str, body: &[u8]| bench.verify(delivery("front", mac, body)).unwrap();
    let body = b"what do ya want for nothing?";
    assert!(matches!(verify(RFC_4231_CASE_2, body), Judgement::Accepted(_)));
    assert!(matches!(verify(&RFC_4231_CASE_2.to_uppercase(), body), Judgement::Accepted(_)));
    assert!(matches!(verify(RFC_4231_CASE_2, b"what do ya want for nothing!"), Judgement::Rejected(_)));
    for wrong in ["", "zz", &RFC_4231_CASE_2[..62], &RFC_4231_CASE_2.replace('5', "6")] {
        assert!(matches!(verify(wrong, body), Judgement::Rejected(Rejection::BadSignature)), "{wrong}");
    }
}

#[test]
fn the_previous_key_still_counts() {
    let bench = workbench(checking("front"), limits(), Some(with_secrets(&["new", "Jefe"]))).unwrap();
    let judged = bench.verify(delivery("front", RFC_4231_CASE_2, b"what do ya want for nothing?")).unwrap();
    assert!(matches!(judged, Judgement::Accepted(_)));
}

#[test]
fn a_missing_secret_makes_the_source_wait_with_the_line_to_add() {
    let failure = workbench(checking("front"), limits(), None).err().unwrap();
    assert_eq!((failure.code, failure.retry), (Code::SOURCE_WAITING, Retry::Hold));
    assert!(
        failure.what.contains("[sources.front]\nsecrets.webhook = { env = \"FRONT_WEBHOOK_SECRET\" }"),
        "{}",
        failure.what
    );
}

#[test]
fn documents_come_out_as_the_guest_wrote_them() {
    let bench = workbench(accepting("front", "k"), limits(), None).unwrap();
    let documents = bench.parse(&delivery("front", "/", b"{}")).unwrap();
    assert_eq!(documents.len(), 1);
    assert_eq!((documents[0].id.as_str(), documents[0].kind.as_str()), ("doc-1", "note"));
}

#[test]
fn answers_that_break_the_contract_stop_at_the_border() {
    let long_key = "k".repeat(513);
    for (key, fits) in [("k", true), ("", false), (long_key.as_str(), false)] {
        let bench = workbench(accepting("front", key), limits(), None).unwrap();
        let judged = bench.verify(delivery("front", "/", b"{}"));
        assert_eq!(judged.is_ok(), fits, "{} bytes", key.len());
        if let Err(failure) = judged {
            assert_eq!((failure.code, failure.retry), (Code::PLUGIN_ANSWER, Retry::Never));
        }
    }
    for (status, fits) in [(200, true), (499, true), (500, false), (102, false)] {
        let mut guest = Guest::new("front");
        let challenge = guest.challenge(status, "hello");
        let bench =
            workbench(guest.webhook(&format!("(i32.const {challenge})"), "unreachable"), limits(), None).unwrap();
        let judged = bench.verify(delivery("front", "/", b"{}"));
        assert_eq!(judged.is_ok(), fits, "{status}");
    }
}

#[test]
fn a_document_that_breaks_a_rule_is_a_broken_answer() {
    let mut guest = Guest::new("front");
    let bad = guest.documents(1, "line\nbreak", 0);
    let bench = workbench(guest.webhook("unreachable", &format!("(i32.const {bad})")), limits(), None).unwrap();
    let failure = bench.parse(&delivery("front", "/", b"{}")).unwrap_err();
    assert_eq!(failure.code, Code::PLUGIN_ANSWER);
    assert!(failure.what.contains("no control characters"), "{}", failure.what);
    assert!(!failure.what.contains('\n'), "{}", failure.what);
}

#[test]
fn a_fault_of_the_guest_keeps_its_kind() {
    let mut guest = Guest::new("front");
    // `permanent` is the fourth kind of the contract's `fault-kind`.
    let fault = guest.fault(3, [0, 0, 0], "bad-json", "no\u{1b}[2Jt JSON");
    let bench = workbench(guest.webhook("unreachable", &format!("(i32.const {fault})")), limits(), None).unwrap();
    let failure = bench.parse(&delivery("front", "/", b"{}")).unwrap_err();
    assert_eq!((failure.code, failure.retry), (Code::FAULT_PERMANENT, Retry::Never));
    assert_eq!(failure.what, "front: no\\u{1b}[2Jt JSON (bad-json)");
}

#[test]
fn an_import_is_used_only_where_the_contract_allows_it() {
    let mut guest = Guest::new("front");
    let (accept, documents, moment) = (guest.accept("k", "t"), guest.documents(1, "d", 0), guest.room(2));
    let ask = format!("(call $now (i32.const {moment}))");
    let guest = guest
        .import("clock", "now", "(param i32)")
        .webhook(&format!("{ask} (i32.const {accept})"), &format!("{ask} (i32.const {documents})"));
    let bench = workbench(guest, limits(), None).unwrap();
    assert!(bench.verify(delivery("front", "/", b"")).is_ok());
    let failure = bench.parse(&delivery("front", "/", b"")).unwrap_err();
    assert_eq!(failure.code, Code::FAULT_DENIED);
    assert!(failure.what.contains("`clock` may not be used in `webhook.parse`"), "{}", failure.what);
}

#[test]
fn what_is_not_exported_is_said_to_be_missing() {
    let bench = workbench(Guest::new("plain"), limits(), None).unwrap();
    let failure = bench.verify(delivery("plain", "/", b"")).unwrap_err();
    assert_eq!(failure.code, Code::PLUGIN_EXPORT_MISSING);
}
