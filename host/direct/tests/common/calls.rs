//! Connectors that answer what a test scripted, and remember what they were asked.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use apex_model::delivery::Delivery;
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, SourceName};
use apex_model::plugin::{PluginRef, PluginStatus};
use apex_model::ports::{
    BoxFuture, Budget, ConnectorCalls, FetchedPage, FileBody, FileOutcome, Parsed, ParsedFilePage, PluginCatalog,
    ReplyFile,
};
use apex_model::source::SourceStatus;
use apex_model::{Code, Failure};
use tokio::sync::Semaphore;

#[derive(Default)]
pub struct FakeCalls {
    script: Mutex<Script>,
    /// If set, parsing waits for a permit.
    pub gate: Mutex<Option<&'static Semaphore>>,
}

/// Answers in order; the last one of a list is given again and again.
#[derive(Default)]
pub struct Script {
    pub parses: VecDeque<PortResult<Parsed>>,
    pub pages: VecDeque<PortResult<ParsedFilePage>>,
    pub replies: VecDeque<PortResult<Vec<ReplyFile>>>,
    pub fetches: VecDeque<PortResult<FetchedPage>>,
    pub slices: VecDeque<PortResult<Vec<String>>>,
    pub sources: Vec<SourceStatus>,
    pub deliveries: Vec<Delivery>,
    pub resumes: Vec<Option<String>>,
    pub outcomes: Vec<Vec<FileOutcome>>,
    pub fetched_from: Vec<(String, Option<String>)>,
}

fn take<T: Clone>(answers: &mut VecDeque<PortResult<T>>) -> PortResult<T> {
    match answers.len() {
        0 => Err(Failure::never(Code::INTERNAL, "the test scripted no answer")),
        1 => answers.front().cloned().unwrap(),
        _ => answers.pop_front().unwrap(),
    }
}

pub fn plugin() -> PluginRef {
    PluginRef { name: "front".to_owned(), version: "1.0.0".to_owned(), digest: Digest([9; 32]) }
}

impl FakeCalls {
    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    async fn pass(&self) {
        let gate = *self.gate.lock().unwrap();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
    }
}

impl ConnectorCalls for FakeCalls {
    fn parse_delivery<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, PortResult<Parsed>> {
        Box::pin(async move {
            self.script().deliveries.push(delivery.clone());
            self.pass().await;
            take(&mut self.script().parses)
        })
    }

    fn slices<'a>(&'a self, _: &'a SourceName) -> BoxFuture<'a, PortResult<Vec<String>>> {
        Box::pin(async { take(&mut self.script().slices) })
    }

    fn fetch<'a>(
        &'a self,
        _: &'a SourceName,
        slice: &'a str,
        cursor: Option<&'a str>,
        _: Budget,
    ) -> BoxFuture<'a, PortResult<FetchedPage>> {
        Box::pin(async move {
            let mut script = self.script();
            script.fetched_from.push((slice.to_owned(), cursor.map(str::to_owned)));
            take(&mut script.fetches)
        })
    }

    fn parse_file<'a>(
        &'a self,
        _: &'a SourceName,
        _: FileBody,
        resume: Option<&'a str>,
    ) -> BoxFuture<'a, PortResult<ParsedFilePage>> {
        Box::pin(async move {
            let mut script = self.script();
            script.resumes.push(resume.map(str::to_owned));
            take(&mut script.pages)
        })
    }

    fn acknowledge<'a>(
        &'a self,
        _: &'a SourceName,
        _: FileBody,
        outcomes: Vec<FileOutcome>,
    ) -> BoxFuture<'a, PortResult<Vec<ReplyFile>>> {
        Box::pin(async move {
            let mut script = self.script();
            script.outcomes.push(outcomes);
            take(&mut script.replies)
        })
    }
}

impl PluginCatalog for FakeCalls {
    fn plugins(&self) -> Vec<PluginStatus> {
        vec![]
    }

    fn sources(&self) -> Vec<SourceStatus> {
        self.script().sources.clone()
    }
}
