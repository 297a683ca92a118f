//! Removes windows whose time is over: events, bodies and outcomes first, then the keys, then the window itself, a few rows a group, so
//! that nobody waits for it and a crash in between only means starting the window again.
//!
//! Must not remove anything of a window in which an event is unfinished or dead.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::dedupe::Dedupe;
use crate::sql;

/// Events removed with one group.
const STEP_EVENTS: i64 = 64;
/// Key rows removed with one group.
const STEP_BUCKETS: i64 = 64;
/// Milliseconds until a window that could not be pruned is looked at again.
const BLOCKED_MS: i64 = 3_600_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Pruner {
    run: Option<Run>,
    next: Option<Next>,
    blocked_until: HashMap<i64, i64>,
    looked_ms: i64,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    number: i64,
    positions: (i64, i64),
    slots: (i64, i64),
    checked: bool,
}

/// What becomes of the run once the group is durable.
#[derive(Debug, Clone, Copy)]
enum Next {
    On(Run),
    Blocked(i64),
    Finished(i64),
}

impl Pruner {
    /// Looks for a window whose time is over.
    pub(crate) fn look(&mut self, dedupe: &Dedupe, now_ms: i64) {
        if self.run.is_some() {
            return;
        }
        self.looked_ms = now_ms;
        self.blocked_until.retain(|_, until_ms| *until_ms > now_ms);
        let free = dedupe.expired(now_ms).find(|window| !self.blocked_until.contains_key(&window.number));
        self.run = free.map(|window| Run {
            number: window.number,
            positions: (window.first_position, window.end_position),
            slots: window.slots(),
            checked: false,
        });
    }

    /// Whether a window is being pruned.
    pub(crate) fn is_busy(&self) -> bool {
        self.run.is_some()
    }

    /// Removes the next few rows, in the transaction of the group.
    pub(crate) fn step(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let Some(mut run) = self.run else { return Ok(()) };
        if !run.checked {
            run.checked = true;
            let next = if is_needed(conn, run.positions)? { Next::Blocked(run.number) } else { Next::On(run) };
            self.next = Some(next);
            return Ok(());
        }
        let (from, end) = run.positions;
        let (from_slot, end_slot) = run.slots;
        if from < end {
            let to = end.min(from + STEP_EVENTS);
            for table in ["event", "body", "outcome"] {
                remove(conn, &format!("DELETE FROM {table} WHERE position >= ? AND position < ?"), (from, to))?;
            }
            run.positions.0 = to;
        } else if let Some(slot) = nth_slot(conn, from_slot, end_slot)? {
            remove(conn, "DELETE FROM dedupe_bucket WHERE slot >= ? AND slot < ?", (from_slot, slot))?;
            run.slots.0 = slot;
        } else {
            remove(conn, "DELETE FROM dedupe_bucket WHERE slot >= ? AND slot < ?", (from_slot, end_slot))?;
            sql::run(conn, "DELETE FROM dedupe_window WHERE number = ?", [run.number])?;
            self.next = Some(Next::Finished(run.number));
            return Ok(());
        }
        self.next = Some(Next::On(run));
        Ok(())
    }

    /// The group is durable; answers the window that is gone, if it was the last step.
    pub(crate) fn commit(&mut self) -> Option<i64> {
        match self.next.take()? {
            Next::On(run) => {
                self.run = Some(run);
                None
            }
            Next::Blocked(number) => {
                self.blocked_until.insert(number, self.looked_ms.saturating_add(BLOCKED_MS));
                self.run = None;
                None
            }
            Next::Finished(number) => {
                self.run = None;
                Some(number)
            }
        }
    }

    /// The group is not durable: the step was not taken.
    pub(crate) fn rollback(&mut self) {
        self.next = None;
    }
}

fn is_needed(conn: &Connection, (from, end): (i64, i64)) -> rusqlite::Result<bool> {
    let text = "SELECT EXISTS (SELECT 1 FROM work WHERE position >= ?1 AND position < ?2) \
        OR EXISTS (SELECT 1 FROM dead_letter WHERE position >= ?1 AND position < ?2)";
    Ok(sql::first(conn, text, [from, end], |row| row.get(0))?.unwrap_or(false))
}

fn nth_slot(conn: &Connection, from: i64, end: i64) -> rusqlite::Result<Option<i64>> {
    let text = "SELECT slot FROM dedupe_bucket WHERE slot >= ? AND slot < ? ORDER BY slot LIMIT 1 OFFSET ?";
    sql::first(conn, text, [from, end, STEP_BUCKETS], |row| row.get(0))
}

fn remove(conn: &Connection, text: &str, (from, to): (i64, i64)) -> rusqlite::Result<()> {
    sql::run(conn, text, [from, to]).map(drop)
}
