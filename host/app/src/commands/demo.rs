//! `apex demo`: the whole main job with nothing configured.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use apex_model::{Code, Failure};
use apex_plugin::build;

use super::plugin::build_connectors;
use crate::cli::{DemoArgs, Global};
use crate::demo::{Report, Senders, fresh_data_dir};
use crate::exit::Exit;
use crate::host::{Host, HostOptions, Work};
use crate::output::{Printer, to_stderr};
use crate::settings::cache_dir;

const CONNECTORS: [&str; 3] = ["frontapp", "samsara", "carrier-edi"];

/// Runs it; with `--serve` the host stays up afterwards.
pub async fn run(global: &Global, printer: Printer, args: DemoArgs) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let say = |text: &str| {
        if !printer.json {
            to_stderr(text);
        }
    };
    let mut settings = crate::settings::load(&Global { config: None, ..global.clone() })?;
    say("1/5 embedding model");
    super::model::fetch(printer, &settings).await?;
    say("2/5 connectors");
    ensure_connectors(&global.plugins, printer).await?;

    say("3/5 host");
    let senders = Senders::start().await?;
    settings.sources.clear();
    senders.configure(&mut settings)?;
    if !args.serve {
        for listener in [&mut settings.intake, &mut settings.api, &mut settings.metrics] {
            listener.listen.set_port(0);
        }
    }
    let data = fresh_data_dir(&global.data)?;
    let options = HostOptions {
        data: data.clone(),
        plugins: global.plugins.clone(),
        cache: cache_dir()?,
        settings,
        listen: true,
        work: Work::Run,
    };
    let host = Host::start(options).await?;

    say("4/5 webhooks, feed and files");
    let webhooks = senders.send_webhooks(&host, printer).await?;
    let sets = senders.leave_files(&host, printer).await?;
    say("5/5 documents");
    senders.settle(&host, printer).await?;

    let report =
        Report::read(&host, &[("frontapp", webhooks), ("carrier-edi", sets)], next_commands(&data), started.elapsed())
            .await?;
    printer.answer(&report, |printer| {
        printer.line("");
        report.print(printer);
    })?;
    if args.serve {
        let info = host.addresses().context("the demo's host has listeners")?;
        say(&format!("serving: webhooks {}, API {}, metrics {}; Ctrl-C ends it", info.intake, info.api, info.metrics));
        super::serve::until_asked_to_stop().await?;
    }
    host.drain().await?;
    Ok(if report.is_good() { Exit::Done } else { Exit::Failed })
}

/// Builds the three connectors where their sources are at hand and newer; else they must be there.
async fn ensure_connectors(plugins: &Path, printer: Printer) -> anyhow::Result<()> {
    let stale: Vec<_> = CONNECTORS
        .iter()
        .map(|name| plugins.join(name))
        .filter(|dir| dir.join("plugin.toml").is_file())
        .filter(|dir| build::needs_rebuild(dir, &dir.with_extension("wasm")))
        .collect();
    if !stale.is_empty() {
        build_connectors(printer, stale, plugins.to_owned()).await?;
    }
    for name in CONNECTORS {
        if !plugins.join(format!("{name}.wasm")).is_file() {
            return Err(Failure::never(
                Code::PLUGIN_MISSING,
                format!("{}/{name}.wasm is not there, and neither are its sources", plugins.display()),
            )
            .next("run the demo in a checkout of Apex Host, or give the directory of the components with --plugins")
            .into());
        }
    }
    Ok(())
}

fn next_commands(data: &Path) -> Vec<String> {
    let apex = if std::env::var_os("CARGO").is_some() { "cargo run -q --" } else { "apex" };
    let data = data.display();
    vec![
        format!("{apex} --data {data} search \"who refuses to pay for waiting time\""),
        format!("{apex} --data {data} graph shipment:hl-700101 --depth 2"),
        format!("{apex} --data {data} dead-letter list"),
    ]
}
