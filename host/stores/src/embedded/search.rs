//! Search by meaning: an exact scan in memory, then the words of what was found in one read transaction.

use std::sync::{Arc, PoisonError};

use apex_model::failure::PortResult;
use apex_model::ids::{DocumentId, SourceName};
use apex_model::reading::{Hit, SearchQuery};
use futures_util::TryStreamExt;
use sqlx::{Row, SqliteConnection};

use super::vectors::{self, Change, Found, Only, Vectors};
use super::writer::{self, Job};
use super::{EmbeddedStore, faults};

/// Characters of a snippet.
const SNIPPET_CHARS_MAX: usize = 240;
/// Scans again at most this often if commits changed what was found in between.
const SCANS_MAX: u32 = 3;

/// Reads every live vector.
pub(super) async fn load(connection: &mut SqliteConnection) -> PortResult<Vectors> {
    let mut loaded = Vectors::following();
    let mut rows = sqlx::query(
        "SELECT d.no, d.source, d.kind, e.model, c.place, e.vector
         FROM document d JOIN chunk c ON c.document = d.no AND c.version = d.live_version
         JOIN embedding e ON e.no = c.embedding ORDER BY d.no, c.place",
    )
    .fetch(connection);
    let mut open: Option<Change> = None;
    while let Some(row) = rows.try_next().await.map_err(|error| faults::reading(&error))? {
        let read = || -> Result<(Change, u32, Vec<u8>), sqlx::Error> {
            let change = Change {
                document: row.try_get(0)?,
                source: row.try_get(1)?,
                kind: row.try_get(2)?,
                model: row.try_get(3)?,
                chunks: Vec::new(),
            };
            Ok((change, row.try_get(4)?, row.try_get(5)?))
        };
        let (change, place, bytes) = read().map_err(|error| faults::reading(&error))?;
        let Some(vector) = vectors::from_bytes(&bytes) else { continue };
        match &mut open {
            Some(open) if open.document == change.document => open.chunks.push((place, vector)),
            _ => {
                let next = Change { chunks: vec![(place, vector)], ..change };
                if let Some(done) = open.replace(next) {
                    loaded.apply(done);
                }
            }
        }
    }
    if let Some(done) = open {
        loaded.apply(done);
    }
    Ok(loaded)
}

impl EmbeddedStore {
    pub(super) async fn find(&self, query: SearchQuery) -> PortResult<Vec<Hit>> {
        let loaded = self.inner.vectors.read().unwrap_or_else(PoisonError::into_inner).is_loaded();
        if !loaded {
            writer::ask(&self.inner.jobs, |done| Job::LoadVectors { done }).await.map_err(faults::to_reader)?;
        }
        let query = Arc::new(query);
        let mut hits = Vec::new();
        for _ in 0..SCANS_MAX {
            let found = self.scan(&query).await?;
            let wanted = found.len();
            hits = self.describe(&query, found).await?;
            if hits.len() == wanted {
                break;
            }
        }
        Ok(hits)
    }

    async fn scan(&self, query: &Arc<SearchQuery>) -> PortResult<Vec<Found>> {
        let (vectors, query) = (Arc::clone(&self.inner.vectors), Arc::clone(query));
        let scan = move || {
            let only = Only { source: query.source.as_ref().map(SourceName::as_str), kind: query.kind.as_deref() };
            let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
            let vectors = vectors.read().unwrap_or_else(PoisonError::into_inner);
            vectors.nearest(&query.embedding_model, &query.vector, &only, limit)
        };
        tokio::task::spawn_blocking(scan)
            .await
            .map_err(|error| faults::damaged(format!("the search did not finish: {error}")))
    }

    /// The words of what was found; a document that changed since the scan is left out.
    async fn describe(&self, query: &SearchQuery, found: Vec<Found>) -> PortResult<Vec<Hit>> {
        let mut hits = Vec::with_capacity(found.len());
        let mut transaction = self.inner.pool.begin().await.map_err(|error| faults::reading(&error))?;
        for Found { document, place, score } in found {
            let row = sqlx::query(
                "SELECT d.id, d.source, d.kind, v.title, c.text, e.vector
                 FROM document d JOIN document_version v ON v.document = d.no AND v.version = d.live_version
                 JOIN chunk c ON c.document = d.no AND c.version = d.live_version AND c.place = ?
                 JOIN embedding e ON e.no = c.embedding AND e.model = ? WHERE d.no = ? AND d.deleted = 0",
            )
            .bind(place)
            .bind(&query.embedding_model)
            .bind(document)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(|error| faults::reading(&error))?;
            let Some(row) = row else { continue };
            let hit = |row: &sqlx::sqlite::SqliteRow| -> Result<Option<Hit>, sqlx::Error> {
                // Another version's chunk at the same place would show a score that is not its own.
                let vector: Vec<u8> = row.try_get(5)?;
                let same = vectors::from_bytes(&vector)
                    .is_some_and(|vector| (vectors::dot(&vector, &query.vector) - score).abs() <= 1e-5);
                let source: String = row.try_get(1)?;
                let Some(source) = SourceName::parse(&source).filter(|_| same) else { return Ok(None) };
                Ok(Some(Hit {
                    document_id: DocumentId::from_text(row.try_get::<String, _>(0)?),
                    source,
                    kind: row.try_get(2)?,
                    title: row.try_get(3)?,
                    snippet: snippet(row.try_get(4)?),
                    score,
                }))
            };
            hits.extend(hit(&row).map_err(|error| faults::reading(&error))?);
        }
        Ok(hits)
    }
}

/// One line of at most [`SNIPPET_CHARS_MAX`] characters, cut between words if there is a gap in its second half.
fn snippet(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((end, _)) = line.char_indices().nth(SNIPPET_CHARS_MAX) else { return line };
    // One character less leaves room for the ellipsis.
    let head = line.get(..end).unwrap_or_default();
    let head = head.char_indices().next_back().and_then(|(last, _)| head.get(..last)).unwrap_or(head);
    let cut = head.rfind(' ').filter(|&gap| gap > head.len() / 2).and_then(|gap| head.get(..gap)).unwrap_or(head);
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_is_one_short_line_cut_between_words() {
        assert_eq!(snippet("two\n  lines "), "two lines");
        let long = snippet(&"word ".repeat(100));
        assert!(long.ends_with("word…") && long.chars().count() <= SNIPPET_CHARS_MAX, "{long}");
        let unbroken = snippet(&"ü".repeat(500));
        assert_eq!(unbroken, format!("{}…", "ü".repeat(SNIPPET_CHARS_MAX - 1)));
    }
}
