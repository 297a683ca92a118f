//! When the WAL is copied into the file. SQLite would do it within the COMMIT that fills the WAL, while the senders of that group wait;
//! here it is done after they were answered. On a thread of its own the WAL grew and cost 13 % throughput.

use rusqlite::Connection;

use crate::group::Group;
use crate::sql;

/// Pages after which to copy. Copying holds up whoever comes meanwhile, 2 ms at 100 pages, 7 ms at 600: that is the 99th percentile of
/// appends (3.5 and 9 ms). Throughput is the same (`append_rate` of the examples).
const PAGES: usize = 100;
/// Bytes of a page that rows get.
const PAGE_BYTES: usize = 8_000;
/// Pages that a group changes besides those of its bodies: one of each table it touches.
const PAGES_BESIDES: usize = 5;
/// Bytes of an event besides its body.
const EVENT_BYTES: usize = 400;

/// About how many pages the WAL has.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    pages: usize,
}

impl Checkpoints {
    /// A group was written.
    pub(crate) fn count(&mut self, group: &Group<'_>) {
        let bytes: usize = group.rows.iter().map(|(_, event)| event.body.len() + EVENT_BYTES).sum();
        self.pages += PAGES_BESIDES + bytes / PAGE_BYTES;
    }

    /// Copies, if it is time. What cannot be copied now stays in the WAL, where it is as safe.
    pub(crate) fn make_if_due(&mut self, conn: &Connection) {
        if self.pages < PAGES {
            return;
        }
        self.pages = 0;
        if let Err(error) = sql::first(conn, "PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the journal's WAL could not be copied into its file; it is tried again later");
        }
    }
}
