//! `apex dead-letter`: what could not be worked off, with its body; and trying it again.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use serde_json::{Value, json};

use crate::cli::{DeadLetterCommand, Global};
use crate::client::{Client, Send, encode, with_query};
use crate::exit::Exit;
use crate::host::Work;
use crate::output::{Printer, clip};

/// Runs one of the dead-letter verbs.
pub async fn run(global: &Global, printer: Printer, command: DeadLetterCommand) -> anyhow::Result<Exit> {
    let work = if matches!(command, DeadLetterCommand::Replay { dry_run: false, .. }) { Work::Run } else { Work::Idle };
    let client = Client::open(global, work).await?;
    let answer = match &command {
        DeadLetterCommand::List { source, limit } => {
            let parameters = [("source", source.clone()), ("limit", Some(limit.to_string()))];
            client.get(&with_query("/v1/dead-letters", &parameters)).await
        }
        DeadLetterCommand::Show { id } => client.get(&format!("/v1/dead-letters/{}", encode(id))).await,
        DeadLetterCommand::Replay { ids, all, source, dry_run } => {
            let body = if *all {
                json!({"all": true, "source": source, "dry_run": dry_run})
            } else {
                json!({"ids": ids, "dry_run": dry_run})
            };
            client.send(Method::POST, "/v1/dead-letters/replay", Send::Json(body)).await
        }
    };
    client.close().await?;
    let answer = answer?;
    printer
        .answer(&answer, |printer| match command {
            DeadLetterCommand::List { .. } => list(printer, &answer),
            DeadLetterCommand::Show { .. } => show(printer, &answer),
            DeadLetterCommand::Replay { dry_run, .. } => {
                let ids = answer.get("replayed").and_then(Value::as_array).cloned().unwrap_or_default();
                ids.iter().filter_map(Value::as_str).for_each(|id| printer.line(id));
                let verb = if dry_run { "would be replayed" } else { "replayed; see `apex event show`" };
                crate::output::to_stderr(&format!("{} {verb}", ids.len()));
            }
        })
        .context("the dead letters could not be printed")?;
    Ok(Exit::Done)
}

fn list(printer: Printer, answer: &Value) {
    let rows: Vec<Vec<String>> = answer
        .as_array()
        .into_iter()
        .flatten()
        .map(|letter| {
            let text = |key: &str| letter.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            vec![text("id"), text("source"), text("code"), text("dead_at"), clip(&text("reason"), 80)]
        })
        .collect();
    printer.table(&["EVENT", "SOURCE", "CODE", "DEAD SINCE", "REASON"], &rows);
}

fn show(printer: Printer, letter: &Value) {
    for (key, value) in letter.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            _ if key == "body" || key == "body_text" || key == "body_base64" => {}
            Value::String(text) => printer.line(&format!("{key:<14} {}", text.trim_end())),
            Value::Array(items) if items.is_empty() => {}
            other => printer.line(&format!("{key:<14} {other}")),
        }
    }
    printer.line("");
    match (letter.get("body_text").and_then(Value::as_str), letter.get("body_base64").and_then(Value::as_str)) {
        (Some(text), _) => printer.line(text),
        (None, Some(encoded)) => {
            let bytes = STANDARD.decode(encoded).map_or(0, |bytes| bytes.len());
            printer.line(
                &printer.dim(&format!("(the body has {bytes} bytes that are no text; --json prints them in base64)")),
            );
        }
        (None, None) => {}
    }
}
