//! Follows the plugin directory: the kernel's notices wake a thread, and it looks by itself now and then, because notices
//! get lost (network file systems, bind mounts, a directory that is made later).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::catalog::Shared;

/// Between looks when nothing is noticed.
const RESCAN: Duration = Duration::from_secs(1);
/// Between two looks at a file that is being written.
const SETTLE: Duration = Duration::from_millis(100);

/// Keeps the watching thread alive; dropped, it ends after the look it is taking.
pub(crate) struct Watch {
    wake: SyncSender<()>,
    stop: Arc<AtomicBool>,
}

impl Watch {
    pub(crate) fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        // One notice is enough: a look sees everything.
        let (wake, notices) = sync_channel(1);
        let stop = Arc::new(AtomicBool::new(false));
        let watch = Self { wake: wake.clone(), stop: Arc::clone(&stop) };
        std::thread::Builder::new().name("plugin-watch".to_owned()).spawn(move || {
            let mut watcher = None;
            let mut soon = false;
            while !stop.load(Ordering::Relaxed) {
                watcher = watcher.or_else(|| follow(&shared, &wake));
                match notices.recv_timeout(if soon { SETTLE } else { RESCAN }) {
                    Ok(()) if stop.load(Ordering::Relaxed) => return,
                    Ok(()) | Err(RecvTimeoutError::Timeout) => soon = shared.scan(true),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(watch)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Full: the thread is about to wake up anyway.
        let _ = self.wake.try_send(());
    }
}

fn follow(shared: &Shared, waker: &SyncSender<()>) -> Option<RecommendedWatcher> {
    let waker = waker.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let opened_only = event.is_ok_and(|event| event.kind.is_access() && !is_close_write(event.kind));
        if !opened_only {
            // Full: a look is due already.
            let _ = waker.try_send(());
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
