//! The application around the parts of Apex Host: command line, wiring, running host, demo and benchmarks.
//!
//! A library so that the suites that run the real binary can share its senders and load generator; the binary is `main.rs`.

mod background;
pub mod bench;
mod cli;
mod client;
mod commands;
mod demo;
mod exit;
mod host;
mod output;
mod reload;
mod settings;
mod telemetry;
mod wire;

use std::process::ExitCode;

use apex_model::{Code, Failure};
use clap::Parser as _;
use clap::error::ErrorKind;

use crate::cli::Cli;
use crate::exit::Exit;

/// Reads the command line, runs one command, turns its error into an exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_a_command(&error).into(),
    };
    let json = cli.global.json;
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(error) => exit::report(&error, json).into(),
    }
}

/// Help and version go to stdout as asked for; anything else is a usage error like every other error.
fn not_a_command(error: &clap::Error) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _closed_pipe_is_fine = error.print();
            Exit::Done
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _closed_pipe_is_fine = error.print();
            Exit::Usage
        }
        _ => {
            let text = error.render().to_string();
            let said: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:")).collect();
            let what = said.join(" ").trim().trim_start_matches("error: ").to_owned();
            let json = std::env::args_os().any(|word| word == "--json");
            exit::report(&Failure::never(Code::USAGE, what).next("`apex --help` lists the commands").into(), json)
        }
    }
}

/// Threads that answer requests: one processor is left to those of guests and journal, which every delivery needs as well.
/// With as many threads as processors, two processors took a fifth less of deliveries.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| processors.get().saturating_sub(1).max(1))
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    // A second call is refused and harmless.
    let _installed_once = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers()).enable_all().build()?;
    let exit = runtime.block_on(commands::run(cli));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    exit
}
