//! Counts by source, changed in the transaction of what they count, so that a read at any moment adds up
//! ([`Tally::is_conserved`]).

use std::collections::BTreeMap;

use apex_model::event::{EventState, Tally};
use apex_model::ids::SourceName;
use rusqlite::{Connection, Row, params};

use crate::sql::{all, int, run};

/// How much one source's counts change.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Delta {
    accepted: i64,
    duplicate: i64,
    done: i64,
    unchanged: i64,
    superseded: i64,
    dead: i64,
    in_flight: i64,
}

/// What a group changes in the counts.
#[derive(Debug, Default)]
pub(crate) struct Deltas(BTreeMap<SourceName, Delta>);

impl Deltas {
    fn change(&mut self, source: &SourceName, change: impl FnOnce(&mut Delta)) {
        // Most groups have one source, which is copied once a group and not once a row.
        if let Some(delta) = self.0.get_mut(source) {
            change(delta);
        } else {
            change(self.0.entry(source.clone()).or_default());
        }
    }

    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A new event.
    pub(crate) fn accepted(&mut self, source: &SourceName) {
        self.change(source, |delta| {
            delta.accepted += 1;
            delta.in_flight += 1;
        });
    }

    /// A repeat.
    pub(crate) fn repeated(&mut self, source: &SourceName) {
        self.change(source, |delta| {
            delta.accepted += 1;
            delta.duplicate += 1;
        });
    }

    /// An event ended in this (terminal) state.
    pub(crate) fn ended(&mut self, source: &SourceName, state: EventState) {
        self.change(source, |delta| {
            let counter = match state {
                EventState::Done => &mut delta.done,
                EventState::Unchanged => &mut delta.unchanged,
                EventState::Superseded => &mut delta.superseded,
                EventState::Dead => &mut delta.dead,
                EventState::Accepted | EventState::Processing => return,
            };
            *counter += 1;
            delta.in_flight -= 1;
        });
    }

    /// A dead letter became an event again.
    pub(crate) fn replayed(&mut self, source: &SourceName) {
        self.change(source, |delta| {
            delta.dead -= 1;
            delta.in_flight += 1;
        });
    }

    /// Writes them.
    pub(crate) fn write(&self, conn: &Connection) -> rusqlite::Result<()> {
        for (source, delta) in &self.0 {
            let Delta { accepted, duplicate, done, unchanged, superseded, dead, in_flight } = delta;
            let name = source.as_str();
            run(conn, ADD, params![name, accepted, duplicate, done, unchanged, superseded, dead, in_flight])?;
        }
        Ok(())
    }
}

const ADD: &str = "INSERT INTO tally (source, accepted, duplicate, done, unchanged, superseded, dead, in_flight) \
    VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (source) DO UPDATE SET accepted = accepted + excluded.accepted, \
    duplicate = duplicate + excluded.duplicate, done = done + excluded.done, unchanged = unchanged + excluded.unchanged, \
    superseded = superseded + excluded.superseded, dead = dead + excluded.dead, in_flight = in_flight + excluded.in_flight";

/// Reads all counts in one statement, hence at one moment.
pub(crate) fn read(conn: &Connection) -> rusqlite::Result<Vec<(SourceName, Tally)>> {
    let text =
        "SELECT source, accepted, duplicate, done, unchanged, superseded, dead, in_flight FROM tally ORDER BY source";
    Ok(all(conn, text, [], tally)?.into_iter().flatten().collect())
}

fn tally(row: &Row<'_>) -> rusqlite::Result<Option<(SourceName, Tally)>> {
    let number = |column| int(row, column).map(|value| u64::try_from(value).unwrap_or(0));
    let tally = Tally {
        accepted: number(1)?,
        duplicate: number(2)?,
        done: number(3)?,
        unchanged: number(4)?,
        superseded: number(5)?,
        dead: number(6)?,
        in_flight: number(7)?,
    };
    Ok(SourceName::parse(row.get_ref(0)?.as_str()?).map(|source| (source, tally)))
}
