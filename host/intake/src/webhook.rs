//! The public listener: `/webhooks/{source}`, `/healthz`, `/readyz` and nothing else.
//!
//! Order of a webhook request: does the source exist, is the host draining, is the media type sane, has memory room for
//! the body, the body (capped, timed), has the source a place left, then the connector. A body is never parsed here:
//! signatures cover its bytes. Every method is handed to the connector, because sources shake hands with `GET` and `HEAD` too.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use apex_config::limits::IntakeLimits;
use apex_model::delivery::{Delivery, Rejection};
use apex_model::event::Appended;
use apex_model::ids::TraceId;
use apex_model::{Code, Failure, Timestamp};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Incoming;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::acceptor::{Delivered, WebhookAcceptor, lost};
use crate::answer::{self, Answer};
use crate::body::{self, BodyError, Share};
use crate::flat::{self, Traces};
use crate::health::Health;
use crate::metrics::{Metrics, Outcome};
use crate::sources::{SourceEntry, SourceTable};

/// What the public listener works with.
pub(crate) struct PublicService {
    pub acceptor: WebhookAcceptor,
    pub sources: Arc<SourceTable>,
    pub health: Health,
    pub metrics: Arc<Metrics>,
    pub traces: Traces,
    pub limits: IntakeLimits,
    pub shutdown: CancellationToken,
}

/// A place among the source's requests in flight, given back on drop: also when the sender goes away.
struct Place(Arc<SourceEntry>);

impl Place {
    fn take(source: Arc<SourceEntry>, places_max: usize) -> Option<Self> {
        let taken = source.stats.in_flight.fetch_add(1, Ordering::Relaxed);
        let place = Self(source);
        (taken < places_max).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.stats.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PublicService {
    /// Answers one request.
    pub(crate) async fn handle(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path();
        if let Some(name) = path.strip_prefix("/webhooks/") {
            let Some(source) = self.sources.get(name).filter(|source| source.may_take_webhooks) else {
                self.metrics.count_unknown_source();
                body::linger(request.into_body(), self.body_deadline(Instant::now()));
                return answer::unauthorized();
            };
            let stats = Arc::clone(&source.stats);
            let started = Instant::now();
            let (answer, outcome) = self.webhook(source, request, started).await;
            stats.count(outcome);
            if matches!(outcome, Outcome::Accepted | Outcome::Duplicate) {
                stats.accept_seconds.observe(started.elapsed().as_secs_f64());
            }
            return answer;
        }
        let reading = matches!(*request.method(), Method::GET | Method::HEAD);
        match path {
            "/healthz" if reading => answer::json(StatusCode::OK, Health::live().to_owned()),
            "/readyz" if reading => {
                let (status, body) = self.health.ready().into_parts();
                answer::json(status, body)
            }
            _ => answer::not_found(),
        }
    }

    async fn webhook(
        &self,
        source: Arc<SourceEntry>,
        request: Request<Incoming>,
        started: Instant,
    ) -> (Answer, Outcome) {
        let (head, body) = request.into_parts();
        let deadline = self.body_deadline(started);
        if self.shutdown.is_cancelled() {
            body::linger(body, deadline);
            return (answer::unavailable(Code::DRAINING), Outcome::Draining);
        }
        if is_absurd(&head.headers) {
            body::linger(body, deadline);
            return (answer::media_type(), Outcome::MediaType);
        }
        let bytes_max = self.limits.webhook_body_bytes_max;
        let Some(mut share) = self.acceptor.room().share(&body, bytes_max) else {
            body::linger(body, deadline);
            return (answer::busy(Code::TOO_MANY_REQUESTS), Outcome::Throttled);
        };
        let body = match body::read(body, bytes_max, deadline).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return (answer::too_large(), Outcome::TooLarge),
            Err(BodyError::Timeout) => return (answer::timeout(), Outcome::Timeout),
            Err(BodyError::Broken) => return (answer::broken(), Outcome::Broken),
        };
        // What a body that announced nothing did not need is free again.
        drop(share.split(share.num_permits().saturating_sub(body.len())));
        // Only now: slow strangers must not hold the places of genuine senders.
        let Some(_place) = Place::take(Arc::clone(&source), self.limits.source_in_flight_max) else {
            return (answer::throttled(), Outcome::Throttled);
        };
        let delivery = delivery(&source, &head, body, self.traces.of(&head.headers));
        let span = tracing::debug_span!("delivery", source = %delivery.source, trace_id = %delivery.trace);
        self.deliver(source, delivery, share).instrument(span).await
    }

    fn body_deadline(&self, started: Instant) -> Instant {
        started + Duration::from_millis(self.limits.body_ms_max)
    }

    async fn deliver(&self, source: Arc<SourceEntry>, delivery: Delivery, share: Share) -> (Answer, Outcome) {
        let answered = self.acceptor.deliver(delivery, source, Some(share));
        let accept = Duration::from_millis(self.limits.accept_ms_max);
        match tokio::time::timeout(accept, answered).await {
            Ok(Ok(delivered)) => translate(delivered),
            Ok(Err(_)) => translate(Delivered::NotVerified(lost("the verifier or the journal"))),
            Err(_) => (answer::busy(Code::REQUEST_TIMEOUT), Outcome::AcceptTimeout),
        }
    }
}

/// Whether the media type is one no webhook has: `image/…`, `audio/…`, `video/…`, `font/…`. A missing or unknown one is fine.
fn is_absurd(headers: &HeaderMap) -> bool {
    let family = |value: &[u8]| {
        [&b"image/"[..], b"audio/", b"video/", b"font/"]
            .iter()
            .any(|prefix| value.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)))
    };
    headers.get(CONTENT_TYPE).is_some_and(|value| family(value.as_bytes()))
}

fn delivery(source: &SourceEntry, head: &Parts, body: bytes::Bytes, trace: TraceId) -> Delivery {
    Delivery {
        source: source.name.clone(),
        method: head.method.as_str().to_owned(),
        target: head.uri.path_and_query().map_or_else(String::new, |target| target.as_str().to_owned()),
        headers: flat::headers(&head.headers),
        body,
        received_at: Timestamp::now(),
        trace,
    }
}

fn translate(delivered: Delivered) -> (Answer, Outcome) {
    match delivered {
        Delivered::Stored(appended, wanted) => {
            let outcome = match appended {
                Appended::New(_) => Outcome::Accepted,
                Appended::Duplicate(_) => Outcome::Duplicate,
            };
            tracing::debug!(event = %appended.id(), outcome = outcome.as_str(), "delivery is durable");
            (wanted.map_or_else(|| answer::stored(appended.id()), answer::reply), outcome)
        }
        Delivered::Challenge(reply) => (answer::reply(reply), Outcome::Challenge),
        Delivered::Ignored(reply) => (answer::reply(reply), Outcome::Ignored),
        Delivered::Rejected(rejection) => {
            tracing::debug!(reason = rejection.as_str(), "delivery is not genuine");
            let outcome = match rejection {
                Rejection::MissingSignature => Outcome::MissingSignature,
                Rejection::BadSignature => Outcome::BadSignature,
                Rejection::Stale => Outcome::Stale,
                Rejection::NotConfigured => Outcome::NotConfigured,
            };
            (answer::unauthorized(), outcome)
        }
        Delivered::NotVerified(failure) => not_verified(&failure),
        Delivered::NotStored(failure) => {
            tracing::warn!(code = %failure.code, "a delivery could not be made durable: {failure}");
            let answer = match failure.code {
                Code::JOURNAL_FULL => answer::busy(failure.code),
                _ => answer::unavailable(failure.code),
            };
            (answer, Outcome::JournalUnavailable)
        }
    }
}

/// A connector that traps is no reason to lose a genuine delivery: whether it was genuine is not known, so it is asked for again.
fn not_verified(failure: &Failure) -> (Answer, Outcome) {
    match failure.code {
        Code::NOT_FOUND | Code::PLUGIN_EXPORT_MISSING => (answer::unauthorized(), Outcome::NoWebhooks),
        Code::PLUGIN_MISSING | Code::SOURCE_WAITING | Code::SOURCE_PAUSED => {
            (answer::unavailable(failure.code), Outcome::PluginMissing)
        }
        Code::DRAINING => (answer::unavailable(failure.code), Outcome::Draining),
        Code::TOO_MANY_REQUESTS => (answer::throttled(), Outcome::Throttled),
        Code::PLUGIN_BUSY => (answer::busy(failure.code), Outcome::PluginBusy),
        _ => {
            tracing::warn!(code = %failure.code, "a delivery could not be verified: {failure}");
            (answer::unavailable(failure.code), Outcome::PluginFailed)
        }
    }
}
