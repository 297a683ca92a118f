//! The journal's tables and how an older file becomes a newer one (`PRAGMA user_version`).
//!
//! ```text
//! event, body        immutable, in arrival order            work         one narrow row for each event not yet ended
//! outcome            how an event ended                     dead_letter  why it was given up
//! tally              counts by source, one transaction with what they count
//! dedupe_window, dedupe_bucket   keys of sealed windows; the open window's keys are those of its events
//! cursor, paused     polls                                  connector_state, connector_usage   the sources' own small store
//! ```

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::JournalError;

/// The file in the data directory.
pub(crate) const FILE: &str = "journal.db";

/// Migrations in order; a file's `user_version` says how many it has seen.
const MIGRATIONS: &[&str] = &[V1];

const V1: &str = "
CREATE TABLE event (
  position INTEGER PRIMARY KEY, id BLOB NOT NULL, source TEXT NOT NULL, kind INTEGER NOT NULL, path INTEGER NOT NULL,
  priority INTEGER NOT NULL, received_at INTEGER NOT NULL, trace BLOB NOT NULL, event_key TEXT NOT NULL,
  event_type TEXT NOT NULL, label TEXT NOT NULL, body_bytes INTEGER NOT NULL
);
CREATE TABLE body (position INTEGER PRIMARY KEY, headers TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE work (
  position INTEGER PRIMARY KEY, state INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER NOT NULL DEFAULT 0, error_code TEXT, error TEXT
);
CREATE TABLE outcome (
  position INTEGER PRIMARY KEY, state TEXT NOT NULL, finished_at INTEGER NOT NULL, attempts INTEGER NOT NULL,
  error_code TEXT, error TEXT, outcomes TEXT NOT NULL, plugin TEXT
);
CREATE INDEX outcome_rare ON outcome(state, position) WHERE state IN ('superseded', 'dead');
CREATE TABLE dead_letter (
  position INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, source TEXT NOT NULL, next_step TEXT NOT NULL, issues TEXT NOT NULL,
  body_sha256 BLOB NOT NULL
);
CREATE TABLE tally (
  source TEXT PRIMARY KEY, accepted INTEGER NOT NULL, duplicate INTEGER NOT NULL, done INTEGER NOT NULL,
  unchanged INTEGER NOT NULL, superseded INTEGER NOT NULL, dead INTEGER NOT NULL, in_flight INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE dedupe_window (
  number INTEGER PRIMARY KEY, first_position INTEGER NOT NULL, end_position INTEGER NOT NULL, sealed_at INTEGER NOT NULL,
  bucket_bits INTEGER NOT NULL, bloom BLOB NOT NULL
);
CREATE TABLE dedupe_bucket (slot INTEGER PRIMARY KEY, entries BLOB NOT NULL);
CREATE TABLE dedupe_open (only INTEGER PRIMARY KEY CHECK (only = 1), first_position INTEGER NOT NULL);
INSERT INTO dedupe_open VALUES (1, 1);
CREATE TABLE cursor (
  source TEXT NOT NULL, slice TEXT NOT NULL, cursor TEXT NOT NULL, committed_at INTEGER NOT NULL, PRIMARY KEY (source, slice)
);
CREATE TABLE paused (source TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE connector_state (source TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (source, key));
CREATE TABLE connector_usage (source TEXT PRIMARY KEY, keys INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE probe (only INTEGER PRIMARY KEY, filler BLOB NOT NULL);
";

/// How long a connection waits for another's lock.
const BUSY: Duration = Duration::from_secs(5);
/// WAL pages after which SQLite itself copies them into the file: only if the writer did not, see [`crate::checkpoint`].
const CHECKPOINT_PAGES: u32 = 1_000;
/// A 2 KB event fits a page of this size three times; 4 KB pages cost a third of the throughput.
const PAGE_BYTES: u32 = 8_192;
/// More than there are different texts.
const STATEMENTS_KEPT: usize = 64;

/// Opens the connection that writes, creating the file and bringing it to the newest format.
pub(crate) fn open_writer(file: &Path) -> Result<Connection, JournalError> {
    let failed = |cause| JournalError::Open { path: file.to_owned(), cause };
    let conn = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE).map_err(failed)?;
    let set = || {
        conn.pragma_update(None, "page_size", PAGE_BYTES)?;
        conn.pragma_update(None, "journal_mode", "WAL")?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        conn.pragma_query_value(None, "user_version", |row| row.get(0))
    };
    let found: i64 = set().map_err(failed)?;
    let known = crate::sql::count(MIGRATIONS.len());
    if found > known {
        return Err(JournalError::NewerFormat { path: file.to_owned(), found, known });
    }
    migrate(&conn, found).map_err(failed)?;
    Ok(conn)
}

/// Opens a connection that only reads.
pub(crate) fn open_reader(file: &Path) -> rusqlite::Result<Connection> {
    connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn connect(file: &Path, how: OpenFlags) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(file, how | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(conn)
}

fn migrate(conn: &Connection, seen: i64) -> rusqlite::Result<()> {
    for (number, text) in (1_i64..).zip(MIGRATIONS) {
        if number > seen {
            let script = format!("BEGIN IMMEDIATE;{text};PRAGMA user_version = {number};COMMIT");
            if let Err(error) = conn.execute_batch(&script) {
                // A failed ROLLBACK means that SQLite had rolled back by itself.
                let _ = conn.execute_batch("ROLLBACK");
                return Err(error);
            }
        }
    }
    Ok(())
}
