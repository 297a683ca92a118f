//! A long random sequence of operations, restarts and failed commits against a simple model: after each, every count adds up and equals
//! the model's.

use std::collections::BTreeMap;
use std::time::Duration;

use apex_model::Code;
use apex_model::event::{Appended, ClaimedEvent, EventState, Tally};
use apex_model::ports::{DeadLetters, WorkQueue};

use super::kit::*;

#[derive(Default)]
struct Model {
    states: BTreeMap<String, EventState>,
    accepted: u64,
    duplicate: u64,
}

impl Model {
    fn tally(&self) -> Tally {
        let count = |state| self.states.values().filter(|found| **found == state).count() as u64;
        Tally {
            accepted: self.accepted,
            duplicate: self.duplicate,
            done: count(EventState::Done),
            unchanged: count(EventState::Unchanged),
            superseded: count(EventState::Superseded),
            dead: count(EventState::Dead),
            in_flight: count(EventState::Accepted) + count(EventState::Processing),
        }
    }
}

struct Run {
    kit: Kit,
    model: Model,
    held: Vec<ClaimedEvent>,
    random: Random,
    replayed: u32,
}

impl Run {
    fn append(&mut self) {
        let key = self.random.below(150).to_string();
        self.model.accepted += 1;
        let answer = self.kit.append(event(&key)).unwrap();
        if self.model.states.contains_key(&key) {
            self.model.duplicate += 1;
            assert_eq!(answer, Appended::Duplicate(id(&key)));
        } else {
            self.model.states.insert(key.clone(), EventState::Accepted);
            assert_eq!(answer, Appended::New(id(&key)));
        }
    }

    fn claim(&mut self) {
        let limit = u32::try_from(self.random.below(4) + 1).unwrap();
        for claimed in self.kit.claim(limit) {
            let state = self.model.states.get_mut(&claimed.event.event_key).unwrap();
            assert!(!state.is_terminal(), "{} was {state:?}", claimed.event.event_key);
            *state = EventState::Processing;
            self.held.retain(|held| held.claim.position != claimed.claim.position);
            self.held.push(claimed);
        }
    }

    fn finish(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let at = usize::try_from(self.random.below(self.held.len() as u64)).unwrap();
        let held = self.held.swap_remove(at);
        let (end, state) = match self.random.below(6) {
            0 => (retry(Duration::ZERO, true), EventState::Accepted),
            1 => (retry(Duration::from_secs(1), false), EventState::Accepted),
            2 => (dead(), EventState::Dead),
            3 => (settled(EventState::Unchanged), EventState::Unchanged),
            4 => (settled(EventState::Superseded), EventState::Superseded),
            _ => (done(), EventState::Done),
        };
        self.kit.finish(&held, end).unwrap();
        assert_eq!(self.kit.finish(&held, done()).unwrap_err().code, Code::LEASE_LOST);
        self.model.states.insert(held.event.event_key.clone(), state);
    }

    fn replay(&mut self) {
        let dead = self.model.states.iter().find(|(_, state)| **state == EventState::Dead).map(|(key, _)| key.clone());
        let any = self.random.below(150).to_string();
        let key = dead.filter(|_| self.random.below(2) == 0).unwrap_or(any);
        let is_dead = self.model.states.get(&key) == Some(&EventState::Dead);
        let expected = if is_dead { vec![id(&key)] } else { Vec::new() };
        assert_eq!(wait(self.kit.journal.replay(&[id(&key)])).unwrap(), expected);
        if is_dead {
            self.model.states.insert(key, EventState::Accepted);
            self.replayed += 1;
        }
    }

    fn restart(&mut self) {
        self.kit.reopen();
        self.held.clear();
        for state in self.model.states.values_mut().filter(|state| **state == EventState::Processing) {
            *state = EventState::Accepted;
        }
    }

    fn fail(&mut self) {
        self.kit.fail_commits(1);
        match self.random.below(3) {
            0 => drop(self.kit.append(event(&self.random.below(150).to_string())).unwrap_err()),
            1 if !self.held.is_empty() => drop(self.kit.finish(&self.held[0], done()).unwrap_err()),
            _ => {
                // Nothing to claim is nothing to write, hence nothing that could fail.
                let _ = wait(self.kit.journal.claim(2, LEASE, &[]));
                self.kit.fail_commits(0);
            }
        }
    }
}

#[test]
fn every_count_adds_up_after_every_operation() {
    for seed in 1..=4 {
        let kit = Kit::windows_of(20);
        let mut run = Run { kit, model: Model::default(), held: Vec::new(), random: Random::new(seed), replayed: 0 };
        for step in 0..400 {
            match run.random.below(20) {
                0..8 => run.append(),
                8..12 => run.claim(),
                12..16 => run.finish(),
                16 => run.replay(),
                17 => run.fail(),
                18 => run.kit.clock.advance_ms(30_000),
                _ => {
                    if run.random.below(4) == 0 {
                        run.restart();
                    }
                }
            }
            assert_eq!(run.kit.tally(), run.model.tally(), "seed {seed}, step {step}");
        }
        assert!(run.replayed > 0, "seed {seed} never replays: take another");
        for (key, state) in &run.model.states {
            let found = run.kit.record(id(key)).unwrap().state;
            // A lease may have run out meanwhile: then the record still says who has it.
            assert_eq!(found, *state, "seed {seed}, event {key}");
        }
    }
}
