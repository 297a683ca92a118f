//! The journal's wall clock. Leases and retries are kept in wall-clock milliseconds because they outlive the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use apex_model::Timestamp;

/// The machine's clock, which tests can move.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) fn now_ms(&self) -> i64 {
        Timestamp::now().unix_ms().saturating_add(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Moves the clock on.
    #[cfg(test)]
    pub(crate) fn advance_ms(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }
}
