//! The way out: leases are given by the writer, bodies are read by the readers.

use std::collections::HashMap;
use std::time::Duration;

use apex_model::event::{Claim, ClaimedEvent, EventEnd, NewEvent};
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, SourceName};
use apex_model::ports::{BoxFuture, WorkQueue};
use bytes::Bytes;
use sqlx::Row;

use crate::Journal;
use crate::command::{Op, Outcome};
use crate::error;
use crate::row::{self, EVENT_COLUMN_COUNT, EVENT_COLUMNS};
use crate::sql::{ROWS_MAX, Statement, int};

/// Bytes of bodies one claim hands out, unless the first event alone has more. What does not fit is given back.
const CLAIM_BYTES_MAX: i64 = 32 << 20;

impl Journal {
    /// How many of these, from the first on, fit into one claim.
    async fn fitting(&self, claimed: &[(i64, u32)]) -> sqlx::Result<usize> {
        let mut sizes = HashMap::with_capacity(claimed.len());
        let mut reader = self.readers.get().await?;
        for part in claimed.chunks(ROWS_MAX) {
            let head = "SELECT position, body_bytes FROM event WHERE position IN (";
            let mut statement = Statement::repeated(head, "?", part.len(), ")");
            for (position, _) in part {
                statement.bind(*position)?;
            }
            for row in statement.fetch(reader.conn()?).await? {
                sizes.insert(int(&row, 0)?, int(&row, 1)?);
            }
        }
        let mut total = 0_i64;
        let fits = claimed.iter().take_while(|(position, _)| {
            total = total.saturating_add(sizes.get(position).copied().unwrap_or(0));
            total <= CLAIM_BYTES_MAX
        });
        Ok(fits.count().max(1))
    }

    async fn read_claimed(&self, claimed: &[(i64, u32)]) -> sqlx::Result<Vec<ClaimedEvent>> {
        let mut events: HashMap<i64, NewEvent> = HashMap::with_capacity(claimed.len());
        let mut reader = self.readers.get().await?;
        for part in claimed.chunks(ROWS_MAX) {
            let head = format!(
                "SELECT {EVENT_COLUMNS}, b.headers, b.body FROM event e JOIN body b USING (position) WHERE e.position IN ("
            );
            let mut statement = Statement::repeated(&head, "?", part.len(), ")");
            for (position, _) in part {
                statement.bind(*position)?;
            }
            for row in statement.fetch(reader.conn()?).await? {
                let (position, event, _) = row::event(&row)?;
                let headers = row.try_get(EVENT_COLUMN_COUNT)?;
                let body = Bytes::from(row.try_get::<Vec<u8>, _>(EVENT_COLUMN_COUNT + 1)?);
                events.insert(position, NewEvent { headers, body, ..event });
            }
        }
        let whole = claimed.iter().map(|(position, attempt)| {
            let event = events.remove(position)?;
            Some(ClaimedEvent { claim: Claim { position: *position, id: event.id, attempt: *attempt }, event })
        });
        whole.collect::<Option<_>>().ok_or_else(|| row::strange("an event without its body"))
    }

    async fn claimed(&self, claimed: Vec<(i64, u32)>) -> PortResult<Vec<ClaimedEvent>> {
        if claimed.is_empty() {
            return Ok(Vec::new());
        }
        let read = async {
            let fitting = self.fitting(&claimed).await?;
            let (taken, left) = claimed.split_at_checked(fitting).unwrap_or((&claimed, &[]));
            Ok((self.read_claimed(taken).await?, left.to_vec()))
        };
        let read: sqlx::Result<_> = read.await;
        match read {
            Ok((events, left)) => {
                if !left.is_empty() {
                    self.ask(Op::Release(left)).await?;
                }
                Ok(events)
            }
            Err(cause) => {
                self.ask(Op::Release(claimed)).await?;
                Err(error::read_failed(&cause))
            }
        }
    }

    /// The digest of a claimed event's body.
    async fn body_digest(&self, position: i64) -> sqlx::Result<Digest> {
        let mut statement = Statement::new("SELECT body FROM body WHERE position = ?");
        statement.bind(position)?;
        let mut reader = self.readers.get().await?;
        let row = statement.first(reader.conn()?).await?.ok_or_else(|| row::strange("an event without its body"))?;
        Ok(Digest::of(row.try_get(0)?))
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
                EventEnd::Dead { .. } => {
                    self.body_digest(claim.position).await.map_err(|cause| error::read_failed(&cause))?
                }
                _ => Digest([0; 32]),
            };
            self.ask(Op::Finish { claim, end, body_sha256 }).await.map(drop)
        })
    }

    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.shared.ready.wait())
    }
}
