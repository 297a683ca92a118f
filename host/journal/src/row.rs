//! How events stand in their rows: small numbers for the enums, and back.

use apex_model::Timestamp;
use apex_model::event::{EventKind, IngestPath, NewEvent};
use apex_model::ids::{EventId, SourceName, TraceId};
use apex_model::source::Priority;
use rusqlite::Row;
use rusqlite::types::Type;

use crate::sql::int;

/// The columns of `event` in the order of [`event`].
pub(crate) const EVENT_COLUMNS: &str = "e.position, e.id, e.source, e.kind, e.path, e.priority, e.received_at, e.trace, \
    e.event_key, e.event_type, e.label, e.body_bytes";
/// How many there are.
pub(crate) const EVENT_COLUMN_COUNT: usize = 12;

/// The number of a kind in its row.
pub(crate) fn kind_number(kind: EventKind) -> i64 {
    match kind {
        EventKind::Webhook => 0,
        EventKind::Page => 1,
        EventKind::File => 2,
        EventKind::Document => 3,
    }
}

fn kind(number: i64) -> Option<EventKind> {
    [EventKind::Webhook, EventKind::Page, EventKind::File, EventKind::Document]
        .into_iter()
        .find(|kind| kind_number(*kind) == number)
}

/// The number of a path in its row.
pub(crate) fn path_number(path: IngestPath) -> i64 {
    match path {
        IngestPath::Direct => 0,
        IngestPath::Temporal => 1,
    }
}

fn path(number: i64) -> Option<IngestPath> {
    [IngestPath::Direct, IngestPath::Temporal].into_iter().find(|path| path_number(*path) == number)
}

/// The number of an urgency in its row.
pub(crate) fn priority_number(priority: Priority) -> i64 {
    match priority {
        Priority::P0 => 0,
        Priority::P1 => 1,
        Priority::P2 => 2,
    }
}

/// The urgency of a number.
pub(crate) fn priority(number: i64) -> Option<Priority> {
    [Priority::P0, Priority::P1, Priority::P2].into_iter().find(|priority| priority_number(*priority) == number)
}

/// A column that a value of the model was written to and cannot be read from.
pub(crate) fn strange(what: &str) -> rusqlite::Error {
    let text = format!("{what} in a row of the journal cannot be understood");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, text.into())
}

/// The source in this column.
pub(crate) fn source(row: &Row<'_>, column: usize) -> rusqlite::Result<SourceName> {
    SourceName::parse(row.get_ref(column)?.as_str()?).ok_or_else(|| strange("a source name"))
}

/// Position, event (headers and body still empty) and bytes of the body, from [`EVENT_COLUMNS`].
pub(crate) fn event(row: &Row<'_>) -> rusqlite::Result<(i64, NewEvent, u64)> {
    let event = NewEvent {
        id: EventId(row.get(1)?),
        source: source(row, 2)?,
        kind: kind(int(row, 3)?).ok_or_else(|| strange("a kind"))?,
        path: path(int(row, 4)?).ok_or_else(|| strange("a path"))?,
        priority: priority(int(row, 5)?).ok_or_else(|| strange("a priority"))?,
        received_at: Timestamp::from_unix_ms(int(row, 6)?),
        trace: TraceId(row.get(7)?),
        event_key: row.get(8)?,
        event_type: row.get(9)?,
        label: row.get(10)?,
        headers: String::new(),
        body: bytes::Bytes::new(),
    };
    Ok((int(row, 0)?, event, u64::try_from(int(row, 11)?).unwrap_or(0)))
}

/// A value kept as JSON.
pub(crate) fn json<T: serde::de::DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error.into()))
}
