//! Where a poll goes on. Opaque to the host.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::SourceName;

/// Bytes a cursor may have at most.
pub const CURSOR_BYTES_MAX: usize = 64 * 1024;

/// A cursor to be committed together with the page it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorCommit {
    /// The source.
    pub source: SourceName,
    /// The independent part that was polled.
    pub slice: String,
    /// The cursor the fetch started from; the commit fails if another one was committed since.
    pub from: Option<String>,
    /// The new cursor.
    pub to: String,
}

/// A committed cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorRecord {
    /// The source.
    pub source: SourceName,
    /// The independent part.
    pub slice: String,
    /// The cursor.
    pub cursor: String,
    /// When it was committed.
    pub committed_at: Timestamp,
}
