//! Whether so much is coming in that accepting goes before working off.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One for a host: who accepts raises it, who works off looks at it and makes way. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Pressure(Arc<State>);

#[derive(Debug)]
struct State {
    since: Instant,
    high_until_ms: AtomicU64,
}

impl Default for Pressure {
    fn default() -> Self {
        Self(Arc::new(State { since: Instant::now(), high_until_ms: AtomicU64::new(0) }))
    }
}

impl Pressure {
    /// It is high from now on for so long, unless it is raised again; never shortens what was said before.
    pub fn raise(&self, lasting: Duration) {
        self.raise_at(self.0.since.elapsed(), lasting);
    }

    fn raise_at(&self, now: Duration, lasting: Duration) {
        let until = now.saturating_add(lasting);
        self.0.high_until_ms.fetch_max(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::AcqRel);
    }

    /// Whether accepting goes first now.
    pub fn is_high(&self) -> bool {
        self.is_high_at(self.0.since.elapsed())
    }

    fn is_high_at(&self, now: Duration) -> bool {
        now < Duration::from_millis(self.0.high_until_ms.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_high_once_raised_and_passes() {
        let pressure = Pressure::default();
        assert!(!pressure.is_high());
        let ms = Duration::from_millis;
        pressure.clone().raise_at(ms(1_000), ms(500));
        pressure.raise_at(ms(1_100), ms(10));
        assert!(pressure.is_high_at(ms(1_499)), "raised by a clone, and not shortened");
        assert!(!pressure.is_high_at(ms(1_500)));
        pressure.raise(Duration::from_hours(1));
        assert!(pressure.is_high());
    }
}
