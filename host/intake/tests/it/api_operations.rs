//! Events, sources, plugins, dead letters and what `apex ingest` sends, over the API.

use std::sync::Arc;

use apex_config::limits::IntakeLimits;
use apex_intake::metrics::Metrics;
use apex_intake::{Access, ApiState, api_router};
use apex_model::Timestamp;
use apex_model::event::{DeadLetter, DeadLetterBody, EventIssue, EventKind, EventState};
use apex_model::ids::{Digest, EventId};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use prometheus_client::registry::Registry;
use serde_json::json;

use crate::fakes::{Fake, THEN_MS, name, plugin_ref, source};
use crate::harness::{Host, ports};

fn letter(number: u8, body: &'static [u8]) -> DeadLetterBody {
    let then = Timestamp::from_unix_ms(THEN_MS);
    let letter = DeadLetter {
        id: EventId([number; 16]),
        source: name("alpha"),
        kind: EventKind::Webhook,
        event_key: format!("evt_{number}"),
        label: "POST /webhooks/alpha".to_owned(),
        code: "APEX0030".to_owned(),
        reason: "not JSON".to_owned(),
        next_step: "mend the plugin, then replay".to_owned(),
        attempts: 1,
        dead_at: then,
        received_at: then,
        trace_id: "00".repeat(16),
        body_sha256: Digest::of(body),
        body_bytes: body.len() as u64,
        plugin: Some(plugin_ref()),
        issues: vec![EventIssue {
            id: "1".to_owned(),
            code: "AK5".to_owned(),
            message: "bad segment".to_owned(),
            offset: 1,
            length: 2,
        }],
        outcomes: Vec::new(),
    };
    DeadLetterBody { letter, headers: "x-a: 1\n".to_owned(), body: Bytes::from_static(body) }
}

#[tokio::test]
async fn events_are_listed_by_source_and_state_and_shown() {
    let host = Host::start().await;
    let mut ids = Vec::new();
    for body in ["1", "2", "3"] {
        ids.push(host.webhook("accept", body.as_bytes()).await.json()["event"].as_str().unwrap().to_owned());
    }
    host.fake.with(|state| state.events[1].1 = EventState::Done);
    let event = host.json("GET", &format!("/v1/events/{}", ids[1]), b"", 200).await;
    assert_eq!((event["id"].clone(), event["state"].clone()), (ids[1].clone().into(), "done".into()));
    assert_eq!(event["trace_id"].as_str().unwrap().len(), 32);
    let listed = host.json("GET", "/v1/events?source=alpha&state=accepted", b"", 200).await;
    let listed: Vec<&str> = listed.as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(listed, [&ids[2], &ids[0]], "newest first");
    host.json("GET", "/v1/events?state=asleep", b"", 400).await;
    host.json("GET", "/v1/events/ev_00000000000000000000000000", b"", 404).await;
    host.json("GET", "/v1/events/nonsense", b"", 404).await;
}

#[tokio::test]
async fn a_full_page_of_events_names_the_next() {
    let host = Host::start().await;
    for body in ["1", "2"] {
        host.webhook("accept", body.as_bytes()).await;
    }
    let page = host.api("GET", "/v1/events?limit=1&source=alpha", b"").await;
    assert_eq!(page.header("link"), "</v1/events?before=2&limit=1&source=alpha>; rel=\"next\"");
    let last = host.api("GET", "/v1/events?limit=3&source=alpha", b"").await;
    assert_eq!(last.header("link"), "");
}

#[tokio::test]
async fn sources_are_paused_resumed_and_polled() {
    let host = Host::start().await;
    host.fake.with(|state| {
        let mut polled = source("feed", &["poll"]);
        polled.poll_every_ms = Some(5_000);
        state.sources.push(polled);
    });
    let names = host.json("GET", "/v1/sources", b"", 200).await;
    let names: Vec<&str> = names.as_array().unwrap().iter().map(|source| source["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["alpha", "feed"]);
    assert_eq!(host.json("POST", "/v1/sources/feed/pause", b"", 200).await["state"], "paused");
    assert_eq!(host.json("GET", "/v1/sources/feed", b"", 200).await["state"], "paused");
    host.fake.with(|state| assert_eq!(state.paused, [name("feed")]));
    assert_eq!(host.json("POST", "/v1/sources/feed/resume", b"", 200).await["state"], "active");
    host.json("POST", "/v1/sources/feed/poll", b"", 202).await;
    host.fake.with(|state| assert_eq!(state.polled, [name("feed")]));
    assert_eq!(host.json("POST", "/v1/sources/alpha/poll", b"", 422).await["code"], "APEX0027");
    for (method, target) in
        [("GET", "/v1/sources/nobody"), ("POST", "/v1/sources/nobody/pause"), ("GET", "/v1/sources/nobody/cursors")]
    {
        assert_eq!(host.json(method, target, b"", 404).await["code"], "APEX0004", "{target}");
    }
}

#[tokio::test]
async fn cursors_are_shown_set_and_forgotten() {
    let host = Host::start().await;
    assert_eq!(host.json("GET", "/v1/sources/alpha/cursors", b"", 200).await, json!([]));
    let set = host.json("PUT", "/v1/sources/alpha/cursors", br#"{"cursor":"abc"}"#, 200).await;
    assert_eq!((set[0]["slice"].clone(), set[0]["cursor"].clone()), ("default".into(), "abc".into()));
    host.json("PUT", "/v1/sources/alpha/cursors", br#"{"slice":"eu","cursor":"x"}"#, 200).await;
    let left = host.json("PUT", "/v1/sources/alpha/cursors", br#"{"cursor":null}"#, 200).await;
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["slice"], "eu");
    host.json("PUT", "/v1/sources/alpha/cursors", b"{}", 400).await;
}

#[tokio::test]
async fn plugins_are_listed() {
    let host = Host::start().await;
    let plugins = host.json("GET", "/v1/plugins", b"", 200).await;
    assert_eq!((plugins[0]["name"].clone(), plugins[0]["state"].clone()), ("alpha".into(), "active".into()));
    assert_eq!(plugins[0]["since"], "2026-01-31T08:15:00.000Z");
}

#[tokio::test]
async fn dead_letters_show_their_body_and_are_replayed() {
    let host = Host::start().await;
    host.fake.with(|state| state.dead = vec![letter(1, b"{broken"), letter(2, b"\xff\x00"), letter(3, b"x")]);
    let listed = host.json("GET", "/v1/dead-letters?source=alpha&limit=2", b"", 200).await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let id = |number: u8| EventId([number; 16]).to_string();
    let shown = host.json("GET", &format!("/v1/dead-letters/{}", id(1)), b"", 200).await;
    assert_eq!((shown["body_text"].clone(), shown["body_base64"].clone()), ("{broken".into(), "e2Jyb2tlbg==".into()));
    assert_eq!(shown["headers"], "x-a: 1\n");
    let binary = host.json("GET", &format!("/v1/dead-letters/{}", id(2)), b"", 200).await;
    assert_eq!((binary["body_text"].clone(), binary["body_base64"].clone()), (json!(null), "/wA=".into()));

    let all = br#"{"all":true,"source":"alpha","dry_run":true}"#;
    let dry = host.json("POST", "/v1/dead-letters/replay", all, 200).await;
    assert_eq!(dry, json!({"replayed": [id(1), id(2), id(3)], "dry_run": true}));
    host.fake.with(|state| assert_eq!(state.dead.len(), 3, "a dry run changes nothing"));
    let one = host.json("POST", &format!("/v1/dead-letters/{}/replay", id(2)), b"", 200).await;
    assert_eq!(one["replayed"], json!([id(2)]));
    host.json("POST", &format!("/v1/dead-letters/{}/replay", id(2)), b"", 404).await;
    let some = json!({"ids": [id(1), id(2)]}).to_string();
    let dry = json!({"ids": [id(1), id(2)], "dry_run": true}).to_string();
    assert_eq!(host.json("POST", "/v1/dead-letters/replay", dry.as_bytes(), 200).await["replayed"], json!([id(1)]));
    assert_eq!(host.json("POST", "/v1/dead-letters/replay", some.as_bytes(), 200).await["replayed"], json!([id(1)]));
    let all = br#"{"all":true,"source":"alpha"}"#;
    assert_eq!(host.json("POST", "/v1/dead-letters/replay", all, 200).await["replayed"], json!([id(3)]));
    for bad in
        [&b"{}"[..], br#"{"all":true}"#, br#"{"source":"alpha"}"#, br#"{"ids":["x"],"all":true,"source":"alpha"}"#]
    {
        host.json("POST", "/v1/dead-letters/replay", bad, 400).await;
    }
}

#[tokio::test]
async fn a_file_becomes_an_event_of_a_batch_source_once() {
    let host = Host::start().await;
    host.fake.with(|state| state.sources.push(source("edi", &["batch"])));
    // The table of sources is renewed within 250 ms; a source that was never there is 404 until then.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(2);
    while host.api("POST", "/v1/files/edi?name=a.edi", b"ISA*00").await.status == 404 {
        assert!(tokio::time::Instant::now() < deadline);
    }
    let again = host.json("POST", "/v1/files/edi?name=b.edi", b"ISA*00", 202).await;
    assert_eq!(again["duplicate"], true, "the same bytes are the same file");
    host.fake.with(|state| {
        let event = &state.events[0].0;
        assert_eq!((event.kind, event.label.as_str(), event.body.as_ref()), (EventKind::File, "a.edi", &b"ISA*00"[..]));
    });
    assert_eq!(host.json("POST", "/v1/files/alpha?name=a.edi", b"x", 422).await["code"], "APEX0027");
    host.json("POST", "/v1/files/nobody?name=a.edi", b"x", 404).await;
    for bad in ["", "?name=", "?name=..%2Fa", "?name=a%0Ab"] {
        host.json("POST", &format!("/v1/files/edi{bad}"), b"x", 400).await;
    }
}

#[tokio::test]
async fn a_recorded_delivery_goes_through_verification() {
    let host = Host::start().await;
    let recorded = |verdict: &str| {
        format!("POST /webhooks/alpha HTTP/1.1\r\nX-Key: k1\r\nX-Verdict: {verdict}\r\n\r\n{{\"a\":1}}")
    };
    let send = async |verdict: &str, status: u16| {
        host.json("POST", "/v1/deliveries/alpha", recorded(verdict).as_bytes(), status).await
    };
    let accepted = send("accept", 202).await;
    assert_eq!(accepted["outcome"], "accepted");
    assert_eq!(accepted["ingested"]["event"], EventId::of(&name("alpha"), "k1").to_string());
    assert_eq!(send("accept", 202).await["outcome"], "duplicate");
    let challenge = send("challenge", 200).await;
    assert_eq!((challenge["outcome"].clone(), challenge["reply"]["status"].clone()), ("challenge".into(), 200.into()));
    let refused = send("bad", 422).await;
    assert!(refused["detail"].as_str().unwrap().contains("bad_signature"), "{refused}");
    send("no-plugin", 503).await;
    host.json("POST", "/v1/deliveries/alpha", b"just text", 400).await;
    host.json("POST", "/v1/deliveries/nobody", b"POST / HTTP/1.1\n\n", 404).await;
    host.fake.with(|state| {
        assert_eq!(state.events.len(), 1);
        assert_eq!(state.events[0].0.body.as_ref(), b"{\"a\":1}");
    });
}

#[tokio::test]
async fn stats_conserve_and_doctor_reports() {
    let host = Host::start().await;
    for body in ["1", "1", "2"] {
        host.webhook("accept", body.as_bytes()).await;
    }
    host.fake.with(|state| state.documents = vec![crate::api_documents::view("1")]);
    let stats = host.json("GET", "/v1/stats", b"", 200).await;
    let count = |name: &str| stats[0][name].as_u64().unwrap();
    assert_eq!(stats[0]["source"], "alpha");
    assert_eq!((count("accepted"), count("duplicate"), count("in_flight"), count("documents")), (3, 1, 2, 1));
    let findings = host.json("GET", "/v1/doctor?document=a:1", b"", 200).await;
    assert_eq!(findings["findings"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_router_works_without_a_network_and_without_a_token_for_its_own_process() {
    let fake = Arc::new(Fake::default());
    fake.with(|state| state.sources = vec![source("alpha", &["webhook"])]);
    let state =
        ApiState::new(ports(&fake), IntakeLimits::default(), Access::Trusted, Metrics::new(Registry::default()));
    let service = TowerToHyperService::new(api_router(state));
    let request = http::Request::get("/v1/sources").body(Empty::<Bytes>::new()).unwrap();
    let response = service.call(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("\"name\":\"alpha\""));
}
