//! Which events wait, which are leased and when something comes due: the in-memory mirror of the table `work`.
//!
//! An event that nobody touched costs eight bytes here; one that was claimed or waits for a retry has an entry of its own. Changes made
//! for a group are kept until the group is durable ([`WorkIndex::commit`]) or are undone ([`WorkIndex::rollback`]).
//!
//! ```text
//! fresh --claim--> leased --finish--> (gone)        lane = one source at one urgency
//!                  |    ^
//!      retry, expiry    | claim
//!                  v    |
//!                 waiting --(due)--> ready
//! ```

use std::collections::{BTreeSet, HashMap, VecDeque};

use apex_model::event::Claim;
use apex_model::ids::SourceName;
use apex_model::source::Priority;

/// The last failure of an event that is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastError {
    pub(crate) code: String,
    pub(crate) what: String,
}

/// What a touched event is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// May be claimed from this moment on, in wall-clock milliseconds.
    Waiting(i64),
    /// Belongs to a claim until this moment.
    Leased(i64),
}

/// An event that was touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tracked {
    lane: usize,
    pub(crate) attempts: u32,
    pub(crate) phase: Phase,
    /// Whether it stands in its lane: its moment has come.
    ready: bool,
    pub(crate) error: Option<Box<LastError>>,
}

#[derive(Debug)]
struct Lane {
    source: SourceName,
    priority: Priority,
    fresh: VecDeque<i64>,
    returned: BTreeSet<i64>,
}

impl Lane {
    fn first(&self) -> Option<i64> {
        match (self.fresh.front(), self.returned.first()) {
            (Some(&fresh), Some(&returned)) => Some(fresh.min(returned)),
            (fresh, returned) => fresh.or(returned).copied(),
        }
    }
}

/// What an event was before the group.
#[derive(Debug)]
enum Before {
    /// Never touched.
    Fresh(usize),
    /// Not waiting at all.
    Absent,
    /// As here.
    Tracked(Tracked),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct WorkIndex {
    lanes: Vec<Lane>,
    lane_of: HashMap<SourceName, [Option<usize>; 3]>,
    tracked: HashMap<i64, Tracked>,
    due: BTreeSet<(i64, i64)>,
    before: HashMap<i64, Before>,
}

impl WorkIndex {
    fn lane(&mut self, source: &SourceName, priority: Priority) -> usize {
        let urgency = priority as usize;
        if let Some(lane) = self.lane_of.get(source).and_then(|lanes| lanes.get(urgency).copied().flatten()) {
            return lane;
        }
        let lane = self.lanes.len();
        self.lanes.push(Lane { source: source.clone(), priority, fresh: VecDeque::new(), returned: BTreeSet::new() });
        if let Some(slot) = self.lane_of.entry(source.clone()).or_default().get_mut(urgency) {
            *slot = Some(lane);
        }
        lane
    }

    /// Adds an event nobody touched. Its row is durable already.
    pub(crate) fn add_fresh(&mut self, source: &SourceName, priority: Priority, position: i64) {
        let lane = self.lane(source, priority);
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.fresh.push_back(position);
        }
    }

    /// Adds an event as it was found in the file.
    pub(crate) fn add_found(
        &mut self,
        (source, priority): (&SourceName, Priority),
        position: i64,
        attempts: u32,
        due_ms: i64,
        error: Option<Box<LastError>>,
    ) {
        let lane = self.lane(source, priority);
        self.attach(position, Tracked { lane, attempts, phase: Phase::Waiting(due_ms), ready: due_ms == 0, error });
    }

    /// Makes a dead event wait again, from the start.
    pub(crate) fn revive(&mut self, source: &SourceName, priority: Priority, position: i64) {
        let lane = self.lane(source, priority);
        self.before.entry(position).or_insert(Before::Absent);
        self.attach(position, Tracked { lane, attempts: 0, phase: Phase::Waiting(0), ready: true, error: None });
    }

    fn attach(&mut self, position: i64, tracked: Tracked) {
        if tracked.ready {
            if let Some(lane) = self.lanes.get_mut(tracked.lane) {
                lane.returned.insert(position);
            }
        } else {
            let (Phase::Waiting(at) | Phase::Leased(at)) = tracked.phase;
            self.due.insert((at, position));
        }
        self.tracked.insert(position, tracked);
    }

    fn detach(&mut self, position: i64) -> Option<Tracked> {
        let tracked = self.tracked.remove(&position)?;
        let (Phase::Waiting(at) | Phase::Leased(at)) = tracked.phase;
        self.due.remove(&(at, position));
        if let Some(lane) = self.lanes.get_mut(tracked.lane) {
            lane.returned.remove(&position);
        }
        Some(tracked)
    }

    /// Puts what came due into its lane; whether there was anything.
    pub(crate) fn wake(&mut self, now_ms: i64) -> bool {
        let mut woke = false;
        while let Some(&(at, position)) = self.due.first().filter(|(at, _)| *at <= now_ms) {
            self.due.remove(&(at, position));
            if let Some(tracked) = self.tracked.get_mut(&position) {
                tracked.ready = true;
                if let Some(lane) = self.lanes.get_mut(tracked.lane) {
                    lane.returned.insert(position);
                }
                woke = true;
            }
        }
        woke
    }

    /// When something comes due next, in wall-clock milliseconds.
    pub(crate) fn next_due_ms(&self) -> Option<i64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether anything could be claimed, if its source is not left alone.
    pub(crate) fn has_ready(&self) -> bool {
        self.lanes.iter().any(|lane| lane.first().is_some())
    }

    /// Leases up to `limit` events, urgent ones first, then by arrival.
    pub(crate) fn claim(&mut self, limit: u32, until_ms: i64, left_alone: &[SourceName]) -> Vec<(i64, u32)> {
        let lanes: Vec<usize> = (0..self.lanes.len())
            .filter(|n| self.lanes.get(*n).is_some_and(|lane| !left_alone.contains(&lane.source)))
            .collect();
        let mut claimed = Vec::new();
        while claimed.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
            let best = lanes
                .iter()
                .filter_map(|n| self.lanes.get(*n).and_then(|lane| Some((lane.priority, lane.first()?, *n))))
                .min();
            let Some((_, position, lane)) = best else { break };
            claimed.push((position, self.lease(lane, position, until_ms)));
        }
        claimed
    }

    fn lease(&mut self, lane: usize, position: i64, until_ms: i64) -> u32 {
        let prior = self.detach(position);
        if prior.is_none()
            && let Some(lane) = self.lanes.get_mut(lane)
        {
            lane.fresh.pop_front();
        }
        let (attempts, error) = prior.as_ref().map_or((0, None), |prior| (prior.attempts, prior.error.clone()));
        let attempts = attempts.saturating_add(1);
        self.before.entry(position).or_insert(prior.map_or(Before::Fresh(lane), Before::Tracked));
        self.attach(position, Tracked { lane, attempts, phase: Phase::Leased(until_ms), ready: false, error });
        attempts
    }

    /// Whether the claim is still its holder's: nobody has taken it over, even if its time is up.
    pub(crate) fn holds(&self, claim: Claim) -> bool {
        self.tracked
            .get(&claim.position)
            .is_some_and(|held| held.attempts == claim.attempt && matches!(held.phase, Phase::Leased(_)))
    }

    fn change(&mut self, position: i64, next: impl FnOnce(&Tracked) -> Option<Tracked>) {
        if let Some(prior) = self.detach(position) {
            if let Some(next) = next(&prior) {
                self.attach(position, next);
            }
            self.before.entry(position).or_insert(Before::Tracked(prior));
        }
    }

    /// Makes a held lease last until then.
    pub(crate) fn renew(&mut self, position: i64, until_ms: i64) {
        self.change(position, |held| Some(Tracked { phase: Phase::Leased(until_ms), ready: false, ..held.clone() }));
    }

    /// Ends the work on an event for good; answers its source.
    pub(crate) fn end(&mut self, position: i64) -> Option<SourceName> {
        let lane = self.tracked.get(&position)?.lane;
        self.change(position, |_| None);
        self.lanes.get(lane).map(|lane| lane.source.clone())
    }

    /// Gives an event back, to be tried again at that moment.
    pub(crate) fn retry(&mut self, position: i64, due_ms: i64, counts: bool, error: LastError) {
        self.change(position, |held| {
            let attempts = if counts { held.attempts } else { held.attempts.saturating_sub(1) };
            let error = Some(Box::new(error));
            Some(Tracked { attempts, phase: Phase::Waiting(due_ms), ready: false, error, lane: held.lane })
        });
    }

    /// Gives claims back unused, as if they had not been made.
    pub(crate) fn release(&mut self, claims: &[(i64, u32)]) {
        for (position, attempt) in claims {
            self.change(*position, |held| {
                let is_held = held.attempts == *attempt && matches!(held.phase, Phase::Leased(_));
                let attempts = held.attempts.saturating_sub(1);
                let given_back = Tracked { attempts, phase: Phase::Waiting(0), ready: true, ..held.clone() };
                Some(if is_held { given_back } else { held.clone() })
            });
        }
    }

    /// What the group changed: each position with what it is now, none if it is gone.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (i64, Option<&Tracked>)> {
        self.before.keys().map(|position| (*position, self.tracked.get(position)))
    }

    /// The group is durable.
    pub(crate) fn commit(&mut self) {
        self.before.clear();
    }

    /// The group is not durable: everything is as it was before.
    pub(crate) fn rollback(&mut self) {
        for (position, before) in std::mem::take(&mut self.before) {
            self.detach(position);
            match before {
                Before::Absent => {}
                Before::Tracked(prior) => self.attach(position, prior),
                Before::Fresh(lane) => {
                    let phase = Phase::Waiting(0);
                    self.attach(position, Tracked { lane, attempts: 0, phase, ready: true, error: None });
                }
            }
        }
    }
}
