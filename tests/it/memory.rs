//! Idle memory with three connectors loaded and no embedding model.

use std::fs;

use crate::harness::Server;

const RESIDENT_MB_MAX: u64 = 80;

#[test]
fn an_idle_host_with_three_connectors_stays_small() {
    let server = Server::start(&["frontapp", "samsara", "carrier-edi"], "");
    assert_eq!(server.get("/v1/plugins").as_array().unwrap().len(), 3);
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let resident_mb = line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024;
    eprintln!("memory: {resident_mb} MB resident, idle, three connectors");
    assert!(resident_mb <= RESIDENT_MB_MAX, "{resident_mb} MB");
}
