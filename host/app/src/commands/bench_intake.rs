//! `apex bench intake`: durable accepts per second beside a bare server, in one run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use apex_config::{SecretList, SecretRef, Settings, SourceSettings};
use apex_model::event::Tally;
use apex_model::ids::SourceName;
use apex_model::{Code, Failure};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::bench_plugin;
use crate::bench::bare;
use crate::bench::figures::{Run, Spread};
use crate::bench::front::FrontSender;
use crate::bench::load::{self, Ids, Load};
use crate::cli::{BenchIntakeArgs, Global};
use crate::exit::Exit;
use crate::host::{Host, HostOptions, Work};
use crate::output::Printer;
use crate::settings::cache_dir;

const SECRET: &str = "bench-secret";
const SOURCE: &str = "frontapp";
/// One request in so many is a repeat.
const REPEAT_EVERY: u64 = 50;

/// How long the first event may take to be worked off: the model is loaded meanwhile.
const FIRST_DONE: Duration = Duration::from_mins(2);
const LOOK: Duration = Duration::from_millis(50);
/// How long the backlog is filled before anything is measured beside working it off.
const FILLING: Duration = Duration::from_secs(1);

/// A kind of run.
struct Kind {
    name: &'static str,
    ids: Ids,
    /// Open loop at this part of the rate asked for; none: closed loop.
    part: Option<u64>,
}

const BARE: Kind = Kind { name: "bare closed loop", ids: Ids::Ordered, part: None };
/// Nothing is worked off meanwhile.
const PAUSED: [Kind; 4] = [
    Kind { name: "ordered ids, closed loop", ids: Ids::Ordered, part: None },
    Kind { name: "random ids, closed loop", ids: Ids::Random, part: None },
    Kind { name: "ordered ids, open loop", ids: Ids::Ordered, part: Some(1) },
    Kind { name: "random ids, open loop", ids: Ids::Random, part: Some(1) },
];
/// What makes the backlog.
const FILL: Kind = Kind { name: "filling", ids: Ids::Ordered, part: None };
/// A backlog is worked off meanwhile.
const WORKING: [Kind; 3] = [
    Kind { name: "ordered ids, open loop, processing on", ids: Ids::Ordered, part: Some(1) },
    Kind { name: "random ids, open loop, processing on", ids: Ids::Random, part: Some(1) },
    Kind { name: "random ids, a quarter of that rate, processing on", ids: Ids::Random, part: Some(4) },
];

/// One kind of run, over all rounds.
#[derive(Debug, Serialize)]
struct Series {
    name: &'static str,
    per_s: Spread,
    p50_ms: Spread,
    p99_ms: Spread,
    refused: u64,
}

/// The series beside which nothing, or a backlog, was worked off.
#[derive(Debug, Serialize)]
struct Part {
    series: Vec<Series>,
    unique_accepted: u64,
    journal_rows: u64,
    worked_off: u64,
}

#[derive(Debug, Serialize)]
struct Answer {
    accepts_per_s: f64,
    bare_per_s: f64,
    ratio: f64,
    p50_ms: f64,
    p99_ms: f64,
    rounds: u32,
    bare: Series,
    paused: Part,
    with_processing: Part,
    plugin: bench_plugin::Answer,
}

/// Measures and prints; exit 1 if a row is missing or too many.
pub async fn run(global: &Global, printer: Printer, args: BenchIntakeArgs) -> anyhow::Result<Exit> {
    let dir = global.data.join(format!("bench-{}", std::process::id()));
    let result = measure(global, printer, &args, dir.clone()).await;
    // Half a measurement's data is of no use to anyone.
    let _missing_is_fine = std::fs::remove_dir_all(&dir);
    let answer = result?;
    printer.answer(&answer, |printer| print(printer, &args, &answer))?;
    let exact = |part: &Part| part.unique_accepted == part.journal_rows;
    Ok(if exact(&answer.paused) && exact(&answer.with_processing) { Exit::Done } else { Exit::Failed })
}

async fn measure(global: &Global, printer: Printer, args: &BenchIntakeArgs, dir: PathBuf) -> anyhow::Result<Answer> {
    let (bare, paused) = paused(global, printer, args, dir.join("paused")).await?;
    let with_processing = with_processing(global, printer, args, dir.join("working")).await?;
    // Of the two kinds of ids the worse one counts.
    let (closed, open) = paused.series.split_at(2);
    let longer = |pick: fn(&Series) -> f64| open.iter().map(pick).fold(0.0, f64::max);
    let accepts_per_s = closed.iter().map(|series| series.per_s.median).fold(f64::MAX, f64::min);
    Ok(Answer {
        accepts_per_s,
        bare_per_s: bare.per_s.median,
        ratio: accepts_per_s / bare.per_s.median.max(1.0),
        p50_ms: longer(|series| series.p50_ms.median),
        p99_ms: longer(|series| series.p99_ms.median),
        rounds: args.rounds,
        bare,
        paused,
        with_processing,
        plugin: bench_plugin::cases(global, printer, args.rounds).await?,
    })
}

/// Accepting with nothing beside it, and the bare server, by turns.
async fn paused(
    global: &Global,
    printer: Printer,
    args: &BenchIntakeArgs,
    dir: PathBuf,
) -> anyhow::Result<(Series, Part)> {
    let stop = CancellationToken::new();
    let bare = bare::start(stop.clone()).await?;
    let host = start_host(global, dir, Work::Idle).await?;
    let ours = host.addresses().context("the host has listeners")?.intake;
    let bar = printer.bar("measuring", u64::from(args.rounds) * (1 + PAUSED.len() as u64));
    let mut numbers = Numbers::default();
    let mut bare_runs = Vec::new();
    let mut runs: Vec<Vec<Run>> = PAUSED.iter().map(|_| Vec::new()).collect();
    for _ in 0..args.rounds {
        bare_runs.push(load::run(load(args, &BARE, bare, numbers.next())).await?);
        bar.inc(1);
        for (kind, done) in PAUSED.iter().zip(&mut runs) {
            done.push(load::run(load(args, kind, ours, numbers.next())).await?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    stop.cancel();
    let tally = host.tally().await?;
    host.drain().await?;
    let unique_accepted = runs.iter().flatten().map(|run| run.unique_accepted).sum();
    let series = PAUSED.iter().zip(&runs).map(|(kind, runs)| series_of(kind.name, runs)).collect();
    let journal_rows = tally.accepted - tally.duplicate;
    Ok((
        series_of(BARE.name, &bare_runs),
        Part { series, unique_accepted, journal_rows, worked_off: worked_off(&tally) },
    ))
}

/// Accepting while a backlog is worked off, the model loaded before.
async fn with_processing(
    global: &Global,
    printer: Printer,
    args: &BenchIntakeArgs,
    dir: PathBuf,
) -> anyhow::Result<Part> {
    let host = start_host(global, dir, Work::Run).await?;
    let to = host.addresses().context("the host has listeners")?.intake;
    let bar = printer.bar("measuring with processing on", u64::from(args.rounds) * WORKING.len() as u64);
    let mut numbers = Numbers::default();
    let backlog = Load { duration: FILLING, ..load(args, &FILL, to, numbers.next()) };
    let mut unique_accepted = load::run(backlog).await?.unique_accepted;
    let before = first_done(&host).await?;
    let mut runs: Vec<Vec<Run>> = WORKING.iter().map(|_| Vec::new()).collect();
    for _ in 0..args.rounds {
        for (kind, done) in WORKING.iter().zip(&mut runs) {
            done.push(load::run(load(args, kind, to, numbers.next())).await?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let tally = host.tally().await?;
    host.drain().await?;
    unique_accepted += runs.iter().flatten().map(|run| run.unique_accepted).sum::<u64>();
    let series = WORKING.iter().zip(&runs).map(|(kind, runs)| series_of(kind.name, runs)).collect();
    let journal_rows = tally.accepted - tally.duplicate;
    Ok(Part { series, unique_accepted, journal_rows, worked_off: worked_off(&tally) - before })
}

/// Waits until an event is worked off; how many are.
async fn first_done(host: &Host) -> anyhow::Result<u64> {
    let until = tokio::time::Instant::now() + FIRST_DONE;
    loop {
        match worked_off(&host.tally().await?) {
            0 if tokio::time::Instant::now() < until => tokio::time::sleep(LOOK).await,
            0 => anyhow::bail!("no event was worked off within {} s; the log says why", FIRST_DONE.as_secs()),
            done => return Ok(done),
        }
    }
}

fn worked_off(tally: &Tally) -> u64 {
    tally.done + tally.unchanged + tally.superseded
}

/// First event ids, far enough apart that no run repeats another's.
#[derive(Default)]
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0 * 100_000_000
    }
}

fn load(args: &BenchIntakeArgs, kind: &Kind, to: SocketAddr, first_id: u64) -> Load {
    Load {
        to,
        sender: FrontSender::new(SECRET, SOURCE),
        connections: args.connections,
        duration: Duration::from_secs(args.seconds),
        rate: kind.part.map(|part| (args.rate / part).max(1)),
        body_bytes: args.body_bytes,
        ids: kind.ids,
        first_id,
        repeat_every: REPEAT_EVERY,
    }
}

async fn start_host(global: &Global, data: PathBuf, work: Work) -> anyhow::Result<Host> {
    let mut settings: Settings = apex_config::load(None).map_err(Failure::from)?;
    for listener in [&mut settings.intake, &mut settings.api, &mut settings.metrics] {
        listener.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    }
    let key = SecretRef { value: Some(SECRET.to_owned().into()), ..SecretRef::default() };
    let source =
        SourceSettings { secrets: [("webhook".to_owned(), SecretList(vec![key]))].into(), ..SourceSettings::default() };
    settings.sources.insert(SourceName::parse(SOURCE).context("a source name")?, source);
    if !global.plugins.join("frontapp.wasm").is_file() {
        return Err(Failure::never(
            Code::PLUGIN_MISSING,
            format!("{}/frontapp.wasm is not there", global.plugins.display()),
        )
        .next("run `apex plugin build plugins/frontapp` first")
        .into());
    }
    let options =
        HostOptions { data, plugins: global.plugins.clone(), cache: cache_dir()?, settings, listen: true, work };
    Host::start(options).await
}

fn series_of(name: &'static str, runs: &[Run]) -> Series {
    Series {
        name,
        per_s: Spread::of(runs.iter().map(Run::rate)),
        p50_ms: Spread::of(runs.iter().map(|run| run.percentile_ms(500))),
        p99_ms: Spread::of(runs.iter().map(|run| run.percentile_ms(990))),
        refused: runs.iter().map(|run| run.refused).sum(),
    }
}

fn print(printer: Printer, args: &BenchIntakeArgs, answer: &Answer) {
    printer.line(&format!(
        "{} connections, {} byte bodies, {} rounds of {} s, open loop at {}/s; min / median / max",
        args.connections, args.body_bytes, args.rounds, args.seconds, args.rate
    ));
    let spread = |spread: Spread, digits: usize| {
        format!("{:.*} / {:.*} / {:.*}", digits, spread.min, digits, spread.median, digits, spread.max)
    };
    let series = std::iter::once(&answer.bare).chain(&answer.paused.series).chain(&answer.with_processing.series);
    let rows: Vec<Vec<String>> = series
        .map(|s| {
            vec![s.name.to_owned(), spread(s.per_s, 0), spread(s.p50_ms, 2), spread(s.p99_ms, 2), s.refused.to_string()]
        })
        .collect();
    printer.table(&["RUN", "REQUESTS/S", "P50 MS", "P99 MS", "REFUSED"], &rows);
    printer.line(&format!("ours / bare: {:.2}", answer.ratio));
    for (when, part) in [("paused", &answer.paused), ("on", &answer.with_processing)] {
        printer.line(&format!(
            "processing {when}: journal rows {} = unique ids accepted {}, {} events worked off meanwhile",
            part.journal_rows, part.unique_accepted, part.worked_off
        ));
    }
    bench_plugin::print(printer, &answer.plugin, args.rounds);
}
