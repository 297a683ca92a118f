//! The sandbox from outside: guests written in the text format, run through the public API only. No toolchain is needed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(missing_docs)]

mod bounds;
mod guest;
mod host;
mod hot_swap;
mod http;
mod lanes;
mod webhook;
