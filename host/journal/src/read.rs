//! Reads events and counts for people and metrics. Changes nothing.

use apex_model::Timestamp;
use apex_model::event::{DocumentOutcome, EventFilter, EventRecord, EventState, Tally};
use apex_model::failure::PortResult;
use apex_model::ids::{EventId, SourceName};
use apex_model::plugin::PluginRef;
use apex_model::ports::{BoxFuture, EventReader};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::Journal;
use crate::command::{Op, Outcome};
use crate::error;
use crate::mask;
use crate::row::{self, EVENT_COLUMN_COUNT, EVENT_COLUMNS};
use crate::sql::{Statement, int};
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

fn record(row: &SqliteRow) -> sqlx::Result<EventRecord> {
    let (position, event, body_bytes) = row::event(row)?;
    let (work, outcome) = (EVENT_COLUMN_COUNT, EVENT_COLUMN_COUNT + 5);
    let ended: Option<String> = row.try_get(outcome)?;
    let state = match &ended {
        Some(text) => EventState::parse(text).ok_or_else(|| row::strange("a state"))?,
        None if int(row, work)? == 1 => EventState::Processing,
        None => EventState::Accepted,
    };
    let part = if ended.is_some() { outcome } else { work };
    let due_ms = int(row, work + 2)?;
    let outcomes: Option<String> = row.try_get(outcome + 5)?;
    let outcomes: Vec<DocumentOutcome> = outcomes.as_deref().map(row::json).transpose()?.unwrap_or_default();
    let plugin: Option<String> = row.try_get(outcome + 6)?;
    let finished_ms: Option<i64> = row.try_get(outcome + 1)?;
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
        error_code: row.try_get(error_at)?,
        error: row.try_get(error_at + 1)?,
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

    async fn read_event(&self, position: i64) -> sqlx::Result<Option<EventRecord>> {
        let mut statement = Statement::new(&format!("{} AND e.position = ?", query(None)));
        statement.bind(position)?;
        let mut reader = self.readers.get().await?;
        statement.first(reader.conn()?).await?.as_ref().map(record).transpose()
    }

    async fn read_events(&self, filter: &EventFilter) -> sqlx::Result<Vec<EventRecord>> {
        let order = order(filter.state);
        let text = format!(
            "{} AND (?1 IS NULL OR e.source = ?1) AND {order} < ?2 ORDER BY {order} DESC LIMIT ?3",
            query(filter.state)
        );
        let mut statement = Statement::new(&text);
        statement.bind(filter.source.as_ref().map(SourceName::as_str))?;
        statement.bind(filter.before.unwrap_or(i64::MAX))?.bind(i64::from(filter.limit))?;
        let mut reader = self.readers.get().await?;
        statement.fetch(reader.conn()?).await?.iter().map(record).collect()
    }

    async fn read_tallies(&self) -> sqlx::Result<Vec<(SourceName, Tally)>> {
        let mut reader = self.readers.get().await?;
        tally::read(reader.conn()?).await
    }
}

impl EventReader for Journal {
    fn event(&self, id: EventId) -> BoxFuture<'_, PortResult<Option<EventRecord>>> {
        Box::pin(async move {
            let Some(position) = self.locate(id).await? else { return Ok(None) };
            self.read_event(position).await.map_err(|cause| error::read_failed(&cause))
        })
    }

    fn events(&self, filter: EventFilter) -> BoxFuture<'_, PortResult<Vec<EventRecord>>> {
        Box::pin(async move { self.read_events(&filter).await.map_err(|cause| error::read_failed(&cause)) })
    }

    fn tallies(&self) -> BoxFuture<'_, PortResult<Vec<(SourceName, Tally)>>> {
        Box::pin(async move { self.read_tallies().await.map_err(|cause| error::read_failed(&cause)) })
    }
}
