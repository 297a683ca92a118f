//! The feed through a socket: the token, the page rules, every fault, and the end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::time::{Duration, Instant};

use samsara_feed::{Faults, Options, SamsaraFeed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn started(faults: Faults) -> SamsaraFeed {
    SamsaraFeed::start(Options { faults, ..Options::default() }).await.unwrap()
}

/// Sends one request and answers the head and the body.
async fn get(feed: &SamsaraFeed, query: &str, token: &str) -> (String, String) {
    let mut stream = TcpStream::connect(feed.address()).await.unwrap();
    let request = format!(
        "GET /fleet/vehicles/stats/feed?{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

const TOKEN: &str = "samsara-feed-test-token";

#[tokio::test]
async fn pages_for_the_right_token_only() {
    let feed = started(Faults::default()).await;
    let (head, _) = get(&feed, "types=gps", "wrong").await;
    assert!(head.starts_with("http/1.1 401"), "{head}");
    assert_eq!(feed.requests(), 0);
    let (head, body) = get(&feed, "types=gps,engineStates,obdOdometerMeters", TOKEN).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(body.contains("\"hasNextPage\":true") && body.contains("Truck 101"), "{body}");
    let (head, body) = get(&feed, "types=gps&after=feed-2025-03-18-12%3D%3D", TOKEN).await;
    assert!(head.starts_with("http/1.1 200") && body.contains("\"data\":[]"), "{body}");
    assert_eq!(feed.requests(), 2);
    let address = feed.address();
    feed.stop().await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn faults_on_request() {
    let slow = Duration::from_millis(50);
    let feed = started(Faults { rate_limit_every: 2, fail_every: 3, lose_cursor_every: 5, slow }).await;
    let begun = Instant::now();
    let mut heads = Vec::new();
    for _ in 0..5 {
        heads.push(get(&feed, "types=gps&after=feed-2025-03-18-00%3D%3D", TOKEN).await);
    }
    assert!(begun.elapsed() >= slow * 5);
    let statuses: Vec<&str> = heads.iter().map(|(head, _)| head.split(' ').nth(1).unwrap()).collect();
    assert_eq!(statuses, ["200", "429", "503", "429", "400"]);
    assert!(heads[1].0.contains("retry-after: 0.40235"), "{}", heads[1].0);
    assert!(heads[4].1.contains("Invalid cursor"), "{}", heads[4].1);
    feed.stop().await;
}
