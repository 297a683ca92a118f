//! A running server on free ports over the fakes, stopped on drop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use apex_config::limits::IntakeLimits;
use apex_intake::metrics::Metrics;
use apex_intake::{Access, ApiState, Listeners, Ports, Scope, Server, Token};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{self, DEADLINE, Response};
use crate::fakes::{Fake, plugin, source};
use crate::openapi;

/// A token that may read.
pub const READER: &str = "reader-token";
/// A token that may read and operate.
pub const OPERATOR: &str = "operator-token";

pub struct Host {
    pub fake: Arc<Fake>,
    pub intake: SocketAddr,
    pub api: SocketAddr,
    pub metrics: SocketAddr,
    pub shutdown: CancellationToken,
    pub task: Option<JoinHandle<()>>,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub fn ports(fake: &Arc<Fake>) -> Ports {
    Ports {
        verifier: fake.clone(),
        inbox: fake.clone(),
        catalog: fake.clone(),
        events: fake.clone(),
        dead_letters: fake.clone(),
        cursors: fake.clone(),
        documents: fake.clone(),
        embedder: fake.clone(),
        poller: fake.clone(),
    }
}

impl Host {
    /// A host with the webhook source `alpha` and the defaults.
    pub async fn start() -> Self {
        Self::with(IntakeLimits::default()).await
    }

    pub async fn with(limits: IntakeLimits) -> Self {
        let fake = Arc::new(Fake::default());
        fake.with(|state| {
            state.sources = vec![source("alpha", &["webhook"])];
            state.plugins = vec![plugin("alpha")];
        });
        Self::over(fake, limits).await
    }

    pub async fn over(fake: Arc<Fake>, limits: IntakeLimits) -> Self {
        let bind = || async { TcpListener::bind("127.0.0.1:0").await.unwrap() };
        let listeners = Listeners { intake: bind().await, api: bind().await, metrics: bind().await };
        let address = |listener: &TcpListener| listener.local_addr().unwrap();
        let (intake, api, metrics) = (address(&listeners.intake), address(&listeners.api), address(&listeners.metrics));
        let shutdown = CancellationToken::new();
        let access = Access::Tokens(vec![Token::new(READER, &[Scope::Read]), Token::new(OPERATOR, &[Scope::Operate])]);
        let state = ApiState::new(ports(&fake), limits, access, Metrics::new(Registry::default()));
        let task = Some(tokio::spawn(Server::new(state, shutdown.clone()).run(listeners)));
        Self { fake, intake, api, metrics, shutdown, task }
    }

    /// A webhook to `alpha` whose connector answers as `verdict` says.
    pub async fn webhook(&self, verdict: &str, body: &[u8]) -> Response {
        client::request(self.intake, "POST", "/webhooks/alpha", &[("x-verdict", verdict)], body).await
    }

    /// A request to the API with the operator's token; the answer is checked against the API's own description.
    pub async fn api(&self, method: &str, target: &str, body: &[u8]) -> Response {
        let authorization = format!("Bearer {OPERATOR}");
        let response = client::request(self.api, method, target, &[("authorization", &authorization)], body).await;
        openapi::check(method, target, &response);
        response
    }

    /// A request to the API that must be answered with this status; its JSON.
    pub async fn json(&self, method: &str, target: &str, body: &[u8], status: u16) -> serde_json::Value {
        let response = self.api(method, target, body).await;
        assert_eq!(response.status, status, "{method} {target}: {}", response.text());
        response.json()
    }

    pub async fn scrape(&self) -> String {
        client::request(self.metrics, "GET", "/metrics", &[], b"").await.text()
    }
}

/// The value of one series in a scrape.
pub fn series(scrape: &str, series: &str) -> Option<u64> {
    scrape.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Waits until the condition holds; fails after the deadline.
pub async fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let all = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(DEADLINE, all).await.unwrap_or_else(|_| panic!("{what} did not happen in time"));
}
