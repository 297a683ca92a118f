//! What handlers take out of a request, with errors as problems instead of axum's plain text.

use std::time::Duration;

use apex_model::{Code, Failure};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::ApiState;
use super::problem::Problem;
use crate::body::{self, BodyError};

/// The parts of the path, percent-decoded.
pub(super) struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<ApiState> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value)).map_err(|rejection| Problem::bad_request(rejection.body_text()))
    }
}

/// The query.
pub(super) struct InQuery<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<ApiState> for InQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &ApiState) -> Result<Self, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|Query(value)| Self(value)).map_err(|rejection| Problem::bad_request(rejection.body_text()))
    }
}

/// The raw body, capped and timed.
pub(super) struct RawBody(pub Bytes);

impl FromRequest<ApiState> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let limits = state.limits();
        let (bytes_max, ms_max) = (limits.api_body_bytes_max, limits.body_ms_max);
        let read = body::read(request.into_body(), bytes_max, Instant::now() + Duration::from_millis(ms_max)).await;
        read.map(Self).map_err(|error| match error {
            BodyError::TooLarge => Failure::never(
                Code::BODY_TOO_LARGE,
                format!("the body has more than {bytes_max} bytes, the most this host takes"),
            )
            .next("send less at once, or raise `limits.intake.api_body_bytes_max`")
            .into(),
            BodyError::Timeout => {
                Failure::never(Code::REQUEST_TIMEOUT, format!("the body did not arrive within {ms_max} ms"))
                    .next("send it again, or raise `limits.intake.body_ms_max`")
                    .into()
            }
            BodyError::Broken => Problem::bad_request("the body did not arrive whole"),
        })
    }
}

/// A JSON body, whatever its media type says.
pub(super) struct InJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<ApiState> for InJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let RawBody(body) = RawBody::from_request(request, state).await?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| Problem::bad_request(format!("the body is not the JSON expected here: {error}")))
    }
}
