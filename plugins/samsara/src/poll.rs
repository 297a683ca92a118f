//! One call of `fetch`: take a page into the windows, send the documents that are due, forget the windows that are done.
//!
//! ```text
//! page ──> merge into the store (durable, a union) ──> mark the window dirty in the cursor
//! dirty and due ──> document of all points so far ──> mark it clean in the cursor      (host commits both at once)
//! clean in the committed cursor, past, and quiet ──> note the floor, delete from the store
//! ```
//!
//! **Invariant:** a point of an answered page is in the store under a window that the cursor calls dirty, or in a document
//! that is committed with the cursor. A crash between the two repeats the page, and a union does not mind.
//! (`tests::crash`). Where a window cannot be kept (quota, size, too many, already forgotten) its new points become a document
//! of their own, named after its content, which can replace nothing.

use std::collections::BTreeMap;

use apex_sdk::prelude::*;

use crate::config::Settings;
use crate::feed::{self, IDLE_MS};
use crate::ledger::{Entry, Key, Ledger};
use crate::page::{self, Report};
use crate::points::Points;
use crate::store::{self, POINTS_BYTES_MAX, Window, Written};
use crate::{stats, window};

/// A window counts as over when the feed has points this much later.
const GRACE_MS: u64 = 60_000;
/// How long a finished window is kept for late points, in seconds of the host's clock.
const KEEP_S: u32 = 600;
/// Windows forgotten in one call, so that a call stays short.
const FORGET_MAX: usize = 100;
/// Bytes of cells in one part; a table adds to them, and it must stay under [`POINTS_BYTES_MAX`].
const PART_BYTES_MAX: usize = 40 * 1024;
/// Minutes ahead of the host's clock that a window may start: vehicles with a wrong clock must not fill the ledger.
const AHEAD_MINUTES_MAX: u32 = 1_440;

/// Fetches one page of a slice.
///
/// # Errors
/// As [`feed::ask`] and [`page::answer`]; `bad-config` for a slice that is not configured; any fault of the store.
pub fn fetch(slice: &str, cursor: Option<&str>, budget: &Budget) -> Result<Page, Fault> {
    let settings = Settings::read(&host::config())?;
    let types = settings.group(slice)?;
    let ledger = Ledger::read(cursor);
    let committed = ledger.windows.clone();
    let mut call = Call {
        settings: &settings,
        types,
        slice,
        now: host::now(),
        ledger,
        touched: BTreeMap::new(),
        caught_up: false,
        documents: Vec::new(),
    };
    let has_more = match call.ledger.held.take() {
        Some(has_more) => has_more,
        None => call.take_page(budget)?,
    };
    call.caught_up = call.ledger.behind && !has_more;
    let held = call.send_due(budget)?;
    call.forget(&committed)?;
    call.ledger.held = held.then_some(has_more);
    call.ledger.behind = has_more || (held && call.ledger.behind);
    let next = if held || has_more { Next::More } else { Next::Idle(Some(IDLE_MS)) };
    Ok(Page::new(call.documents, call.ledger.write(), next))
}

struct Call<'a> {
    settings: &'a Settings,
    types: &'a [String],
    slice: &'a str,
    now: Instant,
    ledger: Ledger,
    /// Windows that this page added to, as they are now.
    touched: BTreeMap<Key, Window>,
    /// A backlog was read to its end with this page.
    caught_up: bool,
    documents: Vec<Document>,
}

impl Call<'_> {
    /// Asks for a page and takes it in; answers whether the feed has more right now.
    fn take_page(&mut self, budget: &Budget) -> Result<bool, Fault> {
        let body = feed::ask(self.settings, self.types, self.ledger.after.as_deref(), budget.ms_max)?;
        let answer = page::answer(&body)?;
        let mut odd = 0;
        for object in &answer.data {
            let Some(report) = page::report(object, self.settings.window_minutes) else {
                odd += 1;
                continue;
            };
            odd += report.timeless;
            self.take_report(report)?;
        }
        if odd > 0 {
            host::log::warn(&format!(
                "{odd} vehicles or points of the page have no usable id or time and were left out"
            ));
        }
        let end = answer.pagination.end_cursor.filter(|cursor| !cursor.is_empty());
        // A page that leads nowhere would be asked for without end.
        let moved = end.is_some() && end != self.ledger.after;
        self.ledger.after = end.or_else(|| self.ledger.after.take());
        Ok(answer.pagination.has_next_page && moved)
    }

    fn take_report(&mut self, report: Report) -> Result<(), Fault> {
        for (start, points) in report.windows {
            let latest = points.newest().map_or(0, |row| row.ms).min(self.now.unix_ms());
            self.ledger.newest_ms = self.ledger.newest_ms.max(latest);
            let window = Window { vehicle: report.vehicle.clone(), points };
            self.take_window((report.vehicle.id.clone(), start), window)?;
        }
        Ok(())
    }

    /// Merges new points into their window, or sends them on their own if the window cannot be kept.
    fn take_window(&mut self, key: Key, mut new: Window) -> Result<(), Fault> {
        let stored = store::window(self.slice, &key)?;
        if stored.is_none() && !self.can_follow(&key)? {
            self.send_part(&key, &new);
            return Ok(());
        }
        let known = stored.unwrap_or_default().points;
        let fresh = without(&new.points, &known);
        new.points.merge(known);
        let encoded = new.points.encode();
        let fits = encoded.len() <= POINTS_BYTES_MAX;
        if !fits || store::keep(self.slice, &key, &new, &encoded)? == Written::Refused {
            if fits {
                host::log::warn(
                    "the source's store is full: points are sent page by page; allow it more or shorten the windows",
                );
            }
            self.send_part(&key, &Window { points: fresh, ..new });
            return Ok(());
        }
        // Even if nothing was new: after a crash the store can be ahead of what was committed.
        self.ledger.windows.entry(key.clone()).or_insert(Entry { sent_s: 0, dirty: true }).dirty = true;
        self.touched.insert(key, new);
        Ok(())
    }

    /// Whether a window that is not in the store may be opened.
    fn can_follow(&mut self, key: &Key) -> Result<bool, Fault> {
        self.ledger.windows.remove(key);
        let ahead = u64::from(key.1) > u64::from(self.now.seconds) / window::MINUTE_S + u64::from(AHEAD_MINUTES_MAX);
        let forgotten = store::floor(self.slice, &key.0)?.is_some_and(|floor| key.1 <= floor);
        Ok(!ahead && !forgotten && self.ledger.has_room())
    }

    fn send_part(&mut self, key: &Key, window: &Window) {
        for points in window.points.clone().split(PART_BYTES_MAX) {
            if points.count() > 0 {
                let part = Window { vehicle: window.vehicle.clone(), points };
                self.documents.push(stats::part(key.1, &part, self.settings, self.types));
            }
        }
    }

    /// Sends the documents that are due, oldest window first; answers whether some were held back for the budget.
    fn send_due(&mut self, budget: &Budget) -> Result<bool, Fault> {
        let mut due: Vec<Key> = self
            .ledger
            .windows
            .iter()
            .filter(|(key, entry)| self.is_due(key, **entry))
            .map(|(key, _)| key.clone())
            .collect();
        due.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        let mut bytes: usize = self.documents.iter().map(size).sum();
        for key in due {
            if !self.documents.is_empty()
                && (self.documents.len() >= budget.documents_max as usize || bytes >= budget.bytes_max as usize)
            {
                return Ok(true);
            }
            let window = match self.touched.remove(&key) {
                Some(window) => Some(window),
                None => store::window(self.slice, &key)?,
            };
            let Some(window) = window else {
                self.ledger.windows.remove(&key);
                continue;
            };
            let document = stats::whole(key.1, &window, self.settings, self.types);
            bytes += size(&document);
            self.documents.push(document);
            self.ledger.windows.insert(key, Entry { sent_s: self.now.seconds.max(1), dirty: false });
        }
        Ok(false)
    }

    /// New windows at once, finished ones at once, open ones every so often, and all when a backlog has been read.
    fn is_due(&self, key: &Key, entry: Entry) -> bool {
        let refreshed = self.now.seconds.saturating_sub(entry.sent_s) >= self.settings.refresh_seconds;
        entry.dirty && (entry.sent_s == 0 || refreshed || self.caught_up || self.is_over(key.1))
    }

    fn is_over(&self, start: u32) -> bool {
        let end = u64::from(start) + u64::from(self.settings.window_minutes);
        self.ledger.newest_ms >= end * window::MINUTE_S * 1_000 + GRACE_MS
    }

    /// Forgets windows whose documents were committed before this call, and that nothing was added to since.
    fn forget(&mut self, committed: &BTreeMap<Key, Entry>) -> Result<(), Fault> {
        let done = |key: &Key, entry: &Entry| {
            let quiet = self.now.seconds.saturating_sub(entry.sent_s) >= KEEP_S;
            !entry.dirty && quiet && self.is_over(key.1) && self.ledger.windows.get(key) == Some(entry)
        };
        let done: Vec<Key> = committed
            .iter()
            .filter(|(key, entry)| done(key, entry))
            .take(FORGET_MAX)
            .map(|(key, _)| key.clone())
            .collect();
        for key in done {
            store::forget(self.slice, &key)?;
            self.ledger.windows.remove(&key);
        }
        Ok(())
    }
}

/// The points that are not known yet.
fn without(points: &Points, known: &Points) -> Points {
    let mut fresh = Points::default();
    for (stat, rows) in &points.0 {
        let old = known.0.get(stat);
        for row in rows.iter().filter(|row| !old.is_some_and(|old| old.contains(row))) {
            fresh.insert(stat, row.clone());
        }
    }
    fresh
}

fn size(document: &Document) -> usize {
    document.content.len() + document.metadata.len() + document.title.len()
}
