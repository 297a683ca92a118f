//! Reads events and counts for people and metrics. Changes nothing.

use apex_model::Timestamp;
use apex_model::event::{DocumentOutcome, EventFilter, EventRecord, EventState, Tally};
use apex_model::failure::PortResult;
use apex_model::ids::{EventId, SourceName};
use apex_model::plugin::PluginRef;
use apex_model::ports::{BoxFuture, EventReader};
use rusqlite::{Connection, Row, params};

use crate::Journal;
use crate::command::{Op, Outcome};
use crate::error;
use crate::mask;
use crate::row::{self, EVENT_COLUMN_COUNT, EVENT_COLUMNS};
use crate::sql::{all, first, int};
use crate::tally;

const WORK_COLUMNS: &str = "w.state, w.attempts, w.due_at, w.error_code, w.error";
const NO_WORK: &str = "NULL, NULL, NULL, NULL, NULL";
const OUTCOME_COLUMNS: &str = "o.state, o.finished_at, o.attempts, o.error_code, o.error, o.outcomes, o.plugin";
const NO_OUTCOME: &str = "NULL, NULL, NULL, NULL, NULL, NULL, NULL";

/// Which tables to walk, in an order that makes rare states cheap, and what is known of the state then.
fn query(state: Option<EventState>) -> String {
    match state {
        None => format!(
            "SELECT {EVENT_COLUMNS}, {WORK_COLUMNS}, {OUTCOME_COLUMNS} FROM event e \
             LEFT JOIN work w USING (position) LEFT JOIN outcome o USING (position) WHERE TRUE"
        ),
        Some(state) if state.is_terminal() => format!(
            "SELECT {EVENT_COLUMNS}, {NO_WORK}, {OUTCOME_COLUMNS} FROM outcome o CROSS JOIN event e \
             WHERE e.position = o.position AND o.state = '{}'",
            state.as_str()
        ),
        Some(state) => format!(
            "SELECT {EVENT_COLUMNS}, {WORK_COLUMNS}, {NO_OUTCOME} FROM work w CROSS JOIN event e \
             WHERE e.position = w.position AND w.state = {}",
            i32::from(state == EventState::Processing)
        ),
    }
}

/// The column that gives the order without sorting.
fn order(state: Option<EventState>) -> &'static str {
    match state {
        None => "e.position",
        Some(state) if state.is_terminal() => "o.position",
        Some(_) => "w.position",
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<EventRecord> {
    let (position, event, body_bytes) = row::event(row)?;
    let (work, outcome) = (EVENT_COLUMN_COUNT, EVENT_COLUMN_COUNT + 5);
    let ended: Option<String> = row.get(outcome)?;
    let state = match &ended {
        Some(text) => EventState::parse(text).ok_or_else(|| row::strange("a state"))?,
        None if int(row, work)? == 1 => EventState::Processing,
        None => EventState::Accepted,
    };
    let part = if ended.is_some() { outcome } else { work };
    let due_ms = int(row, work + 2)?;
    let outcomes: Option<String> = row.get(outcome + 5)?;
    let outcomes: Vec<DocumentOutcome> = outcomes.as_deref().map(row::json).transpose()?.unwrap_or_default();
    let plugin: Option<String> = row.get(outcome + 6)?;
    let finished_ms: Option<i64> = row.get(outcome + 1)?;
    let error_at = if ended.is_some() { outcome + 3 } else { work + 3 };
    Ok(EventRecord {
        position,
        id: event.id,
        source: event.source,
        kind: event.kind,
        state,
        event_key: event.event_key,
        event_type: event.event_type,
        path: event.path,
        label: mask::label(&event.label),
        body_bytes,
        received_at: event.received_at,
        finished_at: finished_ms.map(Timestamp::from_unix_ms),
        trace_id: event.trace.to_string(),
        attempts: u32::try_from(int(row, if ended.is_some() { part + 2 } else { part + 1 })?).unwrap_or(0),
        next_attempt_at: (state == EventState::Accepted && due_ms > 0).then(|| Timestamp::from_unix_ms(due_ms)),
        error_code: row.get(error_at)?,
        error: row.get(error_at + 1)?,
        document_ids: outcomes.iter().map(|outcome| outcome.document_id.clone()).collect(),
        outcomes,
        plugin: plugin.as_deref().map(row::json::<PluginRef>).transpose()?,
    })
}

impl Journal {
    /// Where an event is in the order of arrival.
    pub(crate) async fn locate(&self, id: EventId) -> PortResult<Option<i64>> {
        match self.ask(Op::Locate(id)).await? {
            Outcome::Located(position) => Ok(position),
            _ => Err(error::defect("a search was answered with something else")),
        }
    }
}

fn read_event(conn: &Connection, position: i64) -> rusqlite::Result<Option<EventRecord>> {
    first(conn, &format!("{} AND e.position = ?", query(None)), [position], record)
}

fn read_events(conn: &Connection, filter: &EventFilter) -> rusqlite::Result<Vec<EventRecord>> {
    let order = order(filter.state);
    let text = format!(
        "{} AND (?1 IS NULL OR e.source = ?1) AND {order} < ?2 ORDER BY {order} DESC LIMIT ?3",
        query(filter.state)
    );
    let source = filter.source.as_ref().map(SourceName::as_str);
    all(conn, &text, params![source, filter.before.unwrap_or(i64::MAX), filter.limit], record)
}

impl EventReader for Journal {
    fn event(&self, id: EventId) -> BoxFuture<'_, PortResult<Option<EventRecord>>> {
        Box::pin(async move {
            let Some(position) = self.locate(id).await? else { return Ok(None) };
            self.readers.read(move |conn| read_event(conn, position)).await
        })
    }

    fn events(&self, filter: EventFilter) -> BoxFuture<'_, PortResult<Vec<EventRecord>>> {
        Box::pin(self.readers.read(move |conn| read_events(conn, &filter)))
    }

    fn tallies(&self) -> BoxFuture<'_, PortResult<Vec<(SourceName, Tally)>>> {
        Box::pin(self.readers.read(tally::read))
    }
}
