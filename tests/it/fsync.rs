//! Durable accept, seen from outside: the kernel was asked to write the journal through before each 2xx left.

use std::collections::HashSet;
use std::fs;
use std::process::Command;

use apex_app::bench::front::event_body;
use apex_model::Timestamp;

use crate::harness::{Connection, Server, block_on, succeed};

const ACCEPTS: u64 = 1_000;

#[test]
fn fdatasync_comes_before_every_2xx() {
    assert!(Command::new("strace").arg("-V").output().is_ok(), "strace is missing; install it: apt-get install strace");
    let traces = tempfile::tempdir().unwrap();
    let trace = traces.path().join("trace");
    // `-y` names the file behind a descriptor: only the journal counts.
    let wrapper = [
        "strace",
        "-f",
        "-y",
        "-tt",
        "-s",
        "16",
        "-e",
        "trace=fdatasync,write,writev,sendto,sendmsg",
        "-o",
        trace.to_str().unwrap(),
    ];
    let server = Server::start_under(&wrapper, &["frontapp"], "");
    // Paused: still accepted, not worked off, so that nothing but accepting writes to the journal.
    succeed(server.apex().args(["source", "pause", "frontapp"]));
    let (sender, intake) = (crate::harness::front(), server.intake);
    // One request at a time, so that the order of the calls tells which sync belongs to which answer.
    block_on(async move {
        let mut connection = Connection::open(intake).await.unwrap();
        for number in 0..ACCEPTS {
            let body = event_body(number, 500);
            let answer = connection.send(&sender.request(Timestamp::now().unix_ms(), &body)).await.unwrap();
            assert_eq!(answer.status, 202);
        }
    });
    drop(server);

    let (answers, unsynced) = judge(&fs::read_to_string(&trace).unwrap());
    eprintln!("fsync: {answers} answers, {unsynced} without a sync of the journal before them");
    assert_eq!((answers, unsynced), (ACCEPTS, 0));
}

/// Counts 202 answers, and those before which the journal's write-ahead log was not synced since the answer before.
fn judge(trace: &str) -> (u64, u64) {
    let (mut synced, mut answers, mut unsynced) = (false, 0, 0);
    let mut syncing = HashSet::new();
    for line in trace.lines() {
        let thread = line.split_whitespace().next().unwrap_or_default();
        let succeeded = line.trim_end().ends_with("= 0");
        if line.contains("fdatasync(") && line.contains("journal.db-wal>") {
            if line.contains("<unfinished ...>") {
                syncing.insert(thread);
            } else {
                synced |= succeeded;
            }
        } else if line.contains("fdatasync resumed") {
            synced |= syncing.remove(thread) && succeeded;
        } else if line.contains("\"HTTP/1.1 202") {
            answers += 1;
            unsynced += u64::from(!std::mem::take(&mut synced));
        }
    }
    (answers, unsynced)
}

#[test]
fn the_judge_of_traces_notices_a_missing_sync() {
    let sync = "7 00:00:01 fdatasync(9</d/journal.db-wal>) = 0\n";
    let other = "7 00:00:01 fdatasync(9</d/store.db-wal>) = 0\n";
    let split =
        "7 00:00:01 fdatasync(9</d/journal.db-wal> <unfinished ...>\n8 x\n7 00:00:02 <... fdatasync resumed>) = 0\n";
    let answer = "8 00:00:03 writev(5<socket:[1]>, [{\"HTTP/1.1 202 Acc\"...}], 1) = 90\n";
    assert_eq!(judge(&format!("{sync}{answer}{split}{answer}")), (2, 0));
    assert_eq!(judge(&format!("{sync}{answer}{answer}")), (2, 1));
    assert_eq!(judge(&format!("{other}{answer}")), (1, 1));
}
