//! Crash proof: 20,000 signed webhooks at 64 connections, the host killed five times with SIGKILL while they come in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apex_app::bench::front::{FrontSender, base36, event_body};
use apex_model::Timestamp;

use crate::harness::{Connection, Lots, Server, block_on, get, wait_for};

const REQUESTS: usize = 20_000;
const CONNECTIONS: usize = 64;
const KILLS: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    BadSignature,
    Unparsable,
}

/// What is sent: 10 % repeats of an earlier event, 1 % bad signatures, 0.1 % signed bodies that nobody can read.
fn plan(lots: &mut Lots) -> Vec<(Kind, u64)> {
    let mut plan: Vec<(Kind, u64)> = Vec::with_capacity(REQUESTS);
    for number in 0..REQUESTS as u64 {
        let draw = lots.below(1_000);
        plan.push(match draw {
            0 => (Kind::Unparsable, number),
            1..=10 => (Kind::BadSignature, number),
            11..=110 if number > 0 => {
                let earlier = plan[usize::try_from(lots.below(number)).unwrap()];
                if earlier.0 == Kind::Good { earlier } else { (Kind::Good, number) }
            }
            _ => (Kind::Good, number),
        });
    }
    plan
}

fn body(kind: Kind, number: u64) -> Vec<u8> {
    let mut body = event_body(1_000_000 + number, 700);
    if kind == Kind::Unparsable {
        body.truncate(600);
    }
    body
}

fn request(sender: &FrontSender, kind: Kind, number: u64) -> Vec<u8> {
    let body = body(kind, number);
    let wrong = FrontSender::new("some-other-key", "frontapp");
    let signer = if kind == Kind::BadSignature { &wrong } else { sender };
    signer.request(Timestamp::now().unix_ms(), &body)
}

/// What the senders saw.
#[derive(Default)]
struct Seen {
    /// Event id answered, by event number.
    accepted: BTreeMap<u64, BTreeSet<String>>,
    refused_bad: usize,
}

#[test]
fn nothing_answered_2xx_is_lost_when_the_host_is_killed() {
    let mut server = Server::start(&["frontapp"], "");
    let mut lots = Lots(20_260_101);
    let plan = Arc::new(plan(&mut lots));
    let next = Arc::new(AtomicUsize::new(0));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (sender, intake) = (crate::harness::front(), server.intake);
    let senders = {
        let (plan, next, seen) = (Arc::clone(&plan), Arc::clone(&next), Arc::clone(&seen));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut tasks = tokio::task::JoinSet::new();
                for _ in 0..CONNECTIONS {
                    tasks.spawn(send_until_answered(
                        intake,
                        sender.clone(),
                        Arc::clone(&plan),
                        Arc::clone(&next),
                        Arc::clone(&seen),
                    ));
                }
                tasks.join_all().await;
            });
        })
    };

    let mut at: Vec<usize> =
        (0..KILLS).map(|_| 500 + usize::try_from(lots.below(REQUESTS as u64 - 1_500)).unwrap()).collect();
    at.sort_unstable();
    for threshold in at {
        wait_for("the next kill", || (next.load(Ordering::Relaxed) >= threshold).then_some(()));
        server.kill();
        server.spawn();
    }
    senders.join().unwrap();
    let tally = server.settle();
    check(&server, &plan, &seen.lock().unwrap(), tally);
}

async fn send_until_answered(
    to: std::net::SocketAddr,
    sender: FrontSender,
    plan: Arc<Vec<(Kind, u64)>>,
    next: Arc<AtomicUsize>,
    seen: Arc<Mutex<Seen>>,
) {
    let mut connection = None;
    loop {
        let Some(&(kind, number)) = plan.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
        let mut tries = 0;
        loop {
            tries += 1;
            assert!(tries < 20_000, "event {number} was never answered");
            if connection.is_none() {
                connection = Connection::open(to).await.ok();
            }
            let Some(open) = connection.as_mut() else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            match open.send(&request(&sender, kind, number)).await {
                Ok(answer) if answer.status == 202 => {
                    let id: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
                    let id = id["event"].as_str().unwrap().to_owned();
                    seen.lock().unwrap().accepted.entry(number).or_default().insert(id);
                    break;
                }
                Ok(answer) if answer.status == 401 => {
                    assert_eq!(kind, Kind::BadSignature, "event {number} was signed well");
                    seen.lock().unwrap().refused_bad += 1;
                    break;
                }
                Ok(answer) => assert!(matches!(answer.status, 429 | 503), "{} for event {number}", answer.status),
                Err(_) => connection = None,
            }
        }
    }
}

fn check(server: &Server, plan: &[(Kind, u64)], seen: &Seen, tally: crate::harness::Tally) {
    let of =
        |kind: Kind| plan.iter().filter(|(it, _)| *it == kind).map(|(_, number)| *number).collect::<BTreeSet<u64>>();
    let (good, bad, unparsable) = (of(Kind::Good), of(Kind::BadSignature), of(Kind::Unparsable));
    assert_eq!(seen.refused_bad, plan.iter().filter(|(kind, _)| *kind == Kind::BadSignature).count());

    // Every event answered 2xx is there, exactly once, under the one id it was answered with.
    let answered: BTreeSet<String> = seen.accepted.values().flatten().cloned().collect();
    assert!(seen.accepted.values().all(|ids| ids.len() == 1), "a repeat got another id");
    assert_eq!(answered.len(), good.len() + unparsable.len());
    let stored = all_events(server);
    assert_eq!(stored.len(), stored.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len(), "an event is there twice");
    let ids: BTreeSet<String> = stored.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids, answered);

    // Good ones are documents, exactly once each; bad signatures left no trace; unparsable ones are dead letters.
    let documents: BTreeSet<String> = all_documents(server);
    let expected: BTreeSet<String> =
        good.iter().map(|number| format!("frontapp:msg_{}", base36(1_000_000 + number))).collect();
    assert_eq!(documents, expected);
    let traces = bad
        .iter()
        .filter(|number| documents.contains(&format!("frontapp:msg_{}", base36(1_000_000 + **number))))
        .count();
    assert_eq!(traces, 0);
    let dead = stored.iter().filter(|(_, state)| state == "dead").count();
    assert_eq!(dead, unparsable.len());
    let letters = server.get("/v1/dead-letters?limit=1000");
    assert_eq!(letters.as_array().unwrap().len(), unparsable.len());

    assert!(tally.is_conserved(), "{tally:?}");
    assert_eq!(tally.in_flight, 0);
    assert_eq!(usize::try_from(tally.dead).unwrap(), unparsable.len());
    assert_eq!(usize::try_from(tally.done).unwrap(), good.len());
    assert_eq!(usize::try_from(tally.accepted - tally.duplicate).unwrap(), good.len() + unparsable.len());
    let before = forgeries(server);
    let forged = request(&crate::harness::front(), Kind::BadSignature, 0);
    let intake = server.intake;
    let answer = block_on(async move { Connection::open(intake).await.unwrap().send(&forged).await.unwrap() });
    assert_eq!((answer.status, forgeries(server)), (401, before + 1), "a counter tells of forgeries");
    eprintln!("crash proof: {} unique events, {} dead letters, tally {tally:?}", answered.len(), dead);
}

/// The counter of bad signatures.
fn forgeries(server: &Server) -> u64 {
    let scrape = get(&format!("http://{}/metrics", server.metrics), None).unwrap().1;
    let line = scrape.lines().find(|line| line.contains("frontapp") && line.contains("bad_signature")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn all_events(server: &Server) -> Vec<(String, String)> {
    let text = |event: &serde_json::Value, key: &str| event[key].as_str().unwrap().to_owned();
    server.pages("/v1/events?limit=1000").iter().map(|event| (text(event, "id"), text(event, "state"))).collect()
}

fn all_documents(server: &Server) -> BTreeSet<String> {
    let listed = server.pages("/v1/documents?limit=1000");
    let ids: BTreeSet<String> = listed.iter().map(|document| document["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), listed.len(), "a document is listed twice");
    ids
}
