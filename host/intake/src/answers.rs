//! Brings what became of deliveries from the journal's and the guests' threads to the handlers that wait for it.
//!
//! Waking a handler from a foreign thread costs a system call, and the thread that wakes often loses its processor to the one
//! it woke: answering a group of sixty took four milliseconds, in which nothing was written. So a group is laid down, and one
//! task of the runtime, woken once, hands it out.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::acceptor::Delivered;

type Answer = (oneshot::Sender<Delivered>, Delivered);

/// See the module. The task ends with the last clone.
#[derive(Clone)]
pub(crate) struct Answers(Arc<Handle>);

struct Handle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    laid_down: Mutex<LaidDown>,
    more: Notify,
}

/// No more than there are deliveries on their way.
#[derive(Default)]
struct LaidDown {
    answers: Vec<Answer>,
    closed: bool,
}

impl Answers {
    /// Starts the task on the runtime of the caller.
    pub(crate) fn start() -> Self {
        let shared = Arc::new(Shared::default());
        tokio::spawn(hand_out(Arc::clone(&shared)));
        Self(Arc::new(Handle(shared)))
    }

    /// Lays an answer down. Never blocks for long; may be called on any thread.
    pub(crate) fn send(&self, to: oneshot::Sender<Delivered>, delivered: Delivered) {
        let shared = &self.0.0;
        let is_first = {
            let mut laid_down = shared.lock();
            laid_down.answers.push((to, delivered));
            laid_down.answers.len() == 1
        };
        if is_first {
            shared.more.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, LaidDown> {
        self.laid_down.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.more.notify_one();
    }
}

async fn hand_out(shared: Arc<Shared>) {
    loop {
        shared.more.notified().await;
        let (answers, closed) = {
            let mut laid_down = shared.lock();
            (std::mem::take(&mut laid_down.answers), laid_down.closed)
        };
        for (to, delivered) in answers {
            // Nobody waits any more if the sender went away or the time was up.
            let _ = to.send(delivered);
        }
        if closed {
            return;
        }
    }
}
