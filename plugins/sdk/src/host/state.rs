//! The source's own small store. Not for cursors: return those.

use super::imports;
use crate::types::Fault;

/// The value, if there is one.
///
/// # Errors
/// The store could not be read.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Fault> {
    imports::state::get(key)
}

/// Writes the value durably before it answers.
///
/// # Errors
/// The store could not be written, or the source's quota is used up.
pub fn set(key: &str, value: &[u8]) -> Result<(), Fault> {
    imports::state::set(key, value)
}

/// Adds one to a decimal counter and answers the new value, from 1: never the same twice.
///
/// # Errors
/// The store could not be written.
pub fn increment(key: &str) -> Result<u32, Fault> {
    imports::state::increment(key)
}

/// Forgets the key; a missing key is no error.
///
/// # Errors
/// The store could not be written.
pub fn delete(key: &str) -> Result<(), Fault> {
    imports::state::delete(key)
}
