//! The catalogue, the embedding model and the stores in memory.

use std::collections::HashMap;
use std::time::Duration;

use apex_model::failure::PortResult;
use apex_model::ids::{DocumentId, SourceName};
use apex_model::plugin::PluginStatus;
use apex_model::ports::{BoxFuture, DocumentReader, Embedder, PluginCatalog, Poller};
use apex_model::reading::{DocumentFilter, DocumentLine, DocumentView, Graph, Hit, SearchQuery, VersionLine};
use apex_model::source::SourceStatus;

use super::Fake;

impl PluginCatalog for Fake {
    fn plugins(&self) -> Vec<PluginStatus> {
        self.with(|state| state.plugins.clone())
    }

    fn sources(&self) -> Vec<SourceStatus> {
        self.with(|state| state.sources.clone())
    }
}

impl Poller for Fake {
    fn poll_now(&self, source: &SourceName) -> bool {
        self.with(|state| {
            let polls = state.sources.iter().any(|known| known.name == *source && known.poll_every_ms.is_some());
            state.polled.extend(polls.then(|| source.clone()));
            polls
        })
    }

    fn silence(&self, _source: &SourceName) -> Option<Duration> {
        self.with(|state| state.silence)
    }
}

impl Embedder for Fake {
    fn model(&self) -> &'static str {
        "fake-model"
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, PortResult<Vec<Vec<f32>>>> {
        Box::pin(async move { Ok(texts.iter().map(|_| vec![1.0, 0.0]).collect()) })
    }
}

impl DocumentReader for Fake {
    fn document<'a>(&'a self, id: &'a DocumentId) -> BoxFuture<'a, PortResult<Option<DocumentView>>> {
        let found = self.with(|state| {
            let known = state.documents.iter().find(|document| document.id == *id);
            known.map(|document| serde_json::to_string(document).unwrap())
        });
        Box::pin(async move { Ok(found.map(|text| serde_json::from_str(&text).unwrap())) })
    }

    fn documents(&self, filter: DocumentFilter) -> BoxFuture<'_, PortResult<Vec<DocumentLine>>> {
        let found = self.with(|state| {
            let mut lines: Vec<DocumentLine> = state
                .documents
                .iter()
                .filter(|document| filter.source.as_ref().is_none_or(|source| document.source == *source))
                .filter(|document| filter.after.as_ref().is_none_or(|after| document.id > *after))
                .map(|document| DocumentLine {
                    id: document.id.clone(),
                    source: document.source.clone(),
                    kind: document.kind.clone(),
                    version: document.version,
                    title: document.title.clone(),
                    updated_at: document.updated_at,
                })
                .collect();
            lines.sort_by(|a, b| a.id.cmp(&b.id));
            lines.truncate(filter.limit as usize);
            lines
        });
        Box::pin(async move { Ok(found) })
    }

    fn history<'a>(&'a self, id: &'a DocumentId) -> BoxFuture<'a, PortResult<Vec<VersionLine>>> {
        let found = self.with(|state| state.versions.get(id).cloned().unwrap_or_default());
        Box::pin(async move { Ok(found) })
    }

    fn search(&self, query: SearchQuery) -> BoxFuture<'_, PortResult<Vec<Hit>>> {
        let hits = self.with(|state| {
            let hits = state.documents.iter().take(query.limit as usize).map(|document| Hit {
                document_id: document.id.clone(),
                source: document.source.clone(),
                kind: document.kind.clone(),
                title: document.title.clone(),
                snippet: document.content.clone(),
                score: 0.5,
            });
            let hits = hits.collect();
            state.last_search = Some(query);
            hits
        });
        Box::pin(async move { Ok(hits) })
    }

    fn graph<'a>(&'a self, entity: &'a str, _depth: u32) -> BoxFuture<'a, PortResult<Option<Graph>>> {
        let found = self
            .with(|state| state.graph.clone().filter(|graph| graph.nodes.iter().any(|node| node.entity.key == entity)));
        Box::pin(async move { Ok(found) })
    }

    fn counts(&self) -> BoxFuture<'_, PortResult<Vec<(SourceName, u64)>>> {
        let counts = self.with(|state| {
            let mut counts: HashMap<SourceName, u64> = HashMap::new();
            for document in &state.documents {
                *counts.entry(document.source.clone()).or_default() += 1;
            }
            counts.into_iter().collect()
        });
        Box::pin(async move { Ok(counts) })
    }

    fn check<'a>(&'a self, _id: Option<&'a DocumentId>) -> BoxFuture<'a, PortResult<Vec<String>>> {
        Box::pin(async { Ok(vec!["document `a:1` has 2 chunks and 1 vector".to_owned()]) })
    }
}
