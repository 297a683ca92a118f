//! Back-off with full jitter. The only randomness of this crate.

use std::time::Duration;

/// A delay between nothing and `first` doubled with every attempt, at most `longest` (full jitter: many that failed together do not
/// come back together).
pub(crate) fn backoff(first_ms: u64, longest_ms: u64, attempt: u32) -> Duration {
    jitter(ceiling(first_ms, longest_ms, attempt), unit())
}

fn ceiling(first_ms: u64, longest_ms: u64, attempt: u32) -> u64 {
    let doubled = 1_u64.checked_shl(attempt.saturating_sub(1)).and_then(|factor| first_ms.checked_mul(factor));
    doubled.unwrap_or(longest_ms).min(longest_ms)
}

fn jitter(ceiling_ms: u64, unit: f64) -> Duration {
    Duration::from_millis(ceiling_ms).mul_f64(unit).max(Duration::from_millis(1))
}

/// A random number from 0 to 1.
fn unit() -> f64 {
    // The first four bytes of a version 4 UUID are random throughout (RFC 9562, section 5.4).
    let [a, b, c, d, ..] = uuid::Uuid::new_v4().into_bytes();
    f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_longest() {
        let ceilings: Vec<u64> = [1, 2, 3, 9, 10, 64, 65, u32::MAX].iter().map(|&n| ceiling(100, 30_000, n)).collect();
        assert_eq!(ceilings, [100, 200, 400, 25_600, 30_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn the_delay_lies_between_nothing_and_the_ceiling() {
        assert_eq!(jitter(400, 0.0), Duration::from_millis(1));
        assert_eq!(jitter(400, 0.5), Duration::from_millis(200));
        assert_eq!(jitter(400, 1.0), Duration::from_millis(400));
        let delays: Vec<Duration> = (0..100).map(|_| backoff(1_000, 1_000, 1)).collect();
        assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(1)));
        assert!(delays.iter().any(|delay| Some(delay) != delays.first()), "a hundred equal random numbers");
    }
}
