//! Runs one saga over the store ports: intent first, stage, one pivot, then only forward. Waits for nothing and tries nothing later:
//! when and whether to try again is the caller's business.

use std::sync::Arc;

use apex_model::ports::{BoxFuture, ProjectionStore, RelationalStore};
use apex_model::saga::{Begun, Intent, SagaState, StoreFault, StoreResult, Ticket};
use apex_model::write_set::WriteSet;
use apex_model::{Code, Failure};
use futures_util::future::join_all;

use crate::state::{SagaEvent, next};

/// Tries of one request whose answer was lost. Every request may be made again; more tries belong to a later attempt, after a pause.
const TRIES_MAX: u32 = 3;

/// The stores a document version is written to. Cheap to clone.
#[derive(Clone)]
pub struct Participants {
    /// Owns the commit point.
    pub relational: Arc<dyn RelationalStore>,
    /// Those that follow; none if the relational store covers everything.
    pub projections: Vec<Arc<dyn ProjectionStore>>,
}

/// How a saga ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The version is live.
    Done {
        /// The version.
        version: i64,
    },
    /// The same content was live.
    Unchanged {
        /// The live version.
        version: i64,
    },
    /// Something newer was live.
    Superseded {
        /// The live version.
        version: i64,
    },
    /// Another worker took the document over: begin again at once.
    Fenced,
    /// Everything is undone, the previous version is live: try again, if the failure says so.
    Aborted(Failure),
    /// A store cannot be reached: try again later. Nothing was undone, nothing needs to be.
    Deferred(Failure),
    /// A store refused to undo: readers see the previous version, a person has to look.
    Stuck(Failure),
}

/// Makes `writes` the live version of its document in every store, or in none.
///
/// **Invariant:** `COMMITTED` is the only pivot. A commit whose answer is lost is asked again, never undone
/// (`tests/matrix.rs`).
pub async fn run(stores: &Participants, intent: Intent, writes: &WriteSet) -> Outcome {
    let mut saga = Saga { stores, state: SagaState::Accepted };
    match saga.drive(intent, writes).await {
        Ok(outcome) => outcome,
        Err(illegal) => Outcome::Stuck(Failure::never(Code::SAGA_ILLEGAL, illegal.to_string())),
    }
}

struct Saga<'a> {
    stores: &'a Participants,
    state: SagaState,
}

type Driven<T> = Result<T, crate::IllegalTransition>;

impl<'s> Saga<'s> {
    fn take(&mut self, event: SagaEvent) -> Driven<()> {
        self.state = next(self.state, event)?;
        Ok(())
    }

    async fn drive(&mut self, intent: Intent, writes: &WriteSet) -> Driven<Outcome> {
        self.take(SagaEvent::Claim)?;
        let ticket = match settle(|| self.stores.relational.begin(intent.clone())).await.answer {
            Ok(Begun::Go(ticket)) => ticket,
            Ok(Begun::Committed(ticket)) => {
                self.take(SagaEvent::FindCommitted)?;
                return self.finalise(&ticket).await;
            }
            Ok(Begun::Unchanged { version }) => {
                self.take(SagaEvent::FindSame)?;
                return Ok(Outcome::Unchanged { version });
            }
            Ok(Begun::Superseded { version }) => {
                self.take(SagaEvent::FindNewer)?;
                return Ok(Outcome::Superseded { version });
            }
            Err(fault) => return self.give_up_unwritten(fault),
        };
        self.take(SagaEvent::Begin)?;
        if let Err(fault) = settle(|| self.stores.relational.record(&ticket, SagaState::Staging)).await.answer {
            return self.give_up_unwritten(fault);
        }
        self.take(SagaEvent::RecordStaging)?;
        self.write(&ticket, writes).await
    }

    /// Ends a saga that has written nothing.
    fn give_up_unwritten(&mut self, fault: StoreFault) -> Driven<Outcome> {
        Ok(match fault {
            StoreFault::Fenced => {
                self.take(SagaEvent::LoseFence)?;
                Outcome::Fenced
            }
            StoreFault::Unreachable(failure) | StoreFault::Unknown(failure) => {
                self.take(SagaEvent::LoseStore)?;
                Outcome::Deferred(failure)
            }
            StoreFault::Refused(failure) => {
                self.take(SagaEvent::FailStep)?;
                Outcome::Aborted(failure)
            }
        })
    }

    async fn write(&mut self, ticket: &Ticket, writes: &WriteSet) -> Driven<Outcome> {
        let steps = self.steps();
        let answers = join_all(steps.iter().map(|step| settle(|| step.stage(ticket, writes)))).await;
        // What may have happened must be undone; a store that was never reached, or said no, has nothing.
        let touched: Vec<Step> = steps
            .iter()
            .zip(&answers)
            .filter(|(_, settled)| settled.may_have_happened())
            .map(|(step, _)| *step)
            .collect();
        match worst(answers) {
            None => self.take(SagaEvent::StageAll)?,
            Some(fault) => return self.leave(fault, ticket, &touched).await,
        }
        match settle(|| self.stores.relational.commit(ticket, writes)).await.answer {
            Ok(()) => {
                self.take(SagaEvent::Commit)?;
                self.finalise(ticket).await
            }
            // It may be live: undoing could tear a visible version down. The next attempt finds out.
            Err(StoreFault::Unknown(failure)) => self.leave(StoreFault::Unreachable(failure), ticket, &touched).await,
            Err(fault) => self.leave(fault, ticket, &touched).await,
        }
    }

    /// Ends a saga before its pivot.
    async fn leave(&mut self, fault: StoreFault, ticket: &Ticket, touched: &[Step<'_>]) -> Driven<Outcome> {
        match fault {
            StoreFault::Fenced => {
                // The winner's finalise drops what this one staged, and its fence keeps late writes out.
                self.take(SagaEvent::LoseFence)?;
                Ok(Outcome::Fenced)
            }
            StoreFault::Unreachable(failure) => {
                self.take(SagaEvent::LoseStore)?;
                Ok(Outcome::Deferred(failure))
            }
            StoreFault::Unknown(failure) | StoreFault::Refused(failure) => {
                self.compensate(failure, ticket, touched).await
            }
        }
    }

    async fn compensate(&mut self, cause: Failure, ticket: &Ticket, touched: &[Step<'_>]) -> Driven<Outcome> {
        self.take(SagaEvent::FailStep)?;
        match settle(|| self.stores.relational.record(ticket, SagaState::Compensating)).await.answer {
            Ok(()) => {}
            Err(StoreFault::Fenced) => {
                self.take(SagaEvent::LoseFence)?;
                return Ok(Outcome::Fenced);
            }
            Err(StoreFault::Unreachable(failure) | StoreFault::Unknown(failure) | StoreFault::Refused(failure)) => {
                self.take(SagaEvent::LoseStore)?;
                return Ok(Outcome::Deferred(failure));
            }
        }
        let (mut refused, mut lost) = (None, None);
        for step in touched.iter().rev() {
            match settle(|| step.undo(ticket)).await.answer {
                // Fenced: a newer writer is there, and cleans up behind itself.
                Ok(()) | Err(StoreFault::Fenced) => {}
                Err(StoreFault::Refused(failure)) => refused = Some(failure),
                Err(StoreFault::Unreachable(failure) | StoreFault::Unknown(failure)) => lost = Some(failure),
            }
        }
        let (event, outcome) = match (refused, lost) {
            (Some(failure), _) => (SagaEvent::FailUndo, Outcome::Stuck(failure)),
            (None, Some(failure)) => (SagaEvent::LoseStore, Outcome::Deferred(failure)),
            (None, None) => (SagaEvent::UndoAll, Outcome::Aborted(cause)),
        };
        self.take(event)?;
        self.note(ticket).await;
        Ok(outcome)
    }

    async fn finalise(&mut self, ticket: &Ticket) -> Driven<Outcome> {
        self.take(SagaEvent::StartFinalising)?;
        let steps = self.steps();
        let answers = join_all(steps.iter().map(|step| settle(|| step.finalise(ticket)))).await;
        match worst(answers) {
            // Fenced: a newer version is on its way there and drops this one's leftovers too.
            None | Some(StoreFault::Fenced) => {
                self.take(SagaEvent::FinaliseAll)?;
                self.note(ticket).await;
                Ok(Outcome::Done { version: ticket.version })
            }
            Some(StoreFault::Unreachable(failure) | StoreFault::Unknown(failure) | StoreFault::Refused(failure)) => {
                self.take(SagaEvent::LoseStore)?;
                Ok(Outcome::Deferred(failure))
            }
        }
    }

    /// Records where the saga ended. Only the log needs it: `begin` decides from what is live, so a lost note costs nothing.
    async fn note(&self, ticket: &Ticket) {
        let _unneeded = settle(|| self.stores.relational.record(ticket, self.state)).await;
    }

    /// Every participant, in log order.
    fn steps(&self) -> Vec<Step<'s>> {
        let stores: &'s Participants = self.stores;
        let projections = stores.projections.iter().map(|store| Step::Projection(store.as_ref()));
        std::iter::once(Step::Relational(stores.relational.as_ref())).chain(projections).collect()
    }
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Relational(&'a dyn RelationalStore),
    Projection(&'a dyn ProjectionStore),
}

impl<'a> Step<'a> {
    fn stage(&self, ticket: &'a Ticket, writes: &'a WriteSet) -> BoxFuture<'a, StoreResult<()>> {
        match self {
            Self::Relational(store) => store.stage(ticket, writes),
            Self::Projection(store) => store.stage(ticket, writes),
        }
    }

    fn undo(&self, ticket: &'a Ticket) -> BoxFuture<'a, StoreResult<()>> {
        match self {
            Self::Relational(store) => store.undo(ticket),
            Self::Projection(store) => store.undo(ticket),
        }
    }

    fn finalise(&self, ticket: &'a Ticket) -> BoxFuture<'a, StoreResult<()>> {
        match self {
            Self::Relational(store) => store.finalise(ticket),
            Self::Projection(store) => store.finalise(ticket),
        }
    }
}

struct Settled<T> {
    answer: StoreResult<T>,
    /// Whether an answer was lost on the way to this one.
    doubtful: bool,
}

impl<T> Settled<T> {
    fn may_have_happened(&self) -> bool {
        self.doubtful || self.answer.is_ok()
    }
}

/// Asks again while the answer is lost: an unknown outcome is settled by an idempotent redo, never by assuming failure.
async fn settle<'a, T>(mut ask: impl FnMut() -> BoxFuture<'a, StoreResult<T>>) -> Settled<T> {
    let mut doubtful = false;
    let mut tries = 1;
    loop {
        let answer = ask().await;
        let lost = matches!(answer, Err(StoreFault::Unknown(_)));
        doubtful |= lost;
        if !lost || tries >= TRIES_MAX {
            // Unreachable after a lost answer says nothing about the lost one.
            let answer = match answer {
                Err(StoreFault::Unreachable(failure)) if doubtful => Err(StoreFault::Unknown(failure)),
                answer => answer,
            };
            return Settled { answer, doubtful };
        }
        tries += 1;
    }
}

/// The fault that decides: a lost fence ends everything, a definite no or a doubt asks for undoing, a store out of reach for waiting.
fn worst(answers: Vec<Settled<()>>) -> Option<StoreFault> {
    let rank = |fault: &StoreFault| match fault {
        StoreFault::Fenced => 3,
        StoreFault::Refused(_) => 2,
        StoreFault::Unknown(_) => 1,
        StoreFault::Unreachable(_) => 0,
    };
    answers.into_iter().filter_map(|settled| settled.answer.err()).max_by_key(rank)
}
