//! `apex ingest`: files, recorded requests and documents, given to a source by hand.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use apex_model::event::EventState;
use apex_model::{Code, Failure};
use hyper::Method;
use serde_json::{Value, json};

use crate::cli::{Global, IngestArgs};
use crate::client::{Client, Send, encode, with_query};
use crate::exit::Exit;
use crate::host::Work;
use crate::output::Printer;

/// What a path holds, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Documents for any source.
    Documents,
    /// A recorded HTTP request for a webhook source.
    Delivery,
    /// A file for a batch source.
    File,
}

fn kind_of(path: &Path, exports: &[String]) -> Kind {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let offers = |name: &str| exports.iter().any(|export| export == name);
    match extension {
        "http" if offers("webhook") => Kind::Delivery,
        "json" => Kind::Documents,
        _ if offers("batch") => Kind::File,
        _ if offers("webhook") && extension.is_empty() => Kind::Delivery,
        _ => Kind::Documents,
    }
}

/// Gives each path to the source; with `--wait` until it is worked off.
pub async fn run(global: &Global, printer: Printer, args: IngestArgs) -> anyhow::Result<Exit> {
    // Without a server nobody would work it off later, so it is worked off now.
    let client = Client::open(global, Work::Run).await?;
    let result = ingest_all(&client, printer, &args).await;
    client.close().await?;
    let answers = result?;
    let dead = answers.iter().filter(|answer| answer.get("state").and_then(Value::as_str) == Some("dead")).count();
    printer.answer(&answers, |printer| {
        for answer in &answers {
            let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
            printer.line(&format!("{}  {:<10}  {}", text("event"), text("state"), text("path")));
        }
        if dead > 0 {
            crate::output::to_stderr(&format!("{dead} ended in the dead letters; `apex dead-letter list` says why"));
        }
    })?;
    Ok(if dead == 0 { Exit::Done } else { Exit::Failed })
}

async fn ingest_all(client: &Client, printer: Printer, args: &IngestArgs) -> anyhow::Result<Vec<Value>> {
    let source = client.get(&format!("/v1/sources/{}", encode(&args.source))).await?;
    let exports: Vec<String> = source
        .get("exports")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|export| export.as_str().map(str::to_owned))
        .collect();
    let bar = printer.bar(&format!("giving to {}", args.source), args.paths.len() as u64);
    let mut answers = Vec::new();
    for path in &args.paths {
        let bytes = read(path)?;
        let mut answer = give(client, args, path, kind_of(path, &exports), bytes).await?;
        if args.wait {
            answer = wait_to_its_end(client, answer).await?;
        }
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("path".to_owned(), json!(path.display().to_string()));
        }
        answers.push(answer);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(answers)
}

/// A long file takes longer than one request may wait: asks until the event has ended.
async fn wait_to_its_end(client: &Client, mut answer: Value) -> anyhow::Result<Value> {
    let ended = |state: &str| EventState::parse(state).is_some_and(EventState::is_terminal);
    loop {
        let (id, state) = (answer.get("event").and_then(Value::as_str), answer.get("state").and_then(Value::as_str));
        let Some(id) = id.filter(|_| !state.is_some_and(ended)) else { return Ok(answer) };
        tokio::time::sleep(ASK_EVERY).await;
        let event = client.get(&format!("/v1/events/{}", encode(id))).await?;
        let state = event.get("state").cloned().unwrap_or_default();
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("state".to_owned(), state);
        }
    }
}

/// Between two looks at an event that is being worked off.
const ASK_EVERY: Duration = Duration::from_millis(250);

async fn give(client: &Client, args: &IngestArgs, path: &Path, kind: Kind, bytes: Vec<u8>) -> anyhow::Result<Value> {
    let wait = args.wait.then(|| "true".to_owned());
    match kind {
        Kind::Documents => {
            let mut document: Value = serde_json::from_slice(&bytes).map_err(|cause| {
                Failure::never(Code::BAD_REQUEST, format!("{} is no JSON: {cause}", path.display()))
                    .next("give documents as `{\"kind\": …, \"title\": …, \"content\": …}`")
            })?;
            if let Some(fields) = document.as_object_mut() {
                fields.insert("source".to_owned(), json!(args.source));
            }
            client.send(Method::POST, &with_query("/v1/documents", &[("wait", wait)]), Send::Json(document)).await
        }
        Kind::Delivery => {
            let path = with_query(&format!("/v1/deliveries/{}", encode(&args.source)), &[("wait", wait)]);
            client.send(Method::POST, &path, Send::Bytes(bytes)).await
        }
        Kind::File => {
            let name = path.file_name().map_or_else(|| "stdin".to_owned(), |name| name.to_string_lossy().into_owned());
            let name = if name == "-" { "stdin".to_owned() } else { name };
            let path =
                with_query(&format!("/v1/files/{}", encode(&args.source)), &[("name", Some(name)), ("wait", wait)]);
            client.send(Method::POST, &path, Send::Bytes(bytes)).await
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(path).map_err(|cause| {
        let code = if cause.kind() == std::io::ErrorKind::NotFound { Code::NOT_FOUND } else { Code::USAGE };
        Failure::never(code, format!("cannot read {}: {cause}", path.display())).next("check the path").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_given_the_way_its_source_takes() {
        let offers = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(kind_of(Path::new("a.http"), &offers(&["webhook"])), Kind::Delivery);
        assert_eq!(kind_of(Path::new("a.json"), &offers(&["webhook", "poll"])), Kind::Documents);
        assert_eq!(kind_of(Path::new("a.json"), &offers(&["batch"])), Kind::Documents);
        assert_eq!(kind_of(Path::new("a.edi"), &offers(&["batch"])), Kind::File);
        assert_eq!(kind_of(Path::new("-"), &offers(&["batch"])), Kind::File);
        assert_eq!(kind_of(Path::new("-"), &offers(&["webhook"])), Kind::Delivery);
    }
}
