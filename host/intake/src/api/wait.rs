//! The answer to everything that goes into the journal: at once, or (`wait=true`) when the event has ended.

use std::time::Duration;

use apex_model::event::{Appended, DocumentOutcome, EventRecord, EventState};
use apex_model::ids::{DocumentId, EventId};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use super::{ApiState, schema};

/// The first pause between looks at an event; it doubles.
const LOOK_MIN: Duration = Duration::from_millis(5);
/// The longest pause between looks at an event.
const LOOK_MAX: Duration = Duration::from_millis(200);

/// Whether to wait.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitParams {
    /// Answer when the event has ended, not when it is durable.
    #[serde(default)]
    pub wait: bool,
}

/// What became of what was given.
#[derive(Serialize, ToSchema)]
pub(super) struct Ingested {
    /// The event's id.
    #[schema(value_type = String)]
    pub event: EventId,
    /// The document's id, if one document was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub document_id: Option<DocumentId>,
    /// Whether the same was given before: nothing new happens then.
    pub duplicate: bool,
    /// With `wait`: the event's state.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub state: Option<EventState>,
    /// With `wait`: its documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<schema::DocumentOutcome>>)]
    pub outcomes: Option<Vec<DocumentOutcome>>,
    /// With `wait`: the last failure, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// With `wait`: its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
}

/// 202 at once; with `wait` 200 when the event has ended, or 202 with its state so far when the time is up.
pub(super) async fn answer(
    state: &ApiState,
    appended: Appended,
    document_id: Option<DocumentId>,
    params: WaitParams,
) -> Result<Response, Problem> {
    let (status, ingested) = ingested(state, appended, document_id, params).await?;
    Ok((status, Json(ingested)).into_response())
}

/// The same, for an answer that says more.
pub(super) async fn ingested(
    state: &ApiState,
    appended: Appended,
    document_id: Option<DocumentId>,
    params: WaitParams,
) -> Result<(StatusCode, Ingested), Problem> {
    let duplicate = matches!(appended, Appended::Duplicate(_));
    let record = if params.wait { end_of(state, appended.id()).await? } else { None };
    let ended = record.as_ref().is_some_and(|record| record.state.is_terminal());
    let status = if ended { StatusCode::OK } else { StatusCode::ACCEPTED };
    let event = appended.id();
    let ingested = match record {
        None => Ingested { event, document_id, duplicate, state: None, outcomes: None, error: None, error_code: None },
        Some(EventRecord { state, outcomes, error, error_code, .. }) => {
            Ingested { event, document_id, duplicate, state: Some(state), outcomes: Some(outcomes), error, error_code }
        }
    };
    Ok((status, ingested))
}

/// The event once it has ended, or as it is when the time is up.
async fn end_of(state: &ApiState, id: EventId) -> Result<Option<EventRecord>, Problem> {
    let deadline = Instant::now() + Duration::from_millis(state.limits().wait_ms_max);
    let mut pause = LOOK_MIN;
    loop {
        let record = state.ports().events.event(id).await?;
        let ended = record.as_ref().is_some_and(|record| record.state.is_terminal());
        if ended || Instant::now() >= deadline {
            return Ok(record);
        }
        tokio::time::sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
        pause = (pause * 2).min(LOOK_MAX);
    }
}
