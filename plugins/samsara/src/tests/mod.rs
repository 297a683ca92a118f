//! Native tests of the whole connector: signatures, events, and the feed with crashes, late points and refusals. Expected
//! values are worked out by hand or with `openssl`, never taken from the code under test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod crash;
mod events;
mod feed;
mod harness;
mod signatures;
