//! `apex document`: documents as readers see them.

use std::io::{BufRead as _, IsTerminal as _};

use apex_model::{Code, Failure};
use hyper::Method;
use serde_json::Value;

use crate::cli::{DocumentCommand, Global};
use crate::client::{Client, Send, encode, with_query};
use crate::exit::Exit;
use crate::host::Work;
use crate::output::{Printer, clip};

/// Runs one of the document verbs.
pub async fn run(global: &Global, printer: Printer, command: DocumentCommand) -> anyhow::Result<Exit> {
    let work = if matches!(command, DocumentCommand::Delete { .. }) { Work::Run } else { Work::Idle };
    if let DocumentCommand::Delete { id, yes: false } = &command {
        confirm(id)?;
    }
    let client = Client::open(global, work).await?;
    let answer = match &command {
        DocumentCommand::List { source, kind, limit } => {
            let parameters = [("source", source.clone()), ("kind", kind.clone()), ("limit", Some(limit.to_string()))];
            client.get(&with_query("/v1/documents", &parameters)).await
        }
        DocumentCommand::Show { id } => client.get(&format!("/v1/documents/{}", encode(id))).await,
        DocumentCommand::History { id } => client.get(&format!("/v1/documents/{}/history", encode(id))).await,
        DocumentCommand::Delete { id, .. } => {
            client.send(Method::DELETE, &format!("/v1/documents/{}?wait=true", encode(id)), Send::Nothing).await
        }
    };
    client.close().await?;
    let answer = answer?;
    printer.answer(&answer, |printer| match command {
        DocumentCommand::List { .. } => list(printer, &answer),
        DocumentCommand::Show { .. } => show(printer, &answer),
        DocumentCommand::History { .. } => history(printer, &answer),
        DocumentCommand::Delete { id, .. } => printer.line(&format!("deleted {id}")),
    })?;
    Ok(Exit::Done)
}

fn confirm(id: &str) -> anyhow::Result<()> {
    let refuse = || Failure::never(Code::USAGE, format!("not deleting {id} without a yes")).next("add --yes");
    if !std::io::stdin().is_terminal() {
        return Err(refuse().into());
    }
    crate::output::to_stderr(&format!("Delete {id} for all readers? Type yes:"));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    if line.trim() == "yes" { Ok(()) } else { Err(refuse().into()) }
}

fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

fn list(printer: Printer, answer: &Value) {
    let rows: Vec<Vec<String>> = answer
        .as_array()
        .into_iter()
        .flatten()
        .map(|line| {
            let cell = |key| text(line, key);
            vec![cell("id"), cell("kind"), cell("version"), cell("updated_at"), clip(&cell("title"), 70)]
        })
        .collect();
    printer.table(&["ID", "KIND", "VERSION", "UPDATED", "TITLE"], &rows);
}

fn show(printer: Printer, document: &Value) {
    printer.line(&printer.bold(&text(document, "title")));
    for key in ["id", "source", "kind", "version", "occurred_at", "updated_at", "chunks"] {
        let value = text(document, key);
        if !value.is_empty() {
            printer.line(&format!("{key:<12} {value}"));
        }
    }
    if let Some(plugin) = document.get("plugin").filter(|plugin| !plugin.is_null()) {
        let digest: String = text(plugin, "digest").chars().take(12).collect();
        printer.line(&format!("{:<12} {} {} ({digest})", "plugin", text(plugin, "name"), text(plugin, "version")));
    }
    printer.line("");
    printer.line(&text(document, "content"));
    let entities: Vec<String> = document
        .get("entities")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|entity| text(entity, "key"))
        .collect();
    if !entities.is_empty() {
        printer.line("");
        printer.line(&printer.bold("entities"));
        for key in &entities {
            printer.line(&format!("  {key}"));
        }
    }
    printer.line("");
    printer.line(&printer.dim(&text(document, "metadata")));
}

fn history(printer: Printer, answer: &Value) {
    let rows: Vec<Vec<String>> = answer
        .as_array()
        .into_iter()
        .flatten()
        .map(|line| {
            let flag = |key: &str| line.get(key).and_then(Value::as_bool).unwrap_or_default();
            let state = if flag("live") {
                "live"
            } else if flag("deleted") {
                "deleted"
            } else {
                ""
            };
            let plugin = line.get("plugin").map(|plugin| text(plugin, "digest")).unwrap_or_default();
            vec![
                text(line, "version"),
                state.to_owned(),
                text(line, "committed_at"),
                text(line, "event"),
                plugin.chars().take(12).collect(),
                clip(&text(line, "title"), 60),
            ]
        })
        .collect();
    printer.table(&["VERSION", "STATE", "COMMITTED", "EVENT", "PLUGIN", "TITLE"], &rows);
}
