//! A load generator for loopback: plain HTTP/1.1 over kept-alive sockets, closed loop or open loop at a fixed rate.
//!
//! In the open loop latency counts from the moment a request was due, not from when it could be sent, so a server that
//! stalls is charged for the queue it causes. Every run is bounded in time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::figures::Run;
use super::front::{EventTemplate, FrontSender};

/// How event ids follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// Rising, as Front's are.
    Ordered,
    /// Scattered over the whole number range, as UUIDs are.
    Random,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Load {
    /// Where to.
    pub to: SocketAddr,
    /// Who signs.
    pub sender: FrontSender,
    /// Connections.
    pub connections: usize,
    /// How long.
    pub duration: Duration,
    /// Requests per second over all connections; none: as fast as answers come.
    pub rate: Option<u64>,
    /// Bytes of a body.
    pub body_bytes: usize,
    /// How ids follow each other.
    pub ids: Ids,
    /// First id of the run, so that runs do not repeat each other.
    pub first_id: u64,
    /// Every so many requests one is sent again with the same id.
    pub repeat_every: u64,
}

/// Runs it.
pub async fn run(load: Load) -> anyhow::Result<Run> {
    let start = Instant::now() + Duration::from_millis(20);
    let mut tasks = tokio::task::JoinSet::new();
    for connection in 0..load.connections {
        tasks.spawn(one_connection(load.clone(), connection as u64, start));
    }
    let mut total = Run::default();
    while let Some(run) = tasks.join_next().await {
        total.add(run??);
    }
    Ok(total)
}

async fn one_connection(load: Load, connection: u64, start: Instant) -> anyhow::Result<Run> {
    let mut stream = TcpStream::connect(load.to).await.context("the server under load does not take connections")?;
    stream.set_nodelay(true)?;
    let mut run = Run::default();
    let mut buffer = vec![0_u8; 4096];
    let mut template = EventTemplate::new(load.body_bytes);
    let connections = load.connections as u64;
    let gap = load.rate.map(|rate| Duration::from_nanos(1_000_000_000 * connections / rate.max(1)));
    let offset = gap.map(|gap| gap * u32::try_from(connection).unwrap_or(0) / u32::try_from(connections).unwrap_or(1));
    let end = start + load.duration;
    let mut sequence = 0_u64;
    loop {
        let due = match (gap, offset) {
            (Some(gap), Some(offset)) => start + offset + gap * u32::try_from(sequence).unwrap_or(u32::MAX),
            _ => Instant::now(),
        };
        if due >= end {
            break;
        }
        if gap.is_some() {
            tokio::time::sleep_until(due.into()).await;
        }
        let repeat = load.repeat_every > 0 && sequence % load.repeat_every == load.repeat_every - 1;
        let number = load.first_id + (sequence - u64::from(repeat)) * connections + connection;
        let id = match load.ids {
            Ids::Ordered => number,
            Ids::Random => scatter(number),
        };
        let now_ms = apex_model::Timestamp::now().unix_ms();
        let request = load.sender.request(now_ms, template.body(id));
        let sent = if gap.is_some() { due } else { Instant::now() };
        stream.write_all(&request).await?;
        let status = read_answer(&mut stream, &mut buffer).await?;
        run.latencies_us.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        if (200..300).contains(&status) {
            run.accepted += 1;
            run.unique_accepted += u64::from(!repeat);
        } else {
            run.refused += 1;
        }
        sequence += 1;
    }
    run.elapsed = start.elapsed();
    Ok(run)
}

/// A bijection on 64-bit numbers (the finaliser of SplitMix64), so that scattered ids are still unique.
fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Reads one answer whole and returns its status.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<u16> {
    let mut filled = 0;
    loop {
        let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) else {
            bail!("the answer is too long")
        };
        let read = stream.read(free).await?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        filled += read;
        let text = std::str::from_utf8(buffer.get(..filled).unwrap_or_default()).unwrap_or_default();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length")))
            .and_then(|(_, value)| value.trim().parse::<usize>().ok())
            .unwrap_or(0);
        if body.len() >= length {
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            return status.context("the answer has no status");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn scattered_ids_stay_unique() {
        let ids: HashSet<u64> = (0..100_000).map(super::scatter).collect();
        assert_eq!(ids.len(), 100_000);
    }
}
