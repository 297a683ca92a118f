//! Durable accept, seen from outside: the kernel was asked to write the journal through before each 2xx left.

use std::fs;
use std::process::Command;

use apex_app::bench::front::event_body;
use apex_model::Timestamp;

use crate::harness::{Connection, Server, block_on};

const ACCEPTS: u64 = 1_000;

#[test]
fn fdatasync_comes_before_every_2xx() {
    assert!(Command::new("strace").arg("-V").output().is_ok(), "strace is missing; install it: apt-get install strace");
    let traces = tempfile::tempdir().unwrap();
    let trace = traces.path().join("trace");
    let wrapper = [
        "strace",
        "-f",
        "-tt",
        "-s",
        "16",
        "-e",
        "trace=fdatasync,fsync,write,writev,sendto,sendmsg",
        "-o",
        trace.to_str().unwrap(),
    ];
    let server = Server::start_under(&wrapper, &["frontapp"], "[limits.direct]\nworkers = 1\n");
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

    let text = fs::read_to_string(&trace).unwrap();
    let (mut synced, mut answers, mut unsynced) = (false, 0_u64, 0_u64);
    for line in text.lines() {
        let finished_sync = (line.contains("fdatasync(")
            || line.contains("fsync(")
            || line.contains("fdatasync resumed")
            || line.contains("fsync resumed"))
            && line.trim_end().ends_with("= 0");
        if finished_sync {
            synced = true;
        } else if line.contains("\"HTTP/1.1 202") {
            answers += 1;
            unsynced += u64::from(!synced);
            synced = false;
        }
    }
    eprintln!("fsync: {answers} answers, {unsynced} without a sync before them");
    assert_eq!((answers, unsynced), (ACCEPTS, 0));
}
