//! `/v1/stats`: how many events are in which state and how many documents there are, by source.

use std::collections::BTreeMap;

use apex_model::event::Tally;
use apex_model::ids::SourceName;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::problem::Problem;

/// The counts of one source. `accepted = duplicate + done + unchanged + superseded + dead + in_flight`, always.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct SourceStats {
    source: String,
    /// Every success answered for something to be kept, repeats included.
    accepted: u64,
    duplicate: u64,
    done: u64,
    unchanged: u64,
    superseded: u64,
    dead: u64,
    /// Accepted or being processed.
    in_flight: u64,
    /// Live documents.
    documents: u64,
}

/// Counts by source; the counts of events are read at one moment.
#[utoipa::path(
    get, path = "/v1/stats", tag = "events",
    responses((status = 200, description = "Every source that has events or documents", body = [SourceStats]))
)]
pub(super) async fn stats(State(state): State<ApiState>) -> Result<Json<Vec<SourceStats>>, Problem> {
    let tallies = state.ports().events.tallies().await?;
    let documents = state.ports().documents.counts().await?;
    let mut by_source: BTreeMap<SourceName, SourceStats> = BTreeMap::new();
    for (source, Tally { accepted, duplicate, done, unchanged, superseded, dead, in_flight }) in tallies {
        let name = source.to_string();
        let counts = SourceStats {
            source: name,
            accepted,
            duplicate,
            done,
            unchanged,
            superseded,
            dead,
            in_flight,
            documents: 0,
        };
        by_source.insert(source, counts);
    }
    for (source, count) in documents {
        let name = source.to_string();
        by_source.entry(source).or_insert_with(|| SourceStats { source: name, ..SourceStats::default() }).documents =
            count;
    }
    Ok(Json(by_source.into_values().collect()))
}
