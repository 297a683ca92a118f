//! Log lines under the source's name and the delivery's trace id. Never log secrets or whole bodies.

use super::imports;
pub use crate::bindings::batch::apex::connector::log::Level;

/// Writes one line at a level.
pub fn write(level: Level, message: &str) {
    imports::log::write(level, message);
}

/// For following a connector step by step.
pub fn trace(message: &str) {
    write(Level::Trace, message);
}

/// For finding a fault.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Something an operator wants to know.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Something odd that did not stop the work.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// Something that stopped the work.
pub fn error(message: &str) {
    write(Level::Error, message);
}
