//! `/v1/sources`: whether they work, pausing and resuming them, polling now, and where polling goes on.

use apex_model::cursor::{CURSOR_BYTES_MAX, CursorRecord};
use apex_model::ids::SourceName;
use apex_model::source::SourceStatus;
use apex_model::{Code, Failure};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::{InJson, InPath};
use super::problem::Problem;
use super::{ApiState, schema};
use crate::acceptor;
use crate::sources::mark_paused;

/// Every source.
#[utoipa::path(
    get, path = "/v1/sources", tag = "sources",
    responses((status = 200, description = "By name", body = [schema::Source]))
)]
pub(super) async fn list(State(state): State<ApiState>) -> Result<Json<Vec<SourceStatus>>, Problem> {
    all(&state).await.map(Json)
}

/// One source.
#[utoipa::path(
    get, path = "/v1/sources/{name}", tag = "sources", params(("name" = String, Path)),
    responses(
        (status = 200, description = "The source", body = schema::Source),
        (status = 404, description = "There is no such source", body = Problem),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    InPath(name): InPath<String>,
) -> Result<Json<SourceStatus>, Problem> {
    one(&state, &name).await.map(Json)
}

/// Stops polling a source and working its events off; signed webhooks are still accepted. Survives a restart.
#[utoipa::path(
    post, path = "/v1/sources/{name}/pause", tag = "sources", params(("name" = String, Path)),
    responses(
        (status = 200, description = "The source", body = schema::Source),
        (status = 404, description = "There is no such source", body = Problem),
    )
)]
pub(super) async fn pause(
    State(state): State<ApiState>,
    InPath(name): InPath<String>,
) -> Result<Json<SourceStatus>, Problem> {
    set_paused(&state, &name, true).await
}

/// Undoes a pause.
#[utoipa::path(
    post, path = "/v1/sources/{name}/resume", tag = "sources", params(("name" = String, Path)),
    responses(
        (status = 200, description = "The source", body = schema::Source),
        (status = 404, description = "There is no such source", body = Problem),
    )
)]
pub(super) async fn resume(
    State(state): State<ApiState>,
    InPath(name): InPath<String>,
) -> Result<Json<SourceStatus>, Problem> {
    set_paused(&state, &name, false).await
}

/// Polls a source as soon as possible instead of at its next turn.
#[utoipa::path(
    post, path = "/v1/sources/{name}/poll", tag = "sources", params(("name" = String, Path)),
    responses(
        (status = 202, description = "Will be polled", body = schema::Source),
        (status = 404, description = "There is no such source", body = Problem),
        (status = 422, description = "It is not polled", body = Problem),
    )
)]
pub(super) async fn poll(
    State(state): State<ApiState>,
    InPath(name): InPath<String>,
) -> Result<(StatusCode, Json<SourceStatus>), Problem> {
    let source = one(&state, &name).await?;
    if state.ports().poller.poll_now(&source.name) {
        return Ok((StatusCode::ACCEPTED, Json(source)));
    }
    let failure = match source.poll_every_ms {
        None => Failure::never(Code::PLUGIN_EXPORT_MISSING, format!("the source `{name}` is not polled"))
            .next("`apex source show` says why: its plugin does not export `poll`, or what polling needs is missing"),
        Some(_) => {
            Failure::hold(Code::SOURCE_WAITING, format!("the source `{name}` is not being polled by this process"))
                .next("see `apex source show`: it may be waiting or paused, or no server is running")
        }
    };
    Err(failure.into())
}

/// Where the polling of each slice goes on.
#[utoipa::path(
    get, path = "/v1/sources/{name}/cursors", tag = "sources", params(("name" = String, Path)),
    responses(
        (status = 200, description = "One entry a slice", body = [schema::Cursor]),
        (status = 404, description = "There is no such source", body = Problem),
    )
)]
pub(super) async fn cursors(
    State(state): State<ApiState>,
    InPath(name): InPath<String>,
) -> Result<Json<Vec<CursorRecord>>, Problem> {
    let source = one(&state, &name).await?;
    Ok(Json(state.ports().cursors.cursors(&source.name).await?))
}

/// Where the polling of a slice is to go on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCursor {
    /// The slice; `default` if the source has only one.
    #[serde(default = "default_slice")]
    slice: String,
    /// Null: forget it and start anew.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required)]
    cursor: Option<String>,
}

fn default_slice() -> String {
    "default".to_owned()
}

/// Sets where the polling of a slice goes on.
#[utoipa::path(
    put, path = "/v1/sources/{name}/cursors", tag = "sources", params(("name" = String, Path)), request_body = NewCursor,
    responses(
        (status = 200, description = "The cursors as they are now", body = [schema::Cursor]),
        (status = 404, description = "There is no such source", body = Problem),
    )
)]
pub(super) async fn set_cursor(
    State(state): State<ApiState>,
    InPath(name): InPath<String>,
    InJson(NewCursor { slice, cursor }): InJson<NewCursor>,
) -> Result<Json<Vec<CursorRecord>>, Problem> {
    let source = one(&state, &name).await?;
    if cursor.as_ref().is_some_and(|cursor| cursor.len() > CURSOR_BYTES_MAX) {
        return Err(Problem::bad_request(format!("a cursor has at most {CURSOR_BYTES_MAX} bytes")));
    }
    let port = &state.ports().cursors;
    port.set_cursor(&source.name, &slice, cursor.as_deref()).await?;
    Ok(Json(port.cursors(&source.name).await?))
}

async fn set_paused(state: &ApiState, name: &str, paused: bool) -> Result<Json<SourceStatus>, Problem> {
    let source = one(state, name).await?;
    state.ports().cursors.set_paused(&source.name, paused).await?;
    one(state, name).await.map(Json)
}

async fn one(state: &ApiState, name: &str) -> Result<SourceStatus, Problem> {
    let sources = all(state).await?;
    let found = sources.into_iter().find(|source| source.name.as_str() == name);
    found.ok_or_else(|| acceptor::unknown_source(name).into())
}

/// What the catalogue says, with what an operator paused.
async fn all(state: &ApiState) -> Result<Vec<SourceStatus>, Problem> {
    let paused: Vec<SourceName> = state.ports().cursors.paused().await?;
    let mut sources = state.ports().catalog.sources();
    mark_paused(&mut sources, &paused);
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sources)
}
