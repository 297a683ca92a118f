//! The sandbox: everything that names wasmtime, and the building of connectors.
//!
//! ```text
//! plugins/*.wasm -> catalog (inspect, compile, link, smoke call) -> Bound (connector + grant + config) per source
//! webhook -> hot lane (own threads, bounded) -> verify, fresh instance -> Judgement
//! parse, poll, batch -> slow lane (own threads, bounded) -> fresh instance -> checked answer
//! ```
//! **Invariant:** only this crate names wasmtime, and a guest runs only on threads that this crate started (or on the
//! thread of a tool that calls `bench`).

mod answer;
pub mod bench;
mod bindings;
mod book;
mod bound;
mod breaker;
pub mod build;
mod cache;
mod call;
mod calls;
mod capability;
mod catalog;
mod connector;
mod engine;
mod error;
mod fault;
mod grant;
mod hot;
mod inspect;
mod keys;
mod limits;
mod load;
pub mod manifest;
mod origin;
mod ports;
mod queue;
mod schema;
mod settings;
mod slow;
mod snapshot;
mod trap;
mod watch;

pub use bound::Clock;
pub use catalog::{Catalog, CatalogOptions};
pub use error::LoadError;
pub use inspect::{Inspection, inspect};
pub use settings::SourceSettings;
