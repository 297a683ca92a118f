//! The webhook lane: dedicated threads that judge deliveries, and nothing else. A guest that spins holds up its own thread
//! for as long as a webhook call may compute, and no tokio worker ever; one that keeps on is not run for a while
//! (`breaker.rs`), and a call that waited for longer than its sender does is not run at all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use apex_config::limits::PluginLimits;
use apex_model::delivery::{Delivery, Judgement, Verdict, Verify, judge};
use apex_model::failure::PortResult;
use apex_model::ports::VerifyDone;
use apex_model::{Code, Failure};

use crate::bound::Bound;
use crate::calls;
use crate::queue::{Queue, Takes};
use crate::snapshot::Current;

/// Bytes of native stack besides the guest's.
const HOST_STACK_BYTES: usize = 2 << 20;

struct Job {
    delivery: Delivery,
    done: VerifyDone,
    /// After this nobody waits for the answer.
    deadline: Instant,
}

/// The webhook lane.
pub(crate) struct HotLane {
    queue: Arc<Queue<Job>>,
    wait_max: Duration,
}

impl HotLane {
    /// Starts the threads.
    pub(crate) fn start(limits: &PluginLimits, current: &Arc<Current>) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(limits.webhook_queue_max));
        let lane = Self { queue: Arc::clone(&queue), wait_max: Duration::from_millis(limits.webhook_wait_ms_max) };
        for number in 0..limits.webhook_threads.max(1) {
            let (queue, current) = (Arc::clone(&queue), Arc::clone(current));
            std::thread::Builder::new()
                .name(format!("webhook-{number}"))
                .stack_size(limits.stack_bytes_max.saturating_add(HOST_STACK_BYTES))
                .spawn(move || {
                    while let Some(job) = queue.pop(Takes::All) {
                        run(&current, job);
                    }
                })?;
        }
        Ok(lane)
    }

    /// Queues the delivery; `done` is called at once if the queue is full.
    pub(crate) fn push(&self, delivery: Delivery, done: VerifyDone) {
        let deadline = Instant::now() + self.wait_max;
        if let Err(job) = self.queue.push(Job { delivery, done, deadline }, true) {
            (job.done)(Err(Failure::backoff(Code::PLUGIN_BUSY, "too many webhooks wait for verification")));
        }
    }
}

impl Drop for HotLane {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn run(current: &Current, job: Job) {
    let Job { delivery, done, deadline } = job;
    let panicked = catch_unwind(AssertUnwindSafe(|| done(verify(current, delivery, deadline)))).is_err();
    if panicked {
        tracing::error!("a webhook was not answered: verification panicked, which is a defect of the host");
    }
}

fn verify(current: &Current, delivery: Delivery, deadline: Instant) -> PortResult<Judgement> {
    let start = Instant::now();
    if start > deadline {
        return Err(Failure::backoff(
            Code::PLUGIN_BUSY,
            "the webhook waited too long for verification, and was not run",
        ));
    }
    let bound = current.bound(&delivery.source)?;
    bound.breaker().admit(start)?;
    let judged = judge(delivery, &mut Sandbox(&bound));
    bound.breaker().note(Instant::now(), judged.as_ref().err());
    judged
}

/// A bound source as the model's verifier.
pub(crate) struct Sandbox<'a>(pub(crate) &'a Arc<Bound>);

impl Verify for Sandbox<'_> {
    fn verify(&mut self, delivery: &Delivery) -> Result<Verdict, Failure> {
        calls::verify(self.0, delivery)
    }
}
