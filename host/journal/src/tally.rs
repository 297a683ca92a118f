//! Counts by source, changed in the transaction of what they count, so that a read at any moment adds up
//! ([`Tally::is_conserved`]).

use std::collections::BTreeMap;

use apex_model::event::{EventState, Tally};
use apex_model::ids::SourceName;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::sql::{ROWS_MAX, Script, Statement, int};

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

    /// How many sources' counts change.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
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
    pub(crate) async fn write(&self, script: &mut Script<'_>) -> sqlx::Result<()> {
        let deltas: Vec<_> = self.0.iter().collect();
        for part in deltas.chunks(ROWS_MAX) {
            script.repeated(ADD_HEAD, "(?,?,?,?,?,?,?,?)", part.len(), ADD_TAIL).await?;
            for (source, delta) in part {
                script.bind(source.as_str())?;
                for number in [
                    delta.accepted,
                    delta.duplicate,
                    delta.done,
                    delta.unchanged,
                    delta.superseded,
                    delta.dead,
                    delta.in_flight,
                ] {
                    script.bind(number)?;
                }
            }
        }
        Ok(())
    }
}

const ADD_HEAD: &str =
    "INSERT INTO tally (source, accepted, duplicate, done, unchanged, superseded, dead, in_flight) VALUES ";
const ADD_TAIL: &str = " ON CONFLICT (source) DO UPDATE SET accepted = accepted + excluded.accepted, \
    duplicate = duplicate + excluded.duplicate, done = done + excluded.done, unchanged = unchanged + excluded.unchanged, \
    superseded = superseded + excluded.superseded, dead = dead + excluded.dead, in_flight = in_flight + excluded.in_flight";

/// Reads all counts in one statement, hence at one moment.
pub(crate) async fn read(conn: &mut SqliteConnection) -> sqlx::Result<Vec<(SourceName, Tally)>> {
    let text =
        "SELECT source, accepted, duplicate, done, unchanged, superseded, dead, in_flight FROM tally ORDER BY source";
    let rows = Statement::new(text).fetch(conn).await?;
    rows.iter().map(tally).filter_map(Result::transpose).collect()
}

fn tally(row: &SqliteRow) -> sqlx::Result<Option<(SourceName, Tally)>> {
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
    Ok(SourceName::parse(row.try_get(0)?).map(|source| (source, tally)))
}
