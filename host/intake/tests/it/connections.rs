//! Slow, silent and oversized senders: what the accept loop does to a connection.

use std::time::{Duration, Instant};

use apex_config::limits::IntakeLimits;

use crate::client::{self, Connection, DEADLINE};
use crate::harness::Host;

#[tokio::test]
async fn headers_that_trickle_in_close_the_connection() {
    let host = Host::with(IntakeLimits { header_ms_max: 500, ..IntakeLimits::default() }).await;
    let started = Instant::now();
    let mut slow = Connection::open(host.intake).await;
    slow.send(b"POST /webhooks/alpha HTTP/1.1\r\nhost: t\r\nx-a").await;
    assert!(slow.is_closed_within(DEADLINE).await);
    assert!(started.elapsed() >= Duration::from_millis(500));
    let mut silent = Connection::open(host.intake).await;
    assert!(silent.is_closed_within(DEADLINE).await, "a connection that sends nothing at all");
    assert_eq!(host.webhook("accept", b"{}").await.status, 202);
}

#[tokio::test]
async fn a_body_that_trickles_in_is_408() {
    let host = Host::with(IntakeLimits { body_ms_max: 150, ..IntakeLimits::default() }).await;
    let mut slow = Connection::open(host.intake).await;
    slow.send(b"POST /webhooks/alpha HTTP/1.1\r\nhost: t\r\ncontent-length: 100\r\n\r\nabc").await;
    let answer = slow.answer(false).await.unwrap();
    assert_eq!((answer.status, answer.json()["code"].clone()), (408, "APEX0071".into()));
    assert!(slow.is_closed_within(DEADLINE).await);
}

#[tokio::test]
async fn a_handler_may_take_longer_than_the_header_and_idle_time() {
    let limits = IntakeLimits { header_ms_max: 300, idle_ms_max: 300, ..IntakeLimits::default() };
    let host = Host::with(limits).await;
    let mut waiting = Connection::open(host.intake).await;
    waiting.send(&client::bytes("POST", "/webhooks/alpha", &[("x-verdict", "hold")], b"{}")).await;
    assert!(!waiting.is_closed_within(Duration::from_millis(900)).await);
    host.fake.release();
    assert_eq!(waiting.answer(false).await.unwrap().status, 202);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_used_one_is_kept() {
    let limits = IntakeLimits { header_ms_max: 500, idle_ms_max: 2_000, ..IntakeLimits::default() };
    let host = Host::with(limits).await;
    let mut connection = Connection::open(host.intake).await;
    let request = client::bytes("POST", "/webhooks/alpha", &[], b"{}");
    for _ in 0..3 {
        connection.send(&request).await;
        assert_eq!(connection.answer(false).await.unwrap().status, 202);
        assert!(
            !connection.is_closed_within(Duration::from_millis(700)).await,
            "longer than the header time, still kept"
        );
    }
    let started = Instant::now();
    assert!(connection.is_closed_within(DEADLINE).await);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn headers_over_the_limit_are_431() {
    let host = Host::with(IntakeLimits { header_bytes_max: 16 << 10, ..IntakeLimits::default() }).await;
    let fits = "x".repeat(12 << 10);
    assert_eq!(client::request(host.intake, "POST", "/webhooks/alpha", &[("x-long", &fits)], b"{}").await.status, 202);
    let mut connection = Connection::open(host.intake).await;
    connection.send(b"POST /webhooks/alpha HTTP/1.1\r\nhost: t\r\nx-long: ").await;
    connection.send("x".repeat(16 << 10).as_bytes()).await;
    assert_eq!(connection.answer(false).await.unwrap().status, 431);
    assert!(connection.is_closed_within(DEADLINE).await);
}

#[tokio::test]
async fn what_is_not_http_is_400_and_closed() {
    let host = Host::start().await;
    let mut connection = Connection::open(host.intake).await;
    connection.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").await;
    assert_eq!(connection.answer(false).await.unwrap().status, 400);
    assert!(connection.is_closed_within(DEADLINE).await);
}

#[tokio::test]
async fn over_the_connection_limit_a_sender_waits_and_is_served_when_one_leaves() {
    let host = Host::with(IntakeLimits { connections_max: 1, ..IntakeLimits::default() }).await;
    let request = client::bytes("POST", "/webhooks/alpha", &[], b"{}");
    let mut first = Connection::open(host.intake).await;
    first.send(&request).await;
    assert_eq!(first.answer(false).await.unwrap().status, 202);
    let mut second = Connection::open(host.intake).await;
    second.send(&request).await;
    assert!(!second.is_closed_within(Duration::from_millis(100)).await);
    host.fake.with(|state| assert_eq!(state.duplicates.len(), 0, "the second is not served yet"));
    drop(first);
    assert_eq!(second.answer(false).await.unwrap().status, 202);
}

#[tokio::test]
async fn slow_bodies_do_not_take_the_places_of_a_source() {
    let host = Host::with(IntakeLimits { source_in_flight_max: 1, ..IntakeLimits::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut connection = Connection::open(host.intake).await;
        connection
            .send(b"POST /webhooks/alpha HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n")
            .await;
        assert_eq!(connection.answer(true).await.unwrap().status, 100, "its body is being read");
        slow.push(connection);
    }
    assert_eq!(host.webhook("accept", b"{}").await.status, 202);
}

#[tokio::test]
async fn a_stranger_who_reads_last_still_gets_the_answer() {
    let host = Host::start().await;
    // More than the kernel's buffers hold: without reading on, the sender would meet a reset connection.
    let body = vec![b'x'; 12_000_000];
    for (path, kind, status) in [("/webhooks/nobody", "text/plain", 401), ("/webhooks/alpha", "image/png", 415)] {
        let answer = client::request(host.intake, "POST", path, &[("content-type", kind)], &body).await;
        assert_eq!(answer.status, status);
    }
}
