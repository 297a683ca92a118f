//! Typed settings of Apex Host.
//!
//! `default.toml` is at once the defaults and the manual; the user's file and `APEX__…` variables go over it; unknown keys
//! are errors. Knows nothing of the parts that use the settings.

pub mod limits;

pub use limits::Limits;
