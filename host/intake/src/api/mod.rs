//! The API: the CLI's verbs over HTTP, one file a resource. `openapi.json` is made of the same route table.
//!
//! Needs a bearer token; errors are `application/problem+json`; lists are arrays. Also usable without a network: the
//! router is an ordinary axum `Router`.

mod access;
mod dead_letters;
mod doctor;
mod documents;
mod events;
mod extract;
mod graph;
mod ingest;
mod page;
mod plugins;
mod problem;
pub mod schema;
mod search;
mod sources;
mod stats;
mod wait;

use std::sync::Arc;

use apex_config::limits::IntakeLimits;
use apex_model::{Code, Failure};
use axum::http::StatusCode;
use axum::{Json, Router, middleware};
use utoipa::openapi::OpenApi;
use utoipa::openapi::info::InfoBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use access::{Access, Scope, Token};
pub use problem::Problem;

use crate::acceptor::WebhookAcceptor;
use crate::body::Room;
use crate::flat::Traces;
use crate::listeners::Ports;
use crate::metrics::Metrics;
use crate::sources::SourceTable;

/// What the API works with. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Parts>);

struct Parts {
    ports: Ports,
    acceptor: WebhookAcceptor,
    sources: Arc<SourceTable>,
    metrics: Arc<Metrics>,
    traces: Traces,
    limits: IntakeLimits,
    access: Access,
}

impl ApiState {
    /// The state over these ports.
    pub fn new(ports: Ports, limits: IntakeLimits, access: Access, metrics: Metrics) -> Self {
        let metrics = Arc::new(metrics);
        let sources = Arc::new(SourceTable::new(Arc::clone(&ports.catalog), Arc::clone(&metrics)));
        let room = Room::new(limits.bodies_bytes_max);
        let acceptor = WebhookAcceptor::new(Arc::clone(&ports.verifier), Arc::clone(&ports.inbox), room);
        let traces = Traces::default();
        Self(Arc::new(Parts { ports, acceptor, sources, metrics, traces, limits, access }))
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.0.ports
    }

    pub(crate) fn acceptor(&self) -> &WebhookAcceptor {
        &self.0.acceptor
    }

    pub(crate) fn sources(&self) -> &Arc<SourceTable> {
        &self.0.sources
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    pub(crate) fn limits(&self) -> &IntakeLimits {
        &self.0.limits
    }

    fn traces(&self) -> &Traces {
        &self.0.traces
    }

    fn access(&self) -> &Access {
        &self.0.access
    }
}

/// The whole API.
pub fn api_router(state: ApiState) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(state.clone(), access::guard))
        .with_state(state)
}

/// The description of every route, made of the same table as the router.
pub fn openapi() -> OpenApi {
    let mut openapi = routes().into_openapi();
    describe(&mut openapi);
    openapi
}

fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(description))
        .routes(routes!(documents::list, documents::create))
        .routes(routes!(documents::show, documents::remove))
        .routes(routes!(documents::history))
        .routes(routes!(search::search))
        .routes(routes!(graph::neighbourhood))
        .routes(routes!(events::list))
        .routes(routes!(events::show))
        .routes(routes!(sources::list))
        .routes(routes!(sources::show))
        .routes(routes!(sources::pause))
        .routes(routes!(sources::resume))
        .routes(routes!(sources::poll))
        .routes(routes!(sources::cursors, sources::set_cursor))
        .routes(routes!(plugins::list))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::replay))
        .routes(routes!(dead_letters::show))
        .routes(routes!(dead_letters::replay_one))
        .routes(routes!(ingest::file))
        .routes(routes!(ingest::delivery))
        .routes(routes!(stats::stats))
        .routes(routes!(doctor::check))
}

/// Every route of this API, as OpenAPI 3.1.
#[utoipa::path(get, path = "/v1/openapi.json", responses((status = 200, description = "The description", body = serde_json::Value)))]
async fn description() -> Json<OpenApi> {
    Json(openapi())
}

fn describe(openapi: &mut OpenApi) {
    openapi.info = InfoBuilder::new()
        .title("Apex Host")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Errors are `application/problem+json` with a stable `code`."))
        .build();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    openapi.components.get_or_insert_default().add_security_scheme("token", bearer);
    openapi.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
}

async fn no_such_route() -> Problem {
    Failure::not_found("there is no such route").next("`GET /v1/openapi.json` lists them").into()
}

async fn no_such_method() -> Problem {
    let failure = Failure::never(Code::BAD_REQUEST, "this route does not take this method");
    Problem::with_status(
        StatusCode::METHOD_NOT_ALLOWED,
        failure.next("`GET /v1/openapi.json` lists what each route takes"),
    )
}
