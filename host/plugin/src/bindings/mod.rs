//! One module a major version of the contract (`wit/v1`, …). Shims convert types and call the core; they check nothing.

pub(crate) mod v1;
