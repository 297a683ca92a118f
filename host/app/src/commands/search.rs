//! `apex search`: documents by meaning.

use serde_json::Value;

use crate::cli::{Global, SearchArgs};
use crate::client::{Client, with_query};
use crate::exit::Exit;
use crate::host::Work;
use crate::output::{Printer, clip};

/// Searches and prints the hits, best first.
pub async fn run(global: &Global, printer: Printer, args: SearchArgs) -> anyhow::Result<Exit> {
    let client = Client::open(global, Work::Idle).await?;
    let path = with_query(
        "/v1/search",
        &[
            ("q", Some(args.text)),
            ("source", args.source),
            ("kind", args.kind),
            ("limit", Some(args.limit.to_string())),
        ],
    );
    let answer = client.get(&path).await;
    client.close().await?;
    let answer = answer?;
    printer.answer(&answer, |printer| print_hits(printer, &answer))?;
    Ok(Exit::Done)
}

/// Prints hits for people: score, title, id, the passage that fits.
pub fn print_hits(printer: Printer, answer: &Value) {
    let hits = answer.get("hits").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if hits.is_empty() {
        printer.line("nothing found");
    }
    for hit in hits {
        let text = |key: &str| hit.get(key).and_then(Value::as_str).unwrap_or_default();
        let score = hit.get("score").and_then(Value::as_f64).unwrap_or_default();
        printer.line(&format!("{score:.3}  {}", printer.bold(&clip(text("title"), 100))));
        printer.line(&format!("       {}", printer.dim(&format!("{} · {}", text("document_id"), text("kind")))));
        printer.line(&format!("       {}", clip(text("snippet"), 160)));
    }
}
