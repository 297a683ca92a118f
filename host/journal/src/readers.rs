//! A few read-only connections, opened when first needed. Works on any executor and on plain threads.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::schema;

/// Connections at most; reading is short, and each has a thread and a page cache of its own.
const READERS_MAX: usize = 3;

/// See the module.
pub(crate) struct Readers {
    file: PathBuf,
    permits: Semaphore,
    idle: Mutex<Vec<SqliteConnection>>,
}

impl Readers {
    /// Readers of this file.
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file, permits: Semaphore::new(READERS_MAX), idle: Mutex::default() }
    }

    /// Waits for a free connection.
    pub(crate) async fn get(&self) -> sqlx::Result<Reader<'_>> {
        let permit = self.permits.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => schema::open_reader(&self.file).await?,
        };
        Ok(Reader { conn: Some(conn), readers: self, _permit: permit })
    }

    /// Lets nobody read any more and closes what is idle.
    pub(crate) fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A connection that goes back when dropped.
pub(crate) struct Reader<'a> {
    conn: Option<SqliteConnection>,
    readers: &'a Readers,
    _permit: SemaphorePermit<'a>,
}

impl Reader<'_> {
    /// The connection.
    pub(crate) fn conn(&mut self) -> sqlx::Result<&mut SqliteConnection> {
        self.conn.as_mut().ok_or(sqlx::Error::PoolClosed)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take().filter(|_| !self.readers.permits.is_closed()) {
            self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        }
    }
}
