//! A bounded queue between callers and guest threads. Full is an answer, not a wait; closed lets the threads finish what
//! is queued and then end.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A queue with two classes: urgent work, which every thread takes first, and other work, which some threads leave alone.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    items_max: usize,
}

struct State<T> {
    urgent: VecDeque<T>,
    other: VecDeque<T>,
    waiting: usize,
    closed: bool,
}

/// What a thread takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Urgent work only.
    Urgent,
    /// Both.
    All,
}

impl<T> Queue<T> {
    /// A queue for `items_max` items of each class.
    pub(crate) fn new(items_max: usize) -> Self {
        let state = State { urgent: VecDeque::new(), other: VecDeque::new(), waiting: 0, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), items_max }
    }

    /// Queues an item; gives it back if the queue is full or closed.
    pub(crate) fn push(&self, item: T, urgent: bool) -> Result<(), T> {
        let mut state = self.lock();
        let closed = state.closed;
        let queue = if urgent { &mut state.urgent } else { &mut state.other };
        if closed || queue.len() >= self.items_max {
            return Err(item);
        }
        queue.push_back(item);
        let wake = state.waiting > 0;
        drop(state);
        if wake {
            // A thread that takes urgent work only might be the one woken for other work, so all are.
            if urgent { self.changed.notify_one() } else { self.changed.notify_all() }
        }
        Ok(())
    }

    /// Waits for an item; none once the queue is closed and empty.
    pub(crate) fn pop(&self, takes: Takes) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.urgent.pop_front() {
                return Some(item);
            }
            if takes == Takes::All
                && let Some(item) = state.other.pop_front()
            {
                return Some(item);
            }
            if state.closed {
                return None;
            }
            state.waiting += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    /// Takes nothing more; threads end when the queue is empty.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    #[test]
    fn urgent_goes_first_and_full_is_an_answer() {
        let queue = Queue::new(1);
        assert_eq!(queue.push("other", false), Ok(()));
        assert_eq!(queue.push("urgent", true), Ok(()));
        assert_eq!(queue.push("more", true), Err("more"));
        assert_eq!(queue.pop(Takes::All), Some("urgent"));
        assert_eq!(queue.pop(Takes::All), Some("other"));
    }

    #[test]
    fn closed_gives_what_is_queued_then_ends() {
        let queue = Queue::new(2);
        queue.push(1, true).unwrap();
        queue.close();
        assert_eq!(queue.push(2, true), Err(2));
        assert_eq!(queue.pop(Takes::Urgent), Some(1));
        assert_eq!(queue.pop(Takes::Urgent), None);
    }
}
