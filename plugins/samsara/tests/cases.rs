//! The connector's own cases, natively: webhooks, and pages of the feed.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#[path = "../../frontapp/tests/common/mod.rs"]
mod common;

use apex_sdk::host::http::Response;
use apex_sdk::prelude::*;
use apex_sdk::testing::{set_up, with};
use common::{Case, document, kind, matches};
use samsara::Samsara;
use serde_json::{Value, json};

#[test]
fn every_case_comes_out_as_written() {
    let cases = common::cases(env!("CARGO_MANIFEST_DIR"));
    assert!(cases.len() >= 30, "cases are missing");
    for case in cases {
        if case.folder.join("page.json").is_file() { pages(&case) } else { common::webhook::<Samsara>(&case, true) }
    }
}

fn pages(case: &Case) {
    set_up(case.host(false));
    let mut cursor: Option<String> = None;
    let mut outcomes = Vec::new();
    for call in case.json("page.json")["calls"].as_array().unwrap() {
        let name = &case.name;
        if let Some(set) = call.get("cursor") {
            cursor = set.as_str().map(str::to_owned);
        }
        let exchanges = call["exchanges"].as_array().unwrap();
        with(|host| {
            host.now.seconds += u32::try_from(call["after_ms"].as_u64().unwrap_or(0).div_ceil(1_000)).unwrap();
            host.answers = exchanges.iter().map(|exchange| Ok(response(&exchange["response"]))).collect();
            host.sent.clear();
        });
        let slices = Samsara::slices().unwrap();
        let slice = call["slice"].as_str().unwrap_or_else(|| slices.first().unwrap());
        assert!(slices.iter().any(|known| known == slice), "{name}: {slice} is not in {slices:?}");
        let budget = Budget { documents_max: 1_000, bytes_max: 8 << 20, ms_max: 10_000 };
        let page = Samsara::fetch(slice, cursor.as_deref(), &budget);
        let sent = with(|host| {
            host.sent
                .iter()
                .map(|sent| json!({ "method": sent.method, "url": sent.url, "credential": sent.credential }))
                .collect::<Vec<_>>()
        });
        let asked: Vec<Value> = exchanges.iter().map(|exchange| exchange["request"].clone()).collect();
        matches(&json!(asked), &json!(sent), name);
        outcomes.push(match &page {
            Ok(page) => json!({ "documents": page.documents.iter().map(document).collect::<Vec<_>>(), "cursor": page.cursor, "next": next(page.next) }),
            Err(fault) => json!({ "fault": { "kind": kind(fault), "code": fault.code, "after_ms": after_ms(fault) } }),
        });
        cursor = page.map(|page| page.cursor).ok().or(cursor);
    }
    matches(&case.json("expected.json")["calls"], &json!(outcomes), &case.name);
}

fn response(written: &Value) -> Response {
    let headers = written["headers"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(name, value)| [name, ": ", value.as_str().unwrap(), "\n"])
        .collect();
    let body = written["body"].as_str().map_or_else(|| written["body"].to_string(), str::to_owned);
    Response { status: u16::try_from(written["status"].as_u64().unwrap()).unwrap(), headers, body: body.into_bytes() }
}

fn next(next: Next) -> Value {
    match next {
        Next::More => json!("more"),
        Next::Finished => json!("finished"),
        Next::Idle(None) => json!("idle"),
        Next::Idle(Some(ms)) => json!({ "idle": ms }),
    }
}

fn after_ms(fault: &Fault) -> Option<u32> {
    match &fault.kind {
        FaultKind::RateLimited(limit) => Some(limit.after_ms),
        FaultKind::Retryable(after) => *after,
        _ => None,
    }
}
