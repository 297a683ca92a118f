//! Where polls go on, committed with the page they came with; and which sources are paused.

use apex_model::cursor::{CURSOR_BYTES_MAX, CursorCommit, CursorRecord};
use apex_model::event::NewEvent;
use apex_model::failure::PortResult;
use apex_model::ids::SourceName;
use apex_model::ports::{BoxFuture, Cursors};
use apex_model::{Code, Failure, Timestamp};
use rusqlite::{Row, params};

use crate::Journal;
use crate::append::Sealed;
use crate::command::{Op, Outcome};
use crate::group::Group;
use crate::row;
use crate::sql::{all, int, run};
use crate::writer::Writer;

impl Writer {
    /// Moves the cursor if nobody else has, and takes the page with it. A page that is there already moves it, too.
    pub(crate) fn plan_page<'a>(
        &mut self,
        group: &mut Group<'a>,
        event: Option<&'a NewEvent>,
        commit: &CursorCommit,
        sealed: &Sealed,
    ) -> rusqlite::Result<PortResult<Outcome>> {
        let CursorCommit { source, slice, from, to } = commit;
        if to.len() > CURSOR_BYTES_MAX {
            return Ok(Err(too_long(to.len())));
        }
        let now_ms = self.clock.now_ms();
        self.begin()?;
        let moved = match from {
            None => {
                let text =
                    "INSERT INTO cursor (source, slice, cursor, committed_at) VALUES (?,?,?,?) ON CONFLICT DO NOTHING";
                run(&self.conn, text, params![source.as_str(), slice, to, now_ms])?
            }
            Some(from) => {
                let text =
                    "UPDATE cursor SET cursor = ?, committed_at = ? WHERE source = ? AND slice = ? AND cursor = ?";
                run(&self.conn, text, params![to, now_ms, source.as_str(), slice, from])?
            }
        };
        if moved == 0 {
            let what = format!("the cursor of source {source} was moved by another commit since this page was fetched");
            return Ok(
                Err(Failure::backoff(Code::FENCED, what).next("nothing to do: the next poll starts from there")),
            );
        }
        Ok(Ok(Outcome::Appended(event.map(|event| self.plan_append(group, event, sealed)))))
    }

    /// Sets a cursor by hand, or forgets it.
    pub(crate) fn set_cursor(
        &mut self,
        source: &SourceName,
        slice: &str,
        cursor: Option<&str>,
    ) -> rusqlite::Result<PortResult<Outcome>> {
        if let Some(length) = cursor.map(str::len).filter(|length| *length > CURSOR_BYTES_MAX) {
            return Ok(Err(too_long(length)));
        }
        let now_ms = self.clock.now_ms();
        self.begin()?;
        match cursor {
            None => {
                let text = "DELETE FROM cursor WHERE source = ? AND slice = ?";
                run(&self.conn, text, params![source.as_str(), slice])?
            }
            Some(cursor) => {
                let text = "INSERT OR REPLACE INTO cursor (source, slice, cursor, committed_at) VALUES (?,?,?,?)";
                run(&self.conn, text, params![source.as_str(), slice, cursor, now_ms])?
            }
        };
        Ok(Ok(Outcome::Done))
    }

    /// Pauses or resumes a source.
    pub(crate) fn set_paused(&mut self, source: &SourceName, paused: bool) -> rusqlite::Result<PortResult<Outcome>> {
        self.begin()?;
        let text =
            if paused { "INSERT OR IGNORE INTO paused VALUES (?)" } else { "DELETE FROM paused WHERE source = ?" };
        run(&self.conn, text, [source.as_str()])?;
        Ok(Ok(Outcome::Done))
    }
}

fn too_long(length: usize) -> Failure {
    let what = format!("a cursor has {length} bytes, {CURSOR_BYTES_MAX} are allowed");
    Failure::never(Code::PLUGIN_ANSWER, what).next("keep a reference in the cursor and the rest in `state`")
}

fn record(row: &Row<'_>) -> rusqlite::Result<CursorRecord> {
    Ok(CursorRecord {
        source: row::source(row, 0)?,
        slice: row.get(1)?,
        cursor: row.get(2)?,
        committed_at: Timestamp::from_unix_ms(int(row, 3)?),
    })
}

impl Journal {
    async fn read_cursors(&self, source: &SourceName, slice: Option<&str>) -> PortResult<Vec<CursorRecord>> {
        let (source, slice) = (source.clone(), slice.map(str::to_owned));
        let text = "SELECT source, slice, cursor, committed_at FROM cursor \
            WHERE source = ?1 AND (?2 IS NULL OR slice = ?2) ORDER BY slice";
        self.readers.read(move |conn| all(conn, text, params![source.as_str(), slice], record)).await
    }
}

impl Cursors for Journal {
    fn cursor<'a>(&'a self, source: &'a SourceName, slice: &'a str) -> BoxFuture<'a, PortResult<Option<CursorRecord>>> {
        Box::pin(async move {
            let found = self.read_cursors(source, Some(slice)).await?;
            Ok(found.into_iter().next())
        })
    }

    fn cursors<'a>(&'a self, source: &'a SourceName) -> BoxFuture<'a, PortResult<Vec<CursorRecord>>> {
        Box::pin(self.read_cursors(source, None))
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
        let text = "SELECT source FROM paused ORDER BY source";
        Box::pin(self.readers.read(move |conn| all(conn, text, [], |row| row::source(row, 0))))
    }

    fn set_paused<'a>(&'a self, source: &'a SourceName, paused: bool) -> BoxFuture<'a, PortResult<()>> {
        let op = Op::SetPaused { source: source.clone(), paused };
        Box::pin(async move { self.ask(op).await.map(drop) })
    }
}
