//! The threads that compute: a few at low priority, and as many that only take what processors have left over, for while
//! much comes in.

use apex_model::Pressure;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use thread_priority::{ThreadPriority, set_current_thread_priority};

/// Of 0 to 99; on Linux a niceness of 15: other threads get the processor first, but this one never starves.
const LOW_PRIORITY: u8 = 10;

/// See the module.
pub struct Pools {
    low: ThreadPool,
    idle: ThreadPool,
    pressure: Pressure,
}

impl Pools {
    /// Starts both pools, each with so many threads.
    pub fn start(threads: usize, pressure: Pressure) -> Result<Self, ThreadPoolBuildError> {
        let pool = |name: &'static str, prepare: fn()| {
            ThreadPoolBuilder::new()
                .num_threads(threads.max(1))
                .thread_name(move |index| format!("{name}-{index}"))
                .start_handler(move |_| prepare())
                .build()
        };
        Ok(Self { low: pool("embed", lower_priority)?, idle: pool("embed-idle", idle_priority)?, pressure })
    }

    /// Computes in one of them and waits for it.
    pub fn run<T: Send>(&self, compute: impl FnOnce() -> T + Send) -> T {
        // A pool for each, because a thread without privileges cannot raise its priority again.
        let pool = if self.pressure.is_high() { &self.idle } else { &self.low };
        pool.install(compute)
    }
}

/// Makes way for threads that answer requests. A system that does not allow it costs latency, not function.
pub fn lower_priority() {
    let Ok(value) = LOW_PRIORITY.try_into() else {
        return;
    };
    if let Err(error) = set_current_thread_priority(ThreadPriority::Crossplatform(value)) {
        tracing::debug!(?error, "the embedding threads keep the normal priority");
    }
}

/// Runs only where nothing else wants to: a processor with nothing but such a thread counts as free, so that a thread that
/// answers requests is put there at once (`SCHED_IDLE` in sched(7)). A nice thread's processor counts as busy, which was
/// seen to multiply intake's 99th percentile.
#[cfg(target_os = "linux")]
fn idle_priority() {
    use thread_priority::unix::{
        NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
    };
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle) {
        tracing::debug!(?error, "the idle embedding threads have a low priority only");
        lower_priority();
    }
}

#[cfg(not(target_os = "linux"))]
fn idle_priority() {
    lower_priority();
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    /// Fields of proc_pid_stat(5), counted from 1; the name in field 2 may hold blanks.
    fn stat(field: usize) -> String {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(field - 3).unwrap().to_owned()
    }

    #[test]
    fn computing_makes_way_and_under_pressure_takes_only_what_is_left_over() {
        let pressure = Pressure::default();
        let pools = Pools::start(1, pressure.clone()).unwrap();
        let (niceness, policy) = (|| stat(19), || stat(41));
        assert_eq!((pools.run(niceness), pools.run(policy)), ("15".to_owned(), "0".to_owned()), "SCHED_OTHER");
        pressure.raise(Duration::from_hours(1));
        assert_eq!(pools.run(policy), "5", "SCHED_IDLE");
    }
}
