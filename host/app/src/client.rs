//! How a command asks the host: over HTTP if a server holds the data directory, else in this process.
//!
//! Both ways speak the same API to the same router, so a command's answer does not depend on which it was.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use apex_model::{Code, Failure, Retry};
use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::{Method, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::cli::Global;
use crate::host::{Host, Work};
use crate::settings::{DataDir, load};

/// The API, wherever it is.
pub struct Client {
    target: Target,
    token: String,
}

enum Target {
    Server { base: String, http: reqwest::Client },
    Here(Box<Host>),
}

/// What a request carries.
pub enum Send {
    /// Nothing.
    Nothing,
    /// A JSON value.
    Json(Value),
    /// Bytes as they are.
    Bytes(Vec<u8>),
}

impl Client {
    /// Finds the server of the data directory; without one, opens the directory in this process. `work` says whether events
    /// are to be worked off here in that case.
    pub async fn open(global: &Global, work: Work) -> anyhow::Result<Self> {
        let data = DataDir::new(&global.data);
        if let Some(server) = data.server()? {
            let http = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(5)).build()?;
            let token = data.token()?.ok_or_else(|| {
                Failure::never(Code::UNAUTHORIZED, format!("there is no token file in {}", global.data.display()))
                    .next("run the command as the user who started `apex serve`")
            })?;
            return Ok(Self { target: Target::Server { base: format!("http://{}", server.api), http }, token });
        }
        let settings = load(global)?;
        let host = Host::start_here(global, settings, work).await?;
        let token = host.token().to_owned();
        Ok(Self { target: Target::Here(Box::new(host)), token })
    }

    /// `GET`, answered as JSON.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::GET, path, Send::Nothing).await
    }

    /// Any request, answered as JSON (null for an empty answer). A problem answer becomes a [`Failure`].
    pub async fn send(&self, method: Method, path: &str, send: Send) -> anyhow::Result<Value> {
        let (media_type, body) = match send {
            Send::Nothing => (None, Vec::new()),
            Send::Json(value) => (Some("application/json"), serde_json::to_vec(&value)?),
            Send::Bytes(bytes) => (Some("application/octet-stream"), bytes),
        };
        let (status, bytes) = match &self.target {
            Target::Server { base, http } => {
                let mut request = http.request(method, format!("{base}{path}")).bearer_auth(&self.token).body(body);
                if let Some(media_type) = media_type {
                    request = request.header(header::CONTENT_TYPE, media_type);
                }
                let response = request.send().await.map_err(|error| {
                    Failure::backoff(Code::SERVER_UNREACHABLE, format!("the server at {base} does not answer: {error}"))
                        .next("see whether `apex serve` still runs")
                })?;
                (response.status(), response.bytes().await?)
            }
            Target::Here(host) => {
                let mut request = Request::builder()
                    .method(method)
                    .uri(path)
                    .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
                if let Some(media_type) = media_type {
                    request = request.header(header::CONTENT_TYPE, media_type);
                }
                let response = host.api_router().oneshot(request.body(Body::from(body))?).await?;
                (response.status(), response.into_body().collect().await?.to_bytes())
            }
        };
        if status.is_success() {
            return if bytes.is_empty() {
                Ok(Value::Null)
            } else {
                serde_json::from_slice(&bytes).context("the API answered no JSON")
            };
        }
        Err(problem(status, &bytes).into())
    }

    /// Ends the in-process host, if there is one, without losing anything.
    pub async fn close(self) -> anyhow::Result<()> {
        match self.target {
            Target::Server { .. } => Ok(()),
            Target::Here(host) => host.drain().await,
        }
    }
}

/// Percent-encodes one path segment or query value (RFC 3986 unreserved characters stay).
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A path with the query parameters that have a value.
pub fn with_query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let pairs: Vec<String> = parameters
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={}", encode(value))))
        .collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

fn problem(status: StatusCode, body: &[u8]) -> Failure {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |key: &str| problem.get(key).and_then(Value::as_str).map(str::to_owned);
    let fallback = match status {
        StatusCode::NOT_FOUND => Code::NOT_FOUND,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Code::UNAUTHORIZED,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Code::BAD_REQUEST,
        _ => Code::INTERNAL,
    };
    Failure {
        code: text("code").and_then(|code| Code::parse(&code)).unwrap_or(fallback),
        retry: Retry::Never,
        what: text("detail").or_else(|| text("title")).unwrap_or_else(|| format!("the API answered {status}")),
        next_step: text("next_step").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_encoded_and_absent_parameters_left_out() {
        let path = with_query(
            "/v1/search",
            &[("q", Some("late & lost?".into())), ("kind", None), ("limit", Some("5".into()))],
        );
        assert_eq!(path, "/v1/search?q=late%20%26%20lost%3F&limit=5");
        assert_eq!(encode("edi:204/ä"), "edi:204%2F%C3%A4");
    }
}
