//! The host's imports as ordinary functions: they add types and conversions, no policy. On a native target, where there
//! is no host, they go to [`crate::testing`].

pub mod crypto;
pub mod http;
pub mod log;
pub mod state;

#[cfg(target_family = "wasm")]
use crate::bindings::batch::apex::connector as imports;
#[cfg(not(target_family = "wasm"))]
use crate::testing as imports;
use crate::types::Instant;

/// The host's clock: always ask here, tests set it.
pub fn now() -> Instant {
    imports::clock::now()
}

/// The source's settings: one JSON object, valid against the schema that `describe` gives.
pub fn config() -> String {
    imports::config::get()
}

/// Bytes handed to the host to keep beside a document.
pub mod payload {
    use super::imports;
    use crate::types::Fault;

    /// Stores the bytes and answers the reference to put into an attachment. The same bytes give the same reference.
    ///
    /// # Errors
    /// The host did not store them: too large, or the source's quota is used up.
    pub fn put(media_type: &str, data: &[u8]) -> Result<String, Fault> {
        imports::payload::put(media_type, data)
    }
}
