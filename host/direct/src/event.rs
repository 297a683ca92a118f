//! Works one event off: parses it by its kind and takes its documents to their ends.

use std::time::Duration;

use apex_model::delivery::Delivery;
use apex_model::event::{ClaimedEvent, EventEnd, EventKind, NewEvent, PageBody};
use apex_model::{Code, Failure};

use crate::direct::Shared;
use crate::documents::Went;
use crate::end::{self, Progress};
use crate::leases::Lease;

/// How often the journal is asked to record an end before the lease is left to run out.
const FINISH_TRIES: u32 = 5;

impl Shared {
    /// Works the event off and records how that ended.
    pub(crate) async fn work(&self, claimed: ClaimedEvent, lease: Lease) {
        let end = tokio::select! {
            end = self.process(&claimed) => end::advised(end, claimed.claim.id),
            () = lease.lost.cancelled() => return,
        };
        match &end {
            EventEnd::Settled { state, outcomes, .. } => {
                tracing::debug!(state = state.as_str(), documents = outcomes.len(), "event settled");
            }
            EventEnd::Dead { failure, .. } => {
                tracing::warn!(code = %failure.code, %failure, "event goes to the dead letters");
            }
            EventEnd::Retry { failure, after, counts } => {
                let after_ms = after.as_millis();
                tracing::info!(code = %failure.code, %failure, after_ms, counts, "event is tried again");
            }
        }
        self.finish(&claimed, end).await;
    }

    async fn process(&self, claimed: &ClaimedEvent) -> EventEnd {
        if self.stop.is_cancelled() {
            return end::released();
        }
        let mut progress = Progress::default();
        match self.take_through(claimed, &mut progress).await {
            Ok(Went::Stopped) => end::released(),
            Ok(Went::Through) => progress.end(claimed.claim.attempt, &self.limits),
            Err(failure) => end::failed(failure, claimed.claim.attempt, &self.limits, progress),
        }
    }

    async fn take_through(&self, claimed: &ClaimedEvent, progress: &mut Progress) -> Result<Went, Failure> {
        let documents = match claimed.event.kind {
            EventKind::File => return self.file(claimed, progress).await,
            EventKind::Webhook => {
                let delivery = delivery(&claimed.event);
                let _worker = self.worker().await;
                if self.stop.is_cancelled() {
                    return Ok(Went::Stopped);
                }
                let parsed = self.calls.parse_delivery(&delivery).await?;
                progress.plugin = Some(parsed.plugin);
                parsed.documents
            }
            // A page written before pages named their plugin is a bare list.
            EventKind::Page if claimed.event.body.first() == Some(&b'{') => {
                let page: PageBody = readable(serde_json::from_slice(&claimed.event.body))?;
                progress.plugin = Some(page.plugin);
                page.documents
            }
            EventKind::Page | EventKind::Document => readable(serde_json::from_slice(&claimed.event.body))?,
        };
        let plugin = progress.plugin.clone();
        Ok(self.store(claimed, documents, plugin.as_ref(), progress).await)
    }

    /// Records the end. If the journal cannot, the lease runs out and the event comes back; nothing is lost.
    async fn finish(&self, claimed: &ClaimedEvent, end: EventEnd) {
        for attempt in 1..=FINISH_TRIES {
            match self.queue.finish(claimed.claim, end.clone()).await {
                Ok(()) => return,
                Err(failure) if failure.code == Code::LEASE_LOST => {
                    tracing::warn!("another worker took the event over before its end was recorded");
                    return;
                }
                Err(failure) => tracing::error!(%failure, attempt, "the end of an event could not be recorded"),
            }
            tokio::time::sleep(Duration::from_millis(self.limits.backoff_ms_min) * 2_u32.saturating_pow(attempt)).await;
        }
    }
}

/// The request as the intake had it.
fn delivery(event: &NewEvent) -> Delivery {
    let (method, target) = event.label.split_once(' ').unwrap_or(("POST", &event.label));
    Delivery {
        source: event.source.clone(),
        method: method.to_owned(),
        target: target.to_owned(),
        headers: event.headers.clone(),
        body: event.body.clone(),
        received_at: event.received_at,
        trace: event.trace,
    }
}

/// What was read of a body of documents, or what is wrong with it.
fn readable<T>(read: serde_json::Result<T>) -> Result<T, Failure> {
    read.map_err(|error| {
        Failure::never(Code::DOCUMENT_INVALID, format!("the event's body does not hold documents as JSON: {error}"))
            .next("correct the documents and send them again")
    })
}
