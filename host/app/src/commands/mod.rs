//! One file a verb; this one only chooses.

mod bench_intake;
mod bench_plugin;
mod check;
mod dead_letter;
mod demo;
mod doctor;
mod document;
mod event;
mod graph;
mod ingest;
mod model;
mod plugin;
mod search;
mod serve;
mod source;

use clap::CommandFactory as _;

pub use model::model_dir;

use crate::cli::{BenchCommand, Cli, Command};
use crate::exit::Exit;
use crate::output::{Printer, write_out};
use crate::reload::Seen;
use crate::settings::load;
use crate::telemetry;

/// Runs the command.
pub async fn run(cli: Cli) -> anyhow::Result<Exit> {
    let Cli { global, command } = cli;
    if let Command::Completions { shell } = command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "apex", &mut script);
        write_out(&String::from_utf8_lossy(&script));
        return Ok(Exit::Done);
    }
    let seen = Seen::now(&global);
    let settings = load(&global);
    let log = settings.as_ref().map(|settings| settings.log.clone()).unwrap_or_default();
    telemetry::init(&log, &global, !matches!(command, Command::Serve))?;
    let printer = Printer::new(global.json);
    match command {
        Command::Demo(args) => demo::run(&global, printer, args).await,
        Command::Serve => serve::run(&global, settings?, seen).await,
        Command::Check => check::run(&global, printer, settings?).await,
        Command::Ingest(args) => ingest::run(&global, printer, args).await,
        Command::Search(args) => search::run(&global, printer, args).await,
        Command::Graph(args) => graph::run(&global, printer, args).await,
        Command::Document(command) => document::run(&global, printer, command).await,
        Command::Event(command) => event::run(&global, printer, command).await,
        Command::DeadLetter(command) => dead_letter::run(&global, printer, command).await,
        Command::Source(command) => source::run(&global, printer, command).await,
        Command::Plugin(command) => plugin::run(&global, printer, command).await,
        Command::Model(command) => model::run(printer, &settings?, &command).await,
        Command::Doctor(args) => doctor::run(&global, printer, args).await,
        Command::Bench(BenchCommand::Intake(args)) => bench_intake::run(&global, printer, args).await,
        Command::Bench(BenchCommand::Plugin(args)) => bench_plugin::run(&global, printer, args).await,
        Command::Completions { .. } => Ok(Exit::Done),
    }
}
