//! Requests of a guest over real sockets on the loopback interface.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use apex_config::limits::PluginLimits;
use apex_model::ports::Budget;
use apex_model::{Code, Failure};
use apex_plugin::SourceSettings;
use apex_plugin::bench::Workbench;
use secrecy::SecretString;

use crate::guest::Guest;
use crate::host::{limits, source, workbench};

const BUDGET: Budget = Budget { documents_max: 10, bytes_max: 1_000, ms_max: 1_000 };

/// `fetch` sends GET to the slice with the cursor as header lines and the credential `token`, as often as the budget's
/// `documents-max` says; it answers the last body as the cursor, or the fault as it came.
fn asking(host: &str) -> Guest {
    let mut guest = Guest::new("front");
    guest.pages = 40;
    let (method, credential) = (guest.text("GET"), guest.text("token"));
    let (answer, page) = (guest.room(10), guest.room(10));
    guest
        .import("http", "send", "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)")
        .manifest(&format!(
            "[[hosts]]\nurl = \"{host}\"\nmethods = [\"GET\"]\npath_prefix = \"/v1/\"\n\
             [[secrets]]\nname = \"token\"\nuse = \"inject\"\nheader = \"authorization\"\nvalue = \"Bearer {{secret}}\"\n"
        ))
        .poll(&format!(
            "(loop $again
                (call $send {method} (local.get 0) (local.get 1) (local.get 3) (local.get 4) (i32.const 0) (i32.const 0)
                    (i32.const 1) {credential} (i32.const 0) (i32.const 0) (i32.const {answer}))
                (if (i32.load8_u (i32.const {answer})) (then (return (i32.const {answer}))))
                (local.set 5 (i32.sub (local.get 5) (i32.const 1)))
                (br_if $again (local.get 5)))
             (i32.store offset=12 (i32.const {page}) (i32.load offset=16 (i32.const {answer})))
             (i32.store offset=16 (i32.const {page}) (i32.load offset=20 (i32.const {answer})))
             (i32.const {page})"
        ))
}

/// A server that gives every connection this answer; answers its port and what it was sent.
fn server(answer: Vec<u8>, hold: Duration) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, heads) = sync_channel(64);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                head.push(byte[0]);
            }
            if send.send(String::from_utf8(head).unwrap()).is_err() {
                return;
            }
            std::thread::sleep(hold);
            // The client may have given up by now.
            let _ = stream.write_all(&answer);
        }
    });
    (port, heads)
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

fn bench(host: &str, limits: PluginLimits) -> Workbench {
    let mut settings = SourceSettings::bare(source("front"), "front");
    settings.granted_hosts = vec![host.to_owned()];
    settings.secrets.insert("token".to_owned(), vec![SecretString::from("s3cret")]);
    workbench(asking(host), limits, Some(settings)).unwrap()
}

fn get(bench: &Workbench, url: &str, headers: &str, times: u32) -> Result<String, Failure> {
    bench.fetch(url, Some(headers), Budget { documents_max: times, ..BUDGET }).map(|page| page.cursor)
}

#[test]
fn a_granted_request_carries_the_credential_that_the_guest_never_sees() {
    let (port, heads) = server(ok("hello"), Duration::ZERO);
    let host = format!("http://127.0.0.1:{port}");
    let bench = bench(&host, limits());
    assert_eq!(get(&bench, &format!("{host}/v1/things?a=b"), "x-page: 2\n", 1).unwrap(), "hello");
    let head = heads.recv().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /v1/things?a=b http/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: bearer s3cret\r\n"), "{head}");
    assert!(head.contains("x-page: 2\r\n"), "{head}");
}

#[test]
fn what_is_not_granted_is_denied_before_any_socket() {
    let (port, heads) = server(ok("hello"), Duration::ZERO);
    let host = format!("http://127.0.0.1:{port}");
    let bench = bench(&host, limits());
    for (url, headers) in [
        (format!("{host}/v2/"), ""),
        (format!("http://localhost:{port}/v1/"), ""),
        (format!("http://[::ffff:127.0.0.1]:{port}/v1/"), ""),
        ("http://169.254.169.254/v1/".to_owned(), ""),
        (format!("{host}/v1/"), "authorization: mine\n"),
    ] {
        let failure = get(&bench, &url, headers, 1).unwrap_err();
        assert_eq!(failure.code, Code::FAULT_DENIED, "{url}: {failure}");
    }
    assert!(heads.try_recv().is_err());
    // One address in another spelling is the same host.
    assert_eq!(get(&bench, &format!("http://2130706433:{port}/v1/"), "", 1).unwrap(), "hello");
}

#[test]
fn the_bare_name_localhost_is_a_literal() {
    let (port, _heads) = server(ok("hello"), Duration::ZERO);
    let host = format!("http://localhost:{port}");
    assert_eq!(get(&bench(&host, limits()), &format!("{host}/v1/"), "", 1).unwrap(), "hello");
}

#[test]
fn redirects_are_returned() {
    let answer = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 5\r\nconnection: close\r\n\r\nmoved";
    let (port, heads) = server(answer.to_vec(), Duration::ZERO);
    let host = format!("http://127.0.0.1:{port}");
    assert_eq!(get(&bench(&host, limits()), &format!("{host}/v1/"), "", 1).unwrap(), "moved");
    assert_eq!(heads.iter().take(1).count(), 1);
}

#[test]
fn requests_of_one_call() {
    let (port, _heads) = server(ok("hello"), Duration::ZERO);
    let host = format!("http://127.0.0.1:{port}");
    let bench = bench(&host, PluginLimits { http_requests_max: 3, ..limits() });
    assert!(get(&bench, &format!("{host}/v1/"), "", 3).is_ok());
    assert_eq!(get(&bench, &format!("{host}/v1/"), "", 4).unwrap_err().code, Code::FAULT_DENIED);
}

#[test]
fn bytes_of_one_answer() {
    let limits = PluginLimits { http_answer_bytes_max: 1_000, ..limits() };
    let unsized_answer = |body: &str| format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}").into_bytes();
    for (answer, fits) in [
        (ok(&"x".repeat(1_000)), true),
        (ok(&"x".repeat(1_001)), false),
        (unsized_answer(&"x".repeat(1_000)), true),
        (unsized_answer(&"x".repeat(1_001)), false),
    ] {
        let (port, _heads) = server(answer, Duration::ZERO);
        let host = format!("http://127.0.0.1:{port}");
        let got = get(&bench(&host, limits.clone()), &format!("{host}/v1/"), "", 1);
        assert_eq!(got.is_ok(), fits, "{got:?}");
    }
}

#[test]
fn time_of_one_request_is_bounded_and_not_charged_to_the_guest() {
    // Longer than a call may compute, shorter than a request may take.
    let (port, _heads) = server(ok("slow"), Duration::from_millis(400));
    let host = format!("http://127.0.0.1:{port}");
    assert_eq!(get(&bench(&host, limits()), &format!("{host}/v1/"), "", 1).unwrap(), "slow");
    let hasty = bench(&host, PluginLimits { http_ms_max: 50, ..limits() });
    let failure = get(&hasty, &format!("{host}/v1/"), "", 1).unwrap_err();
    assert_eq!(failure.code, Code::FAULT_RETRYABLE);
    assert!(failure.what.contains("within 50 ms"), "{}", failure.what);
}

#[test]
fn a_script_answers_in_place_of_the_network_and_everything_is_checked_all_the_same() {
    use apex_plugin::bench::{Answer, Ask, BenchHttp};
    let mut settings = SourceSettings::bare(source("front"), "front");
    settings.secrets.insert("token".to_owned(), vec![SecretString::from("s3cret")]);
    let script = |ask: &Ask| {
        assert_eq!((ask.method.as_str(), ask.credential.as_deref()), ("GET", Some("token")));
        Ok(Answer { status: 200, headers: String::new(), body: ask.url.clone().into_bytes() })
    };
    let http = BenchHttp::Script(std::sync::Arc::new(script));
    let bench = crate::host::workbench_with(asking("https://api.example.com"), limits(), Some(settings), http).unwrap();
    assert_eq!(get(&bench, "https://api.example.com/v1/a", "", 1).unwrap(), "https://api.example.com/v1/a");
    assert_eq!(get(&bench, "https://api.example.com/v2/a", "", 1).unwrap_err().code, Code::FAULT_DENIED);
    assert_eq!(get(&bench, "https://other.example.com/v1/a", "", 1).unwrap_err().code, Code::FAULT_DENIED);
}
