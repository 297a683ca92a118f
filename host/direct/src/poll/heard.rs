//! When a polled source was last heard of: by slices, because one that is silent must not hide behind another. Judges nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// When each part of a source was last heard of.
#[derive(Debug)]
pub(super) struct Heard(Mutex<HashMap<Part, Instant>>);

/// What is waited for. A part that has nothing left to say is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    /// The list of slices.
    List,
    /// A slice.
    Slice(String),
}

impl Heard {
    /// Nothing was heard yet, and the list of slices is waited for.
    pub(super) fn begin() -> Self {
        Self(Mutex::new(HashMap::from([(Part::List, Instant::now())])))
    }

    fn parts(&self) -> MutexGuard<'_, HashMap<Part, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The list of slices came: from now on each of them is waited for.
    pub(super) fn listed(&self) {
        self.parts().remove(&Part::List);
    }

    /// The slice answered and is asked again after `pause`; a pause longer than the usual one is no silence.
    pub(super) fn answered(&self, slice: &str, pause: Duration, usual: Duration) {
        let from = Instant::now() + pause.saturating_sub(usual).min(FAR);
        self.parts().insert(Part::Slice(slice.to_owned()), from);
    }

    /// The slice has nothing left to say, or is not polled any more.
    pub(super) fn rests(&self, slice: &str) {
        self.parts().remove(&Part::Slice(slice.to_owned()));
    }

    /// How long the most silent part has been silent; none if nothing is waited for.
    pub(super) fn silence(&self) -> Option<Duration> {
        self.parts().values().min().map(Instant::elapsed)
    }
}

/// Keeps a connector's idea of a pause within what a clock can hold.
const FAR: Duration = Duration::from_hours(24 * 365);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const USUAL: Duration = Duration::from_secs(5);

    #[test]
    fn the_most_silent_slice_counts_and_one_that_rests_does_not() {
        let heard = Heard::begin();
        std::thread::sleep(Duration::from_millis(3));
        assert!(heard.silence().unwrap() >= Duration::from_millis(3), "nothing was heard since the beginning");
        heard.listed();
        assert_eq!(heard.silence(), None);
        heard.answered("a", Duration::ZERO, USUAL);
        std::thread::sleep(Duration::from_millis(3));
        heard.answered("b", Duration::ZERO, USUAL);
        assert!(heard.silence().unwrap() >= Duration::from_millis(3), "b hides a");
        heard.rests("a");
        heard.answered("b", Duration::MAX, USUAL);
        assert_eq!(heard.silence(), Some(Duration::ZERO), "b is asked again long from now");
        heard.rests("b");
        assert_eq!(heard.silence(), None);
    }
}
