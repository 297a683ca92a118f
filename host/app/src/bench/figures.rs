//! What a run measured, and what several runs say together.

use std::time::Duration;

/// One measured run.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Latencies of answered requests in microseconds.
    pub latencies_us: Vec<u32>,
    /// Answers with a 2xx status.
    pub accepted: u64,
    /// Any other answer, or none.
    pub refused: u64,
    /// Ids whose first request was answered 2xx.
    pub unique_accepted: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl Run {
    /// Accepts per second.
    pub fn rate(&self) -> f64 {
        let accepted = u32::try_from(self.accepted).unwrap_or(u32::MAX);
        f64::from(accepted) / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// The latency in milliseconds that this share (per mille) of the requests stayed under.
    pub fn percentile_ms(&self, per_mille: usize) -> f64 {
        let mut sorted = self.latencies_us.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        let at = (sorted.len() * per_mille / 1000).min(last);
        sorted.get(at).map_or(0.0, |&us| f64::from(us) / 1000.0)
    }

    /// Adds what another connection measured in the same run.
    pub fn add(&mut self, other: Self) {
        self.latencies_us.extend(other.latencies_us);
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unique_accepted += other.unique_accepted;
        self.elapsed = self.elapsed.max(other.elapsed);
    }
}

/// Smallest, middle and largest of several values.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub struct Spread {
    /// Smallest.
    pub min: f64,
    /// Middle; of an even number the lower one.
    pub median: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// Of these values; zeros if there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len().saturating_sub(1) / 2;
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        Self { min: at(0), median: at(middle), max: at(values.len().saturating_sub(1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_and_percentiles_are_the_textbook_ones() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert!(
            (spread.min - 1.0).abs() < 1e-9 && (spread.median - 2.0).abs() < 1e-9 && (spread.max - 3.0).abs() < 1e-9
        );
        let run = Run { latencies_us: (1..=1000).map(|ms| ms * 1000).collect(), ..Run::default() };
        assert!((run.percentile_ms(500) - 501.0).abs() < 1e-9);
        assert!((run.percentile_ms(990) - 991.0).abs() < 1e-9);
    }
}
