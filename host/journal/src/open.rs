//! Opens a journal: the file, then what memory has to know of it. Events that a crashed process was working on wait again.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use apex_config::limits::JournalLimits;
use apex_model::ids::EventId;
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
    private.map_err(|cause| JournalError::Open { path: file.to_owned(), cause: sqlx::Error::Io(cause) })
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

/// Remembers the keys of the open window; answers the next free position. Many keys travel in one row, because a row costs more than a key.
async fn open_keys(conn: &mut SqliteConnection, dedupe: &mut Dedupe, open_from: i64) -> sqlx::Result<i64> {
    let mut next_position = open_from;
    loop {
        let text = "SELECT group_concat(position || ' ' || hex(id)), min(received_at) FROM \
            (SELECT position, id, received_at FROM event WHERE position >= ? ORDER BY position LIMIT ?)";
        let mut statement = Statement::new(text);
        statement.bind(next_position)?.bind(PAGE_ROWS)?;
        let Some(row) = statement.first(conn).await? else { return Ok(next_position) };
        let Some(listed) = row.try_get::<Option<&str>, _>(0)? else { return Ok(next_position) };
        let keys: Option<Vec<(i64, EventId)>> = listed.split(',').map(key).collect();
        let mut keys = keys.ok_or_else(|| row::strange("an event id"))?;
        keys.sort_unstable();
        for (position, id) in keys {
            dedupe.remember_found(id, position, int(&row, 1)?);
            next_position = position + 1;
        }
    }
}

/// A position and the 32 hex digits of an id.
fn key(text: &str) -> Option<(i64, EventId)> {
    let (position, id) = text.split_once(' ')?;
    let id = u128::from_str_radix(id, 16).ok()?;
    Some((position.parse().ok()?, EventId(id.to_be_bytes())))
}

/// Finds what waits: events that nobody touched, many in one row, and the others one by one.
async fn waiting(conn: &mut SqliteConnection) -> sqlx::Result<WorkIndex> {
    let mut work = WorkIndex::default();
    fresh(conn, &mut work).await?;
    touched(conn, &mut work).await?;
    Ok(work)
}

async fn fresh(conn: &mut SqliteConnection, work: &mut WorkIndex) -> sqlx::Result<()> {
    let mut after = 0;
    loop {
        let text = "SELECT e.source, e.priority, group_concat(w.position) FROM \
            (SELECT position FROM work WHERE position > ? AND attempts = 0 AND due_at = 0 AND error_code IS NULL \
             ORDER BY position LIMIT ?) w CROSS JOIN event e WHERE e.position = w.position GROUP BY e.source, e.priority";
        let mut statement = Statement::new(text);
        statement.bind(after)?.bind(PAGE_ROWS)?;
        let lanes = statement.fetch(conn).await?;
        if lanes.is_empty() {
            return Ok(());
        }
        for row in lanes {
            let source = row::source(&row, 0)?;
            let priority = row::priority(int(&row, 1)?).ok_or_else(|| row::strange("a priority"))?;
            let positions: Result<Vec<i64>, _> = row.try_get::<&str, _>(2)?.split(',').map(str::parse).collect();
            let mut positions = positions.map_err(|_| row::strange("a position"))?;
            positions.sort_unstable();
            for position in positions {
                work.add_fresh(&source, priority, position);
                after = after.max(position);
            }
        }
    }
}

async fn touched(conn: &mut SqliteConnection, work: &mut WorkIndex) -> sqlx::Result<()> {
    let mut after = 0;
    loop {
        let text = "SELECT w.position, w.attempts, w.due_at, w.error_code, w.error, e.source, e.priority \
            FROM work w CROSS JOIN event e WHERE e.position = w.position AND w.position > ? \
            AND NOT (w.attempts = 0 AND w.due_at = 0 AND w.error_code IS NULL) ORDER BY w.position LIMIT ?";
        let mut statement = Statement::new(text);
        statement.bind(after)?.bind(PAGE_ROWS)?;
        let rows = statement.fetch(conn).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let position = int(&row, 0)?;
            let source = row::source(&row, 5)?;
            let priority = row::priority(int(&row, 6)?).ok_or_else(|| row::strange("a priority"))?;
            let code: Option<String> = row.try_get(3)?;
            let error = match code {
                Some(code) => Some(Box::new(LastError { code, what: row.try_get(4)? })),
                None => None,
            };
            let attempts = u32::try_from(int(&row, 1)?).unwrap_or(u32::MAX);
            work.add_found((&source, priority), position, attempts, int(&row, 2)?, error);
            after = position;
        }
    }
}
