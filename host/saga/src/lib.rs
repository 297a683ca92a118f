//! The saga: makes a document version visible in every store or in none.
//!
//! Holds the state machine ([`next`]) and its execution over the store ports ([`run`]). Has no clock, no randomness and
//! no client of its own, and knows no store by name: one embedded file and four servers are run by the same lines.
//!
//! ```text
//! ACCEPTED -> CLAIMED -> PREPARED -> STAGING -> STAGED -> COMMITTED -> FINALISING -> DONE
//!                |           |          |         |           |            |
//!                |           +----------+---------+--> COMPENSATING -> ABORTED | STUCK
//!                +-> SUPERSEDED         |         |                        |
//!                +-> FENCED <-----------+---------+                        |
//!                +-> DEFERRED <---------+---------+-----------(store down)-+
//! ```

mod run;
mod state;

pub use run::{Outcome, Participants, run};
pub use state::{IllegalTransition, SagaEvent, next};
