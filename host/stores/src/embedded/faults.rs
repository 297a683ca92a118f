//! Turns database errors into what the ports speak. The only place that looks into them.

use std::path::Path;

use apex_model::saga::StoreFault;
use apex_model::{Code, Failure};

/// SQLite's primary result codes that speak of the disk or of locks, not of what was asked: BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR,
/// CORRUPT, FULL, CANTOPEN, PROTOCOL (sqlite.org/rescode.html).
const OUTSIDE: [i64; 10] = [5, 6, 7, 8, 9, 10, 11, 13, 14, 15];

/// The file could not be opened.
pub(super) fn opening(file: &Path, error: &sqlx::Error) -> Failure {
    Failure::never(Code::DATA_DIR_UNUSABLE, format!("the store {} could not be opened: {error}", file.display()))
        .next("check that the data directory is writable, has room, and is not used by another version")
}

/// A reader's failure.
pub(super) fn reading(error: &sqlx::Error) -> Failure {
    Failure::backoff(Code::STORE_READ, format!("the store could not be read: {error}"))
        .next("check the disk; `apex doctor` compares the parts of the store")
}

/// What a defect in stored data looks like.
pub(super) fn damaged(what: impl Into<String>) -> Failure {
    Failure::never(Code::STORE_READ, what)
        .next("run `apex doctor`; restore the data directory from a backup if it finds damage")
}

/// A statement before the commit failed: nothing happened.
pub(super) fn writing(error: &sqlx::Error) -> StoreFault {
    let failure = Failure::backoff(Code::STORE_WRITE, format!("the store could not be written: {error}"))
        .next("check that the data directory is writable and has room");
    let said_no = match error {
        sqlx::Error::Database(database) => {
            let code: i64 = database.code().and_then(|code| code.parse().ok()).unwrap_or_default();
            !OUTSIDE.contains(&(code & 0xff))
        }
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => false,
        _ => true,
    };
    if said_no { StoreFault::Refused(failure) } else { StoreFault::Unreachable(failure) }
}

/// The commit itself failed: it may be on disk.
pub(super) fn committing(error: &sqlx::Error) -> StoreFault {
    StoreFault::Unknown(
        Failure::backoff(Code::STORE_WRITE, format!("the store did not say whether it kept a version: {error}"))
            .next("check the disk; the event is tried again by itself"),
    )
}

/// The writer is gone.
pub(super) fn closed() -> Failure {
    Failure::backoff(Code::DRAINING, "the store is closed").next("start the host again")
}

/// The writer's fault as a reader meets it.
pub(super) fn to_reader(fault: StoreFault) -> Failure {
    match fault {
        StoreFault::Unreachable(failure) | StoreFault::Unknown(failure) | StoreFault::Refused(failure) => failure,
        StoreFault::Fenced => damaged("the store's writer fenced a reader, which is a defect of the host"),
    }
}
