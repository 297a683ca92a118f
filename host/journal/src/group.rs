//! What one group commit has to write, gathered operation by operation and written in few statements.

use apex_model::event::NewEvent;

use crate::finish::{Ended, Letter};
use crate::sql::{ROWS_MAX, Script};
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

    /// Whether it is nothing but a few new events of one source: the form that most groups have and that is worth keeping prepared.
    pub(crate) fn is_plain(&self) -> bool {
        self.ended.is_empty() && self.tallies.len() == 1 && self.rows.len() <= ROWS_MAX
    }

    /// Writes everything gathered, except the changes of `work`.
    pub(crate) async fn write(&self, script: &mut Script<'_>) -> sqlx::Result<()> {
        append::write_rows(script, &self.rows).await?;
        finish::write_ended(script, &self.ended).await?;
        finish::write_letters(script, &self.letters).await?;
        self.tallies.write(script).await
    }
}
