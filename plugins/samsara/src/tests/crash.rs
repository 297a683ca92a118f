//! The promise that no point is lost: random feeds, with calls that are cut off after the store was written and before the
//! host committed, late points, windows that are forgotten, and pages that grow when they are asked for again.

use std::collections::BTreeSet;

use apex_sdk::prelude::*;

use crate::ledger::Ledger;

use super::harness::{Readers, WIDE, answer, at, clock, fetch, gps, host, vehicle};

/// Xorshift: the same seed gives the same run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(end)).unwrap()
    }
}

type Point = (u32, u32, u32);

#[test]
fn no_point_is_lost_in_any_of_many_runs() {
    let mut parts = 0;
    for seed in 1..=25 {
        parts += run(seed * 7_919);
    }
    assert!(parts > 0, "some windows must have been forgotten, or the test shows too little");
}

/// One run; answers how many documents were parts.
fn run(seed: u64) -> usize {
    let mut chance = Chance(seed);
    let refresh = [0, 60, 3_600][chance.below(3) as usize];
    host(&format!(r#"{{"refresh_seconds":{refresh},"window_minutes":5}}"#), 0);
    let budget = Budget { documents_max: 1 + chance.below(4), ..WIDE };
    let mut readers = Readers::default();
    let mut sent: BTreeSet<(String, String)> = BTreeSet::new();
    let (mut cursor, mut now) = (None::<String>, 10);
    for number in 0..60 {
        now += chance.below(400);
        let count = chance.below(8);
        let mut new: Vec<Point> = (0..count).map(|_| point(&mut chance, now)).collect();
        let (end, more) = (format!("c{number}"), chance.below(2) == 0);
        loop {
            clock(now);
            let held = cursor.as_deref().is_some_and(is_held);
            let response = (!held).then(|| answer(&vehicles(&new), &end, more));
            let page = fetch(cursor.as_deref(), response, budget).unwrap();
            if chance.below(3) == 0 {
                // The host died before it committed: the same cursor again, a little later, and the page may have grown.
                now += chance.below(30);
                if !held && chance.below(2) == 0 {
                    new.push(point(&mut chance, now));
                }
                continue;
            }
            readers.commit(&page);
            cursor = Some(page.cursor);
            if !held {
                sent.extend(new.iter().map(|(id, second, speed)| (id.to_string(), format!("{} {speed}", at(*second)))));
            }
            if !cursor.as_deref().is_some_and(is_held) {
                break;
            }
        }
    }
    // Long after, everything is sent, with as many calls as the budget needs.
    clock(now + 10_000);
    for _ in 0..400 {
        let held = cursor.as_deref().is_some_and(is_held);
        let page = fetch(cursor.as_deref(), (!held).then(|| answer(&[], "end", false)), budget).unwrap();
        readers.commit(&page);
        cursor = Some(page.cursor);
    }
    assert_eq!(
        readers.points().symmetric_difference(&sent).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "seed {seed}"
    );
    readers.0.keys().filter(|id| id.contains(":part-")).count()
}

/// Whether documents are held back, so that the next call does not ask the feed.
fn is_held(cursor: &str) -> bool {
    Ledger::read(Some(cursor)).held.is_some()
}

/// A vehicle, a second (one in five of them long past), and a speed.
fn point(chance: &mut Chance, now: u32) -> Point {
    let age = if chance.below(5) == 0 { chance.below(6_000) } else { chance.below(200) };
    (1 + chance.below(3), now.saturating_sub(age), chance.below(70))
}

fn vehicles(points: &[Point]) -> Vec<String> {
    let of = |id: u32| -> Vec<String> {
        points.iter().filter(|point| point.0 == id).map(|(_, second, speed)| gps(*second, *speed)).collect()
    };
    (1..=3)
        .map(|id| (id, of(id)))
        .filter(|(_, points)| !points.is_empty())
        .map(|(id, points)| vehicle(&id.to_string(), &points))
        .collect()
}
