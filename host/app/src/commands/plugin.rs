//! `apex plugin`: components and the compiling of connectors.

use std::path::{Path, PathBuf};

use apex_config::limits::PluginLimits;
use apex_model::{Code, Failure};
use apex_plugin::build;
use serde_json::{Value, json};

use crate::cli::{Global, PluginCommand};
use crate::client::Client;
use crate::exit::Exit;
use crate::host::Work;
use crate::output::{Printer, clip, words};
use crate::settings::cache_dir;

/// Runs one of the plugin verbs.
pub async fn run(global: &Global, printer: Printer, command: PluginCommand) -> anyhow::Result<Exit> {
    match command {
        PluginCommand::List => {
            let client = Client::open(global, Work::Idle).await?;
            let answer = client.get("/v1/plugins").await;
            client.close().await?;
            let answer = answer?;
            printer.answer(&answer, |printer| list(printer, &answer))?;
        }
        PluginCommand::Inspect { file } => inspect(printer, &file)?,
        PluginCommand::Build { dir, out } => {
            let out = out.unwrap_or_else(|| global.plugins.clone());
            let built = build_connectors(printer, connector_dirs(&dir)?, out).await?;
            let answer: Vec<Value> =
                built.iter().map(|one| json!({"name": one.id, "path": one.path, "bytes": one.bytes})).collect();
            printer.answer(&answer, |printer| {
                for one in &built {
                    printer.line(&format!("{}  {} bytes", one.path.display(), one.bytes));
                }
            })?;
        }
    }
    Ok(Exit::Done)
}

/// Compiles connectors with a progress line. `dir` is one connector or a folder of them.
pub async fn build_connectors(printer: Printer, dirs: Vec<PathBuf>, out: PathBuf) -> anyhow::Result<Vec<build::Built>> {
    let settings = build::BuildSettings { cache: cache_dir()?, toolchain: build::ToolchainChoice::Find };
    let spinner = printer.spinner("looking for a way to compile to WebAssembly");
    let line = spinner.clone();
    let work = move || {
        let progress = |step: build::Progress| line.set_message(step.to_string());
        build::build_all(&dirs, &out, &settings, &progress)
    };
    let built = tokio::task::spawn_blocking(work).await?;
    spinner.finish_and_clear();
    Ok(built.map_err(Failure::from)?)
}

/// The connector folders that a path means: itself, or those below it.
fn connector_dirs(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if dir.join("plugin.toml").is_file() {
        return Ok(vec![dir.to_owned()]);
    }
    let dirs = build::connectors(dir).map_err(Failure::from)?;
    if dirs.is_empty() {
        return Err(Failure::never(
            Code::USAGE,
            format!("{} is no connector and holds none: there is no plugin.toml", dir.display()),
        )
        .next("give the folder that holds plugin.toml")
        .into());
    }
    Ok(dirs)
}

fn inspect(printer: Printer, file: &Path) -> anyhow::Result<()> {
    let inspection = apex_plugin::inspect(file, PluginLimits::default().file_bytes_max).map_err(Failure::from)?;
    let answer = serde_json::to_value(&inspection)?;
    printer.answer(&answer, |printer| {
        for (key, value) in answer.as_object().into_iter().flatten() {
            match value {
                Value::Null => {}
                Value::String(text) => printer.line(&format!("{key:<10} {text}")),
                Value::Array(items) => {
                    let names: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                    printer.line(&format!("{key:<10} {}", names.join(", ")));
                }
                other => printer.line(&format!("{key:<10} {other}")),
            }
        }
    })
}

fn list(printer: Printer, answer: &Value) {
    let rows: Vec<Vec<String>> = answer
        .as_array()
        .into_iter()
        .flatten()
        .map(|plugin| {
            let text = |key: &str| plugin.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            vec![
                text("name"),
                text("version"),
                text("state"),
                text("digest").chars().take(12).collect(),
                words(plugin, "exports"),
                clip(&text("error"), 100),
            ]
        })
        .collect();
    printer.table(&["PLUGIN", "VERSION", "STATE", "DIGEST", "EXPORTS", "ERROR"], &rows);
}
