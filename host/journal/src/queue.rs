//! The bounded queue in front of the writer: many producers that never block, one consumer that takes groups.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::command::Job;
use crate::error;

/// Operations other than appends that may wait. Their callers each wait for their answer, so this many means a defect or a stuck disk.
const OTHERS_MAX: usize = 4_096;

/// Bytes of bodies that may wait: what a burst of large bodies may take of memory. Over: `JOURNAL_FULL`.
const BYTES_MAX: usize = 256 << 20;
/// Bytes of bodies one group takes, unless its first body alone has more: a larger transaction would make small rows wait.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// See the module.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    rows_max: usize,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    rows: usize,
    bytes: usize,
    closed: bool,
}

/// What the writer took.
pub(crate) struct Taken {
    /// In order of arrival; empty if the time was up.
    pub(crate) jobs: Vec<Job>,
    /// Nothing more will come.
    pub(crate) ended: bool,
}

impl Queue {
    /// A queue for at most this many appends.
    pub(crate) fn new(rows_max: usize) -> Self {
        Self { waiting: Mutex::default(), arrived: Condvar::new(), rows_max: rows_max.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the job, or answers it with `JOURNAL_FULL` or `DRAINING` at once.
    pub(crate) fn push(&self, job: Job) {
        let mut waiting = self.lock();
        let is_row = job.op.is_row();
        let bytes = job.op.bytes();
        let others = waiting.jobs.len() - waiting.rows;
        let refused = if waiting.closed {
            error::closed()
        } else if (is_row && waiting.rows >= self.rows_max)
            || (!is_row && others >= OTHERS_MAX)
            || (waiting.bytes > 0 && waiting.bytes.saturating_add(bytes) > BYTES_MAX)
        {
            error::full()
        } else {
            waiting.rows += usize::from(is_row);
            waiting.bytes += bytes;
            waiting.jobs.push_back(job);
            drop(waiting);
            self.arrived.notify_one();
            return;
        };
        drop(waiting);
        job.answer(Err(refused));
    }

    /// Waits for the first job, then takes what is there, up to `most`.
    pub(crate) fn take(&self, most: usize, patience: Duration) -> Taken {
        let waiting = self.lock();
        let (mut waiting, _) = self
            .arrived
            .wait_timeout_while(waiting, patience, |waiting| waiting.jobs.is_empty() && !waiting.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0_usize;
        let fits = waiting.jobs.iter().take(most).take_while(|job| {
            let is_first = bytes == 0;
            bytes = bytes.saturating_add(job.op.bytes());
            is_first || bytes <= GROUP_BYTES_MAX
        });
        let count = fits.count();
        let jobs: Vec<Job> = waiting.jobs.drain(..count).collect();
        waiting.rows -= jobs.iter().filter(|job| job.op.is_row()).count();
        waiting.bytes -= jobs.iter().map(|job| job.op.bytes()).sum::<usize>();
        Taken { ended: waiting.closed && jobs.is_empty(), jobs }
    }

    /// Lets nothing more in; what is there is still taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }
}
