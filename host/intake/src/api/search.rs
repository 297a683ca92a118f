//! `/v1/search`: documents by meaning.

use apex_model::reading::{Hit, SearchQuery};
use apex_model::{Code, Failure};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::InQuery;
use super::page;
use super::problem::Problem;
use super::{ApiState, schema};
use crate::acceptor;

/// Hits if the client does not say.
const HITS_DEFAULT: u32 = 10;
/// Hits at most.
const HITS_MAX: u32 = 100;
/// Characters of a question at most: more than an embedding model reads.
const QUESTION_CHARS_MAX: usize = 4_096;

/// What to search for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchParams {
    /// The question.
    q: String,
    /// Only this source.
    source: Option<String>,
    /// Only this kind.
    kind: Option<String>,
    /// 1 to 100; default 10.
    limit: Option<u32>,
}

/// The documents found, best first.
#[derive(Serialize, ToSchema)]
pub(super) struct Found {
    /// The question.
    query: String,
    /// At most `limit` documents.
    #[schema(value_type = Vec<schema::Hit>)]
    hits: Vec<Hit>,
}

/// Finds documents by meaning.
#[utoipa::path(
    get, path = "/v1/search", tag = "documents", params(SearchParams),
    responses((status = 200, description = "What was found", body = Found), (status = 400, description = "No question", body = Problem))
)]
pub(super) async fn search(
    State(state): State<ApiState>,
    InQuery(params): InQuery<SearchParams>,
) -> Result<Json<Found>, Problem> {
    let SearchParams { q, source, kind, limit } = params;
    if q.trim().is_empty() || q.chars().count() > QUESTION_CHARS_MAX {
        return Err(Problem::bad_request(format!("q must have 1 to {QUESTION_CHARS_MAX} characters")));
    }
    let limit = page::limit(limit, HITS_DEFAULT, HITS_MAX)?;
    let source = source.as_deref().map(acceptor::source_name).transpose()?;
    let embedder = &state.ports().embedder;
    let vectors = embedder.embed(vec![q.clone()]).await?;
    let vector = vectors
        .into_iter()
        .next()
        .ok_or_else(|| Failure::backoff(Code::MODEL_FAILED, "the embedding model made no vector of the question"))?;
    let query = SearchQuery { vector, embedding_model: embedder.model().to_owned(), source, kind, limit };
    let hits = state.ports().documents.search(query).await?;
    Ok(Json(Found { query: q, hits }))
}
