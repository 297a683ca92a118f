//! `apex event`: the journal.

use serde_json::Value;

use crate::cli::{EventCommand, Global};
use crate::client::{Client, encode, with_query};
use crate::exit::Exit;
use crate::host::Work;
use crate::output::{Printer, clip};

/// Runs one of the event verbs.
pub async fn run(global: &Global, printer: Printer, command: EventCommand) -> anyhow::Result<Exit> {
    let client = Client::open(global, Work::Idle).await?;
    let answer = match &command {
        EventCommand::List { source, state, limit } => {
            let parameters = [("source", source.clone()), ("state", state.clone()), ("limit", Some(limit.to_string()))];
            client.get(&with_query("/v1/events", &parameters)).await
        }
        EventCommand::Show { id } => client.get(&format!("/v1/events/{}", encode(id))).await,
    };
    client.close().await?;
    let answer = answer?;
    printer.answer(&answer, |printer| match command {
        EventCommand::List { .. } => list(printer, &answer),
        EventCommand::Show { .. } => show(printer, &answer),
    })?;
    Ok(Exit::Done)
}

fn list(printer: Printer, answer: &Value) {
    let rows: Vec<Vec<String>> = answer
        .as_array()
        .into_iter()
        .flatten()
        .map(|event| {
            let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            vec![
                text("id"),
                text("source"),
                text("state"),
                text("received_at"),
                text("event_type"),
                clip(&text("label"), 50),
            ]
        })
        .collect();
    printer.table(&["EVENT", "SOURCE", "STATE", "RECEIVED", "TYPE", "LABEL"], &rows);
}

fn show(printer: Printer, event: &Value) {
    let Some(fields) = event.as_object() else { return };
    for (key, value) in fields {
        match value {
            Value::Null => {}
            Value::String(text) => printer.line(&format!("{key:<16} {text}")),
            Value::Array(items) if items.is_empty() => {}
            other => printer.line(&format!("{key:<16} {other}")),
        }
    }
}
