//! The durable inbox: accept, dedupe, claim, lease, over one SQLite file.
//!
//! Everything that writes goes through one thread ([`writer`]), which makes one transaction and one fsync of whatever is waiting. Reading
//! has a few connections of its own. Knows no HTTP, no connector and no store: it implements the ports [`Inbox`], [`WorkQueue`],
//! [`EventReader`](apex_model::ports::EventReader), [`DeadLetters`](apex_model::ports::DeadLetters), [`Cursors`](apex_model::ports::Cursors)
//! and [`ConnectorState`](apex_model::ports::ConnectorState).
//!
//! One process at a time may have a journal open for writing; the application's lock on the data directory sees to that.

mod append;
mod block;
mod bloom;
mod checkpoint;
mod claim;
mod clock;
mod command;
mod commit;
mod cursors;
mod dead_letters;
mod dedupe;
mod error;
mod file;
mod finish;
mod gauge;
mod group;
mod mask;
mod open;
mod prune;
mod queue;
mod read;
mod readers;
mod ready;
mod row;
mod schema;
mod sql;
mod state;
mod tally;
mod window;
mod work;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use apex_config::limits::{JournalLimits, PluginLimits};
use apex_model::Pressure;
use apex_model::cursor::CursorCommit;
use apex_model::event::{Appended, NewEvent};
use apex_model::failure::PortResult;
use apex_model::ports::{AppendDone, BoxFuture, Inbox};
use tokio::sync::oneshot;

use crate::checkpoint::Checkpoints;
use crate::clock::Clock;
use crate::command::{Job, Op, Outcome, Reply};
pub use crate::error::JournalError;
use crate::file::OpenFile;
use crate::gauge::Gauge;
use crate::open::Found;
use crate::prune::Pruner;
use crate::queue::Queue;
use crate::readers::Readers;
use crate::ready::Ready;
use crate::writer::{Shared, Writer};

/// An open journal. See the crate.
pub struct Journal {
    shared: Arc<Shared>,
    readers: Readers,
    thread: Mutex<Option<JoinHandle<()>>>,
    pressure: Pressure,
}

impl Journal {
    /// Opens the journal in this directory, creating both if missing; the sources' own stores get the default bounds. Blocks.
    pub fn open(dir: &Path, limits: &JournalLimits) -> Result<Arc<Self>, JournalError> {
        Self::open_with(dir, limits, &PluginLimits::default())
    }

    /// The same with bounds for the sources' own stores (`state_*` of the plugin limits).
    pub fn open_with(dir: &Path, limits: &JournalLimits, quota: &PluginLimits) -> Result<Arc<Self>, JournalError> {
        Self::open_at(dir, limits, quota, Clock::default())
    }

    fn open_at(
        dir: &Path,
        limits: &JournalLimits,
        quota: &PluginLimits,
        clock: Clock,
    ) -> Result<Arc<Self>, JournalError> {
        open::make_directory(dir)?;
        let file = dir.join(schema::FILE);
        open::make_private(&file)?;
        let conn = schema::open_writer(&file)?;
        let found = open::find(&conn, limits).map_err(|cause| JournalError::Open { path: file.clone(), cause })?;
        let open_file =
            OpenFile::remember(file.clone()).map_err(|cause| JournalError::File { path: file.clone(), cause })?;
        let Found { dedupe, work, next_position } = found;
        let pressure = Pressure::default();
        let shared = Arc::new(Shared {
            queue: Queue::new(limits.queue_rows_max),
            ready: Ready::default(),
            writable: AtomicBool::new(true),
        });
        let writer = Writer {
            conn,
            file: open_file,
            shared: Arc::clone(&shared),
            clock,
            limits: limits.clone(),
            gauge: Gauge::new(pressure.clone()),
            quota: quota.clone(),
            dedupe,
            work,
            pruner: Pruner::default(),
            checkpoints: Checkpoints::default(),
            next_position,
            in_transaction: false,
        };
        let readers = Readers::start(&file).map_err(JournalError::Thread)?;
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(move || writer.work_off());
        let thread = Mutex::new(Some(thread.map_err(JournalError::Thread)?));
        Ok(Arc::new(Self { shared, readers, thread, pressure }))
    }

    /// Lets nothing more in, makes durable and answers what waits, copies the WAL into the file and ends the thread. Blocks; twice is once.
    pub fn close(&self) -> Result<(), JournalError> {
        self.shared.queue.close();
        self.readers.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        thread.map_or(Ok(()), |thread| thread.join().map_err(|_| JournalError::WriterDied))
    }

    /// High while so much comes in that working off should make way.
    pub fn pressure(&self) -> Pressure {
        self.pressure.clone()
    }

    /// Puts an operation to the writer and waits for its answer.
    async fn ask(&self, op: Op) -> PortResult<Outcome> {
        let (sender, receiver) = oneshot::channel();
        self.shared.queue.push(Job { op, reply: Reply::Ask(sender) });
        receiver.await.unwrap_or_else(|_| Err(error::closed()))
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // The thread drains and ends by itself; waiting for it is what `close` is for.
        self.shared.queue.close();
    }
}

impl Inbox for Journal {
    fn append(&self, event: NewEvent, done: AppendDone) {
        self.shared.queue.push(Job { op: Op::Append(event), reply: Reply::Append(done) });
    }

    fn commit_page(
        &self,
        event: Option<NewEvent>,
        cursor: CursorCommit,
    ) -> BoxFuture<'_, PortResult<Option<Appended>>> {
        Box::pin(async move {
            match self.ask(Op::Page { event, cursor }).await? {
                Outcome::Appended(appended) => Ok(appended),
                _ => Err(error::defect("a page was answered with something else")),
            }
        })
    }

    fn is_writable(&self) -> bool {
        self.shared.writable.load(Ordering::Acquire)
    }
}
