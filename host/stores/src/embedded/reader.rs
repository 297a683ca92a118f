//! Reads documents. Every answer comes out of one read transaction: parts of one version, or nothing.

use apex_model::Timestamp;
use apex_model::document::{Entity, Relation};
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, DocumentId, EventId, SourceName};
use apex_model::plugin::PluginRef;
use apex_model::ports::{BoxFuture, DocumentReader};
use apex_model::reading::{DocumentFilter, DocumentLine, DocumentView, Graph, Hit, SearchQuery, VersionLine};
use serde_json::value::RawValue;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{EmbeddedStore, faults};

type Read<T> = Result<T, sqlx::Error>;

impl DocumentReader for EmbeddedStore {
    fn document<'a>(&'a self, id: &'a DocumentId) -> BoxFuture<'a, PortResult<Option<DocumentView>>> {
        Box::pin(async move {
            let mut transaction = self.inner.pool.begin().await.map_err(|error| faults::reading(&error))?;
            view(&mut transaction, id).await.map_err(|error| faults::reading(&error))
        })
    }

    fn documents(&self, filter: DocumentFilter) -> BoxFuture<'_, PortResult<Vec<DocumentLine>>> {
        Box::pin(async move { self.lines(filter).await.map_err(|error| faults::reading(&error)) })
    }

    fn history<'a>(&'a self, id: &'a DocumentId) -> BoxFuture<'a, PortResult<Vec<VersionLine>>> {
        Box::pin(async move { self.versions(id).await.map_err(|error| faults::reading(&error)) })
    }

    fn search(&self, query: SearchQuery) -> BoxFuture<'_, PortResult<Vec<Hit>>> {
        Box::pin(self.find(query))
    }

    fn graph<'a>(&'a self, entity: &'a str, depth: u32) -> BoxFuture<'a, PortResult<Option<Graph>>> {
        Box::pin(async move { self.neighbourhood(entity, depth).await.map_err(|error| faults::reading(&error)) })
    }

    fn counts(&self) -> BoxFuture<'_, PortResult<Vec<(SourceName, u64)>>> {
        Box::pin(async move { self.count().await.map_err(|error| faults::reading(&error)) })
    }

    fn check<'a>(&'a self, id: Option<&'a DocumentId>) -> BoxFuture<'a, PortResult<Vec<String>>> {
        Box::pin(async move { self.findings(id).await.map_err(|error| faults::reading(&error)) })
    }
}

async fn view(connection: &mut SqliteConnection, id: &DocumentId) -> Read<Option<DocumentView>> {
    let row = sqlx::query(
        "SELECT d.no, d.live_version, d.source, d.kind, v.title, b.content, b.media_type, b.occurred_at, b.metadata,
             v.plugin_name, v.plugin_version, v.plugin_digest, v.committed_at,
             (SELECT count(*) FROM chunk c WHERE c.document = d.no AND c.version = d.live_version)
         FROM document d JOIN document_version v ON v.document = d.no AND v.version = d.live_version
         JOIN body b ON b.document = d.no AND b.version = d.live_version
         WHERE d.id = ? AND d.deleted = 0",
    )
    .bind(id.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (number, version): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let entities = sqlx::query("SELECT key, kind, name FROM node WHERE document = ? AND version = ? ORDER BY place")
        .bind(number)
        .bind(version)
        .fetch_all(&mut *connection)
        .await?;
    let relations =
        sqlx::query("SELECT start, kind, finish FROM edge WHERE document = ? AND version = ? ORDER BY place")
            .bind(number)
            .bind(version)
            .fetch_all(&mut *connection)
            .await?;
    Ok(Some(DocumentView {
        id: id.clone(),
        source: source(&row, 2)?,
        kind: row.try_get(3)?,
        version,
        title: row.try_get(4)?,
        content: row.try_get(5)?,
        media_type: row.try_get(6)?,
        occurred_at: row.try_get(7)?,
        metadata: RawValue::from_string(row.try_get(8)?).map_err(|error| sqlx::Error::Decode(error.into()))?,
        entities: entities.iter().map(entity).collect::<Read<_>>()?,
        relations: relations.iter().map(relation).collect::<Read<_>>()?,
        chunks: row.try_get(13)?,
        plugin: plugin(&row, 9)?,
        updated_at: Timestamp::from_unix_ms(row.try_get(12)?),
    }))
}

impl EmbeddedStore {
    async fn lines(&self, filter: DocumentFilter) -> Read<Vec<DocumentLine>> {
        let rows = sqlx::query(
            "SELECT d.id, d.source, d.kind, d.live_version, v.title, v.committed_at
             FROM document d JOIN document_version v ON v.document = d.no AND v.version = d.live_version
             WHERE d.deleted = 0 AND (?1 IS NULL OR d.source = ?1) AND (?2 IS NULL OR d.kind = ?2)
                 AND (?3 IS NULL OR d.id > ?3) ORDER BY d.id LIMIT ?4",
        )
        .bind(filter.source.map(|source| source.as_str().to_owned()))
        .bind(filter.kind)
        .bind(filter.after.map(|after| after.as_str().to_owned()))
        .bind(filter.limit)
        .fetch_all(&self.inner.pool)
        .await?;
        let line = |row: &SqliteRow| -> Read<DocumentLine> {
            Ok(DocumentLine {
                id: DocumentId::from_text(row.try_get::<String, _>(0)?),
                source: source(row, 1)?,
                kind: row.try_get(2)?,
                version: row.try_get(3)?,
                title: row.try_get(4)?,
                updated_at: Timestamp::from_unix_ms(row.try_get(5)?),
            })
        };
        rows.iter().map(line).collect()
    }

    async fn versions(&self, id: &DocumentId) -> Read<Vec<VersionLine>> {
        let rows = sqlx::query(
            "SELECT v.version, v.version = d.live_version AND v.deleted = 0, v.deleted, v.title, v.content_hash, v.event, v.plugin_name,
                 v.plugin_version, v.plugin_digest, v.committed_at
             FROM document d JOIN document_version v ON v.document = d.no WHERE d.id = ? ORDER BY v.version DESC",
        )
        .bind(id.as_str())
        .fetch_all(&self.inner.pool)
        .await?;
        let line = |row: &SqliteRow| -> Read<VersionLine> {
            Ok(VersionLine {
                version: row.try_get(0)?,
                live: row.try_get(1)?,
                deleted: row.try_get(2)?,
                title: row.try_get(3)?,
                content_hash: Digest(bytes(row, 4)?).to_string(),
                event: EventId(bytes(row, 5)?),
                plugin: plugin(row, 6)?,
                committed_at: Timestamp::from_unix_ms(row.try_get(9)?),
            })
        };
        rows.iter().map(line).collect()
    }

    async fn count(&self) -> Read<Vec<(SourceName, u64)>> {
        let rows =
            sqlx::query("SELECT source, count(*) FROM document WHERE deleted = 0 GROUP BY source ORDER BY source")
                .fetch_all(&self.inner.pool)
                .await?;
        let line = |row: &SqliteRow| -> Read<(SourceName, u64)> {
            let count: i64 = row.try_get(1)?;
            Ok((source(row, 0)?, count.unsigned_abs()))
        };
        rows.iter().map(line).collect()
    }
}

/// Key, kind and name, in this order.
pub(super) fn entity(row: &SqliteRow) -> Read<Entity> {
    Ok(Entity { key: row.try_get(0)?, kind: row.try_get(1)?, name: row.try_get(2)? })
}

/// Start, kind and finish, in this order.
pub(super) fn relation(row: &SqliteRow) -> Read<Relation> {
    Ok(Relation { from: row.try_get(0)?, kind: row.try_get(1)?, to: row.try_get(2)? })
}

fn source(row: &SqliteRow, column: usize) -> Read<SourceName> {
    let text: String = row.try_get(column)?;
    SourceName::parse(&text).ok_or_else(|| sqlx::Error::Decode(format!("`{text}` is no source name").into()))
}

fn bytes<const N: usize>(row: &SqliteRow, column: usize) -> Read<[u8; N]> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes.try_into().map_err(|bytes: Vec<u8>| {
        sqlx::Error::Decode(format!("expected {N} bytes, the file has {}", bytes.len()).into())
    })
}

/// Name, version and digest in three columns from `first`.
fn plugin(row: &SqliteRow, first: usize) -> Read<Option<PluginRef>> {
    let (name, version): (Option<String>, Option<String>) = (row.try_get(first)?, row.try_get(first + 1)?);
    let (Some(name), Some(version)) = (name, version) else { return Ok(None) };
    Ok(Some(PluginRef { name, version, digest: Digest(bytes(row, first + 2)?) }))
}
