//! `/v1/events`: what is in the journal, with its way so far.

use apex_model::Failure;
use apex_model::event::{EventFilter, EventRecord, EventState};
use apex_model::ids::EventId;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{InPath, InQuery};
use super::page::{self, LIMIT_DEFAULT, LIMIT_MAX};
use super::problem::Problem;
use super::{ApiState, schema};
use crate::acceptor;

/// Which events to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Only this source.
    source: Option<String>,
    /// Only this state: `accepted`, `processing`, `done`, `unchanged`, `superseded` or `dead`.
    state: Option<String>,
    /// 1 to 1000; default 50.
    limit: Option<u32>,
    /// Only those before this place in arrival order; `Link` gives it.
    before: Option<i64>,
}

/// Events, newest first.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", params(ListParams),
    responses((status = 200, description = "One page; `Link` names the next", body = [schema::Event]))
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    InQuery(params): InQuery<ListParams>,
) -> Result<Response, Problem> {
    let limit = page::limit(params.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    let word = params.state.as_deref();
    let no_state = |word: &str| Problem::bad_request(format!("there is no event state `{}`", word.escape_default()));
    let filter = EventFilter {
        source: params.source.as_deref().map(acceptor::source_name).transpose()?,
        state: word.map(|word| EventState::parse(word).ok_or_else(|| no_state(word))).transpose()?,
        limit,
        before: params.before,
    };
    let records = state.ports().events.events(filter).await?;
    Ok(page::page(&records, limit, "/v1/events", |last| {
        let mut query = vec![("before", last.position.to_string()), ("limit", limit.to_string())];
        query.extend(params.source.map(|source| ("source", source)));
        query.extend(params.state.map(|state| ("state", state)));
        query
    }))
}

/// One event.
#[utoipa::path(
    get, path = "/v1/events/{id}", tag = "events",
    params(("id" = String, Path, description = "`ev_…`")),
    responses(
        (status = 200, description = "The event", body = schema::Event),
        (status = 404, description = "There is no such event", body = Problem),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
) -> Result<Json<EventRecord>, Problem> {
    let id = event_id(&id)?;
    let record = state.ports().events.event(id).await?;
    record.map(Json).ok_or_else(|| no_event(&id.to_string()).into())
}

/// Reads an event's id as given in a path; what is not spelled like one does not exist.
pub(super) fn event_id(text: &str) -> Result<EventId, Failure> {
    EventId::parse(text).ok_or_else(|| no_event(text))
}

fn no_event(id: &str) -> Failure {
    Failure::not_found(format!("there is no event `{}`", id.escape_default()))
        .next("`apex event list` shows the newest; finished ones are kept for `limits.journal.dedupe_days`")
}
