//! The cursor: where the feed goes on, and which windows have points that no committed document holds yet. The host commits
//! it together with the documents, so after a crash it says exactly what was not delivered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Windows that are followed at once; some 50 bytes each, so that the cursor stays under the contract's 64 KiB. More than
/// these become documents page by page.
pub const WINDOWS_MAX: usize = 1_000;

/// A vehicle's window: vehicle id and start in minutes since 1970.
pub type Key = (String, u32);

/// What is known of a window that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When its document was last sent, in seconds since 1970 of the host's clock; 0: never.
    pub sent_s: u32,
    /// Whether points came since.
    pub dirty: bool,
}

/// The cursor, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// What to send as `after`; absent before the first page.
    pub after: Option<String>,
    /// The latest time among the points so far, in milliseconds since 1970.
    pub newest_ms: u64,
    /// Documents of the last page were held back for the budget: send them before asking again. Whether the feed had more.
    pub held: Option<bool>,
    /// The last page had more behind it: when that ends, everything is sent.
    pub behind: bool,
    /// The windows that are followed.
    pub windows: BTreeMap<Key, Entry>,
}

/// The cursor as text.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    #[serde(default)]
    newest_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<bool>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    behind: bool,
    /// Vehicle, start minute, sent, dirty.
    #[serde(default)]
    windows: Vec<(String, u32, u32, bool)>,
}

impl Ledger {
    /// Reads a cursor. Text that this connector did not write is taken as Samsara's own `endCursor`, so that an operator
    /// can set one by hand.
    pub fn read(cursor: Option<&str>) -> Self {
        let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else { return Self::default() };
        let Ok(written) = serde_json::from_str::<Written>(cursor) else {
            return Self { after: Some(cursor.to_owned()), ..Self::default() };
        };
        let entry = |(vehicle, start, sent_s, dirty)| ((vehicle, start), Entry { sent_s, dirty });
        Self {
            after: written.after,
            newest_ms: written.newest_ms,
            held: written.held,
            behind: written.behind,
            windows: written.windows.into_iter().map(entry).collect(),
        }
    }

    /// Writes the cursor.
    pub fn write(&self) -> String {
        let line = |(key, entry): (&Key, &Entry)| (key.0.clone(), key.1, entry.sent_s, entry.dirty);
        let written = Written {
            after: self.after.clone(),
            newest_ms: self.newest_ms,
            held: self.held,
            behind: self.behind,
            windows: self.windows.iter().map(line).collect(),
        };
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// Whether another window can be followed.
    pub fn has_room(&self) -> bool {
        self.windows.len() < WINDOWS_MAX
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::{Entry, Ledger, WINDOWS_MAX};

    #[test]
    fn a_cursor_is_read_back() {
        let mut ledger =
            Ledger { after: Some("MjkY".into()), newest_ms: 7, held: Some(true), behind: true, ..Ledger::default() };
        ledger.windows.insert(("281474977075805".into(), 29_453_760), Entry { sent_s: 1_767_225_600, dirty: true });
        assert_eq!(Ledger::read(Some(&ledger.write())), ledger);
        assert_eq!(Ledger::read(None), Ledger::default());
        assert_eq!(Ledger::read(Some("")), Ledger::default());
        assert_eq!(Ledger::read(Some("MjkY")).after.as_deref(), Some("MjkY"), "the vendor's own");
    }

    #[test]
    fn a_full_ledger_fits_a_cursor() {
        let mut ledger =
            Ledger { after: Some("c".repeat(4_096)), newest_ms: u64::MAX, held: Some(true), ..Ledger::default() };
        for number in 0..WINDOWS_MAX {
            ledger.windows.insert((format!("28147497{number:07}"), u32::MAX), Entry { sent_s: u32::MAX, dirty: false });
        }
        assert!(!ledger.has_room());
        assert!(ledger.write().len() <= 64 * 1024, "{}", ledger.write().len());
    }
}
