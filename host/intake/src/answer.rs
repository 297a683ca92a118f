//! The answers of the public listener, each made in one place. They tell a stranger nothing: 401 is the same, byte for
//! byte, for an unknown source, a source without webhooks and every kind of bad signature.

use apex_model::Code;
use apex_model::delivery::Reply;
use apex_model::ids::EventId;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

/// What the public listener sends.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Seconds after which a sender may try again what is refused for load.
const RETRY_SOON_S: &str = "1";
/// Seconds after which a sender may try again what waits for a person or a restart.
const RETRY_LATER_S: &str = "30";

/// 202 with the event's id.
pub(crate) fn stored(id: EventId) -> Answer {
    let body = format!("{{\"event\":\"{id}\"}}");
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = StatusCode::ACCEPTED;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// Exactly what the connector asks. A status or media type that HTTP does not know is a defect of the connector: 200, none.
pub(crate) fn reply(reply: Reply) -> Answer {
    let mut answer = Response::new(Full::new(reply.body));
    let status = StatusCode::from_u16(reply.status).ok().filter(|status| !status.is_informational());
    *answer.status_mut() = status.unwrap_or(StatusCode::OK);
    if !reply.content_type.is_empty()
        && let Ok(value) = HeaderValue::from_str(&reply.content_type)
    {
        answer.headers_mut().insert(CONTENT_TYPE, value);
    }
    answer
}

/// 401.
pub(crate) fn unauthorized() -> Answer {
    problem(StatusCode::UNAUTHORIZED, Code::UNAUTHORIZED, "the request was not accepted")
}

/// 413.
pub(crate) fn too_large() -> Answer {
    problem(StatusCode::PAYLOAD_TOO_LARGE, Code::BODY_TOO_LARGE, "the body is larger than this host takes")
}

/// 415.
pub(crate) fn media_type() -> Answer {
    problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::MEDIA_TYPE, "no webhook is an image, a font, sound or film")
}

/// 408.
pub(crate) fn timeout() -> Answer {
    problem(StatusCode::REQUEST_TIMEOUT, Code::REQUEST_TIMEOUT, "the body took too long to arrive")
}

/// 400: the body ended early or was wrongly framed.
pub(crate) fn broken() -> Answer {
    problem(StatusCode::BAD_REQUEST, Code::BAD_REQUEST, "the body did not arrive whole")
}

/// 429.
pub(crate) fn throttled() -> Answer {
    let detail = "too many requests of this source are being answered";
    retry(problem(StatusCode::TOO_MANY_REQUESTS, Code::TOO_MANY_REQUESTS, detail), RETRY_SOON_S)
}

/// 503 for load: try again soon.
pub(crate) fn busy(code: Code) -> Answer {
    retry(problem(StatusCode::SERVICE_UNAVAILABLE, code, "the host is busy"), RETRY_SOON_S)
}

/// 503 for something a person or a restart mends: try again later.
pub(crate) fn unavailable(code: Code) -> Answer {
    retry(problem(StatusCode::SERVICE_UNAVAILABLE, code, "the host cannot take this now"), RETRY_LATER_S)
}

/// 404 for what is no webhook at all.
pub(crate) fn not_found() -> Answer {
    problem(StatusCode::NOT_FOUND, Code::NOT_FOUND, "there is nothing here")
}

/// A JSON value.
pub(crate) fn json(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn retry(mut answer: Answer, seconds: &'static str) -> Answer {
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(seconds));
    answer
}

fn problem(status: StatusCode, code: Code, detail: &str) -> Answer {
    let title = status.canonical_reason().unwrap_or_default();
    let body = format!(
        "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{},\"code\":\"{code}\",\"detail\":\"{detail}\"}}",
        status.as_u16()
    );
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    answer
}
