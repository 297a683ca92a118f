//! The direct path: works events off in this process, and polls the sources that want it.
//!
//! ```text
//! journal --claim--> parse --> documents --> prepare (batched over events) --> saga --> finish
//!                    (connector)             (pipeline)                        (stores)
//! ```
//! [`Direct`] takes events out of the journal, [`Polling`] puts pages into it; they share nothing. Knows the journal, the sandbox and the
//! stores only as ports.
//!
//! **Invariant:** no event ends without a reason: it is settled, in the dead letters, or given back to be tried again. What dies with the
//! process comes back when its lease ends.

mod batcher;
mod chance;
mod direct;
mod documents;
mod end;
mod event;
mod file;
mod keyed;
mod leases;
mod pace;
mod poll;
mod replies;

pub use direct::{Direct, Parts};
pub use poll::{PollParts, Polling};
