//! `/v1/dead-letters`: events that could not be worked off, with their bodies, and replaying them.

use apex_model::Failure;
use apex_model::event::{DeadLetter, DeadLetterBody};
use apex_model::ids::{EventId, SourceName};
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::events::event_id;
use super::extract::{InJson, InPath, InQuery};
use super::page::{self, LIMIT_DEFAULT, LIMIT_MAX};
use super::problem::Problem;
use super::{ApiState, schema};
use crate::acceptor;

/// Letters replayed in one transaction.
const REPLAY_BATCH: usize = 1_000;

/// Which letters to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Only this source.
    source: Option<String>,
    /// 1 to 1000; default 50.
    limit: Option<u32>,
}

/// Dead letters, newest first.
#[utoipa::path(
    get, path = "/v1/dead-letters", tag = "dead letters", params(ListParams),
    responses((status = 200, description = "Without bodies", body = [schema::DeadLetter]))
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    InQuery(params): InQuery<ListParams>,
) -> Result<Json<Vec<DeadLetter>>, Problem> {
    let limit = page::limit(params.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    let source = params.source.as_deref().map(acceptor::source_name).transpose()?;
    Ok(Json(state.ports().dead_letters.dead_letters(source, limit).await?))
}

/// A dead letter with its body.
#[derive(Serialize, ToSchema)]
pub(super) struct WholeLetter {
    #[serde(flatten)]
    #[schema(inline, value_type = schema::DeadLetter)]
    letter: DeadLetter,
    /// Headers of a webhook, one a line.
    headers: String,
    /// The body as it came.
    body_base64: String,
    /// The body as text; null if it is not UTF-8.
    #[schema(required)]
    body_text: Option<String>,
}

/// One dead letter, body and all.
#[utoipa::path(
    get, path = "/v1/dead-letters/{id}", tag = "dead letters",
    params(("id" = String, Path, description = "The event's id, `ev_…`")),
    responses(
        (status = 200, description = "The letter", body = WholeLetter),
        (status = 404, description = "There is no such letter", body = Problem),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
) -> Result<Json<WholeLetter>, Problem> {
    let id = event_id(&id).map_err(|_| no_letter(&id))?;
    let DeadLetterBody { letter, headers, body } =
        state.ports().dead_letters.dead_letter(id).await?.ok_or_else(|| no_letter(&id.to_string()))?;
    let body_text = std::str::from_utf8(&body).ok().map(str::to_owned);
    Ok(Json(WholeLetter { letter, headers, body_base64: STANDARD.encode(&body), body_text }))
}

/// Which letters to replay: some by id, or all of one source.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayRequest {
    /// These.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    ids: Vec<String>,
    /// All of `source`.
    #[serde(default)]
    all: bool,
    /// Goes with `all`.
    source: Option<String>,
    /// Only say which ones.
    #[serde(default)]
    dry_run: bool,
}

/// Which letters are events again.
#[derive(Serialize, ToSchema)]
pub(super) struct Replayed {
    /// Those that were dead and are (or with `dry_run` would be) events again.
    #[schema(value_type = Vec<String>)]
    replayed: Vec<EventId>,
    /// Whether nothing was done.
    dry_run: bool,
}

/// Makes one dead letter an event again. Twice changes nothing.
#[utoipa::path(
    post, path = "/v1/dead-letters/{id}/replay", tag = "dead letters",
    params(("id" = String, Path, description = "The event's id, `ev_…`")),
    responses(
        (status = 200, description = "It is an event again", body = Replayed),
        (status = 404, description = "There is no such letter", body = Problem),
    )
)]
pub(super) async fn replay_one(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
) -> Result<Json<Replayed>, Problem> {
    let id = event_id(&id).map_err(|_| no_letter(&id))?;
    let replayed = state.ports().dead_letters.replay(&[id]).await?;
    if replayed.is_empty() {
        Err(no_letter(&id.to_string()).into())
    } else {
        Ok(Json(Replayed { replayed, dry_run: false }))
    }
}

/// Makes dead letters events again. Ids that are not dead are left out of the answer; twice changes nothing.
#[utoipa::path(
    post, path = "/v1/dead-letters/replay", tag = "dead letters", request_body = ReplayRequest,
    responses(
        (status = 200, description = "Those that are events again", body = Replayed),
        (status = 400, description = "Neither ids nor all of a source", body = Problem),
    )
)]
pub(super) async fn replay(
    State(state): State<ApiState>,
    InJson(request): InJson<ReplayRequest>,
) -> Result<Json<Replayed>, Problem> {
    let ReplayRequest { ids, all, source, dry_run } = request;
    let replayed = match (all, source) {
        (false, None) if !ids.is_empty() => {
            let ids = ids.iter().map(|id| event_id(id)).collect::<Result<Vec<_>, _>>()?;
            replay_ids(&state, &ids, dry_run).await?
        }
        (true, Some(source)) if ids.is_empty() => replay_all(&state, &acceptor::source_name(&source)?, dry_run).await?,
        _ => return Err(Problem::bad_request("give either `ids`, or `all: true` with a `source`")),
    };
    Ok(Json(Replayed { replayed, dry_run }))
}

async fn replay_ids(state: &ApiState, ids: &[EventId], dry_run: bool) -> Result<Vec<EventId>, Problem> {
    let port = &state.ports().dead_letters;
    if !dry_run {
        return Ok(port.replay(ids).await?);
    }
    let mut dead = Vec::new();
    for id in ids {
        dead.extend(port.dead_letter(*id).await?.map(|letter| letter.letter.id));
    }
    Ok(dead)
}

async fn replay_all(state: &ApiState, source: &SourceName, dry_run: bool) -> Result<Vec<EventId>, Problem> {
    let port = &state.ports().dead_letters;
    let letters = port.dead_letters(Some(source.clone()), u32::MAX).await?;
    let ids: Vec<EventId> = letters.into_iter().map(|letter| letter.id).collect();
    if dry_run {
        return Ok(ids);
    }
    let mut replayed = Vec::with_capacity(ids.len());
    for some in ids.chunks(REPLAY_BATCH) {
        replayed.extend(port.replay(some).await?);
    }
    Ok(replayed)
}

fn no_letter(id: &str) -> Failure {
    Failure::not_found(format!("there is no dead letter `{}`", id.escape_default()))
        .next("`apex dead-letter list` shows those there are")
}
