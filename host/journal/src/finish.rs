//! How work on an event ends: settled, dead, or to be tried again.

use apex_model::Failure;
use apex_model::event::{Claim, DocumentOutcome, EventEnd, EventIssue, EventState};
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, SourceName};
use apex_model::plugin::PluginRef;

use crate::command::Outcome;
use crate::error;
use crate::group::Group;
use crate::sql::{ROWS_MAX, Script};
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

fn json<T: serde::Serialize + ?Sized>(value: &T) -> sqlx::Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Writes how events ended.
pub(crate) async fn write_ended(script: &mut Script<'_>, ended: &[Ended<'_>]) -> sqlx::Result<()> {
    for part in ended.chunks(ROWS_MAX) {
        script.repeated("INSERT OR REPLACE INTO outcome VALUES ", "(?,?,?,?,?,?,?,?)", part.len(), "").await?;
        for row in part {
            script.bind(row.claim.position)?.bind(row.state.as_str())?.bind(row.finished_ms)?;
            script.bind(i64::from(row.claim.attempt))?.bind(row.failure.map(|failure| failure.code.to_string()))?;
            script.bind(row.failure.map(|failure| failure.what.as_str()))?.bind(json(row.outcomes)?)?;
            script.bind(row.plugin.map(json).transpose()?)?;
        }
    }
    Ok(())
}

/// Writes dead letters.
pub(crate) async fn write_letters(script: &mut Script<'_>, letters: &[Letter<'_>]) -> sqlx::Result<()> {
    for part in letters.chunks(ROWS_MAX) {
        script.repeated("INSERT OR REPLACE INTO dead_letter VALUES ", "(?,?,?,?,?,?)", part.len(), "").await?;
        for row in part {
            script.bind(row.claim.position)?.bind(row.claim.id.0.as_slice())?.bind(row.source.as_str())?;
            script.bind(row.failure.next_step.as_str())?.bind(json(row.issues)?)?.bind(row.body_sha256.0.as_slice())?;
        }
    }
    Ok(())
}

/// Writes what the group changed in `work`.
pub(crate) async fn write_work(script: &mut Script<'_>, work: &WorkIndex) -> sqlx::Result<()> {
    let (mut kept, mut gone): (Vec<(i64, &Tracked)>, Vec<i64>) = (Vec::new(), Vec::new());
    for (position, tracked) in work.changes() {
        match tracked {
            Some(tracked) => kept.push((position, tracked)),
            None => gone.push(position),
        }
    }
    // In order of position, neighbouring rows change the same page in turn.
    kept.sort_unstable_by_key(|(position, _)| *position);
    gone.sort_unstable();
    for part in kept.chunks(ROWS_MAX) {
        script.repeated("INSERT OR REPLACE INTO work VALUES ", "(?,?,?,?,?,?)", part.len(), "").await?;
        for (position, tracked) in part {
            let (state, due_ms) = match tracked.phase {
                Phase::Waiting(due_ms) => (0, due_ms),
                Phase::Leased(until_ms) => (1, until_ms),
            };
            script.bind(*position)?.bind(state)?.bind(i64::from(tracked.attempts))?.bind(due_ms)?;
            script.bind(tracked.error.as_ref().map(|error| error.code.as_str()))?;
            script.bind(tracked.error.as_ref().map(|error| error.what.as_str()))?;
        }
    }
    for part in gone.chunks(ROWS_MAX) {
        script.repeated("DELETE FROM work WHERE position IN (", "?", part.len(), ")").await?;
        for position in part {
            script.bind(*position)?;
        }
    }
    Ok(())
}
