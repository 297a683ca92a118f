//! The listeners over real HTTP on loopback, with the ports of `apex-model` faked in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod api_documents;
mod api_operations;
mod client;
mod connections;
mod drain;
mod fakes;
mod harness;
mod metrics;
mod openapi;
mod webhooks;
