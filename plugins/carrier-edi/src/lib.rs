//! Carrier EDI: X12 files become one document per transaction set, and the partner gets its 997, 999 or TA1. This file
//! is the thin part that talks to the host; everything else is plain Rust over bytes.
//!
//! ```text
//! file ─ header/delims ─ segment ─ scan ─┬─ sets ─ document ─ page ─ documents and issues
//!                                        └─ check ─ ack ─ ta1/reply ─ 997, 999, TA1
//! ```

mod ack;
mod amounts;
mod check;
mod codes;
mod config;
#[cfg(test)]
mod coverage;
mod dates;
mod delims;
mod document;
mod header;
mod journal;
mod page;
mod party;
mod reply;
mod resume;
mod scan;
mod section;
mod segment;
mod sets;
mod ta1;
mod text;
mod window;

use apex_sdk::prelude::*;

use crate::config::Config;
use crate::document::Finished;
use crate::segment::Span;

/// The connector.
pub struct CarrierEdi;

impl Describe for CarrierEdi {
    fn describe() -> Description {
        Description::new(
            "carrier-edi",
            env!("CARGO_PKG_VERSION"),
            "Load tenders, freight invoices, shipment status and remittances from X12 files",
        )
        .documents(&sets::KINDS)
        .entity("shipment", &["shipment-id"])
        .entity("organisation", &["scac"])
        .entity("organisation", &["name"])
        .entity("place", &["city", "state", "country"])
        .entity("vehicle", &["equipment-number"])
        .entity("invoice", &["issuer", "invoice-number"])
        .entity("payment", &["payer", "trace-number"])
        .config_schema(config::SCHEMA)
    }

    fn check(config: &str) -> Result<(), Fault> {
        Config::read(config).map(drop)
    }
}

impl Batch for CarrierEdi {
    fn parse(file: &dyn FileReader, resume: Option<&str>) -> Result<FilePage, Fault> {
        let parsed = page::parse(file, resume)?;
        let documents =
            parsed.documents.into_iter().map(|finished| enclose(file, finished)).collect::<Result<_, _>>()?;
        Ok(FilePage { documents, issues: parsed.issues, resume: parsed.resume })
    }

    fn acknowledge(file: &dyn FileReader, outcomes: &[Outcome]) -> Result<Vec<ReplyFile>, Fault> {
        let config = Config::read(&host::config())?;
        if !config.acknowledge {
            return Ok(Vec::new());
        }
        let lost = outcomes.iter().filter(|outcome| !outcome.stored).count();
        if lost > 0 {
            host::log::warn(&format!(
                "{lost} documents or issues of {} were not stored; 997 judges syntax only",
                file.name()
            ));
        }
        let reports = ack::reports(file)?;
        let wanted: Vec<usize> = reports.iter().map(reply::numbers_wanted).collect();
        if wanted.iter().all(|count| *count == 0) {
            return Ok(Vec::new());
        }
        let record = journal::record(&file.sha256(), wanted.iter().sum())?;
        let mut numbers = record.numbers.as_slice();
        let mut replies = Vec::new();
        for (report, count) in reports.iter().zip(wanted) {
            let Some((own, rest)) = numbers.split_at_checked(count) else { break };
            numbers = rest;
            let Some(text) = reply::write(report, &config.reply, own, &record.stamp) else { continue };
            let number = own.first().copied().unwrap_or_default();
            let name = format!("ack-{:09}.edi", number % 1_000_000_000);
            replies.push(ReplyFile { name, media_type: document::X12.to_owned(), content: text.into_bytes() });
        }
        Ok(replies)
    }
}

/// Hands the bytes that go beside a document to the host.
fn enclose(file: &dyn FileReader, finished: Finished) -> Result<Document, Fault> {
    let mut document = finished.document;
    for enclosure in finished.enclosures {
        let bytes = read(file, enclosure.span)?;
        let reference = host::payload::put(enclosure.media_type, &bytes)?;
        document = document.attachment(enclosure.name, enclosure.media_type, window::to_u32(bytes.len()), reference);
    }
    Ok(document)
}

fn read(file: &dyn FileReader, span: Span) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(span.length as usize);
    let end = span.offset.saturating_add(span.length);
    while let Some(left) =
        end.checked_sub(span.offset.saturating_add(window::to_u32(bytes.len()))).filter(|left| *left > 0)
    {
        let part = file.read(end - left, left.min(1 << 18))?;
        if part.is_empty() {
            break;
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

export_connector!(CarrierEdi: batch);
