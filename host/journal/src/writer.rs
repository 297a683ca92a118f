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
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use crate::append::Sealed;
use crate::block::block_on;
use crate::clock::Clock;
use crate::command::{Job, Op, Outcome};
use crate::dedupe::Dedupe;
use crate::error;
use crate::finish;
use crate::group::Group;
use crate::prune::Pruner;
use crate::queue::Queue;
use crate::ready::Ready;
use crate::sql::{Script, Statement};
use crate::work::WorkIndex;

/// How long the thread sleeps without work: then it looks for windows to prune.
const IDLE: Duration = Duration::from_secs(60);
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
    pub(crate) conn: SqliteConnection,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Clock,
    pub(crate) limits: JournalLimits,
    pub(crate) quota: PluginLimits,
    pub(crate) dedupe: Dedupe,
    pub(crate) work: WorkIndex,
    pub(crate) pruner: Pruner,
    pub(crate) next_position: i64,
    pub(crate) in_transaction: bool,
}

/// A group that could not be made durable, and whose fault it was, if that is known.
struct Broken {
    job: Option<usize>,
    cause: sqlx::Error,
}

impl From<sqlx::Error> for Broken {
    fn from(cause: sqlx::Error) -> Self {
        Self { job: None, cause }
    }
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
            block_on(self.turn(taken.jobs));
        }
        let checkpoint = block_on(Statement::new("PRAGMA wal_checkpoint(TRUNCATE)").run(&mut self.conn));
        if let Err(error) = checkpoint.and(block_on(self.conn.close())) {
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

    async fn turn(&mut self, jobs: Vec<Job>) {
        let is_idle = jobs.is_empty();
        if self.work.wake(self.clock.now_ms()) || (is_idle && self.work.has_ready()) {
            self.shared.ready.stir();
        }
        if is_idle {
            self.pruner.look(&self.dedupe, self.clock.now_ms());
            if !self.shared.writable.load(Ordering::Acquire) {
                self.probe().await;
                return;
            }
            if !self.dedupe.can_seal() && !self.pruner.is_busy() {
                return;
            }
        }
        self.group(jobs).await;
    }

    /// Makes a group durable and answers it. An operation whose own SQL fails is taken out once, so that its neighbours do not suffer.
    async fn group(&mut self, mut jobs: Vec<Job>) {
        let mut result = self.run(&jobs).await;
        if let Err(Broken { job: Some(culprit), cause }) = &result {
            let failure = error::write_failed(cause);
            tracing::warn!(error = %cause, "an operation of a journal group failed");
            jobs.remove(*culprit).answer(Err(failure));
            result = self.run(&jobs).await;
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

    async fn run(&mut self, jobs: &[Job]) -> Result<Vec<PortResult<Outcome>>, Broken> {
        let first_position = self.next_position;
        let mut group = Group::default();
        match self.attempt(jobs, &mut group).await {
            Ok(outcomes) => {
                self.settle(&group);
                Ok(outcomes)
            }
            Err(broken) => {
                // SQLite may have rolled back by itself: then this fails, and nothing is left to undo.
                let _ = Statement::new("ROLLBACK").run(&mut self.conn).await;
                self.in_transaction = false;
                self.next_position = first_position;
                self.dedupe.rollback();
                self.work.rollback();
                self.pruner.rollback();
                Err(broken)
            }
        }
    }

    async fn attempt<'a>(
        &mut self,
        jobs: &'a [Job],
        group: &mut Group<'a>,
    ) -> Result<Vec<PortResult<Outcome>>, Broken> {
        let sealed = self.look_up(jobs).await?;
        let mut outcomes = Vec::with_capacity(jobs.len());
        for (number, job) in jobs.iter().enumerate() {
            let outcome = self.plan(group, &job.op, &sealed).await;
            outcomes.push(outcome.map_err(|cause| Broken { job: Some(number), cause })?);
        }
        self.write(group, jobs.len()).await?;
        Ok(outcomes)
    }

    /// Makes durable what was planned, and what goes along with it.
    async fn write(&mut self, group: &Group<'_>, operations: usize) -> sqlx::Result<()> {
        let seals = self.dedupe.can_seal();
        let prunes = self.pruner.is_busy() && operations < PRUNING_OPERATIONS_MAX;
        let works = self.work.changes().next().is_some();
        if group.is_plain() && !(self.in_transaction || seals || prunes || works) {
            self.in_transaction = true;
            let mut script = Script::joined(&mut self.conn);
            group.write(&mut script).await?;
            script.finish().await?;
            self.in_transaction = false;
            return Ok(());
        }
        if works || group.is_dirty() {
            self.begin().await?;
            let mut script = Script::in_steps(&mut self.conn);
            group.write(&mut script).await?;
            finish::write_work(&mut script, &self.work).await?;
            script.finish().await?;
        }
        if seals {
            self.begin().await?;
            self.dedupe.seal_step(&mut self.conn, self.clock.now_ms()).await?;
        }
        if prunes {
            self.begin().await?;
            self.pruner.step(&mut self.conn).await?;
        }
        if self.in_transaction {
            Statement::new("COMMIT").run(&mut self.conn).await?;
            self.in_transaction = false;
        }
        Ok(())
    }

    /// Begins the group's transaction, if it has not begun yet.
    pub(crate) async fn begin(&mut self) -> sqlx::Result<()> {
        if !self.in_transaction {
            Statement::new("BEGIN IMMEDIATE").run(&mut self.conn).await?;
            self.in_transaction = true;
        }
        Ok(())
    }

    async fn plan<'a>(&mut self, group: &mut Group<'a>, op: &'a Op, sealed: &Sealed) -> sqlx::Result<PortResult<Outcome>> {
        let now_ms = self.clock.now_ms();
        Ok(match op {
            Op::Append(event) => Ok(Outcome::Appended(Some(self.plan_append(group, event, sealed)))),
            Op::Page { event, cursor } => self.plan_page(group, event.as_ref(), cursor, sealed).await?,
            Op::Claim { limit, lease, paused } => {
                self.work.wake(now_ms);
                let claimed = self.work.claim(*limit, later(now_ms, *lease), paused);
                if claimed.len() < usize::try_from(*limit).unwrap_or(usize::MAX) {
                    self.shared.ready.exhausted();
                }
                Ok(Outcome::Claimed(claimed))
            }
            Op::Renew { claims, lease } => Ok(self.plan_renew(claims, later(now_ms, *lease))),
            Op::Finish { claim, end, body_sha256 } => self.plan_finish(group, *claim, end, *body_sha256),
            Op::Release(claims) => {
                self.work.release(claims);
                group.stirred = true;
                Ok(Outcome::Done)
            }
            Op::Replay(ids) => Ok(Outcome::Replayed(self.plan_replay(group, ids).await?)),
            Op::Locate(id) => Ok(Outcome::Located(self.dedupe.recent(*id).or_else(|| sealed.get(id).copied()))),
            Op::SetCursor { source, slice, cursor } => self.set_cursor(source, slice, cursor.as_deref()).await?,
            Op::SetPaused { source, paused } => {
                group.stirred = true;
                self.set_paused(source, *paused).await?
            }
            Op::StateSet { source, key, value } => self.state_set(source, key, value).await?,
            Op::StateIncrement { source, key } => self.state_increment(source, key).await?,
            Op::StateDelete { source, key } => self.state_delete(source, key).await?,
            #[cfg(test)]
            Op::Sql(text) => {
                Statement::new(text).run(&mut self.conn).await?;
                Ok(Outcome::Done)
            }
        })
    }

    /// The group is durable: memory follows.
    fn settle(&mut self, group: &Group<'_>) {
        for (position, event) in &group.rows {
            self.work.add_fresh(&event.source, event.priority, *position);
        }
        self.work.commit();
        self.dedupe.commit(self.next_position, self.clock.now_ms());
        if let Some(number) = self.pruner.commit() {
            self.dedupe.forget(number);
        }
        if group.stirred || !group.rows.is_empty() {
            self.shared.ready.stir();
        }
        self.shared.writable.store(true, Ordering::Release);
    }

    /// Finds out whether a disk that failed takes rows again.
    async fn probe(&mut self) {
        let text = "INSERT OR REPLACE INTO probe VALUES (1, zeroblob(?))";
        let mut write = Statement::new(text);
        let written = match write.bind(PROBE_BYTES) {
            Ok(_) => write.run(&mut self.conn).await,
            Err(error) => Err(error),
        };
        let cleared = Statement::new("DELETE FROM probe").run(&mut self.conn).await;
        if written.and(cleared).is_ok() {
            tracing::info!("the journal can be written again");
            self.shared.writable.store(true, Ordering::Release);
        }
    }
}

/// A group with this many operations prunes nothing: it has enough to do.
const PRUNING_OPERATIONS_MAX: usize = 64;

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
