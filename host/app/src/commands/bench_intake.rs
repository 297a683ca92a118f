//! `apex bench intake`: durable accepts per second beside a bare server, in one run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use apex_config::{SecretList, SecretRef, Settings, SourceSettings};
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

/// One kind of run, over all rounds.
#[derive(Debug, Serialize)]
struct Series {
    name: &'static str,
    per_s: Spread,
    p50_ms: Spread,
    p99_ms: Spread,
    refused: u64,
}

#[derive(Debug, Serialize)]
struct Answer {
    accepts_per_s: f64,
    bare_per_s: f64,
    ratio: f64,
    p50_ms: f64,
    p99_ms: f64,
    rounds: u32,
    series: Vec<Series>,
    unique_accepted: u64,
    journal_rows: u64,
    with_processing: Processing,
    plugin: bench_plugin::Answer,
}

/// The same open loop while the backlog is worked off.
#[derive(Debug, Serialize)]
struct Processing {
    rate_per_s: u64,
    p50_ms: f64,
    p99_ms: f64,
    worked_off: u64,
    unique_accepted: u64,
    journal_rows: u64,
}

const SERIES: [&str; 5] = [
    "bare closed loop",
    "ordered ids, closed loop",
    "random ids, closed loop",
    "ordered ids, open loop",
    "random ids, open loop",
];

/// Measures and prints; exit 1 if a row is missing or too many.
pub async fn run(global: &Global, printer: Printer, args: BenchIntakeArgs) -> anyhow::Result<Exit> {
    let dir = global.data.join(format!("bench-{}", std::process::id()));
    let result = measure(global, printer, &args, dir.clone()).await;
    // Half a measurement's data is of no use to anyone.
    let _missing_is_fine = std::fs::remove_dir_all(&dir);
    let answer = result?;
    printer.answer(&answer, |printer| print(printer, &args, &answer))?;
    let exact = answer.unique_accepted == answer.journal_rows
        && answer.with_processing.unique_accepted == answer.with_processing.journal_rows;
    Ok(if exact { Exit::Done } else { Exit::Failed })
}

async fn measure(global: &Global, printer: Printer, args: &BenchIntakeArgs, dir: PathBuf) -> anyhow::Result<Answer> {
    let stop = CancellationToken::new();
    let bare = bare::start(stop.clone()).await?;
    let host = start_host(global, dir.join("paused"), Work::Idle).await?;
    let ours = host.addresses().context("the host has listeners")?.intake;
    let bar = printer.bar("measuring", u64::from(args.rounds) * SERIES.len() as u64);
    let mut runs: Vec<Vec<Run>> = SERIES.iter().map(|_| Vec::new()).collect();
    let mut first_id = 1_000_000_000_u64;
    for _ in 0..args.rounds {
        for (series, done) in runs.iter_mut().enumerate() {
            let load = load(args, series, if series == 0 { bare } else { ours }, first_id);
            done.push(load::run(load).await?);
            first_id += 100_000_000;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    stop.cancel();
    let tally = host.tally().await?;
    host.drain().await?;
    let with_processing = with_processing(global, printer, args, dir.join("working")).await?;
    let unique_accepted = runs.iter().skip(1).flatten().map(|run| run.unique_accepted).sum();
    let series: Vec<Series> = SERIES.iter().zip(&runs).map(|(name, runs)| series_of(name, runs)).collect();
    // Of the two kinds of ids the worse one counts.
    let slower =
        |pick: fn(&Series) -> f64, at: usize| series.iter().skip(at).take(2).map(pick).fold(f64::MAX, f64::min);
    let longer = |pick: fn(&Series) -> f64, at: usize| series.iter().skip(at).take(2).map(pick).fold(0.0, f64::max);
    let bare_per_s = series.first().map_or(0.0, |bare| bare.per_s.median);
    let accepts_per_s = slower(|s| s.per_s.median, 1);
    Ok(Answer {
        accepts_per_s,
        bare_per_s,
        ratio: accepts_per_s / bare_per_s.max(1.0),
        p50_ms: longer(|s| s.p50_ms.median, 3),
        p99_ms: longer(|s| s.p99_ms.median, 3),
        rounds: args.rounds,
        unique_accepted,
        journal_rows: tally.accepted - tally.duplicate,
        with_processing,
        plugin: bench_plugin::cases(global, printer, args.rounds).await?,
        series,
    })
}

/// The open loop once more, with the backlog being worked off at the same time.
async fn with_processing(
    global: &Global,
    printer: Printer,
    args: &BenchIntakeArgs,
    dir: PathBuf,
) -> anyhow::Result<Processing> {
    let host = start_host(global, dir, Work::Run).await?;
    let to = host.addresses().context("the host has listeners")?.intake;
    let spinner = printer.spinner("measuring with processing on");
    let run = load::run(load(args, 3, to, 1_000_000_000)).await?;
    spinner.finish_and_clear();
    let tally = host.tally().await?;
    let processing = Processing {
        rate_per_s: args.rate,
        p50_ms: run.percentile_ms(500),
        p99_ms: run.percentile_ms(990),
        worked_off: tally.done + tally.unchanged + tally.superseded,
        unique_accepted: run.unique_accepted,
        journal_rows: tally.accepted - tally.duplicate,
    };
    host.drain().await?;
    Ok(processing)
}

fn load(args: &BenchIntakeArgs, series: usize, to: SocketAddr, first_id: u64) -> Load {
    Load {
        to,
        sender: FrontSender::new(SECRET, SOURCE),
        connections: args.connections,
        duration: Duration::from_secs(args.seconds),
        rate: (series >= 3).then_some(args.rate),
        body_bytes: args.body_bytes,
        ids: if matches!(series, 2 | 4) { Ids::Random } else { Ids::Ordered },
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
    let rows: Vec<Vec<String>> = answer
        .series
        .iter()
        .map(|s| {
            vec![s.name.to_owned(), spread(s.per_s, 0), spread(s.p50_ms, 2), spread(s.p99_ms, 2), s.refused.to_string()]
        })
        .collect();
    printer.table(&["RUN", "REQUESTS/S", "P50 MS", "P99 MS", "REFUSED"], &rows);
    printer.line(&format!("ours / bare: {:.2}", answer.ratio));
    printer.line(&format!("journal rows {} = unique ids accepted {}", answer.journal_rows, answer.unique_accepted));
    let p = &answer.with_processing;
    printer.line(&format!(
        "with processing on, open loop at {}/s: p50 {:.2} ms, p99 {:.2} ms, {} events worked off meanwhile, journal rows {} = unique ids {}",
        p.rate_per_s, p.p50_ms, p.p99_ms, p.worked_off, p.journal_rows, p.unique_accepted
    ));
    bench_plugin::print(printer, &answer.plugin, args.rounds);
}
