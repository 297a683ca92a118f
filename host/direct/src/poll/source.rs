//! One polled source: asks for its slices now and then, and keeps one loop running for each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use apex_config::limits::DirectLimits;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::heard::Heard;
use super::slice::Slice;
use super::{Plan, PollParts};

/// How often a source is asked for its slices: how long a new one takes to be polled.
const SLICES_EVERY: Duration = Duration::from_mins(10);
/// Slices polled of one source.
const SLICES_MAX: usize = 256;

/// See the module.
pub(super) struct Polled {
    pub(super) parts: Arc<PollParts>,
    pub(super) limits: DirectLimits,
    pub(super) plan: Plan,
    pub(super) stop: CancellationToken,
    pub(super) woken: watch::Receiver<u64>,
    pub(super) heard: Arc<Heard>,
}

impl Polled {
    /// Polls until stopped; what is being fetched then is finished.
    pub(super) async fn run(mut self) {
        let mut known: HashMap<String, CancellationToken> = HashMap::new();
        let mut loops = JoinSet::new();
        let mut failures = 0;
        while !self.stop.is_cancelled() {
            let pause = match self.parts.calls.slices(&self.plan.source).await {
                Ok(slices) => {
                    failures = 0;
                    self.follow(slices, &mut known, &mut loops);
                    self.heard.listed();
                    SLICES_EVERY
                }
                Err(failure) => {
                    failures += 1;
                    tracing::warn!(source = %self.plan.source, code = %failure.code, %failure, "the source's slices are not known");
                    super::slice::pause_after(&failure, failures, &self.limits, self.plan.every)
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                Ok(()) = self.woken.changed() => {}
            }
        }
        while loops.join_next().await.is_some() {}
    }

    fn follow(&self, mut slices: Vec<String>, known: &mut HashMap<String, CancellationToken>, loops: &mut JoinSet<()>) {
        if slices.len() > SLICES_MAX {
            tracing::warn!(source = %self.plan.source, slices = slices.len(), "only the first {SLICES_MAX} slices are polled");
            slices.truncate(SLICES_MAX);
        }
        let wanted: HashSet<String> = slices.into_iter().collect();
        known.retain(|slice, stop| {
            let stays = wanted.contains(slice);
            if !stays {
                stop.cancel();
                self.heard.rests(slice);
            }
            stays
        });
        for slice in wanted {
            if known.contains_key(&slice) {
                continue;
            }
            let stop = self.stop.child_token();
            known.insert(slice.clone(), stop.clone());
            self.heard.answered(&slice, Duration::ZERO, self.plan.every);
            let polled = Slice {
                parts: Arc::clone(&self.parts),
                limits: self.limits.clone(),
                plan: self.plan.clone(),
                name: slice,
                heard: Arc::clone(&self.heard),
                failures: 0,
            };
            loops.spawn(polled.run(stop, self.woken.clone()));
        }
    }
}
