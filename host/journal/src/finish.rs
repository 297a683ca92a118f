//! How work on an event ends: settled, dead, or to be tried again.

use apex_model::Failure;
use apex_model::event::{Claim, DocumentOutcome, EventEnd, EventIssue, EventState};
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, SourceName};
use apex_model::plugin::PluginRef;
use rusqlite::{Connection, params};

use crate::command::Outcome;
use crate::error;
use crate::group::Group;
use crate::sql::run;
use crate::work::{LastError, Phase, Tracked, WorkIndex};
use crate::writer::{Writer, later};

/// A row of `outcome`.
pub(crate) struct Ended<'a> {
    claim: Claim,
    state: EventState,
    finished_ms: i64,
    outcomes: &'a [DocumentOutcome],
    plugin: Option<&'a PluginRef>,
    failure: Option<&'a Failure>,
}

/// A row of `dead_letter`.
pub(crate) struct Letter<'a> {
    claim: Claim,
    source: SourceName,
    failure: &'a Failure,
    issues: &'a [EventIssue],
    body_sha256: Digest,
}

impl Writer {
    /// Ends a claim, if it is still held.
    pub(crate) fn plan_finish<'a>(
        &mut self,
        group: &mut Group<'a>,
        claim: Claim,
        end: &'a EventEnd,
        body_sha256: Digest,
    ) -> PortResult<Outcome> {
        if !self.work.holds(claim) {
            return Err(error::lease_lost(claim));
        }
        let now_ms = self.clock.now_ms();
        let (state, outcomes, plugin, failure) = match end {
            EventEnd::Retry { failure, after, counts } => {
                let error = LastError { code: failure.code.to_string(), what: failure.what.clone() };
                self.work.retry(claim.position, later(now_ms, *after), *counts, error);
                group.stirred = true;
                return Ok(Outcome::Done);
            }
            EventEnd::Settled { state, .. } if !state.is_terminal() || *state == EventState::Dead => {
                return Err(error::defect("an event cannot be settled as accepted, processing or dead"));
            }
            EventEnd::Settled { state, outcomes, plugin } => (*state, outcomes, plugin.as_ref(), None),
            EventEnd::Dead { failure, outcomes, plugin, .. } => {
                (EventState::Dead, outcomes, plugin.as_ref(), Some(failure))
            }
        };
        let Some(source) = self.work.end(claim.position) else {
            return Err(error::lease_lost(claim));
        };
        group.tallies.ended(&source, state);
        group.ended.push(Ended { claim, state, finished_ms: now_ms, outcomes, plugin, failure });
        if let EventEnd::Dead { failure, issues, .. } = end {
            group.letters.push(Letter { claim, source, failure, issues, body_sha256 });
        }
        Ok(Outcome::Done)
    }

    /// Makes the leases last until then; answers those still held.
    pub(crate) fn plan_renew(&mut self, claims: &[Claim], until_ms: i64) -> Outcome {
        let held: Vec<Claim> = claims.iter().copied().filter(|claim| self.work.holds(*claim)).collect();
        for claim in &held {
            self.work.renew(claim.position, until_ms);
        }
        Outcome::Renewed(held)
    }
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// Writes how events ended.
pub(crate) fn write_ended(conn: &Connection, ended: &[Ended<'_>]) -> rusqlite::Result<()> {
    for row in ended {
        let arguments = params![
            row.claim.position,
            row.state.as_str(),
            row.finished_ms,
            row.claim.attempt,
            row.failure.map(|failure| failure.code.to_string()),
            row.failure.map(|failure| failure.what.as_str()),
            json(row.outcomes)?,
            row.plugin.map(json).transpose()?,
        ];
        run(conn, "INSERT OR REPLACE INTO outcome VALUES (?,?,?,?,?,?,?,?)", arguments)?;
    }
    Ok(())
}

/// Writes dead letters.
pub(crate) fn write_letters(conn: &Connection, letters: &[Letter<'_>]) -> rusqlite::Result<()> {
    for row in letters {
        let arguments = params![
            row.claim.position,
            row.claim.id.0.as_slice(),
            row.source.as_str(),
            row.failure.next_step,
            json(row.issues)?,
            row.body_sha256.0.as_slice(),
        ];
        run(conn, "INSERT OR REPLACE INTO dead_letter VALUES (?,?,?,?,?,?)", arguments)?;
    }
    Ok(())
}

/// Writes what the group changed in `work`.
pub(crate) fn write_work(conn: &Connection, work: &WorkIndex) -> rusqlite::Result<()> {
    let mut changes: Vec<(i64, Option<&Tracked>)> = work.changes().collect();
    // In order of position, neighbouring rows change the same page in turn.
    changes.sort_unstable_by_key(|(position, _)| *position);
    for (position, tracked) in changes {
        let Some(tracked) = tracked else {
            run(conn, "DELETE FROM work WHERE position = ?", [position])?;
            continue;
        };
        let (state, due_ms) = match tracked.phase {
            Phase::Waiting(due_ms) => (0, due_ms),
            Phase::Leased(until_ms) => (1, until_ms),
        };
        let (code, what) = tracked.error.as_ref().map(|error| (&error.code, &error.what)).unzip();
        let arguments = params![position, state, tracked.attempts, due_ms, code, what];
        run(conn, "INSERT OR REPLACE INTO work VALUES (?,?,?,?,?,?)", arguments)?;
    }
    Ok(())
}
