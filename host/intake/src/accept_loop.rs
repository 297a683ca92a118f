//! The accept loop of one listener: caps, timers and draining, which `axum::serve` does not have.
//!
//! A connection may send at most `header_bytes_max` of headers (431), must send them within `header_ms_max` and may do
//! nothing for `idle_ms_max` (closed). `connections_max` connections are open at once; the next ones wait in the
//! kernel's queue. On shutdown the listener closes, idle connections close, requests in flight are answered and their
//! connections closed; what is left after `drain_ms_max` is cut. Must not know what is served.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use apex_config::limits::IntakeLimits;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{Look, Patience, Watch, WatchedStream};

/// How long to hold off when the process has no file descriptor left for another connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// The least hyper takes as a header buffer.
const HEADER_BYTES_MIN: usize = 8192;

#[derive(Clone)]
struct Bounds {
    http: http1::Builder,
    patience: Patience,
    drain: Duration,
    shutdown: CancellationToken,
}

/// Serves until `shutdown`, then drains. Returns when every connection is closed.
pub(crate) async fn run<S, B>(
    listener: TcpListener,
    service: S,
    limits: &IntakeLimits,
    open: Gauge,
    shutdown: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut http = http1::Builder::new();
    http.max_buf_size(limits.header_bytes_max.max(HEADER_BYTES_MIN)).header_read_timeout(None);
    let bounds = Bounds {
        http,
        patience: Patience {
            header: Duration::from_millis(limits.header_ms_max),
            idle: Duration::from_millis(limits.idle_ms_max),
        },
        drain: Duration::from_millis(limits.drain_ms_max),
        shutdown: shutdown.clone(),
    };
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let tracker = TaskTracker::new();
    while let Some((stream, place)) = next(&listener, &places, &shutdown).await {
        let (service, bounds, open) = (service.clone(), bounds.clone(), open.clone());
        open.inc();
        tracker.spawn(async move {
            connection(stream, service, bounds).await;
            open.dec();
            drop(place);
        });
    }
    drop(listener);
    tracker.close();
    tracker.wait().await;
}

/// The next connection once there is a place for it; none on shutdown.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let accepted = async {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _peer)) => return Some((stream, place)),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted; trying again");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        accepted = accepted => accepted,
    }
}

async fn connection<S, B>(stream: TcpStream, service: S, bounds: Bounds)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // Answers are small and written at once: waiting for more to send (Nagle) only delays them.
    let _ = stream.set_nodelay(true);
    let Bounds { http, patience, drain, shutdown } = bounds;
    let watch = Arc::new(Watch::new());
    let timer = tokio::time::sleep_until(watch.first_look(patience));
    let watched = Arc::clone(&watch);
    let service = service_fn(move |request| {
        watched.busy();
        let answer = service.call(request);
        let watched = Arc::clone(&watched);
        async move {
            let answer = answer.await;
            watched.idle();
            answer
        }
    });
    let serving = http.serve_connection(TokioIo::new(WatchedStream::new(stream, Arc::clone(&watch))), service);
    let mut cut_at: Option<Instant> = None;
    tokio::pin!(serving, timer);
    loop {
        tokio::select! {
            biased;
            result = serving.as_mut() => {
                if let Err(error) = result {
                    tracing::trace!(%error, "a connection ended early");
                }
                return;
            }
            () = timer.as_mut() => {
                let now = Instant::now();
                match watch.look(now, patience) {
                    Look::Again(then) if cut_at.is_none_or(|cut_at| now < cut_at) => {
                        timer.as_mut().reset(cut_at.map_or(then, |cut_at| cut_at.min(then)));
                    }
                    _ => return,
                }
            }
            () = shutdown.cancelled(), if cut_at.is_none() => {
                serving.as_mut().graceful_shutdown();
                let end = Instant::now() + drain;
                cut_at = Some(end);
                let next = timer.deadline().min(end);
                timer.as_mut().reset(next);
            }
        }
    }
}
