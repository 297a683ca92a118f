//! The statements that make one version live. Runs inside the writer's transaction and decides by what is in it.

use apex_model::Timestamp;
use apex_model::document::{Op, Sequence};
use apex_model::ids::DocumentId;
use apex_model::saga::{StoreFault, Ticket};
use apex_model::write_set::WriteSet;
use sqlx::{Row, SqliteConnection};

use super::vectors::{self, Change};
use crate::order::Order;

/// An unchanged document seen at a newer place: what is older than that must not replace it later.
pub(super) struct Touch {
    /// The document.
    pub id: DocumentId,
    /// The version that was found unchanged.
    pub version: i64,
    /// The newer place.
    pub order: Order,
}

/// Moves the place of an unchanged document, unless another version came in between.
pub(super) async fn touch(connection: &mut SqliteConnection, touch: &Touch) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE document SET sequence = ?, position = ? WHERE id = ? AND live_version = ?")
        .bind(touch.order.sequence.map(|sequence| sequence.to_string()))
        .bind(touch.order.position)
        .bind(touch.id.as_str())
        .bind(touch.version)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes the version and makes it live. The inner error is the fence; the outer one is the database's.
pub(super) async fn commit(
    connection: &mut SqliteConnection,
    ticket: &Ticket,
    writes: &WriteSet,
    now: Timestamp,
) -> Result<Result<Option<Change>, StoreFault>, sqlx::Error> {
    let live = sqlx::query("SELECT no, live_version, fence FROM document WHERE id = ?")
        .bind(ticket.document_id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let number = match live {
        None if ticket.previous != 0 => return Ok(Err(StoreFault::Fenced)),
        None => None,
        Some(row) => {
            let (number, version, fence): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            if version != ticket.previous || fence >= ticket.fence {
                let ours = was_committed(connection, number, ticket).await?;
                return Ok(if ours { Ok(None) } else { Err(StoreFault::Fenced) });
            }
            Some(number)
        }
    };
    let number = put_document(connection, number, ticket, writes).await?;
    put_version(connection, number, ticket, writes, now).await?;
    if writes.document.op == Op::Upsert {
        put_body(connection, number, ticket, writes).await?;
        put_chunks(connection, number, ticket, writes).await?;
        put_graph(connection, number, ticket, writes).await?;
    }
    drop_older(connection, number, ticket.version).await?;
    let chunks = if writes.document.op == Op::Upsert { writes.chunks.as_slice() } else { &[] };
    Ok(Ok(Some(Change {
        document: number,
        source: writes.source.as_str().to_owned(),
        kind: writes.document.kind.clone(),
        model: writes.embedding_model.clone(),
        chunks: chunks.iter().map(|chunk| (chunk.index, chunk.embedding.clone())).collect(),
    })))
}

async fn was_committed(connection: &mut SqliteConnection, number: i64, ticket: &Ticket) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT count(*) > 0 FROM document_version WHERE document = ? AND version = ? AND fence = ?")
        .bind(number)
        .bind(ticket.version)
        .bind(ticket.fence)
        .fetch_one(connection)
        .await
}

async fn put_document(
    connection: &mut SqliteConnection,
    number: Option<i64>,
    ticket: &Ticket,
    writes: &WriteSet,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "INSERT INTO document (no, id, source, kind, live_version, deleted, fence, sequence, position, content_hash, event)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (no) DO UPDATE SET kind = excluded.kind, live_version = excluded.live_version,
             deleted = excluded.deleted, fence = excluded.fence, sequence = excluded.sequence, position = excluded.position,
             content_hash = excluded.content_hash, event = excluded.event
         RETURNING no",
    )
    .bind(number)
    .bind(ticket.document_id.as_str())
    .bind(writes.source.as_str())
    .bind(&writes.document.kind)
    .bind(ticket.version)
    .bind(writes.document.op == Op::Delete)
    .bind(ticket.fence)
    .bind(writes.document.sequence.as_ref().map(Sequence::to_string))
    .bind(writes.position)
    .bind(writes.content_hash.0.as_slice())
    .bind(ticket.event.0.as_slice())
    .fetch_one(connection)
    .await
}

async fn put_version(
    connection: &mut SqliteConnection,
    number: i64,
    ticket: &Ticket,
    writes: &WriteSet,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let plugin = writes.plugin.as_ref();
    sqlx::query(
        "INSERT INTO document_version (document, version, fence, deleted, title, content_hash, event, plugin_name,
             plugin_version, plugin_digest, committed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(number)
    .bind(ticket.version)
    .bind(ticket.fence)
    .bind(writes.document.op == Op::Delete)
    .bind(&writes.document.title)
    .bind(writes.content_hash.0.as_slice())
    .bind(ticket.event.0.as_slice())
    .bind(plugin.map(|plugin| plugin.name.as_str()))
    .bind(plugin.map(|plugin| plugin.version.as_str()))
    .bind(plugin.map(|plugin| plugin.digest.0.to_vec()))
    .bind(now.unix_ms())
    .execute(connection)
    .await?;
    Ok(())
}

async fn put_body(
    connection: &mut SqliteConnection,
    number: i64,
    ticket: &Ticket,
    writes: &WriteSet,
) -> Result<(), sqlx::Error> {
    let document = &writes.document;
    let attachments =
        serde_json::to_string(&document.attachments).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT OR REPLACE INTO body (document, version, content, media_type, occurred_at, metadata, attachments)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(number)
    .bind(ticket.version)
    .bind(&document.content)
    .bind(&document.media_type)
    .bind(&document.occurred_at)
    .bind(&document.metadata)
    .bind(attachments)
    .execute(connection)
    .await?;
    Ok(())
}

async fn put_chunks(
    connection: &mut SqliteConnection,
    number: i64,
    ticket: &Ticket,
    writes: &WriteSet,
) -> Result<(), sqlx::Error> {
    for chunk in &writes.chunks {
        sqlx::query(
            "INSERT INTO embedding (model, hash, vector) VALUES (?, ?, ?) ON CONFLICT (model, hash) DO NOTHING",
        )
        .bind(&writes.embedding_model)
        .bind(chunk.hash.0.as_slice())
        .bind(vectors::to_bytes(&chunk.embedding))
        .execute(&mut *connection)
        .await?;
        sqlx::query(
            "INSERT INTO chunk (document, version, place, text, embedding)
             VALUES (?, ?, ?, ?, (SELECT no FROM embedding WHERE model = ? AND hash = ?))",
        )
        .bind(number)
        .bind(ticket.version)
        .bind(chunk.index)
        .bind(&chunk.text)
        .bind(&writes.embedding_model)
        .bind(chunk.hash.0.as_slice())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn put_graph(
    connection: &mut SqliteConnection,
    number: i64,
    ticket: &Ticket,
    writes: &WriteSet,
) -> Result<(), sqlx::Error> {
    for (place, entity) in (0_i64..).zip(&writes.entities) {
        sqlx::query(
            "INSERT INTO node (document, version, place, key, kind, name, folded) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(number)
        .bind(ticket.version)
        .bind(place)
        .bind(&entity.key)
        .bind(&entity.kind)
        .bind(&entity.name)
        .bind(entity.name.to_lowercase())
        .execute(&mut *connection)
        .await?;
    }
    for (place, relation) in (0_i64..).zip(&writes.relations) {
        sqlx::query("INSERT INTO edge (document, version, place, start, kind, finish) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(number)
            .bind(ticket.version)
            .bind(place)
            .bind(&relation.from)
            .bind(&relation.kind)
            .bind(&relation.to)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Drops what only older versions need, and vectors that nothing refers to any more.
async fn drop_older(connection: &mut SqliteConnection, number: i64, version: i64) -> Result<(), sqlx::Error> {
    if version == 1 {
        return Ok(());
    }
    let unused: Vec<i64> =
        sqlx::query_scalar("DELETE FROM chunk WHERE document = ? AND version < ? RETURNING embedding")
            .bind(number)
            .bind(version)
            .fetch_all(&mut *connection)
            .await?;
    for embedding in unused {
        sqlx::query("DELETE FROM embedding WHERE no = ?1 AND NOT EXISTS (SELECT 1 FROM chunk WHERE embedding = ?1)")
            .bind(embedding)
            .execute(&mut *connection)
            .await?;
    }
    for statement in [
        "DELETE FROM node WHERE document = ? AND version < ?",
        "DELETE FROM edge WHERE document = ? AND version < ?",
        "DELETE FROM body WHERE document = ? AND version < ?",
    ] {
        sqlx::query(statement).bind(number).bind(version).execute(&mut *connection).await?;
    }
    Ok(())
}
