//! SQL run on a connection: every text is prepared once and kept by the connection. Texts are literals of this crate or made of such;
//! whatever a user wrote travels as an argument.

use rusqlite::{Connection, OptionalExtension, Params, Result, Row};

/// Runs a statement that answers nothing; how many rows it changed.
pub(crate) fn run(conn: &Connection, text: &str, arguments: impl Params) -> Result<usize> {
    conn.prepare_cached(text)?.execute(arguments)
}

/// The first row, if there is one.
pub(crate) fn first<T>(
    conn: &Connection,
    text: &str,
    arguments: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    conn.prepare_cached(text)?.query_row(arguments, read).optional()
}

/// All rows.
pub(crate) fn all<T>(
    conn: &Connection,
    text: &str,
    arguments: impl Params,
    read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    conn.prepare_cached(text)?.query_map(arguments, read)?.collect()
}

/// The whole number in this column of the row; zero if it is null.
pub(crate) fn int(row: &Row<'_>, column: usize) -> Result<i64> {
    Ok(row.get::<_, Option<i64>>(column)?.unwrap_or(0))
}

/// A count as SQLite keeps it.
pub(crate) fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
