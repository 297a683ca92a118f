//! The embedding cache: what committed chunks hold, and what was made and is not committed yet.

use std::collections::{HashMap, VecDeque};
use std::sync::PoisonError;

use apex_model::failure::PortResult;
use apex_model::ids::Digest;
use apex_model::ports::{BoxFuture, EmbeddingCache};
use sqlx::Row;

use super::{EmbeddedStore, faults, vectors};

/// Vectors kept in memory between being made and being committed; 384 floats each, so 6 MB.
const RECENT_MAX: usize = 4_096;

/// The vectors made last. They become durable with the chunks they belong to, in the same transaction, so that nothing has to be written twice.
#[derive(Default)]
pub(super) struct Recent {
    known: HashMap<(String, Digest), Vec<f32>>,
    order: VecDeque<(String, Digest)>,
}

impl Recent {
    fn put(&mut self, model: &str, hash: Digest, vector: &[f32]) {
        let key = (model.to_owned(), hash);
        if self.known.insert(key.clone(), vector.to_vec()).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > RECENT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

impl EmbeddingCache for EmbeddedStore {
    fn get_many<'a>(
        &'a self,
        model: &'a str,
        hashes: &'a [Digest],
    ) -> BoxFuture<'a, PortResult<Vec<Option<Vec<f32>>>>> {
        Box::pin(async move {
            let mut answers: Vec<Option<Vec<f32>>> = {
                let recent = self.inner.recent.lock().unwrap_or_else(PoisonError::into_inner);
                hashes.iter().map(|hash| recent.known.get(&(model.to_owned(), *hash)).cloned()).collect()
            };
            let missing: Vec<String> = hashes
                .iter()
                .zip(&answers)
                .filter(|(_, answer)| answer.is_none())
                .map(|(hash, _)| hash.to_string())
                .collect();
            if missing.is_empty() {
                return Ok(answers);
            }
            let stored = self.stored(model, missing).await.map_err(|error| faults::reading(&error))?;
            for (hash, answer) in hashes.iter().zip(&mut answers) {
                if answer.is_none() {
                    *answer = stored.get(hash.0.as_slice()).cloned();
                }
            }
            Ok(answers)
        })
    }

    fn put_many<'a>(&'a self, model: &'a str, entries: &'a [(Digest, Vec<f32>)]) -> BoxFuture<'a, PortResult<()>> {
        Box::pin(async move {
            let mut recent = self.inner.recent.lock().unwrap_or_else(PoisonError::into_inner);
            for (hash, vector) in entries {
                recent.put(model, *hash, vector);
            }
            Ok(())
        })
    }
}

impl EmbeddedStore {
    async fn stored(&self, model: &str, hashes: Vec<String>) -> Result<HashMap<Vec<u8>, Vec<f32>>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT hash, vector FROM embedding WHERE model = ? AND hash IN (SELECT unhex(value) FROM json_each(?))",
        )
        .bind(model.to_owned())
        .bind(serde_json::Value::from(hashes).to_string())
        .fetch_all(&self.inner.pool)
        .await?;
        let mut stored = HashMap::with_capacity(rows.len());
        for row in rows {
            let bytes: Vec<u8> = row.try_get(1)?;
            if let Some(vector) = vectors::from_bytes(&bytes) {
                stored.insert(row.try_get(0)?, vector);
            }
        }
        Ok(stored)
    }
}
