//! Takes documents of one event to their ends: checked, prepared, written by their sagas.

use apex_model::document::Document;
use apex_model::event::{ClaimedEvent, EventState};
use apex_model::plugin::PluginRef;
use apex_model::saga::Intent;
use apex_model::write_set::WriteSet;
use apex_model::{Code, Failure, Retry, Timestamp};
use apex_pipeline::Prepare;
use apex_saga::Outcome;
use futures_util::StreamExt;
use futures_util::stream;

use crate::direct::Shared;
use crate::end::Progress;

/// Sagas of one event that run at the same time: enough to share the store's commits.
const SAGAS_MAX: usize = 16;
/// How often a saga that lost its fence begins again before the event waits.
const FENCED_MAX: u32 = 5;

/// Whether the work went on to the end of what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Went {
    /// Everything was taken to an end, or has a reason to be tried again.
    Through,
    /// The host stops.
    Stopped,
}

/// How one document's saga ended.
enum Written {
    Ended(EventState, i64),
    Again(Failure, bool),
    Dead(Failure),
}

impl Shared {
    /// Takes these documents to their ends, noting them in `progress`.
    pub(crate) async fn store(
        &self,
        claimed: &ClaimedEvent,
        documents: Vec<Document>,
        plugin: Option<&PluginRef>,
        progress: &mut Progress,
    ) -> Went {
        let source = &claimed.event.source;
        let mut documents = documents.into_iter();
        loop {
            let part: Vec<Document> = documents.by_ref().take(self.limits.prepare_documents_max.max(1)).collect();
            if part.is_empty() {
                return Went::Through;
            }
            if self.stop.is_cancelled() {
                return Went::Stopped;
            }
            let mut inputs = Vec::with_capacity(part.len());
            for document in part {
                match document.check() {
                    Ok(()) => inputs.push(prepare_input(claimed, document, plugin)),
                    Err(rule) => progress.died(source, &document.id, invalid(&rule)),
                }
            }
            let prepared = self.batcher.prepare(inputs.clone()).await;
            let mut writes = Vec::with_capacity(prepared.len());
            for (input, made) in inputs.iter().zip(prepared) {
                match made {
                    Ok(made) => writes.push(made),
                    Err(failure) => progress.failed(source, &input.document, failure),
                }
            }
            self.write_all(claimed, writes, progress).await;
        }
    }

    async fn write_all(&self, claimed: &ClaimedEvent, writes: Vec<WriteSet>, progress: &mut Progress) {
        if writes.is_empty() {
            return;
        }
        let written: Vec<Vec<(String, Written)>> = stream::iter(in_order(writes))
            .map(|same| async move {
                let mut ends = Vec::with_capacity(same.len());
                for writes in same {
                    let end = self.write(claimed, &writes).await;
                    ends.push((writes.document.id, end));
                }
                ends
            })
            .buffered(SAGAS_MAX)
            .collect()
            .await;
        for (local, written) in written.into_iter().flatten() {
            match written {
                Written::Ended(state, version) => progress.ended(&claimed.event.source, &local, state, version),
                Written::Again(failure, blameless) => progress.again(failure, blameless),
                Written::Dead(failure) => progress.died(&claimed.event.source, &local, failure),
            }
        }
    }

    /// Runs one document's saga, alone on that document.
    async fn write(&self, claimed: &ClaimedEvent, writes: &WriteSet) -> Written {
        let _alone = self.keyed.lock(&writes.document_id).await;
        let intent = Intent {
            document_id: writes.document_id.clone(),
            op: writes.document.op,
            content_hash: writes.content_hash,
            sequence: writes.document.sequence,
            position: writes.position,
            event: writes.event,
            trace: claimed.event.trace,
        };
        for _ in 0..FENCED_MAX {
            match apex_saga::run(&self.stores, intent.clone(), writes).await {
                Outcome::Done { version } => return Written::Ended(EventState::Done, version),
                Outcome::Unchanged { version } => return Written::Ended(EventState::Unchanged, version),
                Outcome::Superseded { version } => return Written::Ended(EventState::Superseded, version),
                Outcome::Fenced => {
                    tracing::debug!(document = %writes.document_id, "another worker was faster, beginning again");
                }
                Outcome::Aborted(failure) if failure.retry == Retry::Never => return Written::Dead(failure),
                Outcome::Aborted(failure) => return Written::Again(failure, false),
                Outcome::Deferred(failure) => return Written::Again(failure, true),
                Outcome::Stuck(failure) => {
                    tracing::error!(document = %writes.document_id, %failure, "a store refused to undo; run `apex doctor`");
                    return Written::Dead(failure);
                }
            }
        }
        let what = format!("document {} was written by others {FENCED_MAX} times in a row", writes.document_id);
        Written::Again(Failure::backoff(Code::FENCED, what), false)
    }
}

fn prepare_input(claimed: &ClaimedEvent, document: Document, plugin: Option<&PluginRef>) -> Prepare {
    Prepare {
        source: claimed.event.source.clone(),
        document,
        plugin: plugin.cloned(),
        event: claimed.event.id,
        position: claimed.claim.position,
        now: Timestamp::now(),
    }
}

fn invalid(rule: &str) -> Failure {
    Failure::never(Code::DOCUMENT_INVALID, rule)
        .next("correct the connector or the document, then replay the dead letter")
}

/// Groups write sets by document; within a group they keep their order and are written one after the other.
fn in_order(writes: Vec<WriteSet>) -> Vec<Vec<WriteSet>> {
    let mut groups: Vec<Vec<WriteSet>> = Vec::with_capacity(writes.len());
    let mut place = std::collections::HashMap::new();
    for writes in writes {
        let at = *place.entry(writes.document_id.clone()).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(writes),
            None => groups.push(vec![writes]),
        }
    }
    groups
}
