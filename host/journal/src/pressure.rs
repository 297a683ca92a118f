//! Lets accepting go before working off: while events come in faster than a machine can work them off beside, they are handed out
//! a few at a time.
//!
//! Low priority alone does not do that: a thread that computes embeddings takes the caches and half of a processor with two
//! threads from its neighbour, and intake at the edge of a machine's capacity then falls behind for good.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// New events a second and processor from which on accepting goes first: about a third of what a processor accepts at most.
const ROWS_PER_PROCESSOR: u64 = 3_000;
/// How long the rate is measured, and how long a high one counts: until after the next measurement.
const MEASURED_MS: u64 = 200;
const COUNTS_MS: u64 = 500;
/// Events handed out at once meanwhile, and how long a claim waits first: work goes on, but hardly shows.
const EVENTS_MEANWHILE: u32 = 4;
const WAIT_MEANWHILE: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// See the module. The writer notes groups, claims look.
#[derive(Debug)]
pub(crate) struct Pressure {
    since: Instant,
    high_until_ms: AtomicU64,
}

/// The writer's part: what came in since the last measurement.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    rows: u64,
    from_ms: u64,
}

impl Default for Pressure {
    fn default() -> Self {
        Self { since: Instant::now(), high_until_ms: AtomicU64::new(0) }
    }
}

impl Gauge {
    /// A group brought so many new events.
    pub(crate) fn note(&mut self, rows: usize, pressure: &Pressure) {
        let processors = available_parallelism().map_or(1, |processors| u64::try_from(processors.get()).unwrap_or(1));
        self.note_at(rows, pressure, pressure.now_ms(), processors);
    }

    fn note_at(&mut self, rows: usize, pressure: &Pressure, now_ms: u64, processors: u64) {
        self.rows += u64::try_from(rows).unwrap_or(0);
        let passed_ms = now_ms.saturating_sub(self.from_ms);
        if passed_ms < MEASURED_MS {
            return;
        }
        if self.rows * 1_000 > ROWS_PER_PROCESSOR * processors * passed_ms {
            pressure.high_until_ms.store(now_ms + COUNTS_MS, Ordering::Release);
        }
        *self = Self { rows: 0, from_ms: now_ms };
    }
}

impl Pressure {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn is_high(&self, now_ms: u64) -> bool {
        now_ms < self.high_until_ms.load(Ordering::Acquire)
    }

    /// How many of the events asked for may be claimed now; waits up to a second while accepting comes first. Needs a runtime
    /// with time.
    pub(crate) async fn allow(&self, asked: u32) -> u32 {
        let until = Instant::now() + WAIT_MEANWHILE;
        while self.is_high(self.now_ms()) {
            if Instant::now() >= until {
                tracing::debug!("accepting goes first: events are handed out a few at a time");
                return asked.min(EVENTS_MEANWHILE);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_high_rate_is_pressure_however_large_the_groups_and_it_passes() {
        let (mut gauge, pressure) = (Gauge::default(), Pressure::default());
        // 64 rows each 20 ms, as a slow disk makes them, are 3,200 rows a second.
        (0..100).for_each(|n| gauge.note_at(64, &pressure, n * 20, 2));
        assert!(!pressure.is_high(2_000), "two processors take 6,000");
        // 10 rows a millisecond are 10,000.
        (2_000..2_400).for_each(|ms| gauge.note_at(10, &pressure, ms, 2));
        assert!(pressure.is_high(2_400) && pressure.is_high(2_600));
        assert!(!pressure.is_high(3_000), "without new events it is over");
    }
}
