//! Where polls go on, committed with the page they came with; and which sources are paused.

use apex_model::cursor::{CURSOR_BYTES_MAX, CursorCommit, CursorRecord};
use apex_model::event::NewEvent;
use apex_model::failure::PortResult;
use apex_model::ids::SourceName;
use apex_model::ports::{BoxFuture, Cursors};
use apex_model::{Code, Failure, Timestamp};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::Journal;
use crate::append::Sealed;
use crate::command::{Op, Outcome};
use crate::error;
use crate::group::Group;
use crate::row;
use crate::sql::{Statement, int};
use crate::writer::Writer;

impl Writer {
    /// Moves the cursor if nobody else has, and takes the page with it. A page that is there already moves it, too.
    pub(crate) async fn plan_page<'a>(
        &mut self,
        group: &mut Group<'a>,
        event: Option<&'a NewEvent>,
        commit: &CursorCommit,
        sealed: &Sealed,
    ) -> sqlx::Result<PortResult<Outcome>> {
        let CursorCommit { source, slice, from, to } = commit;
        if to.len() > CURSOR_BYTES_MAX {
            return Ok(Err(too_long(to.len())));
        }
        let now_ms = self.clock.now_ms();
        self.begin().await?;
        let mut statement = match from {
            None => Statement::new(
                "INSERT INTO cursor (cursor, committed_at, source, slice) VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
            ),
            Some(_) => Statement::new(
                "UPDATE cursor SET cursor = ?, committed_at = ? WHERE source = ? AND slice = ? AND cursor = ?",
            ),
        };
        statement.bind(to.as_str())?.bind(now_ms)?.bind(source.as_str())?.bind(slice.as_str())?;
        if let Some(from) = from {
            statement.bind(from.as_str())?;
        }
        if statement.run(&mut self.conn).await? == 0 {
            let what = format!("the cursor of source {source} was moved by another commit since this page was fetched");
            return Ok(
                Err(Failure::backoff(Code::FENCED, what).next("nothing to do: the next poll starts from there")),
            );
        }
        Ok(Ok(Outcome::Appended(event.map(|event| self.plan_append(group, event, sealed)))))
    }

    /// Sets a cursor by hand, or forgets it.
    pub(crate) async fn set_cursor(
        &mut self,
        source: &SourceName,
        slice: &str,
        cursor: Option<&str>,
    ) -> sqlx::Result<PortResult<Outcome>> {
        if let Some(length) = cursor.map(str::len).filter(|length| *length > CURSOR_BYTES_MAX) {
            return Ok(Err(too_long(length)));
        }
        let now_ms = self.clock.now_ms();
        self.begin().await?;
        let mut statement = match cursor {
            None => Statement::new("DELETE FROM cursor WHERE source = ? AND slice = ?"),
            Some(_) => {
                Statement::new("INSERT OR REPLACE INTO cursor (source, slice, cursor, committed_at) VALUES (?,?,?,?)")
            }
        };
        statement.bind(source.as_str())?.bind(slice)?;
        if let Some(cursor) = cursor {
            statement.bind(cursor)?.bind(now_ms)?;
        }
        statement.run(&mut self.conn).await?;
        Ok(Ok(Outcome::Done))
    }

    /// Pauses or resumes a source.
    pub(crate) async fn set_paused(&mut self, source: &SourceName, paused: bool) -> sqlx::Result<PortResult<Outcome>> {
        self.begin().await?;
        let mut statement = Statement::new(if paused {
            "INSERT OR IGNORE INTO paused VALUES (?)"
        } else {
            "DELETE FROM paused WHERE source = ?"
        });
        statement.bind(source.as_str())?;
        statement.run(&mut self.conn).await?;
        Ok(Ok(Outcome::Done))
    }
}

fn too_long(length: usize) -> Failure {
    let what = format!("a cursor has {length} bytes, {CURSOR_BYTES_MAX} are allowed");
    Failure::never(Code::PLUGIN_ANSWER, what).next("keep a reference in the cursor and the rest in `state`")
}

fn record(row: &SqliteRow) -> sqlx::Result<CursorRecord> {
    Ok(CursorRecord {
        source: row::source(row, 0)?,
        slice: row.try_get(1)?,
        cursor: row.try_get(2)?,
        committed_at: Timestamp::from_unix_ms(int(row, 3)?),
    })
}

impl Journal {
    async fn read_cursors(&self, source: &SourceName, slice: Option<&str>) -> sqlx::Result<Vec<CursorRecord>> {
        let mut reader = self.readers.get().await?;
        let text = "SELECT source, slice, cursor, committed_at FROM cursor WHERE source = ?1 AND (?2 IS NULL OR slice = ?2) ORDER BY slice";
        let mut statement = Statement::new(text);
        statement.bind(source.as_str())?.bind(slice)?;
        statement.fetch(reader.conn()?).await?.iter().map(record).collect()
    }

    async fn read_paused(&self) -> sqlx::Result<Vec<SourceName>> {
        let mut reader = self.readers.get().await?;
        let rows = Statement::new("SELECT source FROM paused ORDER BY source").fetch(reader.conn()?).await?;
        rows.iter().map(|row| row::source(row, 0)).collect()
    }
}

impl Cursors for Journal {
    fn cursor<'a>(&'a self, source: &'a SourceName, slice: &'a str) -> BoxFuture<'a, PortResult<Option<CursorRecord>>> {
        Box::pin(async move {
            let found = self.read_cursors(source, Some(slice)).await.map_err(|cause| error::read_failed(&cause))?;
            Ok(found.into_iter().next())
        })
    }

    fn cursors<'a>(&'a self, source: &'a SourceName) -> BoxFuture<'a, PortResult<Vec<CursorRecord>>> {
        Box::pin(async move { self.read_cursors(source, None).await.map_err(|cause| error::read_failed(&cause)) })
    }

    fn set_cursor<'a>(
        &'a self,
        source: &'a SourceName,
        slice: &'a str,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, PortResult<()>> {
        let op = Op::SetCursor { source: source.clone(), slice: slice.to_owned(), cursor: cursor.map(str::to_owned) };
        Box::pin(async move { self.ask(op).await.map(drop) })
    }

    fn paused(&self) -> BoxFuture<'_, PortResult<Vec<SourceName>>> {
        Box::pin(async move { self.read_paused().await.map_err(|cause| error::read_failed(&cause)) })
    }

    fn set_paused<'a>(&'a self, source: &'a SourceName, paused: bool) -> BoxFuture<'a, PortResult<()>> {
        let op = Op::SetPaused { source: source.clone(), paused };
        Box::pin(async move { self.ask(op).await.map(drop) })
    }
}
