//! The command line against a running server and without one: exit codes, JSON, errors that say what to do.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{Server, apex, components, repository, wait_for};

fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn mistakes_are_one_clear_error_and_exit_2() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("apex.toml");
    let serve = |text: &str| {
        fs::write(&config, text).unwrap();
        run(apex().arg("--config").arg(&config).arg("--data").arg(dir.path().join("data")).arg("serve"))
    };
    let (code, _, error) = serve("[intake]\nlisten = \"127.0.0.1:0\"\nport = 1\n");
    assert_eq!((code, error.lines().count()), (2, 1), "{error}");
    assert!(error.starts_with("error[APEX0002]") && error.contains("port"), "{error}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, _, error) =
        serve(&format!("[intake]\nlisten = \"{}\"\n[model]\nkind = \"hashing\"\n", taken.local_addr().unwrap()));
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("error[APEX0008]") && error.contains("intake"), "{error}");

    let (code, _, error) = run(apex().arg("no-such-command"));
    assert_eq!(code, 2, "{error}");

    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let (code, _, error) = run(apex().arg("--data").arg(file.join("data")).args(["event", "list"]));
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("error[APEX0007]"), "{error}");
}

#[test]
fn a_missing_model_is_one_clear_error() {
    let (empty, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut command = apex();
    // No pip to fetch it with: an empty PATH.
    command
        .arg("--data")
        .arg(data.path())
        .env("APEX_CACHE", empty.path())
        .env("PATH", empty.path())
        .args(["model", "fetch"]);
    let (code, _, error) = run(&mut command);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("error[APEX0041]") && error.contains("model.safetensors"), "{error}");
}

#[test]
fn what_is_not_there_is_exit_3() {
    let data = tempfile::tempdir().unwrap();
    for words in [
        ["document", "show", "frontapp:none"],
        ["event", "show", "ev_00000000000000000000000000"],
        ["source", "show", "none"],
    ] {
        let (code, _, error) = run(apex().arg("--data").arg(data.path()).arg("--plugins").arg(data.path()).args(words));
        assert_eq!(code, 3, "{words:?}: {error}");
        assert!(error.contains("error[APEX0004]"), "{error}");
    }
}

#[test]
fn files_documents_and_requests_are_ingested_with_and_without_a_server() {
    let server = Server::start(&["frontapp", "carrier-edi"], "");
    let file = server.dir.path().join("tender.edi");
    fs::copy(repository().join("host/app/src/demo/data/edi/tender-poultry.edi"), &file).unwrap();
    let (code, out, error) = run(server.apex().args(["--json", "ingest", "carrier-edi", "--wait"]).arg(&file));
    assert_eq!(code, 0, "{error}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer[0]["state"], "done", "{out}");

    let note = server.dir.path().join("note.json");
    fs::write(
        &note,
        r#"{"kind": "note", "id": "n1", "title": "Dock 7", "content": "Dock seven is closed until Friday."}"#,
    )
    .unwrap();
    let (code, out, error) = run(server.apex().args(["--json", "ingest", "frontapp", "--wait"]).arg(&note));
    assert_eq!(code, 0, "{error}{out}");
    let (_, out, _) = run(server.apex().args(["--json", "document", "show", "frontapp:n1"]));
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["title"], "Dock 7");

    let bad = server.dir.path().join("bad.edi");
    fs::write(&bad, "nothing of the kind").unwrap();
    let (code, out, _) = run(server.apex().args(["--json", "ingest", "carrier-edi", "--wait"]).arg(&bad));
    assert_eq!(code, 1, "what ends in the dead letters is a failure: {out}");
    let id = serde_json::from_str::<Value>(&out).unwrap()[0]["event"].as_str().unwrap().to_owned();
    let (_, shown, _) = run(server.apex().args(["dead-letter", "show", &id]));
    assert!(shown.contains("nothing of the kind"), "the body is kept: {shown}");

    // The same without a server.
    let mut server = server;
    assert_eq!(server.terminate(), Some(0), "a drained server ends well: {}", server.log());
    let second = server.dir.path().join("status.edi");
    fs::copy(repository().join("host/app/src/demo/data/edi/status-poultry-delayed.edi"), &second).unwrap();
    let (code, out, error) = run(server.apex().args(["--json", "ingest", "carrier-edi", "--wait"]).arg(&second));
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("done"), "{out}");
    let (_, out, _) = run(server.apex().args(["--json", "document", "list", "--source", "carrier-edi"]));
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap().as_array().unwrap().len(), 2);
}

#[test]
fn the_trace_of_a_delivery_is_in_the_event_and_in_the_log() {
    let server = Server::start(&["frontapp"], "[log]\nformat = \"json\"\nlevel = \"debug\"\n");
    let request = crate::harness::front().request(apex_model::Timestamp::now().unix_ms(), b"{\"type\": cut off");
    let intake = server.intake;
    let answer = crate::harness::block_on(async move {
        crate::harness::Connection::open(intake).await.unwrap().send(&request).await.unwrap()
    });
    assert_eq!(answer.status, 202, "{}", answer.body);
    let id = serde_json::from_str::<Value>(&answer.body).unwrap()["event"].as_str().unwrap().to_owned();
    let event = wait_for("the event to end", || {
        let event = server.get(&format!("/v1/events/{id}"));
        (event["state"] == "dead").then_some(event)
    });
    let trace = event["trace_id"].as_str().unwrap();
    assert_eq!(trace.len(), 32);
    assert_eq!(server.get(&format!("/v1/dead-letters/{id}"))["trace_id"], trace);
    assert!(server.log().lines().any(|line| line.contains(trace)), "{}", server.log());
}

#[test]
fn a_changed_configuration_is_taken_whole_or_not_at_all() {
    let server = Server::start(&["frontapp"], "");
    let file = server.dir.path().join("apex.toml");
    let before = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{before}\n[sources.second]\nplugin = \"frontapp\"\nsecrets.webhook = {{ env = \"APEX_TEST_NO_SUCH_VARIABLE\" }}\n")).unwrap();
    wait_for("the refusal", || server.log().contains("configuration refused").then_some(()));
    assert_eq!(server.get("/v1/sources").as_array().unwrap().len(), 1);
    fs::write(
        &file,
        format!(
            "{before}\n[sources.second]\nplugin = \"frontapp\"\nsecrets.webhook = {{ file = \"{}\" }}\n",
            server.dir.path().join("front.key").display()
        ),
    )
    .unwrap();
    wait_for("the new source", || (server.get("/v1/sources").as_array().unwrap().len() == 2).then_some(()));
}

#[test]
fn inspect_tells_what_a_component_is_without_running_it() {
    let (code, out, error) = run(apex().args(["--json", "plugin", "inspect"]).arg(components().join("samsara.wasm")));
    assert_eq!(code, 0, "{error}");
    let told: Value = serde_json::from_str(&out).unwrap();
    let exports: Vec<&str> = told["exports"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert!(exports.contains(&"webhook") && exports.contains(&"poll") && !exports.contains(&"batch"), "{out}");
}

#[test]
fn the_lines_a_waiting_source_asks_for_work_as_they_are_pasted() {
    let (plugins, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::copy(components().join("samsara.wasm"), plugins.path().join("samsara.wasm")).unwrap();
    let config = data.path().join("apex.toml");
    fs::write(&config, "[model]\nkind = \"hashing\"\n").unwrap();
    let ask = |words: &[&str], variable: &str| {
        let mut command = apex();
        command.env(variable, "a2V5");
        command.arg("--json").arg("--config").arg(&config).arg("--data").arg(data.path());
        let (code, out, error) = run(command.arg("--plugins").arg(plugins.path()).args(words));
        (code, serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{out}{error}")))
    };
    let mark = |answer: &Value| {
        let findings = answer["findings"].as_array().unwrap();
        findings.iter().find(|it| it["subject"] == "source samsara").unwrap()["mark"].as_str().unwrap().to_owned()
    };
    let (code, told) = ask(&["check"], "_");
    assert_eq!((code, mark(&told).as_str()), (0, "waiting"), "nobody configured it: {told}");

    let (_, shown) = ask(&["source", "show", "samsara"], "_");
    let lines = shown["reason"].as_str().unwrap().split_once("add to apex.toml:\n").unwrap().1.to_owned();
    let live = lines.lines().filter(|line| line.starts_with("secrets."));
    let variables: Vec<&str> = live.filter_map(|line| line.split('"').nth(1)).collect();
    let [variable] = variables[..] else { panic!("one of the two that are each enough: {lines}") };
    fs::write(&config, format!("[model]\nkind = \"hashing\"\n{lines}\n")).unwrap();
    let (code, told) = ask(&["check"], variable);
    assert_eq!((code, mark(&told).as_str()), (0, "ok"), "{lines}: {told}");
}
