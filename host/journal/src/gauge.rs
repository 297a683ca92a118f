//! How many new events come in, and whether that is so many that accepting goes before working off.

use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use apex_model::Pressure;

/// New events a second and processor from which on accepting goes first: about a third of what a processor accepts at most.
const ROWS_PER_PROCESSOR: u64 = 3_000;
/// How long the rate is measured, and how long a high one counts: until after the next measurement.
const MEASURED_MS: u64 = 200;
const COUNTS: Duration = Duration::from_millis(500);

/// The writer's: what came in since the last measurement.
#[derive(Debug)]
pub(crate) struct Gauge {
    pressure: Pressure,
    since: Instant,
    /// New events a second.
    rows_high: u64,
    rows: u64,
    from_ms: u64,
}

impl Gauge {
    pub(crate) fn new(pressure: Pressure) -> Self {
        // Asked once: on Linux the answer is read from files.
        let processors = available_parallelism().map_or(1, |processors| u64::try_from(processors.get()).unwrap_or(1));
        Self { pressure, since: Instant::now(), rows_high: ROWS_PER_PROCESSOR * processors, rows: 0, from_ms: 0 }
    }

    /// A group brought so many new events.
    pub(crate) fn note(&mut self, rows: usize) {
        self.note_at(rows, u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX));
    }

    fn note_at(&mut self, rows: usize, now_ms: u64) {
        if self.is_high_at(rows, now_ms) {
            self.pressure.raise(COUNTS);
        }
    }

    fn is_high_at(&mut self, rows: usize, now_ms: u64) -> bool {
        self.rows += u64::try_from(rows).unwrap_or(0);
        let passed_ms = now_ms.saturating_sub(self.from_ms);
        if passed_ms < MEASURED_MS {
            return false;
        }
        let is_high = self.rows * 1_000 > self.rows_high * passed_ms;
        (self.rows, self.from_ms) = (0, now_ms);
        is_high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_high_rate_is_pressure_however_large_the_groups() {
        let mut gauge = Gauge { rows_high: 6_000, ..Gauge::new(Pressure::default()) };
        // 64 rows each 20 ms, as a slow disk makes them, are 3,200 rows a second.
        assert!(!(0..100).any(|n| gauge.is_high_at(64, n * 20)), "two processors take 6,000");
        // 10 rows a millisecond are 10,000.
        assert!((2_000..2_400).any(|ms| gauge.is_high_at(10, ms)));
        assert!(!(3_000..3_400).any(|ms| gauge.is_high_at(1, ms)));
    }

    #[test]
    fn a_high_rate_raises_the_pressure() {
        let pressure = Pressure::default();
        let mut gauge = Gauge { rows_high: 6_000, ..Gauge::new(pressure.clone()) };
        gauge.note_at(1_000, MEASURED_MS);
        assert!(!pressure.is_high(), "5,000 rows a second");
        gauge.note_at(2_000, 2 * MEASURED_MS);
        assert!(pressure.is_high(), "10,000 rows a second");
    }
}
