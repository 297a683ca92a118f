//! Opens a journal: the file, then what memory has to know of it. Events that a crashed process was working on wait again.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use apex_config::limits::JournalLimits;
use apex_model::ids::EventId;
use rusqlite::{Connection, Row};

use crate::bloom::Bloom;
use crate::dedupe::Dedupe;
use crate::error::JournalError;
use crate::row;
use crate::sql::{all, first, int, run};
use crate::window::{self, SealedWindow};
use crate::work::{LastError, WorkIndex};

const DAY_MS: i64 = 86_400_000;

/// What memory knows of a file.
pub(crate) struct Found {
    pub(crate) dedupe: Dedupe,
    pub(crate) work: WorkIndex,
    pub(crate) next_position: i64,
}

/// Creates the directory if it is missing; only its owner can look into it.
pub(crate) fn make_directory(path: &Path) -> Result<(), JournalError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|cause| JournalError::Directory { path: path.to_owned(), cause })
}

/// Creates the file if it is missing, so that only its owner can read it; what SQLite puts beside it has the file's mode
/// (<https://www.sqlite.org/walformat.html>).
pub(crate) fn make_private(file: &Path) -> Result<(), JournalError> {
    let made = OpenOptions::new().create(true).append(true).mode(0o600).open(file);
    // A file of an older version may be readable by others.
    let private = made.and_then(|made| made.set_permissions(Permissions::from_mode(0o600)));
    private.map_err(|cause| JournalError::File { path: file.to_owned(), cause })
}

/// Reads what memory has to know.
pub(crate) fn find(conn: &Connection, limits: &JournalLimits) -> rusqlite::Result<Found> {
    // A first write now tells a disk that cannot be written from one that can.
    run(conn, "UPDATE work SET state = 0, due_at = 0 WHERE state = 1", [])?;
    let open_from = first(conn, "SELECT first_position FROM dedupe_open", [], |row| row.get(0))?.unwrap_or(1);
    let sealed = sealed_windows(conn)?;
    let next_number = sealed.iter().map(|window| window.number + 1).max().unwrap_or(1);
    run(conn, "DELETE FROM dedupe_bucket WHERE slot >= ?", [window::slot(next_number, 0)])?;
    let period_ms = i64::from(limits.dedupe_days).saturating_mul(DAY_MS);
    let mut dedupe = Dedupe::new(limits.window_rows, period_ms, sealed, open_from);
    let next_position = open_keys(conn, &mut dedupe, open_from)?;
    let work = waiting(conn)?;
    Ok(Found { dedupe, work, next_position })
}

fn sealed_windows(conn: &Connection) -> rusqlite::Result<Vec<SealedWindow>> {
    let text =
        "SELECT number, first_position, end_position, sealed_at, bucket_bits, bloom FROM dedupe_window ORDER BY number";
    all(conn, text, [], |row| {
        Ok(SealedWindow {
            number: row.get(0)?,
            first_position: row.get(1)?,
            end_position: row.get(2)?,
            sealed_ms: row.get(3)?,
            bucket_bits: row.get(4)?,
            bloom: Bloom::from_bytes(row.get_ref(5)?.as_blob()?).ok_or_else(|| row::strange("a filter"))?,
        })
    })
}

/// Remembers the keys of the open window; answers the next free position.
fn open_keys(conn: &Connection, dedupe: &mut Dedupe, open_from: i64) -> rusqlite::Result<i64> {
    let mut next_position = open_from;
    let text = "SELECT position, id, received_at FROM event WHERE position >= ? ORDER BY position";
    let mut statement = conn.prepare(text)?;
    let mut rows = statement.query([open_from])?;
    while let Some(row) = rows.next()? {
        let position = row.get(0)?;
        dedupe.remember_found(EventId(row.get(1)?), position, row.get(2)?);
        next_position = position + 1;
    }
    Ok(next_position)
}

/// Finds what waits: events that nobody touched, of which only the place is kept, and the others with their story.
fn waiting(conn: &Connection) -> rusqlite::Result<WorkIndex> {
    let mut work = WorkIndex::default();
    let text = "SELECT w.position, w.attempts, w.due_at, w.error_code, w.error, e.source, e.priority \
        FROM work w CROSS JOIN event e WHERE e.position = w.position ORDER BY w.position";
    let mut statement = conn.prepare(text)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        add(&mut work, row)?;
    }
    Ok(work)
}

fn add(work: &mut WorkIndex, row: &Row<'_>) -> rusqlite::Result<()> {
    let (position, attempts, due_ms) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let code: Option<String> = row.get(3)?;
    let source = row::source(row, 5)?;
    let priority = row::priority(int(row, 6)?).ok_or_else(|| row::strange("a priority"))?;
    if attempts == 0 && due_ms == 0 && code.is_none() {
        work.add_fresh(&source, priority, position);
        return Ok(());
    }
    let error = match code {
        Some(code) => Some(Box::new(LastError { code, what: row.get(4)? })),
        None => None,
    };
    work.add_found((&source, priority), position, attempts, due_ms, error);
    Ok(())
}
