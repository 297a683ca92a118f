//! A failure as HTTP: `application/problem+json` (RFC 9457) with the stable code. The one place that maps codes to statuses.

use apex_model::{Code, Failure, Retry};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// What every error of the API looks like.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the code says which problem it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// The stable code, `APEX0004`.
    #[schema(value_type = String)]
    code: Code,
    /// What happened and why.
    detail: String,
    /// What to do; empty if there is nothing.
    next_step: String,
    #[serde(skip)]
    retry_after_s: Option<u64>,
}

impl Problem {
    /// A failure under a status of its own.
    pub(crate) fn with_status(status: StatusCode, failure: Failure) -> Self {
        let retry_after_s = match failure.retry {
            Retry::After(delay) => Some(delay.as_secs().max(1)),
            Retry::Backoff if status == StatusCode::SERVICE_UNAVAILABLE => Some(1),
            _ => None,
        };
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            code: failure.code,
            detail: failure.what,
            next_step: failure.next_step,
            retry_after_s,
        }
    }

    /// A request that is not what the API expects.
    pub(crate) fn bad_request(what: impl Into<String>) -> Self {
        Failure::never(Code::BAD_REQUEST, what).next("`GET /v1/openapi.json` describes every request").into()
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::with_status(status_of(failure.code), failure)
    }
}

fn status_of(code: Code) -> StatusCode {
    match code {
        Code::NOT_FOUND => StatusCode::NOT_FOUND,
        Code::UNAUTHORIZED => StatusCode::UNAUTHORIZED,
        Code::BAD_REQUEST => StatusCode::BAD_REQUEST,
        Code::DOCUMENT_INVALID | Code::PLUGIN_EXPORT_MISSING => StatusCode::UNPROCESSABLE_ENTITY,
        Code::BODY_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
        Code::REQUEST_TIMEOUT => StatusCode::REQUEST_TIMEOUT,
        Code::TOO_MANY_REQUESTS => StatusCode::TOO_MANY_REQUESTS,
        Code::MEDIA_TYPE => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::JOURNAL_WRITE
        | Code::JOURNAL_READ
        | Code::JOURNAL_FULL
        | Code::STORE_READ
        | Code::STORE_WRITE
        | Code::MODEL_MISSING
        | Code::MODEL_CORRUPT
        | Code::MODEL_FAILED
        | Code::PLUGIN_MISSING
        | Code::PLUGIN_BUSY
        | Code::SOURCE_WAITING
        | Code::SOURCE_PAUSED
        | Code::DRAINING => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.status >= 500 {
            tracing::warn!(code = %self.code, "a request failed: {}", self.detail);
        }
        let body = serde_json::to_string(&self).unwrap_or_default();
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"apex\""));
        }
        response
    }
}
