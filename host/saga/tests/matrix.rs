//! The fault matrix: every combination of outcomes of the four writes, at every step, for create, update and delete.
//!
//! The stores check NoMix, Monotone and FenceOrder after every single write (`fakes`); here is what has to hold at the end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod fakes;

use std::sync::{Arc, Mutex};

use apex_model::document::Op;
use apex_model::saga::{Intent, SagaState, StoreFault};
use apex_model::write_set::WriteSet;
use apex_saga::{Outcome, run};
use fakes::{Ask, Bug, FAULTS, Fault, STORES, Shared, World, change, participants};

/// What is done to the document.
const CHANGES: [&str; 3] = ["create", "update", "delete"];
/// Once is settled by asking again, three times is more than one run asks, many last until somebody mends it.
const TIMES: [usize; 3] = [1, 3, 100];

struct Case {
    world: Shared,
    intent: Intent,
    writes: WriteSet,
    /// What readers got before.
    before: Option<Vec<Option<String>>>,
}

async fn case(kind: &str, bug: Bug) -> Case {
    let world: Shared = Arc::default();
    let (intent, writes) = match kind {
        "create" => change(Op::Upsert, "new words", 2),
        "update" => change(Op::Upsert, "other words", 2),
        _ => change(Op::Delete, "", 2),
    };
    if kind != "create" {
        let (intent, writes) = change(Op::Upsert, "first words", 1);
        assert!(matches!(run(&participants(&world), intent, &writes).await, Outcome::Done { version: 1 }));
    }
    let before = {
        let mut world = world.lock().unwrap();
        world.bug = bug;
        world.asked.clear();
        world.records.clear();
        world.read()
    };
    Case { world, intent, writes, before }
}

impl Case {
    fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    async fn run(&self) -> Outcome {
        run(&participants(&self.world), self.intent.clone(), &self.writes).await
    }

    fn read(&self) -> Option<Vec<Option<String>>> {
        self.world().read()
    }

    /// What has to hold after a run, whatever went wrong.
    fn check_end(&self, outcome: &Outcome) {
        let now = self.read();
        let mut world = self.world();
        match outcome {
            Outcome::Aborted(_) => {
                world.check_undone();
                if now != self.before {
                    world.violations.push("PreviousKept: an aborted saga changed what readers see".to_owned());
                }
            }
            Outcome::Stuck(_) if now != self.before => {
                world.violations.push("PreviousKept: a stuck saga changed what readers see".to_owned());
            }
            Outcome::Unchanged { .. } | Outcome::Superseded { .. } | Outcome::Fenced => {
                world.violations.push(format!("NoSilentFailure: nobody else writes, and the saga ended {outcome:?}"));
            }
            Outcome::Done { .. } if now == self.before => {
                world.violations.push("NoSilentFailure: done, and readers see what was there before".to_owned());
            }
            _ => {}
        }
    }

    /// The faults end; the event is tried again until it is done, and every store must hold the live version and nothing else.
    async fn settle(&self) {
        self.world().heal();
        let mut done = false;
        for _ in 0..3 {
            match self.run().await {
                Outcome::Done { .. } => done = true,
                outcome => self.world().violations.push(format!("Settles: without faults the saga ended {outcome:?}")),
            }
        }
        assert!(done || !self.world().violations.is_empty());
        let mut world = self.world();
        world.check_settled();
        let expected = format!("{:?} {}", self.writes.document.op, self.writes.document.content);
        if world.read() != Some(vec![Some(expected); STORES]) {
            let what = format!("Settles: readers do not see the version: {:?}", world.read());
            world.violations.push(what);
        }
    }

    /// A worker that slept through all of it wakes up and goes on with an old ticket.
    async fn zombie(&self) {
        let (tickets, before, kept) = {
            let world = self.world();
            (world.tickets.clone(), world.live.clone(), world.kept.clone().map(|kept| kept.versions))
        };
        let Some(live) = before.clone() else { return };
        let stores = participants(&self.world);
        for ticket in tickets.iter().filter(|ticket| ticket.version < live.version) {
            let (_, late) = change(Op::Upsert, "late words of a zombie", 1);
            let _refused = stores.relational.stage(ticket, &late).await;
            let _refused = stores.relational.commit(ticket, &late).await;
            for store in &stores.projections {
                let _refused = store.stage(ticket, &late).await;
                let _refused = store.undo(ticket).await;
                let _refused = store.stage(ticket, &late).await;
                let _refused = store.finalise(ticket).await;
            }
        }
        let mut world = self.world();
        if world.live != before || world.kept.clone().map(|kept| kept.versions) != kept {
            world.violations.push("FenceOrder: a zombie changed something".to_owned());
        }
    }

    fn violations(&self) -> Vec<String> {
        self.world().violations.clone()
    }
}

/// Runs one cell of the matrix to its end; answers what was violated.
async fn cell(kind: &str, bug: Bug, faults: &[(usize, Ask, Fault, usize)], twice: bool) -> Vec<String> {
    let case = case(kind, bug).await;
    {
        let mut world = case.world();
        world.twice = twice;
        for &(store, ask, fault, times) in faults {
            world.fail(store, ask, fault, times);
        }
    }
    let outcome = case.run().await;
    case.check_end(&outcome);
    case.settle().await;
    case.zombie().await;
    case.violations()
}

fn masks() -> impl Iterator<Item = Vec<usize>> {
    (0..1_u32 << STORES).map(|mask| (0..STORES).filter(|store| mask >> store & 1 == 1).collect())
}

/// Every combination of failing stores, at one step, with every kind of fault.
async fn all_combinations(ask: Ask, extra: &[(usize, Ask, Fault, usize)], bug: Bug) -> (usize, Vec<String>) {
    let (mut cells, mut found) = (0, Vec::new());
    for kind in CHANGES {
        for failing in masks() {
            for fault in FAULTS {
                for times in TIMES {
                    for twice in [false, true] {
                        let mut faults: Vec<_> = failing.iter().map(|&store| (store, ask, fault, times)).collect();
                        faults.extend_from_slice(extra);
                        let violations = cell(kind, bug, &faults, twice).await;
                        let name = format!("{kind} {ask:?} {failing:?} {fault:?} x{times} twice={twice}");
                        found.extend(violations.into_iter().map(|violation| format!("{name}: {violation}")));
                        cells += 1;
                    }
                }
            }
        }
    }
    (cells, found)
}

fn assert_clean((cells, found): (usize, Vec<String>)) {
    // 3 changes x 16 outcomes x 4 faults x 3 durations x once and twice.
    assert_eq!(cells, 3 * 16 * 4 * 3 * 2);
    assert!(found.is_empty(), "{} violations, the first: {:#?}", found.len(), &found[..found.len().min(5)]);
}

#[tokio::test]
async fn every_outcome_of_the_four_stagings() {
    assert_clean(all_combinations(Ask::Stage, &[], Bug::None).await);
}

#[tokio::test]
async fn every_outcome_of_the_four_undos() {
    // A refused commit, with everything staged, asks for all four undos.
    assert_clean(all_combinations(Ask::Undo, &[(0, Ask::Commit, Fault::Refused, 1)], Bug::None).await);
    // A refused staging asks for three.
    assert_clean(all_combinations(Ask::Undo, &[(3, Ask::Stage, Fault::Refused, 1)], Bug::None).await);
}

#[tokio::test]
async fn every_outcome_of_the_four_finalisers() {
    assert_clean(all_combinations(Ask::Finalise, &[], Bug::None).await);
}

#[tokio::test]
async fn every_outcome_of_begin_record_and_commit() {
    for ask in [Ask::Begin, Ask::Record, Ask::Commit] {
        for kind in CHANGES {
            for fault in FAULTS {
                for times in TIMES {
                    let violations = cell(kind, Bug::None, &[(0, ask, fault, times)], false).await;
                    assert!(violations.is_empty(), "{kind} {ask:?} {fault:?} x{times}: {violations:#?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn mixed_faults_of_two_stores_at_two_steps() {
    for kind in CHANGES {
        for (one, other) in [(0, 1), (1, 2), (2, 3), (3, 0)] {
            for first in FAULTS {
                for second in FAULTS {
                    for (a, b) in [(Ask::Stage, Ask::Undo), (Ask::Stage, Ask::Stage), (Ask::Stage, Ask::Finalise)] {
                        let faults = [(one, a, first, 3), (other, b, second, 3)];
                        let violations = cell(kind, Bug::None, &faults, false).await;
                        assert!(violations.is_empty(), "{kind} {faults:?}: {violations:#?}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn every_deliberate_bug_is_caught() {
    for (bug, word) in [
        (Bug::IgnoresFence, "FenceOrder"),
        (Bug::ForgetsUndo, "AllOrNone"),
        (Bug::StagesInPlace, "NoMix"),
        (Bug::DropsLive, "NoMix"),
        (Bug::CommitsAlone, "NoMix"),
    ] {
        let (_, found) = all_combinations(Ask::Stage, &[], bug).await;
        assert!(found.iter().any(|violation| violation.contains(word)), "{bug:?} was not caught as {word}");
    }
}

#[tokio::test]
async fn without_faults_every_step_is_asked_once_and_in_order() {
    use Ask::{Begin, Commit, Finalise, Record, Stage};
    let case = case("update", Bug::None).await;
    assert!(matches!(case.run().await, Outcome::Done { version: 2 }));
    let world = case.world();
    let asked: Vec<Ask> = world.asked.iter().map(|(_, ask)| *ask).collect();
    assert_eq!(
        asked,
        [Begin, Record, Stage, Stage, Stage, Stage, Commit, Finalise, Finalise, Finalise, Finalise, Record]
    );
    assert_eq!(world.records, [SagaState::Staging, SagaState::Done]);
}

#[tokio::test]
async fn undoing_goes_backwards_and_only_where_something_may_have_happened() {
    let case = case("update", Bug::None).await;
    {
        let mut world = case.world();
        world.fail(1, Ask::Stage, Fault::Refused, 1);
        world.fail(2, Ask::Stage, Fault::LostRequest, 100);
    }
    assert!(matches!(case.run().await, Outcome::Aborted(_)));
    let world = case.world();
    let undone: Vec<usize> = world.asked.iter().filter(|(_, ask)| *ask == Ask::Undo).map(|(store, _)| *store).collect();
    assert_eq!(undone, [3, 2, 0], "store 1 said no, store 2 never answered");
    assert_eq!(world.records, [SagaState::Staging, SagaState::Compensating, SagaState::Aborted]);
}

#[tokio::test]
async fn a_store_out_of_reach_defers_and_undoes_nothing() {
    let case = case("update", Bug::None).await;
    case.world().fail(2, Ask::Stage, Fault::Unreachable, 100);
    assert!(matches!(case.run().await, Outcome::Deferred(_)));
    assert!(case.world().asked.iter().all(|(_, ask)| *ask != Ask::Undo));
    assert_eq!(case.read(), case.before);
}

#[tokio::test]
async fn a_commit_without_an_answer_is_never_undone_and_found_later() {
    let case = case("update", Bug::None).await;
    case.world().fail(0, Ask::Commit, Fault::LostAnswer, 100);
    assert!(matches!(case.run().await, Outcome::Deferred(_)));
    assert!(case.world().asked.iter().all(|(_, ask)| *ask != Ask::Undo));
    case.world().heal();
    assert!(matches!(case.run().await, Outcome::Done { version: 2 }));
}

#[tokio::test]
async fn a_refused_undo_is_stuck_and_readers_see_the_previous_version() {
    let case = case("update", Bug::None).await;
    {
        let mut world = case.world();
        world.fail(0, Ask::Commit, Fault::Refused, 1);
        world.fail(2, Ask::Undo, Fault::Refused, 1);
    }
    assert!(matches!(case.run().await, Outcome::Stuck(_)));
    assert_eq!(case.read(), case.before);
    let undone = case.world().asked.iter().filter(|(_, ask)| *ask == Ask::Undo).count();
    assert_eq!(undone, STORES, "the others are undone all the same");
}

#[tokio::test]
async fn the_slower_of_two_workers_is_fenced_and_then_superseded() {
    let world: Shared = Arc::new(Mutex::default());
    let stores = participants(&world);
    let (slow_intent, slow_writes) = change(Op::Upsert, "slow", 1);
    let ticket = match stores.relational.begin(slow_intent.clone()).await.unwrap() {
        apex_model::saga::Begun::Go(ticket) => ticket,
        other => panic!("{other:?}"),
    };
    let (intent, writes) = change(Op::Upsert, "fast", 2);
    assert!(matches!(run(&stores, intent, &writes).await, Outcome::Done { .. }));
    assert!(matches!(stores.relational.stage(&ticket, &slow_writes).await, Err(StoreFault::Fenced)));
    assert!(matches!(stores.relational.commit(&ticket, &slow_writes).await, Err(StoreFault::Fenced)));
    assert!(matches!(run(&stores, slow_intent, &slow_writes).await, Outcome::Superseded { .. }));
    assert_eq!(world.lock().unwrap().violations, Vec::<String>::new());
}

#[tokio::test]
async fn the_same_content_by_another_event_changes_nothing() {
    let world: Shared = Arc::default();
    let stores = participants(&world);
    let (intent, writes) = change(Op::Upsert, "same", 1);
    assert!(matches!(run(&stores, intent, &writes).await, Outcome::Done { version: 1 }));
    let (intent, writes) = change(Op::Upsert, "same", 2);
    assert!(matches!(run(&stores, intent, &writes).await, Outcome::Unchanged { version: 1 }));
    assert_eq!(world.lock().unwrap().tickets.len(), 1);
}
