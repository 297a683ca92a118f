//! The threads that work events off: a runtime of their own at low priority, so that on a busy machine taking in comes
//! before working off. Threads that are started from here (SQLite's of the store) inherit the priority.

use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
use tokio::runtime::{Builder, Handle, Runtime};

/// Where between the lowest (0) and the normal priority these threads are; the embedding thread is lower still.
const PRIORITY: u8 = 20;

/// Runs what may wait. Ends without waiting when dropped: whoever needs an end waits for it before.
#[derive(Debug)]
pub struct Background(Option<Runtime>);

impl Background {
    /// Starts the threads, as many as there are processors.
    pub fn start() -> std::io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().enable_all().thread_name("background").on_thread_start(lower).build()?;
        Ok(Self(Some(runtime)))
    }

    /// Where to spawn.
    pub fn handle(&self) -> Handle {
        self.0.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A system that does not let the thread lower itself runs it at normal priority: slower answers, nothing wrong.
fn lower() {
    let lowered = ThreadPriorityValue::try_from(PRIORITY).and_then(|value| {
        set_current_thread_priority(ThreadPriority::Crossplatform(value)).map_err(|error| format!("{error:?}"))
    });
    if let Err(error) = lowered {
        tracing::debug!(error, "background threads run at normal priority");
    }
}
