//! Opens a journal: the file, then what memory has to know of it. Events that a crashed process was working on wait again.

use std::path::Path;

use apex_config::limits::JournalLimits;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use crate::bloom::Bloom;
use crate::dedupe::Dedupe;
use crate::error::JournalError;
use crate::row;
use crate::sql::{Statement, int};
use crate::window::{self, SealedWindow};
use crate::work::{LastError, WorkIndex};

/// Rows read at once: what is found is kept in far less memory than the rows themselves.
const PAGE_ROWS: i64 = 4_096;
const DAY_MS: i64 = 86_400_000;

/// What memory knows of a file.
pub(crate) struct Found {
    pub(crate) dedupe: Dedupe,
    pub(crate) work: WorkIndex,
    pub(crate) next_position: i64,
}

/// Creates the directory if it is missing.
pub(crate) fn make_directory(path: &Path) -> Result<(), JournalError> {
    std::fs::create_dir_all(path).map_err(|cause| JournalError::Directory { path: path.to_owned(), cause })
}

/// Reads what memory has to know.
pub(crate) async fn find(conn: &mut SqliteConnection, limits: &JournalLimits) -> sqlx::Result<Found> {
    let mut restart = Statement::new("UPDATE work SET state = 0, due_at = 0 WHERE state = 1");
    // A first write now tells a disk that cannot be written from one that can.
    restart.run(conn).await?;
    restart = Statement::new("SELECT first_position FROM dedupe_open");
    let open_from = restart.first(conn).await?.map_or(Ok(1), |row| int(&row, 0))?;
    let sealed = sealed_windows(conn).await?;
    let next_number = sealed.iter().map(|window| window.number + 1).max().unwrap_or(1);
    let mut leftover = Statement::new("DELETE FROM dedupe_bucket WHERE slot >= ?");
    leftover.bind(window::slot(next_number, 0))?;
    leftover.run(conn).await?;
    let period_ms = i64::from(limits.dedupe_days).saturating_mul(DAY_MS);
    let mut dedupe = Dedupe::new(limits.window_rows, period_ms, sealed, open_from);
    let next_position = open_keys(conn, &mut dedupe, open_from).await?;
    let work = waiting(conn).await?;
    Ok(Found { dedupe, work, next_position })
}

async fn sealed_windows(conn: &mut SqliteConnection) -> sqlx::Result<Vec<SealedWindow>> {
    let text =
        "SELECT number, first_position, end_position, sealed_at, bucket_bits, bloom FROM dedupe_window ORDER BY number";
    let rows = Statement::new(text).fetch(conn).await?;
    let window = |row: &sqlx::sqlite::SqliteRow| {
        Ok(SealedWindow {
            number: int(row, 0)?,
            first_position: int(row, 1)?,
            end_position: int(row, 2)?,
            sealed_ms: int(row, 3)?,
            bucket_bits: u32::try_from(int(row, 4)?).unwrap_or(0),
            bloom: Bloom::from_bytes(row.try_get(5)?).ok_or_else(|| row::strange("a filter"))?,
        })
    };
    rows.iter().map(window).collect()
}

async fn open_keys(conn: &mut SqliteConnection, dedupe: &mut Dedupe, open_from: i64) -> sqlx::Result<i64> {
    let mut next_position = open_from;
    loop {
        let text = "SELECT position, id, received_at FROM event WHERE position >= ? ORDER BY position LIMIT ?";
        let mut statement = Statement::new(text);
        statement.bind(next_position)?.bind(PAGE_ROWS)?;
        let rows = statement.fetch(conn).await?;
        if rows.is_empty() {
            return Ok(next_position);
        }
        for row in rows {
            let position = int(&row, 0)?;
            dedupe.remember_found(row::event_id(&row, 1)?, position, int(&row, 2)?);
            next_position = position + 1;
        }
    }
}

async fn waiting(conn: &mut SqliteConnection) -> sqlx::Result<WorkIndex> {
    let mut work = WorkIndex::default();
    let mut after = 0;
    loop {
        let text = "SELECT w.position, w.attempts, w.due_at, w.error_code, w.error, e.source, e.priority \
            FROM work w CROSS JOIN event e WHERE e.position = w.position AND w.position > ? ORDER BY w.position LIMIT ?";
        let mut statement = Statement::new(text);
        statement.bind(after)?.bind(PAGE_ROWS)?;
        let rows = statement.fetch(conn).await?;
        if rows.is_empty() {
            return Ok(work);
        }
        for row in rows {
            let (position, attempts, due_ms) = (int(&row, 0)?, int(&row, 1)?, int(&row, 2)?);
            let source = row::source(&row, 5)?;
            let priority = row::priority(int(&row, 6)?).ok_or_else(|| row::strange("a priority"))?;
            let code: Option<String> = row.try_get(3)?;
            let error = match code {
                Some(code) => Some(Box::new(LastError { code, what: row.try_get(4)? })),
                None => None,
            };
            if attempts == 0 && due_ms == 0 && error.is_none() {
                work.add_fresh(&source, priority, position);
            } else {
                let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
                work.add_found((&source, priority), position, attempts, due_ms, error);
            }
            after = position;
        }
    }
}
