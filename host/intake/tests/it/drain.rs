//! Shutting down: what is in flight is answered, nothing new is taken, and it ends.

use std::time::Duration;

use apex_config::limits::IntakeLimits;
use tokio::net::TcpStream;

use crate::client::{self, Connection, DEADLINE};
use crate::harness::{Host, wait_for};

#[tokio::test]
async fn a_request_in_flight_is_answered_and_idle_and_new_connections_are_not_served() {
    let mut host = Host::start().await;
    let mut idle = Connection::open(host.intake).await;
    idle.send(&client::bytes("POST", "/webhooks/alpha", &[], b"{}")).await;
    assert_eq!(idle.answer(false).await.unwrap().status, 202);
    let mut in_flight = Connection::open(host.intake).await;
    in_flight.send(&client::bytes("POST", "/webhooks/alpha", &[("x-verdict", "hold")], b"late")).await;
    wait_for("the delivery being verified", || host.fake.with(|state| state.held.len() == 1)).await;

    host.shutdown.cancel();
    assert!(idle.is_closed_within(DEADLINE).await);
    let address = host.intake;
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, refused).await.expect("new connections are refused");

    let task = host.task.take().unwrap();
    assert!(!task.is_finished(), "one request is still in flight");
    host.fake.release();
    assert_eq!(in_flight.answer(false).await.unwrap().status, 202);
    assert!(in_flight.is_closed_within(DEADLINE).await);
    tokio::time::timeout(DEADLINE, task).await.expect("the server ends").unwrap();
    host.fake.with(|state| assert_eq!(state.events.len(), 2));
}

#[tokio::test]
async fn a_request_whose_body_arrives_while_draining_is_answered() {
    let mut host = Host::start().await;
    let mut half = Connection::open(host.intake).await;
    half.send(b"POST /webhooks/alpha HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n").await;
    assert_eq!(half.answer(true).await.unwrap().status, 100, "the handler is reading the body");
    host.shutdown.cancel();
    half.send(b"{}").await;
    assert_eq!(half.answer(false).await.unwrap().status, 202);
    tokio::time::timeout(DEADLINE, host.task.take().unwrap()).await.expect("the server ends").unwrap();
}

#[tokio::test]
async fn what_does_not_end_is_cut_after_the_drain_time() {
    let mut host = Host::with(IntakeLimits { drain_ms_max: 100, ..IntakeLimits::default() }).await;
    let mut stuck = Connection::open(host.intake).await;
    stuck.send(&client::bytes("POST", "/webhooks/alpha", &[("x-verdict", "hold")], b"{}")).await;
    wait_for("the delivery being verified", || host.fake.with(|state| state.held.len() == 1)).await;
    host.shutdown.cancel();
    tokio::time::timeout(DEADLINE, host.task.take().unwrap()).await.expect("the server ends").unwrap();
    assert!(stuck.is_closed_within(DEADLINE).await);
}

#[tokio::test]
async fn a_connection_that_never_sent_anything_does_not_hold_up_the_end() {
    let mut host = Host::start().await;
    let mut silent = Connection::open(host.intake).await;
    assert_eq!(host.webhook("accept", b"{}").await.status, 202, "the listener has taken up the one before");
    host.shutdown.cancel();
    // The header timer alone would take 10 s.
    tokio::time::timeout(Duration::from_secs(5), host.task.take().unwrap()).await.expect("the server ends").unwrap();
    assert!(silent.is_closed_within(DEADLINE).await);
}
