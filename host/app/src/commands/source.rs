//! `apex source`: configured connectors, and steering them.

use hyper::Method;
use serde_json::{Value, json};

use crate::cli::{CursorCommand, Global, SourceCommand};
use crate::client::{Client, Send, encode};
use crate::exit::Exit;
use crate::host::Work;
use crate::output::{Printer, clip, words};

/// Runs one of the source verbs.
pub async fn run(global: &Global, printer: Printer, command: SourceCommand) -> anyhow::Result<Exit> {
    let work = if matches!(command, SourceCommand::Poll { .. }) { Work::Run } else { Work::Idle };
    let client = Client::open(global, work).await?;
    let post = |path: String| {
        let client = &client;
        async move { client.send(Method::POST, &path, Send::Nothing).await }
    };
    let at = |name: &str| format!("/v1/sources/{}", encode(name));
    let answer = match &command {
        SourceCommand::List => client.get("/v1/sources").await,
        SourceCommand::Show { name } => show(&client, &at(name), name).await,
        SourceCommand::Pause { name } => post(format!("{}/pause", at(name))).await,
        SourceCommand::Resume { name } => post(format!("{}/resume", at(name))).await,
        SourceCommand::Poll { name, .. } => post(format!("{}/poll", at(name))).await,
        SourceCommand::Cursor(CursorCommand::Show { name }) => client.get(&format!("{}/cursors", at(name))).await,
        SourceCommand::Cursor(CursorCommand::Set { name, cursor, slice }) => {
            let cursor = Some(cursor).filter(|cursor| !cursor.is_empty());
            let body = json!({"slice": slice, "cursor": cursor});
            client.send(Method::PUT, &format!("{}/cursors", at(name)), Send::Json(body)).await
        }
    };
    client.close().await?;
    let answer = answer?;
    printer.answer(&answer, |printer| match command {
        SourceCommand::List => list(printer, &answer),
        SourceCommand::Pause { name } => printer.line(&format!("{name} is paused")),
        SourceCommand::Resume { name } => printer.line(&format!("{name} goes on")),
        SourceCommand::Poll { name, .. } => printer.line(&format!("{name} is polled")),
        SourceCommand::Cursor(CursorCommand::Set { name, .. }) => printer.line(&format!("the cursor of {name} is set")),
        SourceCommand::Show { .. } | SourceCommand::Cursor(CursorCommand::Show { .. }) => fields(printer, &answer),
    })?;
    Ok(Exit::Done)
}

/// The source with its counts and cursors.
async fn show(client: &Client, path: &str, name: &str) -> anyhow::Result<Value> {
    let mut source = client.get(path).await?;
    let stats = client.get("/v1/stats").await?;
    let counts = stats.as_array().into_iter().flatten().find(|line| line.get("source").is_some_and(|it| it == name));
    let cursors = client.get(&format!("{path}/cursors")).await?;
    if let Some(fields) = source.as_object_mut() {
        fields.insert("counts".to_owned(), counts.cloned().unwrap_or_default());
        fields.insert("cursors".to_owned(), cursors);
    }
    Ok(source)
}

fn list(printer: Printer, answer: &Value) {
    let rows: Vec<Vec<String>> = answer
        .as_array()
        .into_iter()
        .flatten()
        .map(|source| {
            let text = |key: &str| source.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            vec![
                text("name"),
                text("plugin"),
                text("state"),
                text("priority"),
                words(source, "exports"),
                clip(&text("reason"), 90),
            ]
        })
        .collect();
    printer.table(&["SOURCE", "PLUGIN", "STATE", "PRIORITY", "OFFERS", "REASON"], &rows);
}

fn fields(printer: Printer, answer: &Value) {
    match answer {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::Null => {}
                    Value::String(text) => printer.line(&format!("{key:<16} {text}")),
                    other => printer.line(&format!("{key:<16} {other}")),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields(printer, item)),
        other => printer.line(&other.to_string()),
    }
}
