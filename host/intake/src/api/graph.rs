//! `/v1/graph`: the neighbourhood of an entity.

use apex_model::Failure;
use apex_model::reading::Graph;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{InPath, InQuery};
use super::problem::Problem;
use super::{ApiState, schema};

/// Hops if the client does not say.
const DEPTH_DEFAULT: u32 = 1;
/// Hops at most: a neighbourhood grows by its degree with each.
const DEPTH_MAX: u32 = 4;

/// How far to look.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GraphParams {
    /// Hops, 1 to 4; default 1.
    depth: Option<u32>,
}

/// The entities around one, by its key or its name.
#[utoipa::path(
    get, path = "/v1/graph/{entity}", tag = "documents",
    params(("entity" = String, Path, description = "Key (`shipment:4455667`) or name, percent-encoded"), GraphParams),
    responses(
        (status = 200, description = "Its neighbourhood", body = schema::Graph),
        (status = 404, description = "No document speaks of it", body = Problem),
    )
)]
pub(super) async fn neighbourhood(
    State(state): State<ApiState>,
    InPath(entity): InPath<String>,
    InQuery(params): InQuery<GraphParams>,
) -> Result<Json<Graph>, Problem> {
    let depth = params.depth.unwrap_or(DEPTH_DEFAULT);
    if !(1..=DEPTH_MAX).contains(&depth) {
        return Err(Problem::bad_request(format!("depth is {depth}, 1 to {DEPTH_MAX} is possible")));
    }
    let graph = state.ports().documents.graph(&entity, depth).await?;
    let missing = || Failure::not_found(format!("no entity has the key or the name `{}`", entity.escape_default()));
    graph.map(Json).ok_or_else(|| missing().next("`apex document show` lists the entities of a document").into())
}
