//! A client that sends exactly the bytes it is given: what well-behaved libraries would not send is what is tested here.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long anything may take before the test fails.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// An answer as it came over the wire.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is UTF-8")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// One connection.
pub struct Connection(TcpStream);

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("connects"))
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("sends");
    }

    /// Reads one answer; `head` if it answers a HEAD request. None if the connection is closed instead.
    pub async fn answer(&mut self, head: bool) -> Option<Response> {
        tokio::time::timeout(DEADLINE, self.read_answer(head)).await.expect("an answer in time")
    }

    async fn read_answer(&mut self, head: bool) -> Option<Response> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if self.more(&mut bytes).await == 0 {
                assert!(bytes.is_empty(), "closed within the headers: {}", String::from_utf8_lossy(&bytes));
                return None;
            }
        };
        let text = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = text.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: HashMap<String, String> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut body = bytes[end + 4..].to_vec();
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        while !head && body.len() < length {
            assert_ne!(self.more(&mut body).await, 0, "closed within the body");
        }
        Some(Response { status, headers, body })
    }

    async fn more(&mut self, bytes: &mut Vec<u8>) -> usize {
        // A reset is a close too: the peer had nothing more to say.
        self.0.read_buf(bytes).await.unwrap_or(0)
    }

    /// Waits until the other side closes; answers whether it did before `within`.
    pub async fn is_closed_within(&mut self, within: Duration) -> bool {
        let mut rest = Vec::new();
        tokio::time::timeout(within, async { while self.more(&mut rest).await > 0 {} }).await.is_ok()
    }
}

/// One request on its own connection.
pub async fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let mut connection = Connection::open(address).await;
    connection.send(&bytes(method, path, headers, body)).await;
    connection.answer(method == "HEAD").await.expect("an answer, not a closed connection")
}

/// A request as bytes.
pub fn bytes(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    if !body.is_empty() || method == "POST" || method == "PUT" {
        let _ = write!(text, "content-length: {}\r\n", body.len());
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
