//! Gathers documents of several events, so that their texts are embedded in common batches. Does not wait for more to come: while one
//! batch is made, the next one gathers by itself.

use apex_model::failure::PortResult;
use apex_model::write_set::WriteSet;
use apex_model::{Code, Failure, Retry};
use apex_pipeline::{Pipeline, Prepare};
use tokio::sync::{mpsc, oneshot};

/// One answer a document, in order.
pub(crate) type Prepared = Vec<PortResult<WriteSet>>;

struct Request {
    inputs: Vec<Prepare>,
    done: oneshot::Sender<Prepared>,
}

/// The way to the batches. The task behind it ends when the last of these is dropped.
#[derive(Clone)]
pub(crate) struct Batcher {
    requests: mpsc::Sender<Request>,
}

impl Batcher {
    /// Starts gathering; a batch takes requests until it has `documents_max` documents. `requests_max` may wait.
    pub(crate) fn spawn(pipeline: Pipeline, documents_max: usize, requests_max: usize) -> Self {
        let (requests, mut waiting) = mpsc::channel::<Request>(requests_max.max(1));
        tokio::spawn(async move {
            while let Some(first) = waiting.recv().await {
                let mut documents = first.inputs.len();
                let mut batch = vec![first];
                while documents < documents_max
                    && let Ok(request) = waiting.try_recv()
                {
                    documents += request.inputs.len();
                    batch.push(request);
                }
                work(&pipeline, batch).await;
            }
        });
        Self { requests }
    }

    /// Makes the write sets of these documents.
    pub(crate) async fn prepare(&self, inputs: Vec<Prepare>) -> Prepared {
        let count = inputs.len();
        let (done, answer) = oneshot::channel();
        if self.requests.send(Request { inputs, done }).await.is_ok()
            && let Ok(prepared) = answer.await
        {
            return prepared;
        }
        let stopped = Failure::backoff(Code::DRAINING, "the host stopped while a document was prepared");
        vec![Err(stopped); count]
    }
}

async fn work(pipeline: &Pipeline, batch: Vec<Request>) {
    let counts: Vec<usize> = batch.iter().map(|request| request.inputs.len()).collect();
    let (inputs, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|request| (request.inputs, request.done)).unzip();
    let mut prepared = prepare(pipeline, inputs.into_iter().flatten().collect()).await.into_iter();
    for (count, done) in counts.into_iter().zip(answers) {
        let _given_up = done.send(prepared.by_ref().take(count).collect());
    }
}

async fn prepare(pipeline: &Pipeline, inputs: Vec<Prepare>) -> Prepared {
    let count = inputs.len();
    match pipeline.prepare_many(inputs.clone()).await {
        Ok(made) => made.into_iter().map(Ok).collect(),
        // One document that can never be prepared must not take its neighbours with it.
        Err(failure) if failure.retry == Retry::Never && count > 1 => {
            let mut prepared = Vec::with_capacity(count);
            for input in inputs {
                prepared.push(pipeline.prepare(input).await);
            }
            prepared
        }
        Err(failure) => vec![Err(failure); count],
    }
}
