//! The suites that run the real binary: real processes, real sockets, real files, real kill -9.
//!
//! `cargo test -p apex --test it` runs them all; a name after it picks one. Each test has its own directories and ports.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod harness;

mod cli;
mod conformance;
mod crash;
mod demo;
mod docker;
mod examples;
mod fsync;
mod memory;
mod swap;
mod tidy;
