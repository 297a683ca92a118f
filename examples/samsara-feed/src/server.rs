//! The server around the pages: the token, the faults, the count, a graceful end. It answers nothing from its own head.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Query as UrlQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::faults::{Fault, Faults};
use crate::pages::{self, Query};

/// The fraction of a second from Samsara's own page on rate limits.
const RETRY_AFTER: &str = "0.40235";

/// How the feed is served.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The token that requests must carry. Made up: never a real one.
    pub token: String,
    /// What goes wrong.
    pub faults: Faults,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            token: "samsara-feed-test-token".to_owned(),
            faults: Faults::default(),
        }
    }
}

/// A feed that is being served. Dropped without [`SamsaraFeed::stop`], it ends without waiting for requests under way.
#[derive(Debug)]
pub struct SamsaraFeed {
    address: SocketAddr,
    served: Arc<Served>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Served {
    expected: String,
    faults: Faults,
    requests: AtomicU64,
}

impl SamsaraFeed {
    /// Starts to serve.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let served = Arc::new(Served {
            expected: format!("Bearer {}", options.token),
            faults: options.faults,
            requests: AtomicU64::new(0),
        });
        let router =
            Router::new().route("/fleet/vehicles/stats/feed", routing::get(feed)).with_state(Arc::clone(&served));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = axum::serve(listener, router).with_graceful_shutdown(async {
            // An error means the handle is gone, which is a reason to stop as well.
            let _ = stopped.await;
        });
        let task = tokio::spawn(async move {
            // It only ends when it is told to, and then without an error.
            let _ = serving.await;
        });
        Ok(Self { address, served, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the connector's `base_url` must be.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests with a good token so far.
    pub fn requests(&self) -> u64 {
        self.served.requests.load(Ordering::Relaxed)
    }

    /// Ends it after the requests under way.
    pub async fn stop(self) {
        // Errors mean that it has ended already.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

async fn feed(State(served): State<Arc<Served>>, UrlQuery(query): UrlQuery<Query>, headers: HeaderMap) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if token != Some(served.expected.as_str()) {
        return said(StatusCode::UNAUTHORIZED, "Invalid token.");
    }
    let number = served.requests.fetch_add(1, Ordering::Relaxed) + 1;
    if !served.faults.slow.is_zero() {
        tokio::time::sleep(served.faults.slow).await;
    }
    match served.faults.of(number, query.after.is_some()) {
        Some(Fault::RateLimited) => {
            let mut response = said(StatusCode::TOO_MANY_REQUESTS, "Exceeded rate limit.");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
            response
        }
        Some(Fault::Unavailable) => said(StatusCode::SERVICE_UNAVAILABLE, "Service unavailable."),
        Some(Fault::CursorLost) => said(StatusCode::BAD_REQUEST, "Invalid cursor in parameter 'after'."),
        None => match pages::answer(&query) {
            Ok(page) => Json(page).into_response(),
            Err(message) => said(StatusCode::BAD_REQUEST, &message),
        },
    }
}

/// An error in the vendor's form.
fn said(status: StatusCode, message: &str) -> Response {
    (status, Json(serde_json::json!({ "message": message, "requestId": "0" }))).into_response()
}
