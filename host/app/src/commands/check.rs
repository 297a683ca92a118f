//! `apex check`: is everything configured that is needed? Changes nothing.

use apex_config::{ModelKind, Settings};
use apex_model::Failure;
use apex_model::plugin::PluginState;
use apex_model::ports::PluginCatalog as _;
use apex_model::source::{SourceState, SourceStatus};
use apex_pipeline::model_fetch::{self, FileState};
use serde::Serialize;

use crate::cli::Global;
use crate::exit::Exit;
use crate::output::Printer;
use crate::settings::{DataDir, cache_dir, config_file};
use crate::wire;

#[derive(Debug, Serialize)]
struct Answer {
    config: Option<String>,
    ok: bool,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Finding {
    mark: Mark,
    subject: String,
    detail: String,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mark {
    Ok,
    /// Not in use, and nobody asked for it to be.
    Waiting,
    Missing,
}

impl Mark {
    fn of(good: bool) -> Self {
        if good { Self::Ok } else { Self::Missing }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Waiting => "waiting",
            Self::Missing => "missing",
        }
    }
}

/// Validates configuration, secrets, grants, plugins and the model; exit 2 if something is missing.
pub async fn run(global: &Global, printer: Printer, settings: Settings) -> anyhow::Result<Exit> {
    let mut findings = Vec::new();
    let mut add = |mark: Mark, subject: String, detail: String| findings.push(Finding { mark, subject, detail });
    let mut readable = settings.clone();
    for (name, source) in &settings.sources {
        if let Err(error) = source.resolve_secrets(name) {
            add(Mark::Missing, format!("source {name}"), error.to_string());
            readable.sources.remove(name);
        }
    }
    // A running server holds the directory's lock; looking at plugins needs no lock and writes nothing there.
    let scratch = cache_dir()?.join(format!("check-{}", uuid::Uuid::new_v4().simple()));
    let catalog = wire::catalog_alone(&readable, &global.plugins, &cache_dir()?, &scratch).await;
    let _missing_is_fine = std::fs::remove_dir_all(&scratch);
    match catalog {
        Ok(catalog) => {
            for plugin in catalog.plugins() {
                let offers = format!("{} offers {}", plugin.version, plugin.exports.join(", "));
                // Why it waits is said at its sources.
                let (mark, detail) = match plugin.state {
                    PluginState::Failed => (Mark::Missing, plugin.error.unwrap_or(offers)),
                    PluginState::Active | PluginState::Waiting => (Mark::Ok, offers),
                };
                add(mark, format!("plugin {}", plugin.name), detail);
            }
            let unreadable = |source: &SourceStatus| {
                settings.sources.contains_key(&source.name) && !readable.sources.contains_key(&source.name)
            };
            for source in catalog.sources().into_iter().filter(|source| !unreadable(source)) {
                // What nobody configured may wait; what somebody did should work.
                let wanted = settings.sources.get(&source.name).is_some_and(|wanted| wanted.enabled);
                let mark = match source.state {
                    SourceState::Waiting if wanted => Mark::Missing,
                    SourceState::Waiting => Mark::Waiting,
                    _ => Mark::Ok,
                };
                let detail = match source.reason {
                    // On one line they could not be pasted.
                    Some(lines) if lines.contains('\n') => {
                        format!("lacks settings: `apex source show {}` prints the lines to add", source.name)
                    }
                    Some(reason) => reason,
                    None => "ready".to_owned(),
                };
                add(mark, format!("source {}", source.name), detail);
            }
        }
        Err(failure) => add(Mark::Missing, "plugins".to_owned(), failure.to_string()),
    }
    let (ready, detail) = model_state(&settings)?;
    add(Mark::of(ready), "model".to_owned(), detail);
    let server = DataDir::new(&global.data).server()?;
    let detail = server.map_or_else(|| "no server runs".to_owned(), |info| format!("a server runs, API {}", info.api));
    add(Mark::Ok, format!("data {}", global.data.display()), detail);

    let ok = findings.iter().all(|finding| finding.mark != Mark::Missing);
    let answer = Answer { config: config_file(global).map(|file| file.display().to_string()), ok, findings };
    printer.answer(&answer, |printer| {
        for finding in &answer.findings {
            printer.line(&format!("{:<7}  {:<24} {}", finding.mark.as_str(), finding.subject, finding.detail));
        }
    })?;
    Ok(if ok { Exit::Done } else { Exit::Usage })
}

/// Whether every file of the model is there and is the pinned one.
fn model_state(settings: &Settings) -> anyhow::Result<(bool, String)> {
    if settings.model.kind == ModelKind::Hashing {
        return Ok((true, "hashing: finds words, not meaning".to_owned()));
    }
    let states = model_fetch::check(&super::model::model_dir(settings)?).map_err(Failure::from)?;
    let wrong: Vec<&str> =
        states.iter().filter(|(_, state)| *state != FileState::Right).map(|(name, _)| *name).collect();
    if wrong.is_empty() {
        return Ok((true, "ready".to_owned()));
    }
    Ok((false, format!("{} missing or damaged; run `apex model fetch`", wrong.join(" and "))))
}
