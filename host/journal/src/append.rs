//! The way in: decides new or repeat, and writes the rows of a group.

use std::collections::HashMap;

use apex_model::event::{Appended, NewEvent};
use apex_model::ids::EventId;

use crate::command::Job;
use crate::command::Op;
use crate::group::Group;
use crate::row::{kind_number, path_number, priority_number};
use crate::sql::{ROWS_MAX, Script, count};
use crate::writer::Writer;

/// Positions of events found in sealed windows, looked up for a whole group at once.
pub(crate) type Sealed = HashMap<EventId, i64>;

impl Writer {
    /// Looks up in the sealed windows whatever this group asks for and memory does not know.
    pub(crate) async fn look_up(&mut self, jobs: &[Job]) -> sqlx::Result<Sealed> {
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
        self.dedupe.search(&mut self.conn, &suspects).await
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
pub(crate) async fn write_rows(script: &mut Script<'_>, rows: &[(i64, &NewEvent)]) -> sqlx::Result<()> {
    for part in rows.chunks(ROWS_MAX) {
        script.repeated("INSERT INTO event VALUES ", "(?,?,?,?,?,?,?,?,?,?,?,?)", part.len(), "").await?;
        for (position, event) in part {
            script.bind(*position)?.bind(event.id.0.as_slice())?.bind(event.source.as_str())?;
            script
                .bind(kind_number(event.kind))?
                .bind(path_number(event.path))?
                .bind(priority_number(event.priority))?;
            script.bind(event.received_at.unix_ms())?.bind(event.trace.0.as_slice())?.bind(event.event_key.as_str())?;
            script.bind(event.event_type.as_str())?.bind(event.label.as_str())?.bind(count(event.body.len()))?;
        }
        script.repeated("INSERT INTO body VALUES ", "(?,?,?)", part.len(), "").await?;
        for (position, event) in part {
            script.bind(*position)?.bind(event.headers.as_str())?.bind(event.body.as_ref())?;
        }
        script.repeated("INSERT INTO work (position) VALUES ", "(?)", part.len(), "").await?;
        for (position, _) in part {
            script.bind(*position)?;
        }
    }
    Ok(())
}
