//! How an event ends, by what became of its documents. Pure but for the jitter: the one place that decides between dead and again.

use std::time::Duration;

use apex_config::limits::DirectLimits;
use apex_model::document::Document;
use apex_model::event::{DocumentOutcome, EventEnd, EventIssue, EventState};
use apex_model::ids::{DocumentId, EventId, SourceName};
use apex_model::plugin::PluginRef;
use apex_model::ports::FileOutcome;
use apex_model::{Code, Failure, Retry};

use crate::chance;

/// What is known of an event while it is worked off.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Documents that ended, the dead ones too.
    pub outcomes: Vec<DocumentOutcome>,
    /// What the connector is told of a file's documents and issues.
    pub file_outcomes: Vec<FileOutcome>,
    /// Parts of a file that were not understood.
    pub issues: Vec<EventIssue>,
    /// Which component parsed it.
    pub plugin: Option<PluginRef>,
    /// Why documents died.
    dead: Vec<Failure>,
    /// Why documents have to be tried again.
    again: Vec<Again>,
}

/// A reason to try an event again.
#[derive(Debug, Clone)]
pub(crate) struct Again {
    /// What happened.
    pub failure: Failure,
    /// A store is out of reach or the host is busy: the event is not to blame.
    pub blameless: bool,
}

impl Progress {
    /// A document ended well.
    pub(crate) fn ended(&mut self, source: &SourceName, local: &str, state: EventState, version: i64) {
        self.file_outcomes.push(FileOutcome { id: local.to_owned(), stored: true, reason: String::new() });
        self.outcomes.push(DocumentOutcome {
            document_id: DocumentId::new(source, local),
            state,
            version: (state == EventState::Done).then_some(version),
        });
    }

    /// A document cannot be stored, ever.
    pub(crate) fn died(&mut self, source: &SourceName, local: &str, failure: Failure) {
        self.file_outcomes.push(FileOutcome { id: local.to_owned(), stored: false, reason: failure.what.clone() });
        let document_id = DocumentId::new(source, local);
        self.outcomes.push(DocumentOutcome { document_id, state: EventState::Dead, version: None });
        self.dead.push(failure);
    }

    /// A document, or the event, has to be tried again.
    pub(crate) fn again(&mut self, failure: Failure, blameless: bool) {
        self.again.push(Again { failure, blameless });
    }

    /// A failure of one document: dead or to be tried again, as the failure says.
    pub(crate) fn failed(&mut self, source: &SourceName, document: &Document, failure: Failure) {
        match failure.retry {
            Retry::Never => self.died(source, &document.id, failure),
            Retry::Backoff | Retry::After(_) | Retry::Hold => self.again(failure, false),
        }
    }

    /// Whether everything is settled, well or not.
    pub(crate) fn is_settled(&self) -> bool {
        self.again.is_empty()
    }

    /// The event's end.
    pub(crate) fn end(mut self, attempt: u32, limits: &DirectLimits) -> EventEnd {
        if let Some(again) = most_patient(std::mem::take(&mut self.again)) {
            return match wait_for(&again, attempt, limits) {
                Some((after, counts)) => EventEnd::Retry { failure: again.failure, after, counts },
                None => self.dead(given_up(again.failure, attempt)),
            };
        }
        if let Some(failure) = self.verdict() {
            return self.dead(failure);
        }
        let state = settled_state(&self.outcomes);
        EventEnd::Settled { state, outcomes: self.outcomes, plugin: self.plugin }
    }

    /// Why the event belongs into the dead letters, if it does.
    fn verdict(&self) -> Option<Failure> {
        let failure = match (self.dead.first(), self.issues.first()) {
            (Some(failure), _) => failure.clone(),
            (None, Some(issue)) => Failure::never(Code::FAULT_PERMANENT, format!("{}: {}", issue.code, issue.message))
                .next("have the sender correct this part; the rest of the file is stored"),
            (None, None) => return None,
        };
        let others = self.dead.len() + self.issues.len() - 1;
        let what = if others == 0 { failure.what } else { format!("{} (and {others} more)", failure.what) };
        Some(Failure { what, ..failure })
    }

    fn dead(self, failure: Failure) -> EventEnd {
        EventEnd::Dead { failure, outcomes: self.outcomes, issues: self.issues, plugin: self.plugin }
    }
}

/// The end of an event that failed as a whole.
pub(crate) fn failed(failure: Failure, attempt: u32, limits: &DirectLimits, mut progress: Progress) -> EventEnd {
    match failure.retry {
        Retry::Never if !is_trap(failure.code) => progress.dead.insert(0, failure),
        _ => progress.again.insert(0, Again { failure, blameless: false }),
    }
    progress.end(attempt, limits)
}

/// The same end; a dead letter whose failure says no next step gets one.
pub(crate) fn advised(mut end: EventEnd, id: EventId) -> EventEnd {
    if let EventEnd::Dead { failure, .. } = &mut end
        && failure.next_step.is_empty()
    {
        failure.next_step = format!(
            "`apex dead-letter show {id}` prints what came; mend the cause (the sender, the connector or its \
             configuration), then `apex dead-letter replay {id}`"
        );
    }
    end
}

/// The end of an event given back because the host stops.
pub(crate) fn released() -> EventEnd {
    let failure = Failure::backoff(Code::DRAINING, "the host stopped before the event was worked off");
    EventEnd::Retry { failure, after: Duration::ZERO, counts: false }
}

/// The state of an event whose documents all ended well; one without documents changed nothing.
fn settled_state(outcomes: &[DocumentOutcome]) -> EventState {
    let any = |state| outcomes.iter().any(|outcome| outcome.state == state);
    if any(EventState::Done) {
        EventState::Done
    } else if outcomes.is_empty() || any(EventState::Unchanged) {
        EventState::Unchanged
    } else {
        EventState::Superseded
    }
}

fn is_trap(code: Code) -> bool {
    matches!(code, Code::PLUGIN_TRAP | Code::PLUGIN_TIMEOUT | Code::PLUGIN_MEMORY)
}

/// Of several reasons the one that waits longest, so that the others have passed by then.
fn most_patient(reasons: Vec<Again>) -> Option<Again> {
    let rank = |again: &Again| match again.failure.retry {
        Retry::Hold => (3, Duration::ZERO),
        Retry::After(delay) => (2, delay),
        Retry::Backoff | Retry::Never => (i32::from(again.blameless), Duration::ZERO),
    };
    reasons.into_iter().max_by_key(rank)
}

/// How long to wait, and whether it counts as an attempt; none if the attempts are used up.
fn wait_for(again: &Again, attempt: u32, limits: &DirectLimits) -> Option<(Duration, bool)> {
    let failure = &again.failure;
    if failure.retry == Retry::Hold {
        return Some((Duration::from_millis(limits.hold_ms), false));
    }
    let backoff = |attempt| chance::backoff(limits.backoff_ms_min, limits.backoff_ms_max, attempt);
    if again.blameless || failure.code == Code::PLUGIN_BUSY {
        // The attempt does not count up here, so it cannot tell how long this lasts already.
        return Some((backoff(BLAMELESS_DOUBLINGS), false));
    }
    let attempts_max = if is_trap(failure.code) { limits.trap_attempts_max } else { limits.attempts_max };
    if attempt >= attempts_max {
        return None;
    }
    Some(match failure.retry {
        Retry::After(delay) => (delay, true),
        _ => (backoff(attempt), true),
    })
}

/// Makes the mean wait for a store out of reach about a second and a half at the default first back-off.
const BLAMELESS_DOUBLINGS: u32 = 6;

fn given_up(failure: Failure, attempt: u32) -> Failure {
    // Why a connector trapped says more than that it was tried three times.
    if is_trap(failure.code) {
        return Failure { retry: Retry::Never, ..failure };
    }
    Failure::never(
        Code::ATTEMPTS_EXHAUSTED,
        format!("given up after {attempt} attempts; the last one: {}", failure.what),
    )
    .next(failure.next_step)
}
