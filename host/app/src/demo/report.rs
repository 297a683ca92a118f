//! What the demo shows at the end: the account of every source, one search, and what to try next.

use std::collections::BTreeMap;
use std::time::Duration;

use apex_model::event::{EventFilter, EventRecord, EventState, Tally};
use apex_model::reading::Hit;
use serde::Serialize;

use crate::host::Host;
use crate::output::{Printer, clip};

/// The account of one source. **Invariant:** `deliveries = documents + unchanged + dead`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The source.
    pub source: String,
    /// Records that came: documents the connector emitted, repeats, and what could not be read.
    pub deliveries: u64,
    /// Document versions made visible.
    pub documents: u64,
    /// Repeats, and records that brought nothing new.
    pub unchanged: u64,
    /// Records in the dead letters.
    pub dead: u64,
    /// Documents that can be found now.
    pub searchable: u64,
}

/// Everything the demo shows.
#[derive(Debug, Serialize)]
pub struct Report {
    /// One row a source.
    pub sources: Vec<Row>,
    /// Counts of journal entries over all sources.
    pub events: Tally,
    /// The question.
    pub query: String,
    /// What was found.
    pub hits: Vec<Hit>,
    /// Whether the first hit is the document that answers the question.
    pub first_hit_is_right: bool,
    /// Seconds from start to here.
    pub seconds: f64,
    /// What to try next.
    pub next: Vec<String>,
}

impl Report {
    /// Reads the account from the journal and the stores. `sent` is what the senders counted, for those that count; the
    /// account has to agree with it.
    pub async fn read(host: &Host, sent: &[(&str, u64)], next: Vec<String>, took: Duration) -> anyhow::Result<Self> {
        let filter = EventFilter { limit: 10_000, ..EventFilter::default() };
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for event in host.events(filter).await? {
            add(rows.entry(event.source.to_string()).or_default(), &event);
        }
        for letter in host.dead_letters().await? {
            // What could not be understood inside a file that was otherwise read.
            let issues = letter.issues.len() as u64;
            let row = rows.entry(letter.source.to_string()).or_default();
            let whole = u64::from(letter.outcomes.is_empty() && issues == 0);
            row.deliveries += issues + whole;
            row.dead += issues + whole;
        }
        let mut events = Tally::default();
        for (source, tally) in host.tallies().await? {
            events = events.plus(&tally);
            let row = rows.entry(source.to_string()).or_default();
            row.deliveries += tally.duplicate;
            row.unchanged += tally.duplicate;
        }
        for (source, documents) in host.document_counts().await? {
            rows.entry(source.to_string()).or_default().searchable = documents;
        }
        for (source, count) in sent {
            rows.entry((*source).to_owned()).or_default().deliveries = *count;
        }
        let hits = host.search(super::QUESTION, 3).await?;
        let first_hit_is_right = hits.first().is_some_and(|hit| hit.document_id.as_str() == super::ANSWER);
        let sources = rows.into_iter().map(|(source, row)| Row { source, ..row }).collect();
        Ok(Self {
            sources,
            events,
            query: super::QUESTION.to_owned(),
            hits,
            first_hit_is_right,
            seconds: took.as_secs_f64(),
            next,
        })
    }

    /// Whether every account adds up and the search found what it should.
    pub fn is_good(&self) -> bool {
        let adds_up = |row: &Row| row.deliveries == row.documents + row.unchanged + row.dead && row.documents > 0;
        self.sources.len() == 3
            && self.sources.iter().all(adds_up)
            && self.events.is_conserved()
            && self.first_hit_is_right
    }

    /// Prints it for people.
    pub fn print(&self, printer: Printer) {
        let cells = |row: &Row| {
            let number = |value: u64| value.to_string();
            vec![
                row.source.clone(),
                number(row.deliveries),
                number(row.documents),
                number(row.unchanged),
                number(row.dead),
                number(row.searchable),
            ]
        };
        let rows: Vec<Vec<String>> = self.sources.iter().map(cells).collect();
        printer.table(&["SOURCE", "DELIVERIES", "= DOCUMENTS", "+ UNCHANGED", "+ DEAD", "SEARCHABLE"], &rows);
        let e = &self.events;
        printer.line(&printer.dim(&format!(
            "journal: {} accepted = {} done + {} superseded + {} duplicate + {} unchanged + {} dead + {} in flight",
            e.accepted, e.done, e.superseded, e.duplicate, e.unchanged, e.dead, e.in_flight
        )));
        printer.line("");
        printer.line(&format!("search “{}”", printer.bold(&self.query)));
        for hit in &self.hits {
            printer.line(&format!(
                "  {:.3}  {}  {}",
                hit.score,
                printer.bold(&clip(&hit.title, 60)),
                printer.dim(hit.document_id.as_str())
            ));
            printer.line(&format!("         {}", clip(&hit.snippet, 110)));
        }
        printer.line("");
        printer.line(&format!("done in {:.1} s; try next:", self.seconds));
        self.next.iter().for_each(|command| printer.line(&format!("  {command}")));
    }
}

fn add(row: &mut Row, event: &EventRecord) {
    for outcome in &event.outcomes {
        row.deliveries += 1;
        match outcome.state {
            EventState::Done => row.documents += 1,
            EventState::Dead => row.dead += 1,
            EventState::Accepted | EventState::Processing | EventState::Unchanged | EventState::Superseded => {
                row.unchanged += 1;
            }
        }
    }
    if event.outcomes.is_empty() && matches!(event.state, EventState::Unchanged | EventState::Superseded) {
        row.deliveries += 1;
        row.unchanged += 1;
    }
}
