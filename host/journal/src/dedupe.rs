//! Which event keys were seen. The open window's keys are in memory and are those of its event rows; sealed windows are in the file.
//!
//! ```text
//! open --full or old--> sealing (rows written a few a group, still searched in memory) --all written--> sealed --old--> pruned
//! ```
//! **Invariant:** a key is remembered exactly if its row is durable or belongs to the group in flight (`a_failed_write_leaves_neither_key_nor_row`).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use apex_model::ids::EventId;
use rusqlite::{Connection, params};

use crate::append::Sealed;
use crate::sql::run;
use crate::window::{self, Rows, SealedWindow};

/// Buckets written with one group: 80 KB, under a millisecond.
const STEP_BUCKETS: usize = 16;
/// Keys for which room is made at once; untouched room costs no memory.
const ROOM_MAX: usize = 1 << 20;
/// The share of the dedup time after which a window is sealed though it is not full, so that a quiet host prunes, too.
const WINDOWS_PER_PERIOD: i64 = 10;

/// See the module.
#[derive(Debug)]
pub(crate) struct Dedupe {
    open: Open,
    staged: Vec<EventId>,
    sealing: VecDeque<Sealing>,
    sealed: Vec<SealedWindow>,
    next_number: i64,
    window_rows: usize,
    period_ms: i64,
    step: Option<Step>,
}

/// The window that new keys go to.
#[derive(Debug)]
struct Open {
    keys: HashMap<EventId, i64>,
    first_position: i64,
    since_ms: i64,
}

impl Open {
    /// With room for all its keys: growing by copying would hold everybody up for 20 ms.
    fn new(first_position: i64, window_rows: usize) -> Self {
        Self { keys: HashMap::with_capacity(window_rows.min(ROOM_MAX)), first_position, since_ms: 0 }
    }
}

#[derive(Debug)]
struct Sealing {
    keys: Arc<HashMap<EventId, i64>>,
    first_position: i64,
    end_position: i64,
    rows: Making,
    written: usize,
}

#[derive(Debug)]
enum Making {
    Running(JoinHandle<Rows>),
    Ready(Rows),
    Failed,
}

/// What the group in flight wrote of the oldest sealing window.
#[derive(Debug)]
struct Step {
    written: usize,
    sealed_ms: Option<i64>,
}

impl Dedupe {
    /// Nothing seen yet; windows of this many rows, a repeat known for this long.
    pub(crate) fn new(window_rows: u32, period_ms: i64, sealed: Vec<SealedWindow>, first_position: i64) -> Self {
        let next_number = sealed.iter().map(|window| window.number + 1).max().unwrap_or(1);
        let window_rows = usize::try_from(window_rows).unwrap_or(usize::MAX).max(1);
        Self {
            open: Open::new(first_position, window_rows),
            staged: Vec::new(),
            sealing: VecDeque::new(),
            sealed,
            next_number,
            window_rows,
            period_ms,
            step: None,
        }
    }

    /// Where the key's event is, if memory knows it.
    pub(crate) fn recent(&self, id: EventId) -> Option<i64> {
        let sealing = || self.sealing.iter().find_map(|window| window.keys.get(&id));
        self.open.keys.get(&id).or_else(sealing).copied()
    }

    /// Adds the rows in which a key that memory does not know may be.
    pub(crate) fn suspects(&self, id: EventId, suspects: &mut Vec<(EventId, i64)>) {
        if self.sealed.is_empty() || self.recent(id).is_some() {
            return;
        }
        suspects.extend(self.sealed.iter().filter_map(|window| Some((id, window.suspect(id)?))));
    }

    /// Looks into those rows.
    pub(crate) fn search(&self, conn: &Connection, suspects: &[(EventId, i64)]) -> rusqlite::Result<Sealed> {
        let mut found = Sealed::new();
        let mut bucket = conn.prepare_cached("SELECT entries FROM dedupe_bucket WHERE slot = ?")?;
        for (id, slot) in suspects {
            let first = self.sealed.iter().find(|window| window.number == window::window_of(*slot));
            let Some(first) = first.map(|window| window.first_position) else { continue };
            let mut rows = bucket.query([slot])?;
            while let Some(row) = rows.next()? {
                found.extend(window::find(row.get_ref(0)?.as_blob()?, *id).map(|offset| (*id, first + offset)));
            }
        }
        Ok(found)
    }

    /// Remembers a key of the group in flight.
    pub(crate) fn remember(&mut self, id: EventId, position: i64) {
        self.open.keys.insert(id, position);
        self.staged.push(id);
    }

    /// Remembers a key found in the file at start; positions ascend.
    pub(crate) fn remember_found(&mut self, id: EventId, position: i64, received_ms: i64) {
        self.open.keys.insert(id, position);
        if self.open.since_ms == 0 {
            self.open.since_ms = received_ms;
        }
        if self.open.keys.len() >= self.window_rows {
            self.roll(position + 1);
        }
    }

    /// The group is durable; events up to `end_position` (exclusive) exist.
    pub(crate) fn commit(&mut self, end_position: i64, now_ms: i64) {
        self.staged.clear();
        if let Some(step) = self.step.take() {
            self.apply(&step);
        }
        if self.open.keys.is_empty() {
            return;
        }
        if self.open.since_ms == 0 {
            self.open.since_ms = now_ms;
        }
        let is_old = now_ms - self.open.since_ms > self.period_ms / WINDOWS_PER_PERIOD;
        if self.open.keys.len() >= self.window_rows || is_old {
            self.roll(end_position);
        }
    }

    /// The group is not durable: its keys were never seen.
    pub(crate) fn rollback(&mut self) {
        self.step = None;
        for id in self.staged.drain(..) {
            self.open.keys.remove(&id);
        }
    }

    fn roll(&mut self, end_position: i64) {
        let first_position = self.open.first_position;
        let open = std::mem::replace(&mut self.open, Open::new(end_position, self.window_rows));
        let keys = Arc::new(open.keys);
        let shared = Arc::clone(&keys);
        // Sorting a window takes tens of milliseconds, for which no delivery should wait.
        let maker = thread::Builder::new().name("journal-seal".to_owned());
        let rows = maker.spawn(move || window::rows(&shared, first_position)).map_or(Making::Failed, Making::Running);
        self.sealing.push_back(Sealing { keys, first_position, end_position, rows, written: 0 });
    }

    fn apply(&mut self, step: &Step) {
        if let Some(window) = self.sealing.front_mut() {
            window.written = step.written;
        }
        let Some(sealed_ms) = step.sealed_ms else { return };
        if let Some(Sealing { rows: Making::Ready(rows), first_position, end_position, .. }) = self.sealing.pop_front()
        {
            let Rows { bucket_bits, bloom, .. } = rows;
            let number = self.next_number;
            self.sealed.push(SealedWindow { number, first_position, end_position, sealed_ms, bucket_bits, bloom });
            self.next_number += 1;
        }
    }

    /// Whether a window waits to be written.
    pub(crate) fn is_sealing(&self) -> bool {
        !self.sealing.is_empty()
    }

    /// Whether the next part of a window can be written now.
    pub(crate) fn can_seal(&mut self) -> bool {
        let Some(window) = self.sealing.front_mut() else { return false };
        if matches!(&window.rows, Making::Running(thread) if !thread.is_finished()) {
            return false;
        }
        window.rows = match std::mem::replace(&mut window.rows, Making::Failed) {
            Making::Running(thread) => thread.join().map_or(Making::Failed, Making::Ready),
            // Without a thread it is made here: slower for those who wait, but never lost.
            Making::Failed => Making::Ready(window::rows(&window.keys, window.first_position)),
            ready @ Making::Ready(_) => ready,
        };
        matches!(window.rows, Making::Ready(_))
    }

    /// Writes the next part of the oldest window that waits, in the transaction of the group.
    pub(crate) fn seal_step(&mut self, conn: &Connection, now_ms: i64) -> rusqlite::Result<()> {
        let Some(Sealing { rows: Making::Ready(rows), first_position, end_position, written, .. }) =
            self.sealing.front()
        else {
            return Ok(());
        };
        let part = rows.buckets.iter().skip(*written).take(STEP_BUCKETS);
        let mut next = *written;
        for (bucket, entries) in part {
            let slot = window::slot(self.next_number, *bucket);
            run(conn, "INSERT OR REPLACE INTO dedupe_bucket VALUES (?,?)", params![slot, entries])?;
            next += 1;
        }
        let is_last = next >= rows.buckets.len();
        if is_last {
            let (number, bloom) = (self.next_number, rows.bloom.to_bytes());
            let arguments = params![number, first_position, end_position, now_ms, rows.bucket_bits, bloom];
            run(conn, "INSERT INTO dedupe_window VALUES (?,?,?,?,?,?)", arguments)?;
            run(conn, "UPDATE dedupe_open SET first_position = ?", [end_position])?;
        }
        self.step = Some(Step { written: next, sealed_ms: is_last.then_some(now_ms) });
        Ok(())
    }

    /// The windows whose time is over, oldest first.
    pub(crate) fn expired(&self, now_ms: i64) -> impl Iterator<Item = &SealedWindow> {
        self.sealed.iter().filter(move |window| now_ms - window.sealed_ms > self.period_ms)
    }

    /// Forgets a window whose rows are gone.
    pub(crate) fn forget(&mut self, number: i64) {
        self.sealed.retain(|window| window.number != number);
    }
}
