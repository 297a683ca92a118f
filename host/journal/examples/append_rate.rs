//! Measures how many 2 KB events a second become durable, with keys in order and at random, in interleaved rounds.
//!
//! `cargo run --release -p apex-journal --example append_rate -- [DIR] [SECONDS] [ROUNDS] [APPENDERS]`
#![allow(clippy::print_stdout)]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use apex_config::limits::JournalLimits;
use apex_journal::Journal;
use apex_model::Timestamp;
use apex_model::event::{Appended, EventEnd, EventKind, EventState, IngestPath, NewEvent};
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, EventId, SourceName, TraceId};
use apex_model::ports::{EventReader, Inbox, WorkQueue};
use apex_model::source::Priority;
use bytes::Bytes;

type Error = Box<dyn std::error::Error>;

struct Round {
    rows_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_us_per_row: f64,
}

fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(|| std::env::temp_dir().join("apex-append-rate"), PathBuf::from);
    let mut number = |default: u64| args.next().map_or(Ok(default), |text| text.parse());
    let (seconds, rounds, appenders) = (number(5)?, number(3)?, number(64)?);
    let journal = Journal::open(&dir, &JournalLimits::default())?;
    let source = SourceName::parse("rate").ok_or("a source name")?;
    let mut serial = Timestamp::now().unix_ms().unsigned_abs() << 20;
    let (mut ordered, mut random, mut working, mut rows) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let mut worked = 0;
    for _ in 0..rounds {
        for (is_random, results) in [(false, &mut ordered), (true, &mut random)] {
            let (round, written) = round(&journal, &source, is_random, &mut serial, (seconds, appenders))?;
            rows += written;
            results.push(round);
        }
        let workers = Workers::start(&journal)?;
        let (round, written) = round(&journal, &source, true, &mut serial, (seconds, appenders))?;
        worked += workers.stop()?;
        rows += written;
        working.push(round);
    }
    print("ordered", &mut ordered);
    print("random", &mut random);
    print("random, worked off meanwhile", &mut working);
    let counted = block(journal.tallies())?.into_iter().map(|(_, tally)| tally.in_flight + tally.done).sum::<u64>();
    println!("rows {rows}, in the journal {counted}, worked off {worked}, resident {} MiB", resident_mib()?);
    journal.close()?;
    let begun = Instant::now();
    Journal::open(&dir, &JournalLimits::default())?.close()?;
    println!("opened again in {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

/// Each appender sends its next event when the last is durable.
fn round(
    journal: &Arc<Journal>,
    source: &SourceName,
    is_random: bool,
    serial: &mut u64,
    (seconds, appenders): (u64, u64),
) -> Result<(Round, u64), Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = mpsc::sync_channel::<(Instant, PortResult<Appended>)>(usize::try_from(appenders)?);
    let body = Bytes::from(vec![b'x'; 2_048]);
    let begun = Instant::now();
    let cpu = cpu_s()?;
    let start = |serial: u64| {
        let key = if is_random { Digest::of(&serial.to_be_bytes()).to_string() } else { format!("evt_{serial:020}") };
        let sender = sender.clone();
        let sent = Instant::now();
        let done = move |answer| drop(sender.send((sent, answer)));
        journal.append(event(source, key, body.clone()), Box::new(done));
    };
    for _ in 0..appenders {
        *serial += 1;
        start(*serial);
    }
    let mut waits = Vec::new();
    let mut open = appenders;
    while open > 0 {
        let (sent, answer) = receiver.recv()?;
        if !matches!(answer?, Appended::New(_)) {
            return Err("a new key was taken for a repeat".into());
        }
        waits.push(sent.elapsed());
        if begun.elapsed() > Duration::from_secs(seconds) {
            stop.store(true, Ordering::Relaxed);
        }
        if stop.load(Ordering::Relaxed) {
            open -= 1;
        } else {
            *serial += 1;
            start(*serial);
        }
    }
    let took = begun.elapsed().as_secs_f64();
    waits.sort_unstable();
    let count = waits.len();
    let at = |share: usize| waits.get((count * share / 1_000).min(count - 1)).map_or(0.0, Duration::as_secs_f64) * 1e3;
    #[allow(clippy::cast_precision_loss)]
    let rows = count as f64;
    let cpu_us_per_row = (cpu_s()? - cpu) * 1e6 / rows;
    let round = Round { rows_per_s: rows / took, p50_ms: at(500), p99_ms: at(990), cpu_us_per_row };
    Ok((round, u64::try_from(count)?))
}

fn event(source: &SourceName, key: String, body: Bytes) -> NewEvent {
    NewEvent {
        id: EventId::of(source, &key),
        source: source.clone(),
        kind: EventKind::Webhook,
        event_key: key,
        event_type: "message".to_owned(),
        path: IngestPath::Direct,
        priority: Priority::P2,
        received_at: Timestamp::now(),
        trace: TraceId([7; 16]),
        label: "POST /webhooks/rate".to_owned(),
        headers: "content-type: application/json\nx-signature: 0123456789abcdef0123456789abcdef\n".to_owned(),
        body,
    }
}

/// Four workers that claim and settle as fast as they are let.
struct Workers {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<PortResult<u64>>,
}

impl Workers {
    fn start(journal: &Arc<Journal>) -> Result<Self, Error> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, journal) = (Arc::clone(&stop), Arc::clone(journal));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let work = move || {
            runtime.block_on(async {
                let one = || work_off(&journal, &stopped);
                let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
                Ok(a? + b? + c? + d?)
            })
        };
        Ok(Self { stop, thread: thread::spawn(work) })
    }

    fn stop(self) -> Result<u64, Error> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.thread.join().map_err(|_| "a worker panicked")??)
    }
}

async fn work_off(journal: &Journal, stop: &AtomicBool) -> PortResult<u64> {
    let mut worked = 0;
    while !stop.load(Ordering::Relaxed) {
        for claimed in journal.claim(32, Duration::from_mins(1), &[]).await? {
            let end = EventEnd::Settled { state: EventState::Done, outcomes: Vec::new(), plugin: None };
            journal.finish(claimed.claim, end).await?;
            worked += 1;
        }
    }
    Ok(worked)
}

fn print(name: &str, rounds: &mut [Round]) {
    rounds.sort_by(|a, b| a.rows_per_s.total_cmp(&b.rows_per_s));
    let rate = |round: Option<&Round>| round.map_or(0.0, |round| round.rows_per_s);
    let middle = rounds.get(rounds.len() / 2);
    println!(
        "{name}: rows/s min {:.0} median {:.0} max {:.0}; of the median round p50 {:.2} ms, p99 {:.2} ms, {:.1} µs CPU a row",
        rate(rounds.first()),
        rate(middle),
        rate(rounds.last()),
        middle.map_or(0.0, |round| round.p50_ms),
        middle.map_or(0.0, |round| round.p99_ms),
        middle.map_or(0.0, |round| round.cpu_us_per_row),
    );
}

fn block<T>(future: impl Future<Output = PortResult<T>>) -> Result<T, Error> {
    Ok(tokio::runtime::Builder::new_current_thread().build()?.block_on(future)?)
}

/// CPU seconds of this process (proc(5): fields 14 and 15 of `stat`, in ticks of 10 ms).
fn cpu_s() -> Result<f64, Error> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

fn resident_mib() -> Result<u64, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? / 1_024)
}
