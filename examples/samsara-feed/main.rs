//! Serves the fake feed until Ctrl-C: `cargo run --example samsara-feed -- --port 8099 --rate-limit 5`.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::Parser;
use samsara_feed::{Faults, Options, SamsaraFeed};

/// A fake Samsara stats feed that replays recorded pages.
#[derive(Debug, Parser)]
#[command(name = "samsara-feed", version)]
struct Arguments {
    /// Port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The token that requests must carry as `Authorization: Bearer …`.
    #[arg(long, default_value = "samsara-feed-test-token")]
    token: String,
    /// Answer every Nth request with 429 and a fractional Retry-After; 0: never.
    #[arg(long, default_value_t = 0, value_name = "N")]
    rate_limit: u32,
    /// Answer every Nth request with 503; 0: never.
    #[arg(long, default_value_t = 0, value_name = "N")]
    fail: u32,
    /// Tell every Nth request with a cursor that the cursor is invalid; 0: never.
    #[arg(long, default_value_t = 0, value_name = "N")]
    lose_cursor: u32,
    /// Wait this many milliseconds before every answer.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    slow_ms: u64,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let faults = Faults {
        rate_limit_every: arguments.rate_limit,
        fail_every: arguments.fail,
        lose_cursor_every: arguments.lose_cursor,
        slow: Duration::from_millis(arguments.slow_ms),
    };
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let feed = SamsaraFeed::start(Options { listen, token: arguments.token, faults }).await?;
    writeln!(io::stdout(), "{}", feed.base_url())?;
    tokio::signal::ctrl_c().await?;
    feed.stop().await;
    Ok(())
}
