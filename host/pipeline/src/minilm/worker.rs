//! The embedder's thread: takes calls from the queue, mixes their texts into batches, computes, answers.
//!
//! Short texts go first, so that a question does not wait for a whole document; every batch a text has waited for makes
//! it as good as shorter, so that none waits for ever.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::bert::Bert;
use super::pools::{Pools, Share, lower_priority};
use super::{MiniLmOptions, ModelError};
use crate::model_fetch;
use crate::token::{MODEL_TOKENS_MAX, TokenCounter};

/// Tokens of one batch: enough to keep the processor busy, few enough that a question waits a fraction of a second.
const BATCH_TOKENS_MAX: usize = 1_024;
/// The same under pressure: a question and other short texts fit, and any longer text is a batch of its own.
const SHORT_TOKENS_MAX: usize = 64;
/// By how many tokens a text counts as shorter for each batch it has waited for.
const TOKENS_PER_ROUND: usize = 64;

type Answer = Result<Vec<Vec<f32>>, ModelError>;

/// One call.
pub struct Request {
    texts: Vec<String>,
    reply: oneshot::Sender<Answer>,
    _permit: OwnedSemaphorePermit,
}

impl Request {
    /// A call that holds its place in the queue until it is answered.
    pub fn new(texts: Vec<String>, reply: oneshot::Sender<Answer>, permit: OwnedSemaphorePermit) -> Self {
        Self { texts, reply, _permit: permit }
    }
}

/// A call whose texts are being embedded.
struct Open {
    request: Request,
    vectors: Vec<Vec<f32>>,
    left: usize,
}

/// A text that waits for a batch.
struct Waiting {
    call: u64,
    place: usize,
    ids: Vec<u32>,
    rounds: usize,
}

/// The thread's state.
pub struct Worker {
    options: MiniLmOptions,
    counter: TokenCounter,
    pools: Pools,
    model: Option<Bert>,
    open: VecDeque<(u64, Open)>,
    waiting: Vec<Waiting>,
    calls: u64,
}

impl Worker {
    /// Starts the thread; it ends when the other end of the queue is dropped and all is answered.
    pub fn start(options: MiniLmOptions, counter: TokenCounter, queue: Receiver<Request>) -> Result<(), ModelError> {
        let pools = Pools::start(options.threads).map_err(|error| ModelError::Stopped(error.to_string()))?;
        let worker =
            Self { options, counter, pools, model: None, open: VecDeque::new(), waiting: Vec::new(), calls: 0 };
        std::thread::Builder::new()
            .name("embed".into())
            .spawn(move || worker.run(&queue))
            .map(drop)
            .map_err(|error| ModelError::Stopped(error.to_string()))
    }

    fn run(mut self, queue: &Receiver<Request>) {
        lower_priority();
        loop {
            if self.waiting.is_empty() {
                match queue.recv_timeout(self.patience()) {
                    Ok(request) => self.admit(request),
                    Err(RecvTimeoutError::Timeout) => self.model = None,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            while let Ok(request) = queue.try_recv() {
                self.admit(request);
            }
            self.round();
        }
    }

    /// How long to wait for a call before the weights are let go; without weights there is nothing to let go.
    fn patience(&self) -> Duration {
        if self.model.is_some() { self.options.unload_after } else { Duration::from_hours(1) }
    }

    /// Takes a call in: its texts become token ids.
    fn admit(&mut self, request: Request) {
        match guarded(|| self.encode(&request.texts)) {
            Ok(encoded) => {
                let call = self.calls;
                self.calls += 1;
                let waiting = (0..).zip(encoded).map(|(place, ids)| Waiting { call, place, ids, rounds: 0 });
                self.waiting.extend(waiting);
                let left = request.texts.len();
                self.open.push_back((call, Open { request, vectors: vec![Vec::new(); left], left }));
            }
            // Whoever asked may be gone; then nobody misses the answer.
            Err(error) => drop(request.reply.send(Err(error))),
        }
    }

    fn encode(&mut self, texts: &[String]) -> Result<Vec<Vec<u32>>, ModelError> {
        if self.model.is_none() {
            self.model = Some(self.pools.run(Share::Low, || Bert::load(&self.options.dir))?);
        }
        let tokenizer = self.counter.tokenizer().ok_or_else(|| {
            let file = self.options.dir.join(model_fetch::TOKENIZER_FILE);
            if file.is_file() {
                ModelError::Corrupt { file, why: "it is no tokenizer".to_owned() }
            } else {
                ModelError::Missing(file)
            }
        })?;
        texts
            .iter()
            .map(|text| {
                let encoding = tokenizer
                    .encode_fast(text.as_str(), true)
                    .map_err(|error| ModelError::Compute(error.to_string()))?;
                Ok(shortened(encoding.get_ids()))
            })
            .collect()
    }

    /// Embeds one batch and answers the calls that are complete with it.
    fn round(&mut self) {
        self.forget_cancelled();
        let Some(model) = &self.model else {
            return;
        };
        let is_high = self.options.pressure.is_high();
        let tokens_max = if is_high { SHORT_TOKENS_MAX } else { BATCH_TOKENS_MAX };
        let batch = next_batch(&mut self.waiting, self.options.batch_texts_max, tokens_max);
        let ids: Vec<&[u32]> = batch.iter().map(|text| text.ids.as_slice()).collect();
        if ids.is_empty() {
            return;
        }
        let tokens: usize = ids.iter().map(|ids| ids.len()).sum();
        // Somebody waits for a question: it does not have to wait until everything else is done.
        let share = if is_high && tokens > SHORT_TOKENS_MAX { Share::LeftOver } else { Share::Low };
        let compute =
            || self.pools.run(share, || model.embed(&ids)).map_err(|error| ModelError::Compute(error.to_string()));
        match guarded(compute) {
            Ok(vectors) => batch.iter().zip(vectors).for_each(|(text, vector)| self.keep(text, vector)),
            Err(error) => {
                for text in &batch {
                    self.give_up(text.call, &error);
                }
            }
        }
    }

    fn keep(&mut self, text: &Waiting, vector: Vec<f32>) {
        let Some(at) = self.open.iter().position(|(call, _)| *call == text.call) else {
            return;
        };
        if let Some((_, open)) = self.open.get_mut(at) {
            if let Some(slot) = open.vectors.get_mut(text.place) {
                *slot = vector;
            }
            open.left = open.left.saturating_sub(1);
            if open.left > 0 {
                return;
            }
        }
        if let Some((_, open)) = self.open.remove(at) {
            drop(open.request.reply.send(Ok(open.vectors)));
        }
    }

    /// Drops the calls that nobody waits for any more.
    fn forget_cancelled(&mut self) {
        self.open.retain(|(_, open)| !open.request.reply.is_closed());
        self.waiting.retain(|text| self.open.iter().any(|(call, _)| *call == text.call));
    }

    fn give_up(&mut self, call: u64, error: &ModelError) {
        self.waiting.retain(|text| text.call != call);
        if let Some(at) = self.open.iter().position(|(open, _)| *open == call)
            && let Some((_, open)) = self.open.remove(at)
        {
            drop(open.request.reply.send(Err(error.clone())));
        }
    }
}

/// Turns a panic in the libraries below into an error of this call: the thread must live on for the others.
fn guarded<T>(compute: impl FnOnce() -> Result<T, ModelError>) -> Result<T, ModelError> {
    catch_unwind(AssertUnwindSafe(compute)).unwrap_or_else(|_| Err(ModelError::Compute("it panicked".to_owned())))
}

/// Takes the texts that go next out of `waiting`.
fn next_batch(waiting: &mut Vec<Waiting>, texts_max: usize, tokens_max: usize) -> Vec<Waiting> {
    waiting.sort_by_key(|text| (text.ids.len().saturating_sub(text.rounds * TOKENS_PER_ROUND), text.call, text.place));
    let mut tokens = 0;
    let fitting = waiting.iter().take(texts_max.max(1)).take_while(|text| {
        tokens += text.ids.len();
        tokens <= tokens_max
    });
    let take = fitting.count().max(1).min(waiting.len());
    let batch = waiting.drain(..take).collect();
    for text in waiting.iter_mut() {
        text.rounds += 1;
    }
    batch
}

/// At most as many ids as the model reads, its closing mark kept.
fn shortened(ids: &[u32]) -> Vec<u32> {
    match (ids.get(..MODEL_TOKENS_MAX - 1), ids.last()) {
        (Some(front), Some(&mark)) if ids.len() > MODEL_TOKENS_MAX => front.iter().copied().chain([mark]).collect(),
        _ => ids.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text(call: u64, tokens: usize, rounds: usize) -> Waiting {
        Waiting { call, place: 0, ids: vec![0; tokens], rounds }
    }

    fn calls(batch: &[Waiting]) -> Vec<u64> {
        batch.iter().map(|text| text.call).collect()
    }

    #[test]
    fn short_texts_go_first_within_both_bounds() {
        let mut waiting = vec![text(1, 256, 0), text(2, 10, 0), text(3, 900, 0), text(4, 20, 0), text(5, 10, 0)];
        assert_eq!(calls(&next_batch(&mut waiting, 3, BATCH_TOKENS_MAX)), [2, 5, 4]);
        assert_eq!(
            calls(&next_batch(&mut waiting, 3, BATCH_TOKENS_MAX)),
            [1],
            "with 900 more it would be over the tokens of a batch"
        );
        assert_eq!(calls(&next_batch(&mut waiting, 3, BATCH_TOKENS_MAX)), [3]);
        assert!(next_batch(&mut waiting, 3, BATCH_TOKENS_MAX).is_empty());
    }

    #[test]
    fn under_pressure_a_question_is_not_mixed_with_long_texts() {
        let mut waiting = vec![text(1, 200, 0), text(2, 12, 0), text(3, 100, 0)];
        let mut next = || calls(&next_batch(&mut waiting, 16, SHORT_TOKENS_MAX));
        assert_eq!((next(), next(), next()), (vec![2], vec![3], vec![1]));
    }

    #[test]
    fn a_long_text_does_not_wait_for_ever() {
        let mut waiting = vec![text(0, 256, 0)];
        let rounds = (1..100).find(|&call| {
            waiting.extend((0..4).map(|_| text(call, 20, 0)));
            calls(&next_batch(&mut waiting, 4, BATCH_TOKENS_MAX)).contains(&0)
        });
        assert_eq!(rounds, Some(5), "after four rounds 256 tokens count as none");
    }

    #[test]
    fn a_text_that_is_too_long_keeps_its_closing_mark() {
        let ids: Vec<u32> = (0..300).collect();
        let short = shortened(&ids);
        assert_eq!((short.len(), short.first(), short.last()), (256, Some(&0), Some(&299)));
        assert_eq!(shortened(&[1, 2]), [1, 2]);
    }

    #[test]
    fn a_panic_is_an_error_of_the_call() {
        let failed =
            guarded(|| -> Result<(), ModelError> { std::panic::resume_unwind(Box::new("as a library might")) });
        assert!(matches!(failed, Err(ModelError::Compute(_))));
    }
}
