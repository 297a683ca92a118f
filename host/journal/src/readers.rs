//! The threads that read: each has a connection of its own, opened when it is first needed. Works for callers on any executor and on
//! plain threads.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use apex_model::failure::PortResult;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error;
use crate::schema;

/// Threads: reading is short, and each has a page cache of its own.
const READERS: usize = 2;
/// Questions that may wait. Whoever asks waits for the answer, so this many means a stuck disk.
const QUESTIONS_MAX: usize = 4_096;

type Question = Box<dyn FnOnce(rusqlite::Result<&Connection>) + Send>;

/// See the module.
pub(crate) struct Readers {
    questions: Mutex<Option<SyncSender<Question>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    /// Starts readers of this file.
    pub(crate) fn start(file: &Path) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(QUESTIONS_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let start = |_| {
            let (file, receiver) = (file.to_owned(), Arc::clone(&receiver));
            thread::Builder::new().name("journal-read".to_owned()).spawn(move || answer(&file, &receiver))
        };
        let threads: std::io::Result<Vec<_>> = (0..READERS).map(start).collect();
        Ok(Self { questions: Mutex::new(Some(sender)), threads: Mutex::new(threads?) })
    }

    /// What this reads on the next free connection.
    pub(crate) async fn read<T, F>(&self, read: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let question: Question = Box::new(move |conn| {
            if answer.is_closed() {
                return;
            }
            // Whoever asked may have gone away meanwhile.
            let _ = answer.send(conn.and_then(read));
        });
        let sender = self.questions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sender.ok_or_else(error::closed)?.try_send(question).map_err(|unsent| match unsent {
            TrySendError::Full(_) => error::readers_busy(),
            TrySendError::Disconnected(_) => error::closed(),
        })?;
        answered.await.map_err(|_| error::closed())?.map_err(|cause| error::read_failed(&cause))
    }

    /// Lets nobody ask any more, answers what was asked and closes the connections. Blocks.
    pub(crate) fn close(&self) {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner).take();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a reader of the journal ended unexpectedly; report this");
            }
        }
    }
}

fn answer(file: &Path, questions: &Mutex<Receiver<Question>>) {
    let mut open: Option<Connection> = None;
    loop {
        // The lock is held while waiting: one reader waits for the next question, the other for the lock.
        let Ok(question) = questions.lock().unwrap_or_else(PoisonError::into_inner).recv() else { return };
        let conn = match open.take() {
            Some(conn) => Ok(conn),
            None => schema::open_reader(file),
        };
        match conn {
            Ok(conn) => question(Ok(open.insert(conn))),
            Err(cause) => question(Err(cause)),
        }
    }
}
