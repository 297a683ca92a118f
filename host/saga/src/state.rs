//! The state machine: one total function. Performs nothing.

use apex_model::saga::SagaState;

/// What happens to a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SagaEvent {
    /// A worker takes it, for the first time or again.
    Claim,
    /// The relational store gave out a ticket.
    Begin,
    /// The relational store says that this saga is behind its pivot already.
    FindCommitted,
    /// The relational store says that the same content is live.
    FindSame,
    /// The relational store says that something newer is live.
    FindNewer,
    /// The intent to write is recorded.
    RecordStaging,
    /// Every store has the version, invisible.
    StageAll,
    /// The version is live.
    Commit,
    /// Dropping what older versions need begins.
    StartFinalising,
    /// Every store dropped it.
    FinaliseAll,
    /// A store said no, or its answer is not to be had.
    FailStep,
    /// Every step that may have happened is undone.
    UndoAll,
    /// A store refused to undo.
    FailUndo,
    /// A store cannot be reached, or the pivot's answer is not to be had.
    LoseStore,
    /// A store has seen a higher fence.
    LoseFence,
}

impl SagaEvent {
    /// Every event.
    pub const ALL: [Self; 15] = [
        Self::Claim,
        Self::Begin,
        Self::FindCommitted,
        Self::FindSame,
        Self::FindNewer,
        Self::RecordStaging,
        Self::StageAll,
        Self::Commit,
        Self::StartFinalising,
        Self::FinaliseAll,
        Self::FailStep,
        Self::UndoAll,
        Self::FailUndo,
        Self::LoseStore,
        Self::LoseFence,
    ];
}

/// An event that cannot happen in a state: a defect of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a saga in state {state:?} cannot take {event:?}; this is a defect of the host, report it with the event's trace"
)]
pub struct IllegalTransition {
    /// Where the saga stood.
    pub state: SagaState,
    /// What was asked of it.
    pub event: SagaEvent,
}

/// The state after `event`; every pair that is not listed is an error.
///
/// **Invariant:** nothing leads from `COMMITTED` or `FINALISING` to `COMPENSATING`: after the pivot there is only forward
/// (`state::tests::after_the_pivot_there_is_only_forward`).
#[allow(clippy::match_same_arms, reason = "the main line reads as the diagram does")]
pub fn next(state: SagaState, event: SagaEvent) -> Result<SagaState, IllegalTransition> {
    use SagaEvent as E;
    use SagaState as S;
    Ok(match (state, event) {
        (S::Accepted | S::Aborted | S::Fenced | S::Deferred, E::Claim) => S::Claimed,

        (S::Claimed, E::Begin) => S::Prepared,
        (S::Claimed, E::FindCommitted) => S::Committed,
        (S::Claimed, E::FindSame) => S::Done,
        (S::Claimed, E::FindNewer) => S::Superseded,

        (S::Prepared, E::RecordStaging) => S::Staging,
        (S::Staging, E::StageAll) => S::Staged,
        (S::Staged, E::Commit) => S::Committed,
        (S::Committed, E::StartFinalising) => S::Finalising,
        (S::Finalising, E::FinaliseAll) => S::Done,

        // Before the first write left there is nothing to undo.
        (S::Claimed | S::Prepared, E::FailStep) => S::Aborted,
        (S::Staging | S::Staged, E::FailStep) => S::Compensating,
        (S::Compensating, E::UndoAll) => S::Aborted,
        (S::Compensating, E::FailUndo) => S::Stuck,

        (S::Claimed | S::Prepared | S::Staging | S::Staged | S::Finalising | S::Compensating, E::LoseStore) => {
            S::Deferred
        }
        (S::Claimed | S::Prepared | S::Staging | S::Staged | S::Compensating, E::LoseFence) => S::Fenced,

        (state, event) => return Err(IllegalTransition { state, event }),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// SAGA: the main line, then the side exits. Everything that is not here must be refused.
    const TABLE: &[(SagaState, SagaEvent, SagaState)] = {
        use SagaEvent as E;
        use SagaState as S;
        &[
            (S::Accepted, E::Claim, S::Claimed),
            (S::Claimed, E::Begin, S::Prepared),
            (S::Prepared, E::RecordStaging, S::Staging),
            (S::Staging, E::StageAll, S::Staged),
            (S::Staged, E::Commit, S::Committed),
            (S::Committed, E::StartFinalising, S::Finalising),
            (S::Finalising, E::FinaliseAll, S::Done),
            (S::Claimed, E::FindCommitted, S::Committed),
            (S::Claimed, E::FindSame, S::Done),
            (S::Claimed, E::FindNewer, S::Superseded),
            (S::Claimed, E::FailStep, S::Aborted),
            (S::Prepared, E::FailStep, S::Aborted),
            (S::Staging, E::FailStep, S::Compensating),
            (S::Staged, E::FailStep, S::Compensating),
            (S::Compensating, E::UndoAll, S::Aborted),
            (S::Compensating, E::FailUndo, S::Stuck),
            (S::Claimed, E::LoseStore, S::Deferred),
            (S::Prepared, E::LoseStore, S::Deferred),
            (S::Staging, E::LoseStore, S::Deferred),
            (S::Staged, E::LoseStore, S::Deferred),
            (S::Finalising, E::LoseStore, S::Deferred),
            (S::Compensating, E::LoseStore, S::Deferred),
            (S::Claimed, E::LoseFence, S::Fenced),
            (S::Prepared, E::LoseFence, S::Fenced),
            (S::Staging, E::LoseFence, S::Fenced),
            (S::Staged, E::LoseFence, S::Fenced),
            (S::Compensating, E::LoseFence, S::Fenced),
            (S::Aborted, E::Claim, S::Claimed),
            (S::Fenced, E::Claim, S::Claimed),
            (S::Deferred, E::Claim, S::Claimed),
        ]
    };

    #[test]
    fn every_pair_is_in_the_table_or_refused() {
        for state in SagaState::ALL {
            for event in SagaEvent::ALL {
                let expected = TABLE.iter().find(|row| (row.0, row.1) == (state, event)).map(|row| row.2);
                match next(state, event) {
                    Ok(after) => assert_eq!(Some(after), expected, "{state:?} {event:?}"),
                    Err(error) => {
                        assert_eq!(expected, None, "{state:?} {event:?}");
                        assert_eq!(error, IllegalTransition { state, event });
                    }
                }
            }
        }
    }

    fn reachable(from: SagaState) -> HashSet<SagaState> {
        let mut found = HashSet::from([from]);
        let mut open = vec![from];
        while let Some(state) = open.pop() {
            for after in SagaEvent::ALL.into_iter().filter_map(|event| next(state, event).ok()) {
                if found.insert(after) {
                    open.push(after);
                }
            }
        }
        found
    }

    #[test]
    fn every_state_is_reached_and_only_three_are_final() {
        assert_eq!(reachable(SagaState::Accepted).len(), SagaState::ALL.len());
        let is_final = |state: &SagaState| SagaEvent::ALL.iter().all(|&event| next(*state, event).is_err());
        let last: HashSet<_> = SagaState::ALL.into_iter().filter(is_final).collect();
        assert_eq!(last, HashSet::from([SagaState::Done, SagaState::Superseded, SagaState::Stuck]));
    }

    #[test]
    fn after_the_pivot_there_is_only_forward() {
        for state in [SagaState::Committed, SagaState::Finalising] {
            for event in SagaEvent::ALL {
                if let Ok(after) = next(state, event) {
                    assert!(
                        matches!(after, SagaState::Finalising | SagaState::Done | SagaState::Deferred),
                        "{state:?} {event:?} leads to {after:?}"
                    );
                }
            }
        }
    }
}
