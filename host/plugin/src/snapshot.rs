//! One generation of the catalogue: every source, ready or not, as the lanes see it. Swapped as a whole; calls in flight
//! keep the generation they began with.

use std::collections::HashMap;
use std::sync::Arc;

use apex_model::Failure;
use apex_model::ids::SourceName;
use apex_model::plugin::PluginStatus;
use apex_model::source::SourceStatus;
use arc_swap::ArcSwap;

use crate::bound::Bound;

/// A source's place in a generation.
pub(crate) enum Slot {
    /// Can be called.
    Ready(Arc<Bound>),
    /// Cannot, and why.
    Off(Failure),
}

/// One generation.
#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) slots: HashMap<SourceName, Slot>,
    pub(crate) plugins: Vec<PluginStatus>,
    pub(crate) sources: Vec<SourceStatus>,
}

/// The current generation.
#[derive(Default)]
pub(crate) struct Current(ArcSwap<Snapshot>);

impl Current {
    /// The current generation, kept alive by the caller.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Makes this the current generation.
    pub(crate) fn swap(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }

    /// What to call a source with, or why it cannot be called.
    pub(crate) fn bound(&self, source: &SourceName) -> Result<Arc<Bound>, Failure> {
        match self.0.load().slots.get(source) {
            Some(Slot::Ready(bound)) => Ok(Arc::clone(bound)),
            Some(Slot::Off(failure)) => Err(failure.clone()),
            None => Err(Failure::not_found(format!("there is no source `{source}`"))
                .next("`apex source list` shows the sources")),
        }
    }
}
