//! The neighbourhood of an entity: breadth first over the edges of live versions, in one read transaction.

use std::collections::{BTreeSet, HashMap};

use apex_model::document::{Entity, Relation};
use apex_model::ids::DocumentId;
use apex_model::reading::{Graph, GraphNode};
use sqlx::{Row, SqliteConnection};

use super::{EmbeddedStore, reader};

/// Entities a neighbourhood shows at most.
const NODES_MAX: usize = 200;
/// Edges read for one round of the search.
const EDGES_MAX: i64 = 5_000;
/// Documents named for one entity.
const NODE_DOCUMENTS_MAX: usize = 50;

type Read<T> = Result<T, sqlx::Error>;

impl EmbeddedStore {
    pub(super) async fn neighbourhood(&self, entity: &str, depth: u32) -> Read<Option<Graph>> {
        let mut transaction = self.inner.pool.begin().await?;
        let Some(start) = resolve(&mut transaction, entity).await? else { return Ok(None) };
        let mut seen = HashMap::from([(start.clone(), 0_u32)]);
        let mut order = vec![start.clone()];
        let mut edges = BTreeSet::new();
        let mut frontier = vec![start];
        let mut truncated = false;
        for distance in 1..=depth {
            let found = edges_at(&mut transaction, &frontier).await?;
            truncated |= i64::try_from(found.len()).unwrap_or(i64::MAX) >= EDGES_MAX;
            frontier = Vec::new();
            for edge in found {
                for key in [&edge.from, &edge.to] {
                    if seen.contains_key(key) {
                        continue;
                    }
                    if order.len() >= NODES_MAX {
                        truncated = true;
                        continue;
                    }
                    seen.insert(key.clone(), distance);
                    order.push(key.clone());
                    frontier.push(key.clone());
                }
                edges.insert(edge);
            }
            if frontier.is_empty() {
                break;
            }
        }
        // The outermost entities may be joined among themselves.
        edges.extend(edges_at(&mut transaction, &frontier).await?);
        let edges =
            edges.into_iter().filter(|edge| seen.contains_key(&edge.from) && seen.contains_key(&edge.to)).collect();
        let nodes = nodes(&mut transaction, &order, &seen).await?;
        Ok(Some(Graph { nodes, edges, truncated }))
    }
}

/// The key of the entity asked for: by key, else by name, and among several of that name the one most documents speak of.
async fn resolve(connection: &mut SqliteConnection, entity: &str) -> Read<Option<String>> {
    let by_key: Option<String> = sqlx::query_scalar(
        "SELECT n.key FROM node n JOIN document d ON d.no = n.document AND d.live_version = n.version WHERE n.key = ? LIMIT 1",
    )
    .bind(entity)
    .fetch_optional(&mut *connection)
    .await?;
    if by_key.is_some() {
        return Ok(by_key);
    }
    let folded = entity.to_lowercase();
    sqlx::query_scalar(
        "SELECT n.key FROM node n JOIN document d ON d.no = n.document AND d.live_version = n.version
         WHERE n.folded = ?1 OR n.key = ?1 GROUP BY n.key ORDER BY count(*) DESC, n.key LIMIT 1",
    )
    .bind(folded)
    .fetch_optional(connection)
    .await
}

async fn edges_at(connection: &mut SqliteConnection, keys: &[String]) -> Read<Vec<Relation>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "WITH wanted AS (SELECT value FROM json_each(?1)),
         touching AS (
             SELECT document, version, start, kind, finish FROM edge WHERE start IN (SELECT value FROM wanted)
             UNION SELECT document, version, start, kind, finish FROM edge WHERE finish IN (SELECT value FROM wanted))
         SELECT DISTINCT t.start, t.kind, t.finish
         FROM touching t JOIN document d ON d.no = t.document AND d.live_version = t.version
         ORDER BY 1, 2, 3 LIMIT ?2",
    )
    .bind(as_json(keys))
    .bind(EDGES_MAX)
    .fetch_all(connection)
    .await?;
    rows.iter().map(reader::relation).collect()
}

async fn nodes(
    connection: &mut SqliteConnection,
    order: &[String],
    seen: &HashMap<String, u32>,
) -> Read<Vec<GraphNode>> {
    let rows = sqlx::query(
        "SELECT n.key, n.kind, n.name, d.id FROM node n JOIN document d ON d.no = n.document AND d.live_version = n.version
         WHERE n.key IN (SELECT value FROM json_each(?)) ORDER BY n.key, d.id",
    )
    .bind(as_json(order))
    .fetch_all(connection)
    .await?;
    let mut found: HashMap<String, (Entity, Vec<DocumentId>)> = HashMap::new();
    for row in &rows {
        let entity = reader::entity(row)?;
        let document = DocumentId::from_text(row.try_get::<String, _>(3)?);
        let (_, documents) = found.entry(entity.key.clone()).or_insert_with(|| (entity, Vec::new()));
        if documents.last() != Some(&document) && documents.len() < NODE_DOCUMENTS_MAX {
            documents.push(document);
        }
    }
    let node = |key: &String| {
        let (entity, documents) = found.remove(key)?;
        Some(GraphNode { entity, distance: seen.get(key).copied().unwrap_or_default(), documents })
    };
    Ok(order.iter().filter_map(node).collect())
}

fn as_json(keys: &[String]) -> String {
    serde_json::Value::from(keys).to_string()
}
