//! The one thread that writes. It waits for the first operation, takes what is there, makes one transaction of it, and answers all after
//! the transaction is on the disk.
//!
//! **Invariant:** nothing is answered with success before its COMMIT returned under WAL and `synchronous=FULL`, and whatever memory
//! remembers of a group is undone if the group fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use apex_config::limits::{JournalLimits, PluginLimits};
use apex_model::failure::PortResult;
use rusqlite::Connection;

use crate::checkpoint::Checkpoints;
use crate::clock::Clock;
use crate::command::{Job, Outcome};
use crate::commit::Broken;
use crate::dedupe::Dedupe;
use crate::error;
use crate::file::OpenFile;
use crate::gauge::Gauge;
use crate::group::Group;
use crate::prune::Pruner;
use crate::queue::Queue;
use crate::ready::Ready;
use crate::sql;
use crate::work::WorkIndex;

/// How long the thread sleeps without work: then it looks for windows to prune.
const IDLE: Duration = Duration::from_mins(1);
/// How long it sleeps while something other than operations waits: a failed disk, or events whose source is left alone.
const RESTLESS: Duration = Duration::from_secs(1);
/// How long it sleeps while a window is being sorted.
const SORTING: Duration = Duration::from_millis(5);
/// Bytes written to find out whether a disk has room again.
const PROBE_BYTES: i64 = 1 << 20;

/// What the writer shares with everyone who asks it.
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) ready: Ready,
    pub(crate) writable: AtomicBool,
}

/// See the module.
pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) file: OpenFile,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Clock,
    pub(crate) limits: JournalLimits,
    pub(crate) quota: PluginLimits,
    pub(crate) dedupe: Dedupe,
    pub(crate) work: WorkIndex,
    pub(crate) pruner: Pruner,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) gauge: Gauge,
    pub(crate) next_position: i64,
    pub(crate) in_transaction: bool,
}

/// This moment and so much more, in milliseconds.
pub(crate) fn later(now_ms: i64, after: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX))
}

impl Writer {
    /// Works until the queue is closed and empty, then copies the WAL into the file.
    pub(crate) fn work_off(mut self) {
        let shared = Arc::clone(&self.shared);
        // Whoever still waits when this thread ends, by whatever way, is told.
        let _ended = Ended(shared);
        loop {
            let patience = self.patience();
            let taken = self.shared.queue.take(self.limits.group_rows_max.max(1), patience);
            if taken.ended {
                break;
            }
            self.turn(taken.jobs);
            self.checkpoints.make_if_due(&self.conn);
        }
        let checkpoint = sql::first(&self.conn, "PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = checkpoint.and(self.conn.close().map_err(|(_, error)| error)) {
            tracing::warn!(%error, "the journal was closed without a checkpoint; the next start does it");
        }
    }

    fn patience(&mut self) -> Duration {
        let mut patience = IDLE;
        if !self.shared.writable.load(Ordering::Acquire) {
            return RESTLESS;
        } else if self.dedupe.can_seal() || self.pruner.is_busy() {
            return Duration::ZERO;
        } else if self.dedupe.is_sealing() {
            patience = SORTING;
        } else if self.work.has_ready() {
            patience = RESTLESS;
        }
        let until_due = self.work.next_due_ms().map(|due_ms| due_ms.saturating_sub(self.clock.now_ms()).max(0));
        until_due.and_then(|ms| u64::try_from(ms).ok()).map_or(patience, |ms| patience.min(Duration::from_millis(ms)))
    }

    fn turn(&mut self, jobs: Vec<Job>) {
        if self.file.is_lost() {
            self.shared.writable.store(false, Ordering::Release);
            for job in jobs {
                job.answer(Err(error::file_lost()));
            }
            return;
        }
        let is_idle = jobs.is_empty();
        if self.work.wake(self.clock.now_ms()) || (is_idle && self.work.has_ready()) {
            self.shared.ready.stir();
        }
        self.pruner.look(&self.dedupe, self.clock.now_ms());
        if is_idle {
            if !self.shared.writable.load(Ordering::Acquire) {
                self.probe();
                return;
            }
            if !self.dedupe.can_seal() && !self.pruner.is_busy() {
                return;
            }
        }
        self.group(jobs);
    }

    /// Makes a group durable and answers it. An operation whose own SQL fails is taken out once, so that its neighbours do not suffer.
    fn group(&mut self, mut jobs: Vec<Job>) {
        let mut result = self.run(&jobs);
        if let Err(Broken { job: Some(culprit), cause }) = &result {
            let failure = error::write_failed(cause);
            tracing::warn!(error = %cause, "an operation of a journal group failed");
            jobs.remove(*culprit).answer(Err(failure));
            result = self.run(&jobs);
        }
        match result {
            Ok(outcomes) => {
                for (job, outcome) in jobs.into_iter().zip(outcomes) {
                    job.answer(outcome);
                }
            }
            Err(Broken { cause, .. }) => {
                tracing::error!(error = %cause, rows = jobs.len(), "a journal group could not be made durable");
                self.shared.writable.store(false, Ordering::Release);
                for job in jobs {
                    job.answer(Err(error::write_failed(&cause)));
                }
            }
        }
    }

    fn run(&mut self, jobs: &[Job]) -> Result<Vec<PortResult<Outcome>>, Broken> {
        let first_position = self.next_position;
        let mut group = Group::default();
        match self.attempt(jobs, &mut group) {
            Ok(outcomes) => {
                self.settle(&group);
                self.checkpoints.count(&group);
                self.gauge.note(group.rows.len());
                Ok(outcomes)
            }
            Err(broken) => {
                // SQLite may have rolled back by itself: then this fails, and nothing is left to undo.
                let _ = sql::run(&self.conn, "ROLLBACK", []);
                self.in_transaction = false;
                self.next_position = first_position;
                self.dedupe.rollback();
                self.work.rollback();
                self.pruner.rollback();
                Err(broken)
            }
        }
    }

    /// Finds out whether a disk that failed takes rows again.
    fn probe(&mut self) {
        let written = sql::run(&self.conn, "INSERT OR REPLACE INTO probe VALUES (1, zeroblob(?))", [PROBE_BYTES]);
        let cleared = sql::run(&self.conn, "DELETE FROM probe", []);
        if written.and(cleared).is_ok() {
            tracing::info!("the journal can be written again");
            self.shared.writable.store(true, Ordering::Release);
        }
    }
}

struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.queue.close();
        self.0.writable.store(false, Ordering::Release);
        for job in self.0.queue.take(usize::MAX, Duration::ZERO).jobs {
            job.answer(Err(error::closed()));
        }
    }
}
