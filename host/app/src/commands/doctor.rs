//! `apex doctor`: are the parts of what is stored whole? Reports only.

use serde_json::Value;

use crate::cli::{DoctorArgs, DoctorCommand, Global};
use crate::client::{Client, encode, with_query};
use crate::exit::Exit;
use crate::host::Work;
use crate::output::Printer;

/// Prints what it found; exit 1 if anything is wrong.
pub async fn run(global: &Global, printer: Printer, args: DoctorArgs) -> anyhow::Result<Exit> {
    let client = Client::open(global, Work::Idle).await?;
    let document = args.command.map(|DoctorCommand::Document { id }| id);
    let answer = match &document {
        // Nothing is wrong with what is not there, but that is no answer to the question.
        Some(id) => client.get(&format!("/v1/documents/{}", encode(id))).await.map(drop),
        None => Ok(()),
    };
    let answer = match answer {
        Ok(()) => client.get(&with_query("/v1/doctor", &[("document", document)])).await,
        Err(error) => Err(error),
    };
    client.close().await?;
    let answer = answer?;
    let findings = answer.get("findings").and_then(Value::as_array).map_or(0, Vec::len);
    printer.answer(&answer, |printer| {
        for finding in answer.get("findings").and_then(Value::as_array).into_iter().flatten() {
            printer.line(finding.as_str().unwrap_or_default());
        }
        if findings == 0 {
            printer.line("every document is whole");
        }
    })?;
    Ok(if findings == 0 { Exit::Done } else { Exit::Failed })
}
