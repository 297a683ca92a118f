//! Puts the three listeners together and runs them until shutdown.

use std::convert::Infallible;
use std::sync::Arc;

use apex_config::limits::IntakeLimits;
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
use crate::acceptor::WebhookAcceptor;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::scrape::{self, Scrape};
use crate::sources::SourceTable;
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

/// The listeners' service, ready to run.
pub struct Server {
    ports: Ports,
    limits: IntakeLimits,
    metrics: Arc<Metrics>,
    sources: Arc<SourceTable>,
    shutdown: CancellationToken,
}

impl Server {
    /// A server over these ports. Make it once the catalogue has loaded: what it does not know is answered 401.
    pub fn new(ports: Ports, limits: IntakeLimits, metrics: Metrics, shutdown: CancellationToken) -> Self {
        let metrics = Arc::new(metrics);
        let sources = Arc::new(SourceTable::new(Arc::clone(&ports.catalog), Arc::clone(&metrics)));
        Self { ports, limits, metrics, sources, shutdown }
    }

    /// Serves until `shutdown`, then drains: at most `drain_ms_max` later everything is closed.
    pub async fn run(self, listeners: Listeners) {
        let health = Health {
            inbox: Arc::clone(&self.ports.inbox),
            catalog: Arc::clone(&self.ports.catalog),
            cursors: Arc::clone(&self.ports.cursors),
            shutdown: self.shutdown.clone(),
        };
        let public = Arc::new(PublicService {
            acceptor: WebhookAcceptor::new(Arc::clone(&self.ports.verifier), Arc::clone(&self.ports.inbox)),
            sources: Arc::clone(&self.sources),
            health: health.clone(),
            metrics: Arc::clone(&self.metrics),
            limits: self.limits.clone(),
            shutdown: self.shutdown.clone(),
        });
        let webhooks = service_fn(move |request| {
            let public = Arc::clone(&public);
            async move { Ok::<_, Infallible>(public.handle(request).await) }
        });
        let scrape = Scrape {
            metrics: Arc::clone(&self.metrics),
            events: Arc::clone(&self.ports.events),
            documents: Arc::clone(&self.ports.documents),
            catalog: Arc::clone(&self.ports.catalog),
            inbox: Arc::clone(&self.ports.inbox),
        };
        let api = health_router(health.clone());
        let metrics = Router::new().route("/metrics", get(metrics_text)).with_state(scrape).merge(health_router(health));
        let gauge = |listener: &str| self.metrics.connections(listener);
        let (limits, stop) = (&self.limits, &self.shutdown);
        tokio::join!(
            accept_loop::run(listeners.intake, webhooks, limits, gauge("intake"), stop.clone()),
            accept_loop::run(listeners.api, TowerToHyperService::new(api), limits, gauge("api"), stop.clone()),
            accept_loop::run(listeners.metrics, TowerToHyperService::new(metrics), limits, gauge("metrics"), stop.clone()),
        );
    }
}

async fn metrics_text(State(scrape): State<Scrape>) -> impl IntoResponse {
    ([(CONTENT_TYPE, scrape::CONTENT_TYPE)], scrape.text().await)
}

async fn ready(State(health): State<Health>) -> impl IntoResponse {
    let (status, body) = health.ready().await.into_parts();
    (status, [(CONTENT_TYPE, "application/json")], body)
}

fn health_router(health: Health) -> Router {
    let live = get(async || ([(CONTENT_TYPE, "application/json")], Health::live()));
    Router::new().route("/healthz", live).route("/readyz", get(ready)).with_state(health)
}
