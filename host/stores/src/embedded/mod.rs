//! One SQLite file for everything: documents, versions, graph, vectors and the embedding cache.
//!
//! It takes the part of all four stores in a saga: staging and finalising cost nothing, because `commit` writes a version, makes it live and
//! drops what older ones need in one transaction. One task owns the only writing connection and puts commits that wait into one
//! transaction; readers have connections of their own and see one moment each.
//!
//! **Invariant:** one process at a time has the file open for writing (the data directory's lock): fences given out but not committed live in
//! memory and die with it.

mod cache;
mod check;
mod faults;
mod graph;
mod reader;
mod relational;
mod rows;
mod schema;
mod search;
mod vectors;
mod writer;

use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, RwLock};

use apex_model::failure::PortResult;
use sqlx::SqlitePool;
use tokio::sync::mpsc;

use self::cache::Recent;
use self::vectors::Vectors;
use self::writer::Job;

/// The embedded store. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct EmbeddedStore {
    inner: Arc<Inner>,
}

struct Inner {
    /// Read-only connections.
    pool: SqlitePool,
    /// To the one task that writes.
    jobs: mpsc::Sender<Job>,
    /// The next fence to give out.
    fence: AtomicI64,
    /// Every live vector, once somebody searched.
    vectors: Arc<RwLock<Vectors>>,
    /// Vectors made and not yet committed.
    recent: Mutex<Recent>,
}

impl EmbeddedStore {
    /// Opens the file, creating or migrating it. Must be called within a tokio runtime: the writer is a task of it.
    pub async fn open(file: &Path) -> PortResult<Self> {
        let (connection, pool, fence) = schema::open(file).await.map_err(|error| faults::opening(file, &error))?;
        let vectors = Arc::new(RwLock::new(Vectors::default()));
        let jobs = writer::spawn(connection, Arc::clone(&vectors));
        let inner = Inner { pool, jobs, fence: AtomicI64::new(fence), vectors, recent: Mutex::new(Recent::default()) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Finishes what waits to be written and closes the file; whatever is asked afterwards fails.
    pub async fn close(&self) {
        writer::close(&self.inner.jobs).await;
        self.inner.pool.close().await;
    }
}
