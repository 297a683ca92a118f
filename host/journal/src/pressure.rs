//! Lets accepting go before working off: while senders queue up, events are handed out a few at a time.
//!
//! Low priority alone does not do that: a thread that computes embeddings takes the caches and half of a processor with two
//! threads from its neighbour, and intake at the edge of a machine's capacity then falls behind for good.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// New events in a group, on average, from which on senders count as queueing up: one that commits at leisure has one or two.
const ROWS_BUSY: f64 = 8.0;
/// Weight of the newest group in the average.
const NEWEST: f64 = 1.0 / 16.0;
/// How long a busy group counts.
const BUSY_MS: i64 = 250;
/// Events handed out at once meanwhile, and how long a claim waits first: work goes on, but hardly shows.
const EVENTS_MEANWHILE: u32 = 2;
const WAIT_MEANWHILE: Duration = Duration::from_secs(1);

/// See the module. The writer notes groups, claims look.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    busy_until_ms: AtomicI64,
}

/// The writer's part.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    rows: f64,
}

impl Gauge {
    /// A group brought so many new events.
    pub(crate) fn note(&mut self, rows: usize, pressure: &Pressure, now_ms: i64) {
        if rows == 0 {
            return;
        }
        let rows = u32::try_from(rows).map_or(f64::MAX, f64::from);
        self.rows += (rows - self.rows) * NEWEST;
        if self.rows > ROWS_BUSY {
            pressure.busy_until_ms.store(now_ms.saturating_add(BUSY_MS), Ordering::Release);
        }
    }
}

impl Pressure {
    fn is_high(&self, now_ms: i64) -> bool {
        now_ms < self.busy_until_ms.load(Ordering::Acquire)
    }

    /// How many of the events asked for may be claimed now; waits while accepting comes first.
    pub(crate) async fn allow(&self, asked: u32, now_ms: i64) -> u32 {
        if !self.is_high(now_ms) {
            return asked;
        }
        tokio::time::sleep(WAIT_MEANWHILE).await;
        asked.min(EVENTS_MEANWHILE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_groups_in_a_row_are_pressure_and_it_passes() {
        let (mut gauge, pressure) = (Gauge::default(), Pressure::default());
        gauge.note(64, &pressure, 1_000);
        assert!(!pressure.is_high(1_000), "one burst is none");
        (0..8).for_each(|_| gauge.note(30, &pressure, 1_000));
        assert!(pressure.is_high(1_000) && pressure.is_high(1_249));
        assert!(!pressure.is_high(1_250), "without new groups it is over");
        (0..64).for_each(|_| gauge.note(1, &pressure, 1_000));
        gauge.note(1, &pressure, 9_000);
        assert!(!pressure.is_high(9_000));
    }
}
