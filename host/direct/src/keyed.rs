//! One lock a document, there only while somebody holds or wants it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apex_model::ids::DocumentId;
use tokio::sync::OwnedMutexGuard;

type Held = Arc<tokio::sync::Mutex<()>>;

/// Keeps two events from writing one document at the same time. Those who wait are served in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Keyed {
    locks: Mutex<HashMap<DocumentId, Held>>,
}

/// The right to write one document.
pub(crate) struct KeyedGuard<'a> {
    keyed: &'a Keyed,
    document: DocumentId,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Keyed {
    fn map(&self) -> MutexGuard<'_, HashMap<DocumentId, Held>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the document.
    pub(crate) async fn lock(&self, document: &DocumentId) -> KeyedGuard<'_> {
        let lock = Arc::clone(self.map().entry(document.clone()).or_default());
        // Made before waiting, so that a caller who gives up while waiting cleans up too.
        let mut held = KeyedGuard { keyed: self, document: document.clone(), guard: None };
        held.guard = Some(lock.lock_owned().await);
        held
    }
}

impl Drop for KeyedGuard<'_> {
    fn drop(&mut self) {
        let mut map = self.keyed.map();
        self.guard = None;
        // The map's own reference is the last one: nobody holds it and, under the map's lock, nobody can come to want it.
        if map.get(&self.document).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            map.remove(&self.document);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_document_is_held_once_and_others_are_free() {
        let keyed = Keyed::default();
        let (a, b) = (DocumentId::from_text("s:a"), DocumentId::from_text("s:b"));
        let first = keyed.lock(&a).await;
        let other = keyed.lock(&b).await;
        let mut waiting = Box::pin(keyed.lock(&a));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(first);
        drop(waiting.await);
        drop(other);
        assert!(keyed.map().is_empty());
    }

    #[tokio::test]
    async fn giving_up_while_waiting_leaves_nothing_behind() {
        let keyed = Keyed::default();
        let a = DocumentId::from_text("s:a");
        let first = keyed.lock(&a).await;
        {
            let mut waiting = Box::pin(keyed.lock(&a));
            assert!(futures_util::poll!(&mut waiting).is_pending());
        }
        drop(first);
        assert!(keyed.map().is_empty());
    }
}
