//! Tells workers that there may be something to claim, without letting them ask in a loop.
//!
//! Every change that may have made events claimable counts up; a claim that found less than it asked for remembers the count. Waiting
//! lasts until the count is beyond that.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// See the module.
#[derive(Debug)]
pub(crate) struct Ready {
    changes: AtomicU64,
    exhausted_at: AtomicU64,
    notify: Notify,
}

impl Default for Ready {
    fn default() -> Self {
        // The first wait returns at once: what a crash left behind is found by asking.
        Self { changes: AtomicU64::new(1), exhausted_at: AtomicU64::new(0), notify: Notify::new() }
    }
}

impl Ready {
    /// Events may have become claimable.
    pub(crate) fn stir(&self) {
        self.changes.fetch_add(1, Ordering::Release);
        self.notify.notify_waiters();
    }

    /// A claim found less than it asked for.
    pub(crate) fn exhausted(&self) {
        self.exhausted_at.store(self.changes.load(Ordering::Acquire), Ordering::Release);
    }

    /// Waits until something changed since the last claim that found too little.
    pub(crate) async fn wait(&self) {
        loop {
            let mut notified = std::pin::pin!(self.notify.notified());
            notified.as_mut().enable();
            if self.changes.load(Ordering::Acquire) > self.exhausted_at.load(Ordering::Acquire) {
                return;
            }
            notified.await;
        }
    }
}
