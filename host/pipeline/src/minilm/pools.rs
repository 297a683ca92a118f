//! The threads that compute: a few at low priority, and as many that get only what processors have left over, for while
//! much comes in.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use thread_priority::{ThreadPriority, set_current_thread_priority};

/// Of 0 to 99; on Linux a niceness of 15: other threads get the processor first, but this one never starves.
const LOW_PRIORITY: u8 = 10;

/// See the module.
pub struct Pools {
    low: ThreadPool,
    idle: ThreadPool,
}

/// What a computation gets of the processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Little while others want them, but always something.
    Low,
    /// Next to nothing while others want them.
    LeftOver,
}

impl Pools {
    /// Starts both pools, each with so many threads.
    pub fn start(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let pool = |name: &'static str, prepare: fn()| {
            ThreadPoolBuilder::new()
                .num_threads(threads.max(1))
                .thread_name(move |index| format!("{name}-{index}"))
                .start_handler(move |_| prepare())
                .build()
        };
        Ok(Self { low: pool("embed", lower_priority)?, idle: pool("embed-idle", idle_priority)? })
    }

    /// Computes in one of them and waits for it.
    pub fn run<T: Send>(&self, share: Share, compute: impl FnOnce() -> T + Send) -> T {
        // A pool for each, because a thread without privileges cannot raise its priority again.
        match share {
            Share::Low => self.low.install(compute),
            Share::LeftOver => self.idle.install(compute),
        }
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

/// Gets next to nothing where something else wants to run: a processor with nothing but such a thread counts as free, so that a thread that
/// answers requests is put there at once (`SCHED_IDLE` in sched(7)). A nice thread's processor counts as busy, which was
/// seen to multiply intake's 99th percentile.
#[cfg(target_os = "linux")]
fn idle_priority() {
    use thread_priority::unix::{
        NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
        thread_schedule_policy,
    };
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    // In a process that was started nice only the niceness is refused, which an idle thread does not need.
    if thread_schedule_policy() != Ok(idle) {
        tracing::debug!(?set, "the idle embedding threads get a low priority instead");
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
    use super::*;

    /// Fields of proc_pid_stat(5), counted from 1; the name in field 2 may hold blanks.
    fn stat(field: usize) -> String {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(field - 3).unwrap().to_owned()
    }

    #[test]
    fn one_pool_makes_way_and_the_other_takes_what_is_left_over() {
        let pools = Pools::start(1).unwrap();
        let (niceness, policy) = (|| stat(19), || stat(41));
        assert_eq!(pools.run(Share::Low, niceness), "15");
        assert_eq!(pools.run(Share::Low, policy), "0", "SCHED_OTHER");
        assert_eq!(pools.run(Share::LeftOver, policy), "5", "SCHED_IDLE");
    }
}
