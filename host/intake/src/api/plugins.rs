//! `/v1/plugins`: what is loaded.

use apex_model::plugin::PluginStatus;
use axum::Json;
use axum::extract::State;

use super::{ApiState, schema};

/// Every component in `plugins/`.
#[utoipa::path(
    get, path = "/v1/plugins", tag = "plugins",
    responses((status = 200, description = "By name", body = [schema::Plugin]))
)]
pub(super) async fn list(State(state): State<ApiState>) -> Json<Vec<PluginStatus>> {
    let mut plugins = state.ports().catalog.plugins();
    plugins.sort_by(|a, b| a.name.cmp(&b.name));
    Json(plugins)
}
