//! Native tests of the whole connector: both signature schemes with their negative vectors, and the document rules. Keys
//! and bodies are made up; MACs were computed with `openssl dgst -hmac`, never with the code under test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod documents;
mod signatures;
