//! Typed settings of Apex Host.
//!
//! `default.toml` is at once the defaults and the manual; the user's file and `APEX__…` variables go over it; unknown keys
//! are errors. Knows nothing of the parts that use the settings.

mod duration;
mod error;
pub mod limits;
mod load;
mod secret;
mod settings;

pub use error::ConfigError;
pub use limits::Limits;
pub use load::{DEFAULTS, load};
pub use secret::{ResolvedSecret, SecretList, SecretRef};
pub use settings::{
    Grant, ListenSettings, LogFormat, LogSettings, ModelKind, ModelSettings, PollSettings, Settings, SourceSettings,
    StoresSettings, TemporalSettings,
};
