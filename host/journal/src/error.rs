//! What can go wrong in the journal, and the one place where it becomes a [`Failure`].
//!
//! Must not hold anything a sender wrote: messages name positions, ids and files only.

use std::path::PathBuf;

use apex_model::event::Claim;
use apex_model::{Code, Failure};

/// Why a journal cannot be opened or closed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The directory cannot be created or is not a directory.
    #[error("the data directory {path} cannot be created: {cause}; choose another with --data or mend its permissions")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file cannot be opened, read or written.
    #[error("the journal {path} cannot be opened: {cause}; check permissions and free space of the data directory")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        cause: rusqlite::Error,
    },
    /// The file cannot be created or looked at.
    #[error("the journal {path} cannot be opened: {cause}; check permissions and free space of the data directory")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A newer program wrote the file.
    #[error("the journal {path} has format {found}, this program knows up to {known}; run a newer apex")]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// A thread of the journal cannot be started.
    #[error("the journal's threads cannot be started: {0}; raise the limit on processes and threads")]
    Thread(std::io::Error),
    /// The writer ended by a defect; what it had answered is durable.
    #[error("the journal's writer ended unexpectedly; restart the host and report this")]
    WriterDied,
}

impl JournalError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Directory { .. } | Self::Open { .. } | Self::File { .. } | Self::NewerFormat { .. } => {
                Code::DATA_DIR_UNUSABLE
            }
            Self::Thread(_) | Self::WriterDied => Code::INTERNAL,
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::never(error.code(), error.to_string())
    }
}

/// Nothing of the group was made durable.
pub(crate) fn write_failed(cause: &rusqlite::Error) -> Failure {
    Failure::backoff(Code::JOURNAL_WRITE, format!("the journal could not make it durable: {cause}"))
        .next("check free space and health of the disk that holds the data directory")
}

/// What the journal writes into is no longer what a restart would open.
pub(crate) fn file_lost() -> Failure {
    Failure::backoff(Code::JOURNAL_WRITE, "the journal's file was deleted or replaced under the running host")
        .next("restart the host; what was accepted before is lost with the file")
}

/// The journal could not be read.
pub(crate) fn read_failed(cause: &rusqlite::Error) -> Failure {
    Failure::backoff(Code::JOURNAL_READ, format!("the journal could not be read: {cause}"))
        .next("check the disk that holds the data directory; `apex doctor` tells more")
}

/// Too many wait for the readers.
pub(crate) fn readers_busy() -> Failure {
    Failure::backoff(Code::JOURNAL_READ, "too many questions wait for the journal's readers")
        .next("check the disk that holds the data directory; `apex doctor` tells more")
}

/// Too much waits for the writer.
pub(crate) fn full() -> Failure {
    Failure::backoff(Code::JOURNAL_FULL, "too many rows wait for the journal's writer")
        .next("slow the sender down, or raise `limits.journal.queue_rows_max`")
}

/// The journal was closed.
pub(crate) fn closed() -> Failure {
    Failure::backoff(Code::DRAINING, "the journal is closed: the host is shutting down")
        .next("try again after the restart")
}

/// The claim is no longer its holder's.
pub(crate) fn lease_lost(claim: Claim) -> Failure {
    Failure::never(
        Code::LEASE_LOST,
        format!("the lease on event {} ran out and claim {} of it was taken over", claim.id, claim.attempt),
    )
    .next("nothing to do: the newer claim carries on")
}

/// A defect here: an operation was answered with another's outcome.
pub(crate) fn defect(what: &str) -> Failure {
    Failure::never(Code::INTERNAL, format!("a defect in the journal: {what}")).next("report it")
}
