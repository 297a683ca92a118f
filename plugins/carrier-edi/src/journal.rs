//! Remembers which control numbers and which moment the acknowledgement of a file took, so that asking again after a
//! crash gives the same bytes. Kept for the last files only: the store is small.

use apex_sdk::prelude::*;
use serde_json::{Value, json};

use crate::reply::Stamp;

/// Files whose numbers are remembered.
const FILES_MAX: usize = 200;
/// The counter of control numbers; the partner sees them in ISA13 and GS06.
const COUNTER: &str = "control-number";
/// Which files are remembered, oldest first.
const INDEX: &str = "acknowledged";

/// What one file's acknowledgement took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it was written.
    pub stamp: Stamp,
    /// Its control numbers, in the order they are used.
    pub numbers: Vec<u32>,
}

/// The record of the file with this hash: the one on record, else a new one with `count` numbers.
///
/// # Errors
/// The store could not be read or written.
pub fn record(sha256: &str, count: usize) -> Result<Record, Fault> {
    let key = format!("ack-{}", crate::text::clip(sha256, 64));
    if let Some(record) =
        host::state::get(&key)?.and_then(|bytes| read(&bytes)).filter(|record| record.numbers.len() == count)
    {
        return Ok(record);
    }
    // Numbers taken before a crash are lost, which is no harm: nothing was sent under them.
    let numbers = (0..count).map(|_| host::state::increment(COUNTER)).collect::<Result<Vec<u32>, Fault>>()?;
    let record = Record { stamp: stamp(host::now()), numbers };
    remember(&key)?;
    let value = json!({ "date": record.stamp.date, "time": record.stamp.time, "numbers": record.numbers });
    host::state::set(&key, value.to_string().as_bytes())?;
    Ok(record)
}

fn read(bytes: &[u8]) -> Option<Record> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    let numbers = value.get("numbers")?.as_array()?;
    let numbers =
        numbers.iter().map(|number| number.as_u64().and_then(|n| u32::try_from(n).ok())).collect::<Option<_>>()?;
    Some(Record { stamp: Stamp { date: text("date")?, time: text("time")? }, numbers })
}

/// Puts the file at the end of the index and forgets the oldest beyond the limit.
fn remember(key: &str) -> Result<(), Fault> {
    let index = host::state::get(INDEX)?.unwrap_or_default();
    let index = String::from_utf8(index).unwrap_or_default();
    let mut keys: Vec<&str> = index.lines().filter(|known| *known != key).collect();
    keys.push(key);
    let surplus = keys.len().saturating_sub(FILES_MAX);
    for old in keys.drain(..surplus) {
        host::state::delete(old)?;
    }
    host::state::set(INDEX, keys.join("\n").as_bytes())
}

/// Date and time of day in UTC.
fn stamp(now: Instant) -> Stamp {
    let digits: String = now.rfc3339().chars().filter(char::is_ascii_digit).collect();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default().to_owned();
    Stamp { date: part(0, 8), time: part(8, 12) }
}
