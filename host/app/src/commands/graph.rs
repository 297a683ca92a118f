//! `apex graph`: what surrounds an entity.

use serde_json::Value;

use crate::cli::{Global, GraphArgs};
use crate::client::{Client, encode, with_query};
use crate::exit::Exit;
use crate::host::Work;
use crate::output::{Printer, clip};

/// Prints the entity, those around it and the relations among them.
pub async fn run(global: &Global, printer: Printer, args: GraphArgs) -> anyhow::Result<Exit> {
    let client = Client::open(global, Work::Idle).await?;
    let path = with_query(&format!("/v1/graph/{}", encode(&args.entity)), &[("depth", Some(args.depth.to_string()))]);
    let answer = client.get(&path).await;
    client.close().await?;
    let answer = answer?;
    printer.answer(&answer, |printer| human(printer, &answer))?;
    Ok(Exit::Done)
}

fn human(printer: Printer, answer: &Value) {
    let list = |key: &str| answer.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = list("nodes")
        .iter()
        .map(|node| {
            let text = |key: &str| node.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let documents = node.get("documents").and_then(Value::as_array).map_or(0, Vec::len);
            let hops = node.get("distance").and_then(Value::as_u64).unwrap_or_default();
            vec![hops.to_string(), text("kind"), text("key"), documents.to_string(), clip(&text("name"), 60)]
        })
        .collect();
    printer.table(&["HOPS", "KIND", "KEY", "DOCUMENTS", "NAME"], &rows);
    let edges = list("edges");
    if !edges.is_empty() {
        printer.line("");
    }
    for edge in &edges {
        let text = |key: &str| edge.get(key).and_then(Value::as_str).unwrap_or_default();
        printer.line(&format!("{} —{}→ {}", text("from"), text("kind"), text("to")));
    }
    if answer.get("truncated").and_then(Value::as_bool).unwrap_or_default() {
        crate::output::to_stderr("more is there than is shown; ask for one of the entities above");
    }
}
