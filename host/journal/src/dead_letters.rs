//! The dead letters: events given up, with everything needed to understand and replay them.

use apex_model::Timestamp;
use apex_model::event::{DeadLetter, DeadLetterBody};
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, EventId, SourceName};
use apex_model::ports::{BoxFuture, DeadLetters};
use bytes::Bytes;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::Journal;
use crate::command::{Op, Outcome};
use crate::error;
use crate::group::Group;
use crate::mask;
use crate::row::{self, EVENT_COLUMN_COUNT, EVENT_COLUMNS};
use crate::sql::{Statement, int};
use crate::writer::Writer;

const LETTER_COLUMNS: &str =
    "o.error_code, o.error, d.next_step, o.attempts, o.finished_at, d.body_sha256, o.plugin, d.issues, o.outcomes";
const LETTER_COLUMN_COUNT: usize = 9;

impl Writer {
    /// Makes dead letters events to be worked off again; answers those that were dead.
    pub(crate) async fn plan_replay(&mut self, group: &mut Group<'_>, ids: &[EventId]) -> sqlx::Result<Vec<EventId>> {
        let mut replayed = Vec::new();
        for id in ids {
            let text = "SELECT d.position, d.source, e.priority FROM dead_letter d JOIN event e USING (position) WHERE d.id = ?";
            let mut find = Statement::new(text);
            find.bind(id.0.as_slice())?;
            let Some(row) = find.first(&mut self.conn).await? else { continue };
            let (position, source) = (int(&row, 0)?, row::source(&row, 1)?);
            let priority = row::priority(int(&row, 2)?).unwrap_or_default();
            self.begin().await?;
            for text in ["DELETE FROM dead_letter WHERE position = ?", "DELETE FROM outcome WHERE position = ?"] {
                let mut remove = Statement::new(text);
                remove.bind(position)?;
                remove.run(&mut self.conn).await?;
            }
            self.work.revive(&source, priority, position);
            group.tallies.replayed(&source);
            group.stirred = true;
            replayed.push(*id);
        }
        Ok(replayed)
    }
}

fn letter(row: &SqliteRow) -> sqlx::Result<DeadLetter> {
    let (_, event, body_bytes) = row::event(row)?;
    let at = EVENT_COLUMN_COUNT;
    let digest = row.try_get::<&[u8], _>(at + 5)?.try_into().map(Digest).map_err(|_| row::strange("a digest"))?;
    let plugin: Option<String> = row.try_get(at + 6)?;
    Ok(DeadLetter {
        id: event.id,
        source: event.source,
        kind: event.kind,
        event_key: event.event_key,
        label: mask::label(&event.label),
        code: row.try_get::<Option<String>, _>(at)?.unwrap_or_default(),
        reason: row.try_get::<Option<String>, _>(at + 1)?.unwrap_or_default(),
        next_step: row.try_get(at + 2)?,
        attempts: u32::try_from(int(row, at + 3)?).unwrap_or(0),
        dead_at: Timestamp::from_unix_ms(int(row, at + 4)?),
        received_at: event.received_at,
        trace_id: event.trace.to_string(),
        body_sha256: digest,
        body_bytes,
        plugin: plugin.as_deref().map(row::json).transpose()?,
        issues: row::json(row.try_get(at + 7)?)?,
        outcomes: row::json(row.try_get(at + 8)?)?,
    })
}

fn letter_body(row: &SqliteRow) -> sqlx::Result<DeadLetterBody> {
    let at = EVENT_COLUMN_COUNT + LETTER_COLUMN_COUNT;
    let body = Bytes::from(row.try_get::<Vec<u8>, _>(at + 1)?);
    Ok(DeadLetterBody { letter: letter(row)?, headers: mask::headers(row.try_get(at)?), body })
}

impl Journal {
    async fn read_letters(&self, source: Option<&SourceName>, limit: u32) -> sqlx::Result<Vec<DeadLetter>> {
        let text = format!(
            "SELECT {EVENT_COLUMNS}, {LETTER_COLUMNS} FROM dead_letter d CROSS JOIN event e CROSS JOIN outcome o \
             WHERE e.position = d.position AND o.position = d.position AND (?1 IS NULL OR d.source = ?1) \
             ORDER BY d.position DESC LIMIT ?2"
        );
        let mut statement = Statement::new(&text);
        statement.bind(source.map(SourceName::as_str))?.bind(i64::from(limit))?;
        let mut reader = self.readers.get().await?;
        statement.fetch(reader.conn()?).await?.iter().map(letter).collect()
    }

    async fn read_letter(&self, id: EventId) -> sqlx::Result<Option<DeadLetterBody>> {
        let text = format!(
            "SELECT {EVENT_COLUMNS}, {LETTER_COLUMNS}, b.headers, b.body \
             FROM dead_letter d CROSS JOIN event e CROSS JOIN outcome o CROSS JOIN body b \
             WHERE d.id = ? AND e.position = d.position AND o.position = d.position AND b.position = d.position"
        );
        let mut statement = Statement::new(&text);
        statement.bind(id.0.as_slice())?;
        let mut reader = self.readers.get().await?;
        statement.first(reader.conn()?).await?.as_ref().map(letter_body).transpose()
    }
}

impl DeadLetters for Journal {
    fn dead_letters(&self, source: Option<SourceName>, limit: u32) -> BoxFuture<'_, PortResult<Vec<DeadLetter>>> {
        Box::pin(
            async move { self.read_letters(source.as_ref(), limit).await.map_err(|cause| error::read_failed(&cause)) },
        )
    }

    fn dead_letter(&self, id: EventId) -> BoxFuture<'_, PortResult<Option<DeadLetterBody>>> {
        Box::pin(async move { self.read_letter(id).await.map_err(|cause| error::read_failed(&cause)) })
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
