//! The nouns of Apex Host, pure functions over them, the ports (traits) through which its parts meet, and the one signal they share (`pressure`).
//!
//! Knows no runtime, no database, no sandbox and no network: everything here can be tested without starting anything.
//! **Invariant:** the `dyn` seams of the host are the traits in [`ports`] and nothing else.

pub mod code;
pub mod cursor;
pub mod delivery;
pub mod document;
pub mod event;
pub mod failure;
pub mod ids;
pub mod plugin;
pub mod ports;
pub mod pressure;
pub mod reading;
pub mod saga;
pub mod source;
pub mod time;
pub mod write_set;

pub use code::Code;
pub use failure::{Failure, Retry};
pub use pressure::Pressure;
pub use time::Timestamp;
