//! The way in: decides new or repeat, and writes the rows of a group.

use std::collections::HashMap;

use apex_model::event::{Appended, NewEvent};
use apex_model::ids::EventId;
use rusqlite::{Connection, params};

use crate::command::Job;
use crate::command::Op;
use crate::group::Group;
use crate::row::{kind_number, path_number, priority_number};
use crate::sql::count;
use crate::writer::Writer;

/// Positions of events found in sealed windows, looked up for a whole group at once.
pub(crate) type Sealed = HashMap<EventId, i64>;

impl Writer {
    /// Looks up in the sealed windows whatever this group asks for and memory does not know.
    pub(crate) fn look_up(&self, jobs: &[Job]) -> rusqlite::Result<Sealed> {
        let mut suspects = Vec::new();
        for job in jobs {
            let id = match &job.op {
                Op::Locate(id) => Some(*id),
                op => op.event().map(|event| event.id),
            };
            if let Some(id) = id {
                self.dedupe.suspects(id, &mut suspects);
            }
        }
        if suspects.is_empty() {
            return Ok(Sealed::new());
        }
        self.dedupe.search(&self.conn, &suspects)
    }

    /// Decides whether the event is new; if so it gets the next position and will be written with the group.
    pub(crate) fn plan_append<'a>(&mut self, group: &mut Group<'a>, event: &'a NewEvent, sealed: &Sealed) -> Appended {
        if self.dedupe.recent(event.id).or_else(|| sealed.get(&event.id).copied()).is_some() {
            group.tallies.repeated(&event.source);
            return Appended::Duplicate(event.id);
        }
        let position = self.next_position;
        self.next_position += 1;
        self.dedupe.remember(event.id, position);
        group.tallies.accepted(&event.source);
        group.rows.push((position, event));
        Appended::New(event.id)
    }
}

/// Writes new events, their bodies and that they wait.
pub(crate) fn write_rows(conn: &Connection, rows: &[(i64, &NewEvent)]) -> rusqlite::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    // Table by table, because neighbouring rows change the same page.
    let mut insert = conn.prepare_cached("INSERT INTO event VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")?;
    for (position, event) in rows {
        insert.execute(params![
            position,
            event.id.0.as_slice(),
            event.source.as_str(),
            kind_number(event.kind),
            path_number(event.path),
            priority_number(event.priority),
            event.received_at.unix_ms(),
            event.trace.0.as_slice(),
            event.event_key,
            event.event_type,
            event.label,
            count(event.body.len()),
        ])?;
    }
    insert = conn.prepare_cached("INSERT INTO body VALUES (?,?,?)")?;
    for (position, event) in rows {
        insert.execute(params![position, event.headers, event.body.as_ref()])?;
    }
    insert = conn.prepare_cached("INSERT INTO work (position) VALUES (?)")?;
    for (position, _) in rows {
        insert.execute([position])?;
    }
    Ok(())
}
