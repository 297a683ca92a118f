//! The relational store's part in a saga; for this store it is the whole saga.

use std::sync::atomic::Ordering;

use apex_model::document::Sequence;
use apex_model::ports::{BoxFuture, RelationalStore};
use apex_model::saga::{Begun, Intent, SagaState, StoreFault, StoreResult, Ticket};
use apex_model::write_set::WriteSet;
use sqlx::Row;

use super::rows::Touch;
use super::writer::{self, Job};
use super::{EmbeddedStore, faults};
use crate::order::Order;

struct Live {
    version: i64,
    fence: i64,
    order: Order,
    content_hash: Vec<u8>,
    event: Vec<u8>,
}

impl EmbeddedStore {
    async fn live(&self, id: &str) -> Result<Option<Live>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT live_version, fence, sequence, position, content_hash, event FROM document WHERE id = ?",
        )
        .bind(id.to_owned())
        .fetch_optional(&self.inner.pool)
        .await?;
        row.map(|row| {
            let sequence: Option<String> = row.try_get(2)?;
            let order = Order { sequence: sequence.as_deref().and_then(Sequence::parse), position: row.try_get(3)? };
            Ok(Live {
                version: row.try_get(0)?,
                fence: row.try_get(1)?,
                order,
                content_hash: row.try_get(4)?,
                event: row.try_get(5)?,
            })
        })
        .transpose()
    }

    async fn decide(&self, intent: Intent) -> StoreResult<Begun> {
        let order = Order { sequence: intent.sequence, position: intent.position };
        let found = self.live(intent.document_id.as_str()).await.map_err(|error| faults::writing(&error))?;
        let ticket = |version, fence, previous| Ticket {
            document_id: intent.document_id.clone(),
            version,
            fence,
            previous,
            event: intent.event,
            trace: intent.trace,
        };
        let fresh = || self.inner.fence.fetch_add(1, Ordering::Relaxed);
        let Some(live) = found else { return Ok(Begun::Go(ticket(1, fresh(), 0))) };
        if live.content_hash == intent.content_hash.0 {
            if live.event == intent.event.0 {
                return Ok(Begun::Committed(ticket(live.version, live.fence, live.version - 1)));
            }
            if live.order.is_older_than(order) {
                let touch = Touch { id: intent.document_id, version: live.version, order };
                writer::ask(&self.inner.jobs, |done| Job::Touch { touch, done }).await?;
            }
            return Ok(Begun::Unchanged { version: live.version });
        }
        if order.is_older_than(live.order) {
            return Ok(Begun::Superseded { version: live.version });
        }
        Ok(Begun::Go(ticket(live.version + 1, fresh(), live.version)))
    }
}

/// Staging, undoing and finalising are part of `commit`'s transaction: nothing is ever half there.
impl RelationalStore for EmbeddedStore {
    fn begin(&self, intent: Intent) -> BoxFuture<'_, StoreResult<Begun>> {
        Box::pin(self.decide(intent))
    }

    fn record<'a>(&'a self, _: &'a Ticket, _: SagaState) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async { Ok(()) })
    }

    fn stage<'a>(&'a self, _: &'a Ticket, _: &'a WriteSet) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async { Ok(()) })
    }

    fn commit<'a>(&'a self, ticket: &'a Ticket, writes: &'a WriteSet) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async move {
            if ticket.document_id != writes.document_id {
                return Err(StoreFault::Refused(faults::damaged(format!(
                    "a ticket for {} came with the content of {}",
                    ticket.document_id, writes.document_id
                ))));
            }
            let (ticket, writes) = (ticket.clone(), Box::new(writes.clone()));
            writer::ask(&self.inner.jobs, |done| Job::Commit { ticket, writes, done }).await
        })
    }

    fn undo<'a>(&'a self, _: &'a Ticket) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async { Ok(()) })
    }

    fn finalise<'a>(&'a self, _: &'a Ticket) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async { Ok(()) })
    }
}
