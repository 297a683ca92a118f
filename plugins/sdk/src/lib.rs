//! What a connector for Apex Host is written with: one trait per interface of the contract, the contract's types with
//! helpers, thin wrappers of the host's imports, and `export_connector!`. It knows no source and keeps no state.
//!
//! ```
//! use apex_sdk::prelude::*;
//!
//! struct Doorbell;
//!
//! impl Describe for Doorbell {
//!     fn describe() -> Description {
//!         Description::new("doorbell", "1.0.0", "Rings at the door").documents(&["ring"])
//!     }
//! }
//!
//! impl Webhook for Doorbell {
//!     fn verify(request: &Request) -> Verdict {
//!         let check = || {
//!             let presented = request.required_header("x-signature")?;
//!             signature::hmac_sha256_hex_over("webhook", "", "", &[presented])?;
//!             Ok(Acceptance::new(signature::body_key(), "ring"))
//!         };
//!         check().into()
//!     }
//!
//!     fn parse(request: &Request) -> Result<Vec<Document>, Fault> {
//!         let who = request.text()?;
//!         Ok(vec![Document::new("ring:1", "ring").title(format!("{who} rang"))])
//!     }
//! }
//!
//! export_connector!(Doorbell: webhook);
//! # fn main() {}
//! ```

#[doc(hidden)]
pub mod bindings;
mod connector;
mod document;
#[doc(hidden)]
pub mod export;
mod fault;
mod file;
#[doc(hidden)]
pub mod heap;
pub mod host;
pub mod money;
mod request;
pub mod signature;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod time;

/// Everything a connector needs, in one `use`.
pub mod prelude {
    pub use crate::connector::{Batch, Describe, Poll, Stream, Webhook};
    pub use crate::file::{FileReader, MemoryFile};
    pub use crate::types::*;
    pub use crate::{export_connector, host, money, signature, time};
}

/// The nouns of the contract, as plain Rust types.
pub mod types {
    pub use crate::bindings::batch::apex::connector::types::{
        Attachment, Document, Entity, Fault, FaultKind, Instant, Op, RateLimit, Relation,
    };
    pub use crate::bindings::batch::exports::apex::connector::batch::{
        Entry as FileEntry, Issue, Outcome, Page as FilePage, ReplyFile,
    };
    pub use crate::bindings::describe::exports::apex::connector::describe::{Description, EntityKind};
    pub use crate::bindings::poll::exports::apex::connector::poll::{Budget, Next, Page};
    pub use crate::bindings::stream::exports::apex::connector::stream::Batch as StreamBatch;
    pub use crate::bindings::webhook::exports::apex::connector::webhook::{
        Acceptance, Rejection, Reply, Request, Verdict,
    };
}
