//! The points of the windows that are followed, in the host's store: one key a window, and one a vehicle for how far its
//! windows were forgotten. What may be forgotten is decided in [`crate::poll`].

use apex_sdk::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ledger::Key;
use crate::page::Vehicle;
use crate::points::{Points, quote};

/// Bytes of encoded points that one window may hold: they must fit into a document's metadata (64 KiB) with its other
/// fields, and into a value of the store.
pub const POINTS_BYTES_MAX: usize = 56 * 1024;

/// A window as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    /// Whose.
    pub vehicle: Vehicle,
    /// What came so far.
    pub points: Points,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is durable.
    Kept,
    /// The host's quota does not allow it.
    Refused,
}

#[derive(Deserialize)]
struct Value<'a> {
    name: String,
    #[serde(borrow)]
    external_ids: Option<&'a RawValue>,
    #[serde(borrow)]
    stats: &'a RawValue,
}

fn window_key(slice: &str, key: &Key) -> String {
    format!("window/{slice}/{}/{}", key.0, key.1)
}

fn floor_key(slice: &str, vehicle: &str) -> String {
    format!("floor/{slice}/{vehicle}")
}

/// The window, if it is kept. A value that cannot be read counts as none: its points were sent before.
///
/// # Errors
/// The store could not be read.
pub fn window(slice: &str, key: &Key) -> Result<Option<Window>, Fault> {
    let Some(bytes) = host::state::get(&window_key(slice, key))? else { return Ok(None) };
    let window = read(&key.0, &bytes);
    if window.is_none() {
        host::log::error(&format!("the stored window {} of vehicle {} cannot be read and is left out", key.1, key.0));
    }
    Ok(window)
}

fn read(vehicle: &str, bytes: &[u8]) -> Option<Window> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let external_ids = value.external_ids.map(|ids| ids.get().to_owned()).unwrap_or_default();
    let vehicle = Vehicle { id: vehicle.to_owned(), name: value.name, external_ids };
    Some(Window { vehicle, points: Points::decode(value.stats.get())? })
}

/// Keeps a window, durably.
///
/// # Errors
/// The store could not be written, for another reason than its quota.
pub fn keep(slice: &str, key: &Key, window: &Window, encoded: &str) -> Result<Written, Fault> {
    let ids = if window.vehicle.external_ids.is_empty() { "null" } else { &window.vehicle.external_ids };
    let value = format!("{{\"name\":{},\"external_ids\":{ids},\"stats\":{encoded}}}", quote(&window.vehicle.name));
    match host::state::set(&window_key(slice, key), value.as_bytes()) {
        Ok(()) => Ok(Written::Kept),
        Err(Fault { kind: FaultKind::Denied, .. }) => Ok(Written::Refused),
        Err(fault) => Err(fault),
    }
}

/// Forgets a window. That it was known is noted first, so that later points of it are not taken for its first ones.
///
/// # Errors
/// The store could not be written; the window is then still kept or already noted, and nothing is lost either way.
pub fn forget(slice: &str, key: &Key) -> Result<(), Fault> {
    if floor(slice, &key.0)?.is_none_or(|floor| floor < key.1) {
        host::state::set(&floor_key(slice, &key.0), key.1.to_string().as_bytes())?;
    }
    host::state::delete(&window_key(slice, key))
}

/// The start of the latest window of a vehicle that was forgotten, in minutes since 1970.
///
/// # Errors
/// The store could not be read.
pub fn floor(slice: &str, vehicle: &str) -> Result<Option<u32>, Fault> {
    let value = host::state::get(&floor_key(slice, vehicle))?;
    Ok(value.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok()))
}
