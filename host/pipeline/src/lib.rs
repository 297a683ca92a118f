//! What turns a document into a write set: chunks, entities, embeddings.
//!
//! ```text
//! Document ─ text ─ sentences ─ chunks ─ cache? ─ embedder ─┐
//!                └─ entities ───────────────────────────────┴─ WriteSet
//! ```
//! Knows no store and no orchestration: it meets them through the ports [`apex_model::ports::Embedder`] and
//! [`apex_model::ports::EmbeddingCache`].

mod analysis;
pub mod chunk;
pub mod entities;
mod hashing;
mod minilm;
pub mod model_fetch;
mod pipeline;
pub mod sentence;
pub mod text;
mod token;

pub use hashing::HashEmbedder;
pub use minilm::{MiniLm, MiniLmOptions, ModelError};
pub use pipeline::{Pipeline, Prepare};
pub use token::TokenCounter;
