//! `/v1/doctor`: the parts of live documents checked against each other. Changes nothing.

use apex_model::ids::DocumentId;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::extract::InQuery;
use super::problem::Problem;

/// What to check.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DoctorParams {
    /// Only this document.
    document: Option<String>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub(super) struct Findings {
    /// One sentence each; empty: everything fits together.
    findings: Vec<String>,
}

/// Checks the parts of each live document, or of one, against each other.
#[utoipa::path(
    get, path = "/v1/doctor", tag = "documents", params(DoctorParams),
    responses((status = 200, description = "What does not fit together", body = Findings))
)]
pub(super) async fn check(
    State(state): State<ApiState>,
    InQuery(params): InQuery<DoctorParams>,
) -> Result<Json<Findings>, Problem> {
    let id = params.document.map(DocumentId::from_text);
    Ok(Json(Findings { findings: state.ports().documents.check(id.as_ref()).await? }))
}
