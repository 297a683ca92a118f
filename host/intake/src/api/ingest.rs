//! `/v1/files` and `/v1/deliveries`: what `apex ingest` sends. A file becomes an event of a batch source; a recorded
//! webhook request goes through the connector's verification like any other delivery.

use apex_model::delivery::{Delivery, Reply};
use apex_model::event::{Appended, EventOrigin, NewEvent};
use apex_model::{Code, Failure, Timestamp};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::extract::{InPath, InQuery, RawBody};
use super::problem::Problem;
use super::wait::{self, Ingested, WaitParams};
use crate::acceptor::{self, Delivered};
use crate::flat;

/// Bytes a file name may have at most.
const FILE_NAME_BYTES_MAX: usize = 255;

/// A file's name, and whether to wait.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FileParams {
    /// The file's name without folders.
    name: String,
    /// Answer when the event has ended, not when it is durable.
    #[serde(default)]
    wait: bool,
}

/// Takes a file in for a batch source. The same bytes under any name are the same file.
#[utoipa::path(
    post, path = "/v1/files/{source}", tag = "ingest",
    params(("source" = String, Path, description = "A source that reads files"), FileParams),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 202, description = "Durable; to be worked off", body = Ingested),
        (status = 200, description = "With `wait`: worked off", body = Ingested),
        (status = 404, description = "There is no such source", body = Problem),
        (status = 413, description = "The file is larger than the host takes", body = Problem),
        (status = 422, description = "The source reads no files", body = Problem),
    )
)]
pub(super) async fn file(
    State(state): State<ApiState>,
    InPath(source): InPath<String>,
    InQuery(params): InQuery<FileParams>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    let source = state.sources().get(&source).ok_or_else(|| acceptor::unknown_source(&source))?;
    if !source.may_read_files {
        return Err(Failure::never(
            Code::PLUGIN_EXPORT_MISSING,
            format!("the source `{}` reads no files", source.name),
        )
        .next("give files to a source whose plugin exports `batch`")
        .into());
    }
    let name = params.name;
    if name.is_empty()
        || name.len() > FILE_NAME_BYTES_MAX
        || name.contains(['/', '\\'])
        || name.chars().any(char::is_control)
    {
        return Err(Problem::bad_request(format!(
            "`{}` is no file name: 1 to {FILE_NAME_BYTES_MAX} bytes, no folders, no control characters",
            name.escape_default()
        )));
    }
    let (path, priority) = state.sources().route(&source.name, &name);
    let origin = EventOrigin {
        source: source.name.clone(),
        path,
        priority,
        received_at: Timestamp::now(),
        trace: state.traces().of(&headers),
    };
    let event = NewEvent::from_file(origin, &name, body);
    let appended = acceptor::append(state.ports().inbox.as_ref(), event).await?;
    wait::answer(&state, appended, None, WaitParams { wait: params.wait }).await
}

/// What the connector made of a recorded delivery.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryAnswer {
    /// `accepted`, `duplicate`, `challenge` or `ignored`.
    outcome: &'static str,
    /// What is in the journal, if it was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    ingested: Option<Ingested>,
    /// What the connector would have answered the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<ReplyAnswer>,
}

/// An answer in the source's own form.
#[derive(Serialize, ToSchema)]
pub(super) struct ReplyAnswer {
    status: u16,
    content_type: String,
    /// The body, bytes that are not UTF-8 replaced.
    body: String,
}

impl From<Reply> for ReplyAnswer {
    fn from(reply: Reply) -> Self {
        let Reply { status, content_type, body } = reply;
        Self { status, content_type, body: String::from_utf8_lossy(&body).into_owned() }
    }
}

/// Takes a recorded webhook request in: request line, headers, an empty line, the body as it came.
#[utoipa::path(
    post, path = "/v1/deliveries/{source}", tag = "ingest",
    params(("source" = String, Path, description = "A source that takes webhooks"), WaitParams),
    request_body(content = Vec<u8>, content_type = "message/http"),
    responses(
        (status = 202, description = "Genuine and durable", body = DeliveryAnswer),
        (status = 200, description = "With `wait`: worked off; or genuine and not kept", body = DeliveryAnswer),
        (status = 400, description = "Not an HTTP request", body = Problem),
        (status = 404, description = "There is no such source", body = Problem),
        (status = 422, description = "The connector did not accept it", body = Problem),
    )
)]
pub(super) async fn delivery(
    State(state): State<ApiState>,
    InPath(source): InPath<String>,
    InQuery(params): InQuery<WaitParams>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    let source = state.sources().get(&source).ok_or_else(|| acceptor::unknown_source(&source))?;
    let recorded = Recorded::parse(&body).map_err(Problem::bad_request)?;
    let delivery = Delivery {
        source: source.name.clone(),
        method: recorded.method,
        target: recorded.target,
        headers: recorded.headers,
        body: recorded.body,
        received_at: Timestamp::now(),
        trace: state.traces().of(&headers),
    };
    let accept = std::time::Duration::from_millis(state.limits().accept_ms_max);
    let answered = tokio::time::timeout(accept, state.acceptor().deliver(delivery, source, None)).await;
    let delivered = match answered {
        Ok(delivered) => delivered.map_err(|_| acceptor::lost("the verifier or the journal"))?,
        Err(_) => return Err(Failure::backoff(Code::PLUGIN_BUSY, "the delivery was not answered in time").into()),
    };
    let kept_nothing = |outcome, reply: Reply| {
        Json(DeliveryAnswer { outcome, ingested: None, reply: Some(reply.into()) }).into_response()
    };
    match delivered {
        Delivered::Stored(appended, reply) => {
            let outcome = if matches!(appended, Appended::New(_)) { "accepted" } else { "duplicate" };
            let (status, ingested) = wait::ingested(&state, appended, None, params).await?;
            let answer = DeliveryAnswer { outcome, ingested: Some(ingested), reply: reply.map(Into::into) };
            Ok((status, Json(answer)).into_response())
        }
        Delivered::Challenge(reply) => Ok(kept_nothing("challenge", reply)),
        Delivered::Ignored(reply) => Ok(kept_nothing("ignored", reply)),
        Delivered::Rejected(rejection) => {
            let what = format!("the connector did not accept the delivery: {}", rejection.as_str());
            let failure = Failure::never(Code::BAD_REQUEST, what)
                .next("check the source's secret; a recorded request may also be too old");
            Err(Problem::with_status(StatusCode::UNPROCESSABLE_ENTITY, failure))
        }
        Delivered::NotVerified(failure) | Delivered::NotStored(failure) => Err(failure.into()),
    }
}

/// A recorded request.
#[derive(Debug, PartialEq, Eq)]
struct Recorded {
    method: String,
    target: String,
    headers: String,
    body: Bytes,
}

impl Recorded {
    /// Reads the request line, the header block up to the first empty line (`\n` or `\r\n`), and takes the rest as the body.
    fn parse(bytes: &Bytes) -> Result<Self, String> {
        let (head_end, body_start) =
            end_of_head(bytes).ok_or("there is no empty line that ends the headers of the recorded request")?;
        let head = bytes.get(..head_end).and_then(|head| std::str::from_utf8(head).ok());
        let head = head.ok_or("the headers of the recorded request are not UTF-8")?;
        let (line, block) = head.split_once('\n').unwrap_or((head, ""));
        let mut words = line.split_ascii_whitespace();
        let (Some(method), Some(target), version) = (words.next(), words.next(), words.next()) else {
            return Err("the first line of the recorded request is not `METHOD /target HTTP/1.1`".to_owned());
        };
        let spelled = !method.is_empty() && method.bytes().all(|letter| letter.is_ascii_uppercase());
        if !spelled || !version.is_none_or(|version| version.starts_with("HTTP/")) {
            return Err("the first line of the recorded request is not `METHOD /target HTTP/1.1`".to_owned());
        }
        let headers = flat::parse_headers(block).ok_or("a header of the recorded request has no colon")?;
        Ok(Self { method: method.to_owned(), target: target.to_owned(), headers, body: bytes.slice(body_start..) })
    }
}

/// Where the head ends and where the body starts.
fn end_of_head(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut line_start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != b'\n' {
            continue;
        }
        let line = bytes.get(line_start..at).unwrap_or_default();
        if line.is_empty() || line == b"\r" {
            return Some((line_start, at + 1));
        }
        line_start = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_recorded_request_keeps_its_body_byte_for_byte() {
        for end in ["\n", "\r\n"] {
            let head =
                format!("POST /webhooks/a?x=1 HTTP/1.1{end}X-Sig: a=b:c{end}content-type:  text/plain {end}{end}");
            let recorded = Recorded::parse(&Bytes::from(format!("{head}{{\"a\":\r\n\r\n1}}\n"))).unwrap();
            assert_eq!((recorded.method.as_str(), recorded.target.as_str()), ("POST", "/webhooks/a?x=1"));
            assert_eq!(recorded.headers, "x-sig: a=b:c\ncontent-type: text/plain\n");
            assert_eq!(recorded.body.as_ref(), b"{\"a\":\r\n\r\n1}\n");
        }
    }

    #[test]
    fn what_is_no_request_is_refused_in_words() {
        for (bad, word) in [
            ("", "empty line"),
            ("{\"a\":1}\n\n", "first line"),
            ("POST /x HTTP/1.1\nno colon here\n\nbody", "colon"),
            ("POST /x HTTP/1.1\na: b\n", "empty line"),
        ] {
            let error = Recorded::parse(&Bytes::from(bad)).unwrap_err();
            assert!(error.contains(word), "{bad:?}: {error}");
        }
    }
}
