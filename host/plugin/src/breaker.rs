//! A source's breaker: after so many calls in a row that cost a whole time limit or a trap, the next are not run for a
//! while. Pure: time is passed in, and what is run is the lane's business.

use std::time::{Duration, Instant};

use apex_model::{Code, Failure};

/// Counts calls that ended badly.
///
/// ```text
/// closed --`failures_max` bad calls in a row--> open --`open_for` passed--> one trial call --good--> closed
///                                                 ^------------------------------bad----'
/// ```
pub(crate) struct Breaker {
    failures_max: u32,
    open_for: Duration,
    failures: u32,
    open: Option<Open>,
}

/// Until when nothing is run, and how the last call ended.
struct Open {
    until: Instant,
    last: Failure,
}

impl Breaker {
    /// A closed breaker.
    pub(crate) fn new(failures_max: u32, open_for: Duration) -> Self {
        Self { failures_max: failures_max.max(1), open_for, failures: 0, open: None }
    }

    /// Whether a call may be run now; if not, what to answer instead.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<(), Failure> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if now < open.until {
            let what = format!("not run, since {} calls in a row ended badly: {}", self.failures, open.last.what);
            return Err(Failure::backoff(open.last.code, what).next(open.last.next_step.clone()));
        }
        // One trial; should its end never be told, there is another one later.
        open.until = now + self.open_for;
        Ok(())
    }

    /// Tells how a call ended.
    pub(crate) fn note(&mut self, now: Instant, failure: Option<&Failure>) {
        let bad =
            |failure: &&Failure| [Code::PLUGIN_TRAP, Code::PLUGIN_TIMEOUT, Code::PLUGIN_MEMORY].contains(&failure.code);
        match failure {
            Some(failure) if failure.code == Code::PLUGIN_BUSY => {}
            _ => match failure.filter(bad) {
                None => (self.failures, self.open) = (0, None),
                Some(last) => {
                    self.failures = self.failures.saturating_add(1);
                    if self.failures >= self.failures_max {
                        self.open = Some(Open { until: now + self.open_for, last: last.clone() });
                    }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    const OPEN: Duration = Duration::from_secs(5);

    fn failure(code: Code) -> Failure {
        Failure::backoff(code, "front: it spun").next("mend it")
    }

    /// A breaker that opened at this moment.
    fn opened(at: Instant) -> Breaker {
        let mut breaker = Breaker::new(3, OPEN);
        for code in [Code::PLUGIN_TIMEOUT, Code::PLUGIN_TRAP, Code::PLUGIN_MEMORY] {
            assert!(breaker.admit(at).is_ok());
            breaker.note(at, Some(&failure(code)));
        }
        breaker
    }

    #[test]
    fn it_opens_after_bad_calls_in_a_row_and_answers_like_the_last() {
        let now = Instant::now();
        let refused = opened(now).admit(now + Duration::from_millis(4_999)).unwrap_err();
        assert_eq!((refused.code, refused.retry), (Code::PLUGIN_MEMORY, apex_model::Retry::Backoff));
        assert_eq!(refused.what, "not run, since 3 calls in a row ended badly: front: it spun");
        assert_eq!(refused.next_step, "mend it");
    }

    #[test]
    fn one_trial_at_a_time_and_its_end_decides() {
        let now = Instant::now();
        let later = now + OPEN;
        let mut breaker = opened(now);
        assert!(breaker.admit(later).is_ok());
        assert!(breaker.admit(later).is_err(), "a second call during the trial");
        breaker.note(later, Some(&failure(Code::PLUGIN_TIMEOUT)));
        assert!(breaker.admit(later + Duration::from_millis(4_999)).is_err(), "open for as long again");
        assert!(breaker.admit(later + OPEN).is_ok());
        breaker.note(later + OPEN, None);
        assert!(breaker.admit(later + OPEN).is_ok(), "closed");
        breaker.note(later + OPEN, Some(&failure(Code::PLUGIN_TRAP)));
        assert!(breaker.admit(later + OPEN).is_ok(), "the count begins anew");
    }

    #[test]
    fn a_trial_whose_end_is_never_told_is_followed_by_another() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert!(breaker.admit(now + OPEN).is_ok());
        assert!(breaker.admit(now + OPEN * 2).is_ok());
    }

    #[test]
    fn only_what_costs_time_counts_and_only_in_a_row() {
        let now = Instant::now();
        let mut breaker = Breaker::new(2, OPEN);
        for code in [Code::PLUGIN_TRAP, Code::PLUGIN_ANSWER, Code::PLUGIN_TRAP, Code::PLUGIN_ANSWER] {
            breaker.note(now, Some(&failure(code)));
        }
        breaker.note(now, Some(&failure(Code::PLUGIN_TRAP)));
        // No sandbox was free: that says nothing of the connector, neither good nor bad.
        breaker.note(now, Some(&failure(Code::PLUGIN_BUSY)));
        assert!(breaker.admit(now).is_ok());
        breaker.note(now, Some(&failure(Code::PLUGIN_TRAP)));
        assert!(breaker.admit(now).is_err());
    }
}
