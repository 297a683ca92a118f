//! Working off makes way: while more comes in than a machine can work off beside, events are claimed a few at a time.
//!
//! Low priority alone does not do that: what is claimed takes the caches from its neighbours, and intake at the edge of a
//! machine's capacity then falls behind for good.

use std::time::Duration;

use apex_model::Pressure;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Events claimed at once meanwhile, and how long a claim waits first: work goes on, but hardly shows.
const EVENTS_MEANWHILE: u32 = 4;
const WAIT_MEANWHILE: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How many of the events asked for may be claimed now; waits up to a second while accepting goes first. None once the
/// host stops.
pub(crate) async fn allow(pressure: &Pressure, stop: &CancellationToken, asked: u32) -> Option<u32> {
    let until = Instant::now() + WAIT_MEANWHILE;
    while pressure.is_high() {
        if Instant::now() >= until {
            tracing::debug!("accepting goes first: events are claimed a few at a time");
            return Some(asked.min(EVENTS_MEANWHILE));
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = sleep(LOOK_EVERY) => {}
        }
    }
    Some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn while_accepting_goes_first_claims_are_few_and_late_and_a_stop_does_not_wait() {
        let (pressure, stop) = (Pressure::default(), CancellationToken::new());
        assert_eq!(allow(&pressure, &stop, 32).await, Some(32));

        pressure.raise(Duration::from_hours(1));
        let begun = Instant::now();
        assert_eq!(allow(&pressure, &stop, 32).await, Some(EVENTS_MEANWHILE));
        assert!(begun.elapsed() >= WAIT_MEANWHILE);
        stop.cancel();
        assert_eq!(allow(&pressure, &stop, 32).await, None, "and it does not wait for the pressure to pass");
    }
}
