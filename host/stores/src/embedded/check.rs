//! Checks the parts of each live document against each other. Reports, repairs nothing.

use std::sync::PoisonError;

use apex_model::ids::DocumentId;
use sqlx::Row;

use super::EmbeddedStore;

/// Findings at most: more tell nothing more.
const FINDINGS_MAX: i64 = 1_000;

/// Each answers documents (id) that break one rule, with a detail. `?1` is one document's id or NULL for all, `?2` the limit.
const RULES: [(&str, &str); 9] = [
    (
        "has no line in its history for the live version",
        "SELECT d.id, d.live_version FROM document d LEFT JOIN document_version v ON v.document = d.no AND v.version = d.live_version
         WHERE v.version IS NULL AND (?1 IS NULL OR d.id = ?1) LIMIT ?2",
    ),
    (
        "has no content for the live version",
        "SELECT d.id, d.live_version FROM document d LEFT JOIN body b ON b.document = d.no AND b.version = d.live_version
         WHERE b.version IS NULL AND d.deleted = 0 AND (?1 IS NULL OR d.id = ?1) LIMIT ?2",
    ),
    (
        "is not deleted in the same way in its history",
        "SELECT d.id, d.live_version FROM document d JOIN document_version v ON v.document = d.no AND v.version = d.live_version
         WHERE v.deleted <> d.deleted AND (?1 IS NULL OR d.id = ?1) LIMIT ?2",
    ),
    (
        "has content of a version that is not live",
        "SELECT d.id, b.version FROM document d JOIN body b ON b.document = d.no
         WHERE (b.version <> d.live_version OR d.deleted = 1) AND (?1 IS NULL OR d.id = ?1) LIMIT ?2",
    ),
    (
        "has chunks of a version that is not live",
        "SELECT DISTINCT d.id, c.version FROM document d JOIN chunk c ON c.document = d.no
         WHERE (c.version <> d.live_version OR d.deleted = 1) AND (?1 IS NULL OR d.id = ?1) LIMIT ?2",
    ),
    (
        "has entities or relations of a version that is not live",
        "SELECT DISTINCT d.id, g.version FROM document d
         JOIN (SELECT document, version FROM node UNION SELECT document, version FROM edge) g ON g.document = d.no
         WHERE (g.version <> d.live_version OR d.deleted = 1) AND (?1 IS NULL OR d.id = ?1) LIMIT ?2",
    ),
    (
        "has gaps between its chunks",
        "SELECT d.id, d.live_version FROM document d JOIN chunk c ON c.document = d.no AND c.version = d.live_version
         WHERE ?1 IS NULL OR d.id = ?1 GROUP BY d.no HAVING max(c.place) + 1 <> count(*) LIMIT ?2",
    ),
    (
        "has a chunk without a whole vector",
        "SELECT DISTINCT d.id, c.place FROM document d JOIN chunk c ON c.document = d.no AND c.version = d.live_version
         LEFT JOIN embedding e ON e.no = c.embedding
         WHERE (e.no IS NULL OR length(e.vector) = 0 OR length(e.vector) % 4 <> 0) AND (?1 IS NULL OR d.id = ?1) LIMIT ?2",
    ),
    (
        "has a relation whose end is not among its entities",
        "SELECT DISTINCT d.id, g.place FROM document d JOIN edge g ON g.document = d.no AND g.version = d.live_version
         WHERE (?1 IS NULL OR d.id = ?1) AND (
             NOT EXISTS (SELECT 1 FROM node n WHERE n.document = g.document AND n.version = g.version AND n.key = g.start)
             OR NOT EXISTS (SELECT 1 FROM node n WHERE n.document = g.document AND n.version = g.version AND n.key = g.finish))
         LIMIT ?2",
    ),
];

impl EmbeddedStore {
    /// One sentence a finding.
    pub(super) async fn findings(&self, id: Option<&DocumentId>) -> Result<Vec<String>, sqlx::Error> {
        let id = id.map(|id| id.as_str().to_owned());
        let mut transaction = self.inner.pool.begin().await?;
        let mut findings = Vec::new();
        for (words, rule) in RULES {
            let rows = sqlx::query(rule).bind(id.clone()).bind(FINDINGS_MAX).fetch_all(&mut *transaction).await?;
            for row in rows {
                let (document, detail): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
                findings.push(format!("document {document} {words} ({detail})"));
            }
        }
        drop(transaction);
        // A commit between the two looks of one comparison is no finding: only what is there twice is.
        let first = self.unsearchable(id.clone()).await?;
        if !first.is_empty() {
            let second = self.unsearchable(id).await?;
            findings.extend(first.into_iter().filter(|finding| second.contains(finding)));
        }
        Ok(findings)
    }

    /// Compares the table in memory, if it is there, with the file.
    async fn unsearchable(&self, id: Option<String>) -> Result<Vec<String>, sqlx::Error> {
        if !self.inner.vectors.read().unwrap_or_else(PoisonError::into_inner).is_loaded() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(
            "SELECT d.no, d.id, count(c.place) FROM document d
             LEFT JOIN chunk c ON c.document = d.no AND c.version = d.live_version
             WHERE ?1 IS NULL OR d.id = ?1 GROUP BY d.no",
        )
        .bind(id)
        .fetch_all(&self.inner.pool)
        .await?;
        let vectors = self.inner.vectors.read().unwrap_or_else(PoisonError::into_inner);
        let mut findings = Vec::new();
        for row in rows {
            let (number, document, chunks): (i64, String, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let rows = vectors.rows_of(number);
            if i64::try_from(rows).ok() != Some(chunks) {
                findings.push(format!("document {document} has {chunks} chunks and {rows} of them are searched"));
            }
        }
        Ok(findings)
    }
}
