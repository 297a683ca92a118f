//! Requests to a source's API. Grant, address, headers, count, size and time are checked here, before and while a
//! request is made. Redirects are returned, not followed; no proxy is used; the credential is added last.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use apex_config::limits::PluginLimits;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Url};
use tokio::runtime::Handle;

use super::address::is_public;
use crate::fault::{Fault, FaultKind};
use crate::grant::Grant;

/// A request as a connector asks for it.
#[derive(Debug, Clone)]
pub struct Ask {
    /// `GET`, `POST`, ….
    pub method: String,
    /// Absolute.
    pub url: String,
    /// One header a line, `name: value`, lines ended by `\n`.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
    /// The name of the secret to send along.
    pub credential: Option<String>,
    /// Milliseconds after which to give up.
    pub timeout_ms: Option<u32>,
}

/// What the source answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// As in [`Ask`], names in lower case.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Answers requests in place of the network, for a connector's cases. An error is "no answer".
pub type HttpScript = Arc<dyn Fn(&Ask) -> Result<Answer, String> + Send + Sync>;

/// How requests are carried.
pub(crate) enum Carrier {
    /// By sockets, on the runtime behind the handle.
    Network(Handle),
    /// By a script. Everything is checked all the same.
    Script(HttpScript),
}

/// The host's HTTP client, shared by all sources.
pub(crate) struct Http {
    client: Client,
    carrier: Carrier,
    answer_bytes_max: usize,
    ms_max: u64,
    requests_max: u32,
}

/// Headers that are the host's: framing, routing, credentials and hop-by-hop (RFC 9110 §7.6.1).
const HOST_HEADERS: [&str; 14] = [
    "host",
    "authorization",
    "cookie",
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Http {
    /// Makes the client.
    pub(crate) fn new(limits: &PluginLimits, carrier: Carrier) -> Result<Self, String> {
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("apex-host/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(PublicOnly))
            .connect_timeout(Duration::from_millis(limits.http_ms_max))
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .build()
            .map_err(|error| describe(&error))?;
        Ok(Self {
            client,
            carrier,
            answer_bytes_max: limits.http_answer_bytes_max,
            ms_max: limits.http_ms_max,
            requests_max: limits.http_requests_max,
        })
    }

    /// Sends one request and waits for the whole answer. `sent` counts this call's requests.
    pub(crate) fn send(&self, grant: &Grant, sent: &mut u32, ask: Ask) -> Result<Answer, Fault> {
        if *sent >= self.requests_max {
            let text = format!("one call may send {} requests (limits.plugin.http_requests_max)", self.requests_max);
            return Err(Fault::denied("too-many-requests", text));
        }
        *sent += 1;
        let (mut request, timeout) = self.prepare(grant, &ask)?;
        match &self.carrier {
            Carrier::Network(handle) => {
                if !ask.body.is_empty() {
                    *request.body_mut() = Some(ask.body.into());
                }
                handle.block_on(self.exchange_within(request, timeout))
            }
            Carrier::Script(script) => {
                script(&ask).map_err(|text| Fault::new(FaultKind::Retryable(None), "no-answer", text))
            }
        }
    }

    async fn exchange_within(&self, request: reqwest::Request, timeout: Duration) -> Result<Answer, Fault> {
        tokio::time::timeout(timeout, self.exchange(request)).await.unwrap_or_else(|_| {
            let text = format!("no answer within {} ms", timeout.as_millis());
            Err(Fault::new(FaultKind::Retryable(None), "timeout", text))
        })
    }

    fn prepare(&self, grant: &Grant, ask: &Ask) -> Result<(reqwest::Request, Duration), Fault> {
        let malformed = |text: String| Fault::new(FaultKind::Permanent, "bad-request", text);
        let method = match ask.method.as_str() {
            "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" => Method::from_bytes(ask.method.as_bytes()).ok(),
            _ => None,
        }
        .ok_or_else(|| malformed(format!("the method `{}` is not one of the contract's", ask.method)))?;
        let url = Url::parse(&ask.url).map_err(|error| malformed(format!("the URL is not absolute: {error}")))?;
        grant.allow(&url, &method).map_err(|denied| Fault::denied("not-granted", denied.0))?;
        let mut request = reqwest::Request::new(method, url);
        *request.headers_mut() = read_headers(&ask.headers)?;
        if let Some(name) = &ask.credential {
            let credential = grant.credential(name).map_err(|denied| Fault::denied("not-granted", denied.0))?;
            request.headers_mut().insert(credential.header.clone(), credential.value.clone());
        }
        let ms = ask.timeout_ms.map_or(self.ms_max, |asked| u64::from(asked).min(self.ms_max));
        Ok((request, Duration::from_millis(ms)))
    }

    async fn exchange(&self, request: reqwest::Request) -> Result<Answer, Fault> {
        let unanswered =
            |error: reqwest::Error| Fault::new(FaultKind::Retryable(None), "no-answer", describe(&error.without_url()));
        let too_large = || {
            let text =
                format!("the answer is over {} bytes (limits.plugin.http_answer_bytes_max)", self.answer_bytes_max);
            Fault::new(FaultKind::Permanent, "answer-too-large", text)
        };
        let mut response = self.client.execute(request).await.map_err(unanswered)?;
        let stated = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        if stated > self.answer_bytes_max {
            return Err(too_large());
        }
        let mut answer = Answer {
            status: response.status().as_u16(),
            headers: write_headers(response.headers()),
            body: Vec::with_capacity(stated),
        };
        while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
            if answer.body.len().saturating_add(chunk.len()) > self.answer_bytes_max {
                return Err(too_large());
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

fn read_headers(text: &str) -> Result<HeaderMap, Fault> {
    let malformed = |line: &str| {
        Fault::new(FaultKind::Permanent, "bad-request", format!("`{}` is not a header line", line.escape_default()))
    };
    let mut headers = HeaderMap::new();
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| malformed(line))?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed(line))?;
        if HOST_HEADERS.contains(&name.as_str()) {
            return Err(Fault::denied("host-header", format!("the header `{name}` is the host's to set")));
        }
        headers.append(name, HeaderValue::from_str(value.trim()).map_err(|_| malformed(line))?);
    }
    Ok(headers)
}

fn write_headers(headers: &HeaderMap) -> String {
    let mut text = String::new();
    for (name, value) in headers {
        text.push_str(name.as_str());
        text.push_str(": ");
        text.push_str(&String::from_utf8_lossy(value.as_bytes()));
        text.push('\n');
    }
    text
}

/// An error with its causes, which is where `reqwest` hides what happened.
fn describe(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Resolves names to public addresses only; the connection is made to what was checked here. A literal address never
/// comes here: the grant has named it. `localhost` is taken as a literal, too.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().trim_end_matches('.').to_ascii_lowercase();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let checked = reachable(&host, found);
            if checked.is_empty() {
                return Err(format!("{host} has no public address; grant a private address as a number").into());
            }
            Ok(Box::new(checked.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a name that a connection may be made to.
fn reachable(host: &str, found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let own = host == "localhost";
    found.filter(|address| if own { address.ip().is_loopback() } else { is_public(address.ip()) }).collect()
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
