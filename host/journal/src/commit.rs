//! One group, from its operations to its COMMIT: plan each operation, write what was planned in few statements, let memory follow.
//!
//! Must not answer anybody: that is the writer's part, after the group is durable.

use std::sync::atomic::Ordering;

use apex_model::failure::PortResult;

use crate::append::Sealed;
use crate::command::{Job, Op, Outcome};
use crate::finish;
use crate::group::Group;
use crate::sql::run;
use crate::writer::{Writer, later};

/// A group with this many operations prunes nothing: it has enough to do.
const PRUNING_OPERATIONS_MAX: usize = 64;

/// A group that could not be made durable, and whose fault it was, if that is known.
pub(crate) struct Broken {
    pub(crate) job: Option<usize>,
    pub(crate) cause: rusqlite::Error,
}

impl From<rusqlite::Error> for Broken {
    fn from(cause: rusqlite::Error) -> Self {
        Self { job: None, cause }
    }
}

impl Writer {
    /// Plans and writes; on an error the caller undoes whatever memory has taken over.
    pub(crate) fn attempt<'a>(
        &mut self,
        jobs: &'a [Job],
        group: &mut Group<'a>,
    ) -> Result<Vec<PortResult<Outcome>>, Broken> {
        let sealed = self.look_up(jobs)?;
        let mut outcomes = Vec::with_capacity(jobs.len());
        for (number, job) in jobs.iter().enumerate() {
            let outcome = self.plan(group, &job.op, &sealed);
            outcomes.push(outcome.map_err(|cause| Broken { job: Some(number), cause })?);
        }
        self.write(group, jobs.len())?;
        Ok(outcomes)
    }

    /// Makes durable what was planned, and what goes along with it.
    fn write(&mut self, group: &Group<'_>, operations: usize) -> rusqlite::Result<()> {
        if group.is_dirty() || self.work.changes().next().is_some() {
            self.begin()?;
            group.write(&self.conn)?;
            finish::write_work(&self.conn, &self.work)?;
        }
        if self.dedupe.can_seal() {
            self.begin()?;
            self.dedupe.seal_step(&self.conn, self.clock.now_ms())?;
        }
        if self.pruner.is_busy() && operations < PRUNING_OPERATIONS_MAX {
            self.begin()?;
            self.pruner.step(&self.conn)?;
        }
        if self.in_transaction {
            run(&self.conn, "COMMIT", [])?;
            self.in_transaction = false;
        }
        Ok(())
    }

    /// Begins the group's transaction, if it has not begun yet.
    pub(crate) fn begin(&mut self) -> rusqlite::Result<()> {
        if !self.in_transaction {
            run(&self.conn, "BEGIN IMMEDIATE", [])?;
            self.in_transaction = true;
        }
        Ok(())
    }

    fn plan<'a>(
        &mut self,
        group: &mut Group<'a>,
        op: &'a Op,
        sealed: &Sealed,
    ) -> rusqlite::Result<PortResult<Outcome>> {
        let now_ms = self.clock.now_ms();
        Ok(match op {
            Op::Append(event) => Ok(Outcome::Appended(Some(self.plan_append(group, event, sealed)))),
            Op::Page { event, cursor } => self.plan_page(group, event.as_ref(), cursor, sealed)?,
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
            Op::Replay(ids) => Ok(Outcome::Replayed(self.plan_replay(group, ids)?)),
            Op::Locate(id) => Ok(Outcome::Located(self.dedupe.recent(*id).or_else(|| sealed.get(id).copied()))),
            Op::SetCursor { source, slice, cursor } => self.set_cursor(source, slice, cursor.as_deref())?,
            Op::SetPaused { source, paused } => {
                group.stirred = true;
                self.set_paused(source, *paused)?
            }
            Op::StateSet { source, key, value } => self.state_set(source, key, value)?,
            Op::StateIncrement { source, key } => self.state_increment(source, key)?,
            Op::StateDelete { source, key } => self.state_delete(source, key)?,
            #[cfg(test)]
            Op::Sql(text) => {
                self.conn.execute_batch(text)?;
                Ok(Outcome::Done)
            }
            #[cfg(test)]
            Op::FailCommits(left) => {
                let left = std::sync::Arc::clone(left);
                let take = move || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
                self.conn.commit_hook(Some(move || take().is_ok()))?;
                Ok(Outcome::Done)
            }
            #[cfg(test)]
            Op::Hold(entered, release) => {
                let _ = entered.send(());
                let _ = release.recv();
                Ok(Outcome::Done)
            }
        })
    }

    /// The group is durable: memory follows.
    pub(crate) fn settle(&mut self, group: &Group<'_>) {
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
}
