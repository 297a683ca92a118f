//! Every answer the public listener gives to a webhook (the surface's section on HTTP).

use std::sync::atomic::Ordering;

use apex_config::limits::IntakeLimits;
use apex_model::Code;
use apex_model::ids::EventId;
use apex_model::source::{SourceState, SourceStatus};

use crate::client::{self, Connection};
use crate::fakes::{name, plugin, source};
use crate::harness::{Host, series, wait_for};

#[tokio::test]
async fn an_accepted_delivery_is_answered_202_with_its_id_and_a_repeat_alike() {
    let host = Host::start().await;
    let send = || client::request(host.intake, "POST", "/webhooks/alpha?x=1", &[("x-key", "evt_1")], b"{\"a\":1}");
    let first = send().await;
    let expected = format!("{{\"event\":\"{}\"}}", EventId::of(&name("alpha"), "evt_1"));
    assert_eq!((first.status, first.text()), (202, expected.clone()));
    assert_eq!(first.header("content-type"), "application/json");
    let again = send().await;
    assert_eq!((again.status, again.text()), (202, expected));
    host.fake.with(|state| {
        assert_eq!(state.events.len(), 1);
        let event = &state.events[0].0;
        assert_eq!(event.body.as_ref(), b"{\"a\":1}");
        assert_eq!(event.label, "POST /webhooks/alpha?x=1");
        assert!(event.headers.contains("x-key: evt_1\n"), "{}", event.headers);
    });
}

#[tokio::test]
async fn the_connectors_answers_go_out_as_they_are() {
    let host = Host::start().await;
    let challenge = host.webhook("challenge", b"{}").await;
    assert_eq!((challenge.status, challenge.text().as_str()), (200, "chall\u{e9}nge-1"));
    assert_eq!(challenge.header("content-type"), "text/plain; charset=utf-8");
    let empty = host.webhook("accept-empty", b"{}").await;
    assert_eq!((empty.status, empty.body.len(), empty.header("content-type")), (200, 0, ""));
    assert_eq!(host.webhook("ignore", b"{}").await.status, 204);
    host.fake.with(|state| assert_eq!(state.events.len(), 1, "challenge and ignore keep nothing"));
}

#[tokio::test]
async fn a_handshake_by_get_or_head_reaches_the_connector() {
    let host = Host::start().await;
    let path = "/webhooks/alpha?challenge=1";
    let get = client::request(host.intake, "GET", path, &[("x-verdict", "challenge")], b"").await;
    assert_eq!((get.status, get.text().as_str()), (200, "chall\u{e9}nge-1"));
    host.fake.with(|state| {
        let delivery = state.last_delivery.clone().unwrap();
        assert_eq!((delivery.method.as_str(), delivery.target.as_str()), ("GET", path));
    });
    let head = client::request(host.intake, "HEAD", path, &[("x-verdict", "challenge")], b"").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test]
async fn strangers_get_the_same_401_byte_for_byte() {
    let host = Host::start().await;
    host.fake.with(|state| state.sources.push(source("pollonly", &["poll"])));
    let reference = client::request(host.intake, "POST", "/webhooks/nobody", &[], b"{}").await;
    assert_eq!(reference.status, 401);
    for verdict in ["bad", "missing", "stale", "unconfigured", "no-export"] {
        let answer = host.webhook(verdict, b"{}").await;
        assert_eq!((answer.status, &answer.body), (401, &reference.body), "{verdict}");
        assert_eq!(answer.header("content-type"), reference.header("content-type"), "{verdict}");
    }
    for path in ["/webhooks/", "/webhooks/../etc", "/webhooks/ALPHA", "/webhooks/alpha/x", "/webhooks/pollonly"] {
        let answer = client::request(host.intake, "POST", path, &[], b"{}").await;
        assert_eq!((answer.status, &answer.body), (401, &reference.body), "{path}");
    }
    assert_eq!(client::request(host.intake, "GET", "/webhooks/nobody", &[], b"").await.status, 401);
    host.fake.with(|state| assert!(state.events.is_empty()));
}

#[tokio::test]
async fn what_the_host_cannot_do_now_is_503_with_retry_after() {
    let host = Host::start().await;
    for (verdict, code) in [
        ("no-plugin", Code::PLUGIN_MISSING),
        ("waiting", Code::SOURCE_WAITING),
        ("busy", Code::PLUGIN_BUSY),
        ("trap", Code::PLUGIN_TRAP),
    ] {
        let answer = host.webhook(verdict, b"{}").await;
        assert_eq!((answer.status, answer.json()["code"].clone()), (503, code.to_string().into()), "{verdict}");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0, "{verdict}");
    }
    for code in [Code::JOURNAL_WRITE, Code::JOURNAL_FULL] {
        host.fake.append_fails.store(code.number().into(), Ordering::Relaxed);
        let answer = host.webhook("accept", b"{}").await;
        assert_eq!((answer.status, answer.json()["code"].clone()), (503, code.to_string().into()));
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    }
    host.fake.append_fails.store(0, Ordering::Relaxed);
    assert_eq!(host.webhook("accept", b"{}").await.status, 202, "the sender's retry is taken");
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_503() {
    let host = Host::with(IntakeLimits { accept_ms_max: 50, ..IntakeLimits::default() }).await;
    let answer = host.webhook("hold", b"{}").await;
    assert_eq!(answer.status, 503);
    host.fake.release();
    host.fake.with(|state| assert_eq!(state.events.len(), 1, "it may still become durable"));
    let retry = client::request(host.intake, "POST", "/webhooks/alpha", &[], b"{}").await;
    assert_eq!(retry.status, 202);
    host.fake.with(|state| assert_eq!(state.events.len(), 1, "and the retry is then a repeat"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_announced_or_not() {
    let host = Host::with(IntakeLimits { webhook_body_bytes_max: 1_000, ..IntakeLimits::default() }).await;
    let exact = host.webhook("accept", &[b'x'; 1_000]).await;
    assert_eq!(exact.status, 202);
    let announced = host.webhook("accept", &[b'x'; 1_001]).await;
    assert_eq!((announced.status, announced.json()["code"].clone()), (413, Code::BODY_TOO_LARGE.to_string().into()));
    let far_over = host.webhook("accept", &vec![b'x'; 12_000_000]).await;
    assert_eq!(far_over.status, 413, "also when the sender reads only after it has sent everything");
    let mut chunked = Connection::open(host.intake).await;
    let piece = format!("{:x}\r\n{}\r\n", 600, "y".repeat(600));
    chunked.send(b"POST /webhooks/alpha HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n").await;
    chunked.send(format!("{piece}{piece}0\r\n\r\n").as_bytes()).await;
    assert_eq!(chunked.answer(false).await.unwrap().status, 413);
}

#[tokio::test]
async fn a_body_in_pieces_arrives_whole() {
    let host = Host::start().await;
    let mut connection = Connection::open(host.intake).await;
    connection.send(b"POST /webhooks/alpha HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n").await;
    connection.send(b"3\r\nabc\r\n4\r\ndefg\r\n").await;
    connection.send(b"1\r\nh\r\n0\r\n\r\n").await;
    assert_eq!(connection.answer(false).await.unwrap().status, 202);
    host.fake.with(|state| assert_eq!(state.events[0].0.body.as_ref(), b"abcdefgh"));
}

#[tokio::test]
async fn only_an_absurd_media_type_is_415() {
    let host = Host::start().await;
    let send = async |kind: &str| {
        client::request(host.intake, "POST", "/webhooks/alpha", &[("content-type", kind)], b"{}").await.status
    };
    for fine in
        ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense"]
    {
        assert_eq!(send(fine).await, 202, "{fine}");
    }
    for absurd in ["image/png", "Video/mp4", "audio/ogg", "font/woff2"] {
        assert_eq!(send(absurd).await, 415, "{absurd}");
    }
}

#[tokio::test]
async fn one_source_cannot_take_every_place() {
    let host = Host::with(IntakeLimits { source_in_flight_max: 2, ..IntakeLimits::default() }).await;
    host.fake.with(|state| state.sources.push(source("beta", &["webhook"])));
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut connection = Connection::open(host.intake).await;
        connection.send(&client::bytes("POST", "/webhooks/alpha", &[("x-verdict", "hold")], b"{}")).await;
        held.push(connection);
    }
    wait_for("both deliveries being verified", || host.fake.with(|state| state.held.len() == 2)).await;
    let third = host.webhook("accept", b"{}").await;
    assert_eq!((third.status, third.header("retry-after")), (429, "1"));
    host.fake.release();
    for connection in &mut held {
        assert_eq!(connection.answer(false).await.unwrap().status, 202);
    }
    assert_eq!(host.webhook("accept", b"{}").await.status, 202, "the places are given back");
}

#[tokio::test]
async fn slow_large_bodies_fill_no_more_memory_than_they_may() {
    let host =
        Host::with(IntakeLimits { webhook_body_bytes_max: 1_000, bodies_bytes_max: 2_500, ..IntakeLimits::default() })
            .await;
    let mut slow = [Connection::open(host.intake).await, Connection::open(host.intake).await];
    for (connection, framing) in slow.iter_mut().zip(["content-length: 1000", "transfer-encoding: chunked"]) {
        let head = format!("POST /webhooks/alpha HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\n{framing}\r\n\r\n");
        connection.send(head.as_bytes()).await;
        assert_eq!(connection.answer(true).await.unwrap().status, 100, "{framing}: the body is being read");
    }
    // Both count 1,000 bytes: 501 more do not fit, and 500 do.
    let over = async || host.webhook("ignore", &[b'x'; 501]).await;
    let refused = over().await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.json()["code"], Code::TOO_MANY_REQUESTS.to_string());
    assert_eq!(host.webhook("ignore", &[b'x'; 500]).await.status, 204);
    assert_eq!(host.webhook("ignore", &[b'x'; 1_001]).await.status, 413, "is refused unread, room or not");
    slow[0].send(&[b'x'; 1_000]).await;
    slow[1].send(b"1\r\nx\r\n0\r\n\r\n").await;
    for connection in &mut slow {
        assert_eq!(connection.answer(false).await.unwrap().status, 202);
    }
    let mut verified = Vec::new();
    for _ in 0..2 {
        let mut connection = Connection::open(host.intake).await;
        connection.send(&client::bytes("POST", "/webhooks/alpha", &[("x-verdict", "hold")], &[b'x'; 1_000])).await;
        verified.push(connection);
    }
    wait_for("both deliveries being verified", || host.fake.with(|state| state.held.len() == 2)).await;
    assert_eq!(over().await.status, 503, "a body being verified counts");
    host.fake.release();
    for connection in &mut verified {
        assert_eq!(connection.answer(false).await.unwrap().status, 202);
    }
    assert_eq!(over().await.status, 204, "all is given back");
}

#[tokio::test]
async fn a_source_that_appears_is_served_and_one_that_goes_is_401() {
    let host = Host::start().await;
    let status = async || client::request(host.intake, "POST", "/webhooks/late", &[], b"{}").await.status;
    assert_eq!(status().await, 401);
    host.fake.with(|state| {
        state.sources.push(source("late", &["webhook"]));
        state.plugins.push(plugin("late"));
    });
    // Promised: within 2 s of being dropped in.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(2);
    while status().await != 202 {
        assert!(tokio::time::Instant::now() < deadline, "not served within 2 s");
    }
    host.fake.with(|state| state.sources.retain(|source| source.name.as_str() != "late"));
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(2);
    while status().await != 401 {
        assert!(tokio::time::Instant::now() < deadline, "still served after 2 s");
    }
}

#[tokio::test]
async fn the_trace_of_the_sender_is_taken_up() {
    let host = Host::start().await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    client::request(host.intake, "POST", "/webhooks/alpha", &[("traceparent", parent)], b"{}").await;
    host.fake.with(|state| assert_eq!(state.events[0].0.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736"));
}

#[tokio::test]
async fn the_public_listener_serves_nothing_else() {
    let host = Host::start().await;
    for path in ["/", "/metrics", "/v1/documents", "/v1/openapi.json", "/webhooks"] {
        assert_eq!(client::request(host.intake, "GET", path, &[], b"").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn readiness_says_what_is_wrong() {
    let host = Host::start().await;
    for address in [host.intake, host.api, host.metrics] {
        assert_eq!(client::request(address, "GET", "/healthz", &[], b"").await.status, 200);
        let ready = client::request(address, "GET", "/readyz", &[], b"").await;
        assert_eq!((ready.status, ready.json()["ready"].clone()), (200, true.into()));
    }
    host.fake.unwritable.store(true, Ordering::Relaxed);
    host.fake.with(|state| {
        let mut gone = source("gone", &[]);
        gone.state = SourceState::Waiting;
        state.sources.push(gone);
        let mut late = source("alpha", &["poll"]);
        late.poll_every_ms = Some(1_000);
        state.sources[0] = late;
        // 10 x 1 s + 60 s are allowed.
        state.silence = Some(std::time::Duration::from_secs(71));
    });
    let ready = client::request(host.intake, "GET", "/readyz", &[], b"").await;
    assert_eq!(ready.status, 503);
    let failed: Vec<String> = ready.json()["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["ok"] == false)
        .map(|check| check["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(failed, ["journal", "plugins", "polling"]);
    assert!(ready.text().contains("`gone`") && ready.text().contains("`alpha`"), "{}", ready.text());
    host.fake.with(|state| state.silence = None);
    let not_polled = client::request(host.intake, "GET", "/readyz", &[], b"").await;
    assert!(!not_polled.text().contains("`alpha`"), "a source that is not polled is not late: {}", not_polled.text());
}

#[tokio::test]
async fn a_source_without_its_plugin_is_not_ready_unless_it_is_switched_off() {
    let host = Host::start().await;
    let ready = async || client::request(host.intake, "GET", "/readyz", &[], b"").await;
    let set = |to: SourceState| {
        host.fake.with(|state| {
            state.sources.retain(|source| source.name.as_str() != "gone");
            state.sources.push(SourceStatus { state: to, ..source("gone", &[]) });
        });
    };
    for missing in [SourceState::Draining, SourceState::Waiting] {
        set(missing);
        let answer = ready().await;
        assert_eq!(answer.status, 503, "{missing:?}");
        assert!(answer.text().contains("`gone`"), "{}", answer.text());
    }
    set(SourceState::Disabled);
    assert_eq!(ready().await.status, 200);
}

#[tokio::test]
async fn each_outcome_is_counted_under_its_source_and_strangers_under_one_series() {
    let host = Host::start().await;
    for verdict in ["accept", "bad", "challenge"] {
        host.webhook(verdict, b"{}").await;
    }
    host.webhook("accept", b"{}").await;
    for stranger in ["/webhooks/a1", "/webhooks/a2", "/webhooks/a3"] {
        client::request(host.intake, "POST", stranger, &[], b"{}").await;
    }
    let scrape = host.scrape().await;
    let requests = |source: &str, outcome: &str| {
        series(&scrape, &format!("apex_webhook_requests_total{{source=\"{source}\",outcome=\"{outcome}\"}}"))
    };
    assert_eq!(requests("alpha", "accepted"), Some(1));
    assert_eq!(requests("alpha", "duplicate"), Some(1));
    assert_eq!(requests("alpha", "bad_signature"), Some(1));
    assert_eq!(requests("alpha", "challenge"), Some(1));
    assert_eq!(requests("", "unknown_source"), Some(3));
    assert!(!scrape.contains("\"a1\""), "a stranger's name is no label");
}
