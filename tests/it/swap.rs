//! Hot swap: components come, change, break and go while requests flow.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use apex_app::bench::front::event_body;
use apex_model::Timestamp;
use apex_model::ids::Digest;

use crate::harness::{Connection, Server, block_on, component, variant, wait_at_most, wait_for};

const SWAPS: u32 = 1_000;
const CONNECTIONS: u64 = 32;

fn put(server: &Server, bytes: &[u8]) {
    let plugins = server.dir.path().join("plugins");
    let temporary = plugins.join(".frontapp.wasm.new");
    fs::write(&temporary, bytes).unwrap();
    fs::rename(&temporary, plugins.join("frontapp.wasm")).unwrap();
}

fn plugin(server: &Server) -> Option<serde_json::Value> {
    server.get("/v1/plugins").as_array().unwrap().iter().find(|plugin| plugin["name"] == "frontapp").cloned()
}

fn send_one(server: &Server, number: u64) -> u16 {
    let (sender, intake) = (crate::harness::front(), server.intake);
    block_on(async move {
        let mut connection = Connection::open(intake).await.unwrap();
        let request = sender.request(Timestamp::now().unix_ms(), &event_body(number, 400));
        connection.send(&request).await.unwrap().status
    })
}

#[test]
fn a_component_comes_breaks_and_goes_while_the_host_runs() {
    let server = Server::start(&[], "");
    let path = server.dir.path().join("plugins/frontapp.wasm");
    assert_eq!(send_one(&server, 1), 503, "a configured source without its plugin");

    // Copied, not renamed: the watcher sees a file that grows.
    let copied = Instant::now();
    fs::copy(Path::new(&crate::harness::components()).join("frontapp.wasm"), &path).unwrap();
    wait_at_most(Duration::from_secs(2), "a copied component to answer", || {
        (send_one(&server, 2) == 202).then_some(())
    });
    eprintln!("swap: a copied component answered after {:?}", copied.elapsed());

    fs::write(&path, b"this is no component").unwrap();
    let failed = wait_for("the garbage to be refused", || plugin(&server).filter(|plugin| plugin["state"] == "failed"));
    assert!(!failed["error"].as_str().unwrap().is_empty());
    assert_eq!(send_one(&server, 3), 202, "the last good component keeps answering");
    let listed = crate::harness::succeed(server.apex().args(["plugin", "list"]));
    assert!(listed.contains("failed"), "{listed}");

    fs::remove_file(&path).unwrap();
    wait_at_most(Duration::from_secs(2), "a deleted component to drain", || {
        matches!(send_one(&server, 4), 401 | 503).then_some(())
    });
}

#[test]
fn a_thousand_swaps_cost_no_request() {
    let server = Server::start(&["frontapp"], "");
    let original = component("frontapp");
    let versions = [variant(&original, 1), variant(&original, 2)];
    let stop = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicU64::new(0));
    let senders = {
        let (stop, sent, sender, intake) =
            (Arc::clone(&stop), Arc::clone(&sent), crate::harness::front(), server.intake);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut tasks = tokio::task::JoinSet::new();
                for connection in 0..CONNECTIONS {
                    let (stop, sent, sender) = (Arc::clone(&stop), Arc::clone(&sent), sender.clone());
                    tasks.spawn(async move {
                        let mut answers: BTreeMap<u16, u64> = BTreeMap::new();
                        let mut open = Connection::open(intake).await.unwrap();
                        let mut number = connection;
                        while !stop.load(Ordering::Relaxed) {
                            let request = sender.request(Timestamp::now().unix_ms(), &event_body(number, 400));
                            *answers.entry(open.send(&request).await.unwrap().status).or_default() += 1;
                            sent.fetch_add(1, Ordering::Relaxed);
                            number += CONNECTIONS;
                            // A steady sender, not a benchmark: the swaps need a share of the machine too.
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        answers
                    });
                }
                let mut total: BTreeMap<u16, u64> = BTreeMap::new();
                while let Some(answers) = tasks.join_next().await {
                    for (status, count) in answers.unwrap() {
                        *total.entry(status).or_default() += count;
                    }
                }
                total
            })
        })
    };
    let started = Instant::now();
    for swap in 0..SWAPS {
        let bytes = &versions[swap as usize % 2];
        put(&server, bytes);
        let digest = Digest::of(bytes).to_string();
        wait_for("the new digest to answer", || plugin(&server).filter(|plugin| plugin["digest"] == digest.as_str()));
    }
    let took = started.elapsed();
    stop.store(true, Ordering::Relaxed);
    let answers = senders.join().unwrap();
    eprintln!("swap: {SWAPS} swaps in {took:?}, answers {answers:?}");
    assert_eq!(answers.keys().copied().collect::<Vec<_>>(), [202], "{answers:?}");
    assert!(sent.load(Ordering::Relaxed) > u64::from(SWAPS), "requests flowed while components were swapped");
}
