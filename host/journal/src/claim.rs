//! The way out: leases are given by the writer, bodies are read by the readers.

use std::time::Duration;

use apex_model::event::{Claim, ClaimedEvent, EventEnd, NewEvent};
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, SourceName};
use apex_model::ports::{BoxFuture, WorkQueue};
use bytes::Bytes;
use rusqlite::Connection;

use crate::Journal;
use crate::command::{Op, Outcome};
use crate::error;
use crate::row::{self, EVENT_COLUMN_COUNT, EVENT_COLUMNS};
use crate::sql::{first, int};

/// Bytes of bodies one claim hands out, unless the first event alone has more. What does not fit is given back.
const CLAIM_BYTES_MAX: i64 = 32 << 20;

/// The events of these claims, from the first on, as many as fit into one claim.
fn read_claimed(conn: &Connection, claimed: &[(i64, u32)]) -> rusqlite::Result<Vec<ClaimedEvent>> {
    let text = format!(
        "SELECT {EVENT_COLUMNS}, b.headers, b.body FROM event e JOIN body b USING (position) WHERE e.position = ?"
    );
    let (mut events, mut bytes) = (Vec::with_capacity(claimed.len()), 0);
    for &(position, attempt) in claimed {
        let size = first(conn, "SELECT body_bytes FROM event WHERE position = ?", [position], |row| int(row, 0))?;
        bytes += size.unwrap_or(0);
        if bytes > CLAIM_BYTES_MAX && !events.is_empty() {
            break;
        }
        let event = first(conn, &text, [position], |row| {
            let (_, event, _) = row::event(row)?;
            let headers = row.get(EVENT_COLUMN_COUNT)?;
            let body = Bytes::from(row.get::<_, Vec<u8>>(EVENT_COLUMN_COUNT + 1)?);
            Ok(NewEvent { headers, body, ..event })
        })?;
        let event = event.ok_or_else(|| row::strange("an event without its body"))?;
        events.push(ClaimedEvent { claim: Claim { position, id: event.id, attempt }, event });
    }
    Ok(events)
}

/// The digest of an event's body.
fn read_digest(conn: &Connection, position: i64) -> rusqlite::Result<Digest> {
    let digest = first(conn, "SELECT body FROM body WHERE position = ?", [position], |row| {
        Ok(Digest::of(row.get_ref(0)?.as_blob()?))
    })?;
    digest.ok_or_else(|| row::strange("an event without its body"))
}

impl Journal {
    async fn claimed(&self, claimed: Vec<(i64, u32)>) -> PortResult<Vec<ClaimedEvent>> {
        if claimed.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = claimed.clone();
        match self.readers.read(move |conn| read_claimed(conn, &wanted)).await {
            Ok(events) => {
                let left = claimed.get(events.len()..).unwrap_or_default();
                if !left.is_empty() {
                    self.ask(Op::Release(left.to_vec())).await?;
                }
                Ok(events)
            }
            Err(failure) => {
                self.ask(Op::Release(claimed)).await?;
                Err(failure)
            }
        }
    }
}

impl WorkQueue for Journal {
    fn claim<'a>(
        &'a self,
        limit: u32,
        lease: Duration,
        paused: &'a [SourceName],
    ) -> BoxFuture<'a, PortResult<Vec<ClaimedEvent>>> {
        Box::pin(async move {
            match self.ask(Op::Claim { limit, lease, paused: paused.to_vec() }).await? {
                Outcome::Claimed(claimed) => self.claimed(claimed).await,
                _ => Err(error::defect("a claim was answered with something else")),
            }
        })
    }

    fn renew<'a>(&'a self, claims: &'a [Claim], lease: Duration) -> BoxFuture<'a, PortResult<Vec<Claim>>> {
        Box::pin(async move {
            match self.ask(Op::Renew { claims: claims.to_vec(), lease }).await? {
                Outcome::Renewed(held) => Ok(held),
                _ => Err(error::defect("a renewal was answered with something else")),
            }
        })
    }

    fn finish(&self, claim: Claim, end: EventEnd) -> BoxFuture<'_, PortResult<()>> {
        Box::pin(async move {
            let body_sha256 = match &end {
                EventEnd::Dead { .. } => self.readers.read(move |conn| read_digest(conn, claim.position)).await?,
                _ => Digest([0; 32]),
            };
            self.ask(Op::Finish { claim, end, body_sha256 }).await.map(drop)
        })
    }

    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.shared.ready.wait())
    }
}
