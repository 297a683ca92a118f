//! The dead letters: events given up, with everything needed to understand and replay them.

use apex_model::Timestamp;
use apex_model::event::{DeadLetter, DeadLetterBody};
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, EventId, SourceName};
use apex_model::ports::{BoxFuture, DeadLetters};
use bytes::Bytes;
use rusqlite::{Connection, Row, params};

use crate::Journal;
use crate::command::{Op, Outcome};
use crate::error;
use crate::group::Group;
use crate::mask;
use crate::row::{self, EVENT_COLUMN_COUNT, EVENT_COLUMNS};
use crate::sql::{all, first, int, run};
use crate::writer::Writer;

const LETTER_COLUMNS: &str =
    "o.error_code, o.error, d.next_step, o.attempts, o.finished_at, d.body_sha256, o.plugin, d.issues, o.outcomes";
const LETTER_COLUMN_COUNT: usize = 9;

impl Writer {
    /// Makes dead letters events to be worked off again; answers those that were dead.
    pub(crate) fn plan_replay(&mut self, group: &mut Group<'_>, ids: &[EventId]) -> rusqlite::Result<Vec<EventId>> {
        let mut replayed = Vec::new();
        for id in ids {
            let text = "SELECT d.position, d.source, e.priority FROM dead_letter d JOIN event e USING (position) WHERE d.id = ?";
            let found = first(&self.conn, text, [id.0.as_slice()], |row| {
                Ok((int(row, 0)?, row::source(row, 1)?, row::priority(int(row, 2)?).unwrap_or_default()))
            })?;
            let Some((position, source, priority)) = found else { continue };
            self.begin()?;
            run(&self.conn, "DELETE FROM dead_letter WHERE position = ?", [position])?;
            run(&self.conn, "DELETE FROM outcome WHERE position = ?", [position])?;
            self.work.revive(&source, priority, position);
            group.tallies.replayed(&source);
            group.stirred = true;
            replayed.push(*id);
        }
        Ok(replayed)
    }
}

fn letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    let (_, event, body_bytes) = row::event(row)?;
    let at = EVENT_COLUMN_COUNT;
    let text = |column: usize| row.get::<_, Option<String>>(at + column);
    Ok(DeadLetter {
        id: event.id,
        source: event.source,
        kind: event.kind,
        event_key: event.event_key,
        label: mask::label(&event.label),
        code: text(0)?.unwrap_or_default(),
        reason: text(1)?.unwrap_or_default(),
        next_step: row.get(at + 2)?,
        attempts: row.get(at + 3)?,
        dead_at: Timestamp::from_unix_ms(int(row, at + 4)?),
        received_at: event.received_at,
        trace_id: event.trace.to_string(),
        body_sha256: Digest(row.get(at + 5)?),
        body_bytes,
        plugin: text(6)?.as_deref().map(row::json).transpose()?,
        issues: row::json(row.get_ref(at + 7)?.as_str()?)?,
        outcomes: row::json(row.get_ref(at + 8)?.as_str()?)?,
    })
}

fn letter_body(row: &Row<'_>) -> rusqlite::Result<DeadLetterBody> {
    let at = EVENT_COLUMN_COUNT + LETTER_COLUMN_COUNT;
    let body = Bytes::from(row.get::<_, Vec<u8>>(at + 1)?);
    Ok(DeadLetterBody { letter: letter(row)?, headers: mask::headers(row.get_ref(at)?.as_str()?), body })
}

fn read_letters(conn: &Connection, source: Option<&SourceName>, limit: u32) -> rusqlite::Result<Vec<DeadLetter>> {
    let text = format!(
        "SELECT {EVENT_COLUMNS}, {LETTER_COLUMNS} FROM dead_letter d CROSS JOIN event e CROSS JOIN outcome o \
         WHERE e.position = d.position AND o.position = d.position AND (?1 IS NULL OR d.source = ?1) \
         ORDER BY d.position DESC LIMIT ?2"
    );
    all(conn, &text, params![source.map(SourceName::as_str), limit], letter)
}

fn read_letter(conn: &Connection, id: EventId) -> rusqlite::Result<Option<DeadLetterBody>> {
    let text = format!(
        "SELECT {EVENT_COLUMNS}, {LETTER_COLUMNS}, b.headers, b.body \
         FROM dead_letter d CROSS JOIN event e CROSS JOIN outcome o CROSS JOIN body b \
         WHERE d.id = ? AND e.position = d.position AND o.position = d.position AND b.position = d.position"
    );
    first(conn, &text, [id.0.as_slice()], letter_body)
}

impl DeadLetters for Journal {
    fn dead_letters(&self, source: Option<SourceName>, limit: u32) -> BoxFuture<'_, PortResult<Vec<DeadLetter>>> {
        Box::pin(self.readers.read(move |conn| read_letters(conn, source.as_ref(), limit)))
    }

    fn dead_letter(&self, id: EventId) -> BoxFuture<'_, PortResult<Option<DeadLetterBody>>> {
        Box::pin(self.readers.read(move |conn| read_letter(conn, id)))
    }

    fn replay<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, PortResult<Vec<EventId>>> {
        Box::pin(async move {
            match self.ask(Op::Replay(ids.to_vec())).await? {
                Outcome::Replayed(ids) => Ok(ids),
                _ => Err(error::defect("a replay was answered with something else")),
            }
        })
    }
}
