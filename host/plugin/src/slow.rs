//! The slow lane: threads for everything but verification. One of them takes short work only (parsing what is already
//! here), so that polls waiting for an API never keep accepted events from being parsed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use apex_config::limits::PluginLimits;
use apex_model::failure::PortResult;
use apex_model::{Code, Failure};
use tokio::sync::oneshot;

use crate::queue::{Queue, Takes};

/// Bytes of native stack besides the guest's.
const HOST_STACK_BYTES: usize = 2 << 20;

type Job = Box<dyn FnOnce() + Send>;

/// How long work may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// Computes only.
    Short,
    /// May wait for an API.
    Long,
}

/// The slow lane.
pub(crate) struct SlowLane {
    queue: Arc<Queue<Job>>,
}

impl SlowLane {
    /// Starts the threads.
    pub(crate) fn start(limits: &PluginLimits) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::<Job>::new(limits.webhook_queue_max));
        let lane = Self { queue: Arc::clone(&queue) };
        let threads = limits.slow_threads.max(1);
        for number in 0..threads {
            let takes = if number == 0 && threads > 1 { Takes::Urgent } else { Takes::All };
            let queue = Arc::clone(&queue);
            std::thread::Builder::new()
                .name(format!("connector-{number}"))
                .stack_size(limits.stack_bytes_max.saturating_add(HOST_STACK_BYTES))
                .spawn(move || {
                    while let Some(job) = queue.pop(takes) {
                        if catch_unwind(AssertUnwindSafe(job)).is_err() {
                            tracing::error!("a connector call panicked, which is a defect of the host");
                        }
                    }
                })?;
        }
        Ok(lane)
    }

    /// Runs the work on a guest thread. Work that nobody waits for any more by the time its turn comes is not started.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        span: Span,
        work: impl FnOnce() -> PortResult<T> + Send + 'static,
    ) -> PortResult<T> {
        let (answer, waiting) = oneshot::channel();
        let job: Job = Box::new(move || {
            if !answer.is_closed() {
                // The receiver may have gone while the work ran; then nobody wants the answer.
                let _ = answer.send(work());
            }
        });
        if self.queue.push(job, span == Span::Short).is_err() {
            return Err(Failure::backoff(Code::PLUGIN_BUSY, "too many connector calls wait for a guest thread"));
        }
        waiting.await.unwrap_or_else(|_| Err(Failure::backoff(Code::INTERNAL, "a connector call was abandoned")))
    }
}

impl Drop for SlowLane {
    fn drop(&mut self) {
        self.queue.close();
    }
}
