//! The leases of what is being worked off: renewed in the background, and noticed when they are lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apex_model::event::Claim;
use apex_model::ports::WorkQueue;
use tokio_util::sync::CancellationToken;

/// Every claim in hand, with what tells its worker that it is lost.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    held: Mutex<HashMap<Claim, CancellationToken>>,
}

/// One claim in hand; renewed until it is dropped.
pub(crate) struct Lease {
    leases: Arc<Leases>,
    claim: Claim,
    /// Cancelled when another worker took the event over.
    pub(crate) lost: CancellationToken,
}

impl Leases {
    fn map(&self) -> MutexGuard<'_, HashMap<Claim, CancellationToken>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a claim in hand.
    pub(crate) fn hold(self: &Arc<Self>, claim: Claim) -> Lease {
        let lost = CancellationToken::new();
        self.map().insert(claim, lost.clone());
        Lease { leases: Arc::clone(self), claim, lost }
    }

    /// Every claim in hand.
    pub(crate) fn claims(&self) -> Vec<Claim> {
        self.map().keys().copied().collect()
    }

    /// Renews every lease three times in its time until told to stop.
    pub(crate) async fn keep(&self, queue: &dyn WorkQueue, lease: Duration, stop: CancellationToken) {
        let mut turn = tokio::time::interval(lease / 3);
        turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = turn.tick() => {}
            }
            let claims = self.claims();
            if claims.is_empty() {
                continue;
            }
            match queue.renew(&claims, lease).await {
                Ok(kept) => self.lose(&claims, &kept),
                Err(failure) => {
                    tracing::warn!(%failure, claims = claims.len(), "leases could not be renewed; trying again");
                }
            }
        }
    }

    fn lose(&self, asked: &[Claim], kept: &[Claim]) {
        let held = self.map();
        // A claim that ended in the meantime is not in hand any more and needs no word.
        for (claim, lost) in
            asked.iter().filter(|claim| !kept.contains(claim)).filter_map(|claim| held.get_key_value(claim))
        {
            tracing::warn!(event = %claim.id, attempt = claim.attempt, "another worker took the event over");
            lost.cancel();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.map().remove(&self.claim);
    }
}
