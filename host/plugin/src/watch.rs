//! Follows the plugin directory: the kernel's notices wake a thread, and it looks by itself now and then, because notices
//! get lost (network file systems, bind mounts, a directory that is made later).

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::catalog::Shared;

/// Between looks when nothing is noticed.
const RESCAN: Duration = Duration::from_secs(1);
/// Between two looks at a file that is being written.
const SETTLE: Duration = Duration::from_millis(100);

/// Keeps the watching thread alive; dropped, it ends.
pub(crate) struct Watch {
    wake: SyncSender<Notice>,
}

enum Notice {
    Look,
    Stop,
}

impl Watch {
    pub(crate) fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        // One notice is enough: a look sees everything.
        let (wake, notices) = sync_channel(1);
        let waker = wake.clone();
        std::thread::Builder::new().name("plugin-watch".to_owned()).spawn(move || {
            let mut watcher = None;
            let mut soon = false;
            loop {
                watcher = watcher.or_else(|| watch(&shared, &waker));
                match notices.recv_timeout(if soon { SETTLE } else { RESCAN }) {
                    Ok(Notice::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                    Ok(Notice::Look) | Err(RecvTimeoutError::Timeout) => soon = shared.scan(true),
                }
            }
        })?;
        Ok(Self { wake })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Full: the thread is about to look, and there is room as soon as it has taken that notice.
        let _ = self.wake.send(Notice::Stop);
    }
}

fn watch(shared: &Shared, waker: &SyncSender<Notice>) -> Option<RecommendedWatcher> {
    let waker = waker.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let opened_only = event.is_ok_and(|event| event.kind.is_access() && !is_close_write(event.kind));
        if !opened_only {
            // Full: a look is due already.
            let _ = waker.try_send(Notice::Look);
        }
    })
    .ok()?;
    watcher.watch(shared.dir(), RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}

fn is_close_write(kind: notify::EventKind) -> bool {
    use notify::event::{AccessKind, AccessMode};
    matches!(kind, notify::EventKind::Access(AccessKind::Close(AccessMode::Write)))
}
