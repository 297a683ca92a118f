//! Puts the three listeners together and runs them until shutdown.

use std::convert::Infallible;
use std::sync::Arc;

use apex_model::ports::{
    Cursors, DeadLetters, DocumentReader, Embedder, EventReader, Inbox, PluginCatalog, Poller, WebhookVerifier,
};
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::service::service_fn;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::accept_loop;
use crate::api::{ApiState, api_router};
use crate::flat::Traces;
use crate::health::Health;
use crate::scrape::{self, Scrape};
use crate::webhook::PublicService;

/// The rest of the host, as the listeners see it.
#[derive(Clone)]
pub struct Ports {
    /// Judges deliveries.
    pub verifier: Arc<dyn WebhookVerifier>,
    /// Makes events durable.
    pub inbox: Arc<dyn Inbox>,
    /// Which plugins and sources there are.
    pub catalog: Arc<dyn PluginCatalog>,
    /// Reads events.
    pub events: Arc<dyn EventReader>,
    /// Reads and replays dead letters.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Where polls go on, and what is paused.
    pub cursors: Arc<dyn Cursors>,
    /// Reads documents.
    pub documents: Arc<dyn DocumentReader>,
    /// Turns a question into a vector.
    pub embedder: Arc<dyn Embedder>,
    /// Polls when asked.
    pub poller: Arc<dyn Poller>,
}

/// Bound sockets: the caller chooses the ports.
#[derive(Debug)]
pub struct Listeners {
    /// Webhooks; may be reached by anyone.
    pub intake: TcpListener,
    /// The API; needs a token.
    pub api: TcpListener,
    /// Metrics; for the operator's network.
    pub metrics: TcpListener,
}

/// The three listeners, ready to run.
pub struct Server {
    state: ApiState,
    shutdown: CancellationToken,
}

impl Server {
    /// A server over this state. Make it once the catalogue has loaded: sources it does not know are answered 401.
    pub fn new(state: ApiState, shutdown: CancellationToken) -> Self {
        Self { state, shutdown }
    }

    /// Serves until `shutdown`, then drains: at most `drain_ms_max` later everything is closed.
    pub async fn run(self, listeners: Listeners) {
        let Self { state, shutdown: stop } = self;
        let (ports, limits) = (state.ports().clone(), state.limits().clone());
        let health = Health {
            inbox: Arc::clone(&ports.inbox),
            catalog: Arc::clone(&ports.catalog),
            poller: Arc::clone(&ports.poller),
            shutdown: stop.clone(),
        };
        let public = Arc::new(PublicService {
            acceptor: state.acceptor().clone(),
            sources: Arc::clone(state.sources()),
            health: health.clone(),
            metrics: Arc::clone(state.metrics()),
            traces: Traces::default(),
            limits: limits.clone(),
            shutdown: stop.clone(),
        });
        let webhooks = service_fn(move |request| {
            let public = Arc::clone(&public);
            async move { Ok::<_, Infallible>(public.handle(request).await) }
        });
        let gauge = |listener: &str| state.metrics().connections(listener);
        let open = [gauge("intake"), gauge("api"), gauge("metrics")];
        let scrape = Scrape {
            metrics: Arc::clone(state.metrics()),
            events: ports.events,
            documents: ports.documents,
            catalog: ports.catalog,
            inbox: ports.inbox,
            cursors: ports.cursors,
        };
        let metrics = Router::new().route("/metrics", get(metrics_text)).with_state(scrape);
        let metrics = TowerToHyperService::new(metrics.merge(health_router(health.clone())));
        let api = TowerToHyperService::new(health_router(health).merge(api_router(state)));
        let [intake_open, api_open, metrics_open] = open;
        tokio::join!(
            accept_loop::run(listeners.intake, webhooks, &limits, intake_open, stop.clone()),
            accept_loop::run(listeners.api, api, &limits, api_open, stop.clone()),
            accept_loop::run(listeners.metrics, metrics, &limits, metrics_open, stop.clone()),
        );
    }
}

async fn metrics_text(State(scrape): State<Scrape>) -> impl IntoResponse {
    ([(CONTENT_TYPE, scrape::CONTENT_TYPE)], scrape.text().await)
}

async fn ready(State(health): State<Health>) -> impl IntoResponse {
    let (status, body) = health.ready().into_parts();
    (status, [(CONTENT_TYPE, "application/json")], body)
}

fn health_router(health: Health) -> Router {
    let live = get(async || ([(CONTENT_TYPE, "application/json")], Health::live()));
    Router::new().route("/healthz", live).route("/readyz", get(ready)).with_state(health)
}
