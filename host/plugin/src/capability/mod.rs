//! What a connector may ask of the host. Everything is checked here, in functions that take the source's grant, so that
//! no binding of any contract version can skip a check.

pub(crate) mod address;
pub(crate) mod crypto;
pub(crate) mod http;
pub(crate) mod jwt;
pub(crate) mod log;
pub(crate) mod reader;
pub(crate) mod state;
