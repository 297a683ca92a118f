//! The HTTP listeners of Apex Host: webhooks in public, the API, metrics; health on all three.
//!
//! The public listener is written for rate: no router, no parsing of bodies, two look-ups and one allocation of headers
//! before the connector is asked. API and metrics are axum routers on the same accept loop. Meets the rest of the host
//! only through the ports of `apex-model`. Must not know a store, the journal's format or the sandbox.

pub mod api;
pub mod metrics;

mod accept_loop;
mod acceptor;
mod answer;
mod answers;
mod body;
mod connection;
mod flat;
mod health;
mod listeners;
mod scrape;
mod sources;
mod webhook;

pub use api::{Access, ApiState, Scope, Token, api_router};
pub use listeners::{Listeners, Ports, Server};
