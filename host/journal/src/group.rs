//! What one group commit has to write, gathered operation by operation and written together.

use apex_model::event::NewEvent;
use rusqlite::Connection;

use crate::finish::{Ended, Letter};
use crate::tally::Deltas;
use crate::{append, finish};

/// See the module.
#[derive(Default)]
pub(crate) struct Group<'a> {
    /// New events with their positions.
    pub(crate) rows: Vec<(i64, &'a NewEvent)>,
    /// Events that ended.
    pub(crate) ended: Vec<Ended<'a>>,
    /// Those among them that are dead.
    pub(crate) letters: Vec<Letter<'a>>,
    /// What changes in the counts.
    pub(crate) tallies: Deltas,
    /// Something other than appends may have made events claimable.
    pub(crate) stirred: bool,
}

impl Group<'_> {
    /// Whether [`Group::write`] has anything to write.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.tallies.is_empty()
    }

    /// Writes everything gathered, except the changes of `work`.
    pub(crate) fn write(&self, conn: &Connection) -> rusqlite::Result<()> {
        append::write_rows(conn, &self.rows)?;
        finish::write_ended(conn, &self.ended)?;
        finish::write_letters(conn, &self.letters)?;
        self.tallies.write(conn)
    }
}
