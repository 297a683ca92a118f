//! The stores: where documents, graph, vectors and cache are kept, and bytes by digest.
//!
//! Implements the store ports of `apex-model`; knows no pipeline, no journal and no sandbox. Only this crate and the journal name a
//! database client.

pub mod blobs;
pub mod embedded;
mod order;

pub use blobs::DirBlobs;
pub use embedded::EmbeddedStore;
