//! A fake Samsara: serves `GET /fleet/vehicles/stats/feed` from recorded pages on a local port, checks the token, follows
//! cursors as the real one does, and misbehaves on request. For demonstrations and tests; it knows no other endpoint and
//! holds no state between requests but a count.
//!
//! ```
//! # async fn run() -> std::io::Result<()> {
//! use samsara_feed::{Options, SamsaraFeed};
//!
//! let feed = SamsaraFeed::start(Options::default()).await?;
//! let base_url = feed.base_url(); // for the connector's config
//! feed.stop().await;
//! # Ok(()) }
//! ```

mod faults;
mod pages;
mod server;

pub use faults::Faults;
pub use pages::{PAGES, last_cursor};
pub use server::{Options, SamsaraFeed};
