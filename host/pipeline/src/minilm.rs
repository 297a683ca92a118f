//! all-MiniLM-L6-v2 as an [`Embedder`]: one thread of its own that loads the weights on first use, batches the texts that
//! wait together, and lets go of the weights when nobody asked for a while.
//!
//! ```text
//! embed() ─ permit ─ bounded queue ─ worker thread ─ tokenizer ─ shortest first ─ bert (own rayon pools) ─ reply
//! ```
//! All of it happens at low priority; while much comes in, all but short texts is computed with what processors have left
//! over (`pools.rs`): intake keeps its latency while a backlog is embedded.

mod bert;
mod elementwise;
mod pools;
mod product;
mod weights;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use apex_model::failure::PortResult;
use apex_model::ports::{BoxFuture, Embedder};
use apex_model::{Code, Failure, Pressure};
use tokio::sync::{Semaphore, oneshot};

use crate::token::TokenCounter;
use worker::{Request, Worker};

/// Length of its vectors (the model's `config.json`: `hidden_size`).
pub const DIMENSIONS: usize = 384;

/// How the embedder works.
#[derive(Debug, Clone)]
pub struct MiniLmOptions {
    /// Directory of `model.safetensors` and `tokenizer.json`.
    pub dir: PathBuf,
    /// Texts embedded as one batch.
    pub batch_texts_max: usize,
    /// Calls that may wait for the worker; more wait for their turn in the queue.
    pub queue_calls_max: usize,
    /// Threads of each of the two pools that compute.
    pub threads: usize,
    /// How long the weights stay in memory after the last call.
    pub unload_after: Duration,
    /// While it is high, long texts get only what processors have left over.
    pub pressure: Pressure,
}

impl MiniLmOptions {
    /// Half of the processors, 64 waiting calls, ten minutes.
    pub fn new(dir: &Path, batch_texts_max: usize, pressure: Pressure) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            dir: dir.to_owned(),
            batch_texts_max: batch_texts_max.max(1),
            queue_calls_max: 64,
            threads: (processors / 2).max(1),
            unload_after: Duration::from_mins(10),
            pressure,
        }
    }
}

/// Why the model cannot embed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ModelError {
    /// A file is not there.
    #[error("the embedding model's file {} is missing", .0.display())]
    Missing(PathBuf),
    /// A file does not have the pinned digest, or cannot be what it should be.
    #[error("the embedding model's file {} is damaged: {why}", .file.display())]
    Corrupt {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file cannot be read.
    #[error("the embedding model's file {} cannot be read: {why}", .file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The computation failed.
    #[error("embedding failed: {0}")]
    Compute(String),
    /// The worker thread is gone or could not be started.
    #[error("the embedding worker is not running: {0}")]
    Stopped(String),
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        let what = error.to_string();
        match error {
            ModelError::Missing(_) => Self::hold(Code::MODEL_MISSING, what).next("run `apex model fetch`"),
            ModelError::Corrupt { .. } => Self::hold(Code::MODEL_CORRUPT, what).next("run `apex model fetch`"),
            ModelError::Unreadable { .. } => {
                Self::hold(Code::MODEL_MISSING, what).next("make the file readable for the user that runs the host")
            }
            ModelError::Compute(_) => Self::backoff(Code::MODEL_FAILED, what).next("run `apex doctor`"),
            ModelError::Stopped(_) => Self::backoff(Code::MODEL_FAILED, what).next("restart the host"),
        }
    }
}

/// The embedder. Holds no weights until the first call; its thread ends when it is dropped.
#[derive(Debug)]
pub struct MiniLm {
    queue: mpsc::SyncSender<Request>,
    permits: Arc<Semaphore>,
    counter: TokenCounter,
}

impl MiniLm {
    /// Starts the worker thread; reads nothing yet.
    pub fn new(options: MiniLmOptions) -> Result<Self, ModelError> {
        let calls_max = options.queue_calls_max.max(1);
        let counter = TokenCounter::from_model_dir(&options.dir);
        let (queue, waiting) = mpsc::sync_channel(calls_max);
        Worker::start(options, counter.clone(), waiting)?;
        Ok(Self { queue, permits: Arc::new(Semaphore::new(calls_max)), counter })
    }

    /// Counts tokens with the model's own tokenizer, shared with the worker.
    pub fn counter(&self) -> TokenCounter {
        self.counter.clone()
    }

    async fn ask(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, ModelError> {
        let stopped = |what: &str| ModelError::Stopped(what.to_owned());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| stopped("its queue is closed"))?;
        let (reply, answer) = oneshot::channel();
        // As many permits as places: the queue cannot be full here.
        self.queue.try_send(Request::new(texts, reply, permit)).map_err(|_| stopped("its thread has ended"))?;
        answer.await.map_err(|_| stopped("its thread ended during a call"))?
    }
}

impl Embedder for MiniLm {
    fn model(&self) -> &'static str {
        "all-MiniLM-L6-v2@53aa5117"
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, PortResult<Vec<Vec<f32>>>> {
        Box::pin(async move {
            if texts.is_empty() {
                return Ok(Vec::new());
            }
            self.ask(texts).await.map_err(Failure::from)
        })
    }
}
