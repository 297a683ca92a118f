//! Tests over real files in temporary directories.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod bounds;
mod conservation;
mod failure;
mod kit;
mod letters;
mod life;
mod polls;
mod windows;
