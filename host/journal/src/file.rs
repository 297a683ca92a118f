//! Notices that the journal's file was deleted or replaced under the open journal: SQLite would go on writing into a file that no
//! restart finds again.
//!
//! Must not open the file: closing any handle of it would drop the locks SQLite holds on it
//! (<https://www.sqlite.org/howtocorrupt.html>, section 2.2).

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long one look is believed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The file that was opened, by device and inode: while it is open, no other file can get them.
pub(crate) struct OpenFile {
    path: PathBuf,
    identity: (u64, u64),
    looked: Instant,
    lost: bool,
}

impl OpenFile {
    /// Remembers the file at this path, which was opened just now.
    pub(crate) fn remember(path: PathBuf) -> io::Result<Self> {
        let identity = identity(&path)?;
        Ok(Self { path, identity, looked: Instant::now(), lost: false })
    }

    /// Whether the path no longer leads to the open file; once so, always so. Looks at most once a second.
    pub(crate) fn is_lost(&mut self) -> bool {
        if self.lost || self.looked.elapsed() < LOOK_EVERY {
            return self.lost;
        }
        self.looked = Instant::now();
        self.lost = match identity(&self.path) {
            Ok(found) => found != self.identity,
            // Any other error says nothing about the file; writing it will tell.
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if self.lost {
            tracing::error!(
                path = %self.path.display(),
                "the journal's file was deleted or replaced under the running host; nothing more is accepted: restart the host \
                 (what was accepted before is lost with the file)"
            );
        }
        self.lost
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}
