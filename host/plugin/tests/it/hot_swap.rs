//! Files come, change and go while the host runs: what is good answers within two seconds, what is bad never does.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use apex_config::limits::PluginLimits;
use apex_model::plugin::PluginState;
use apex_model::ports::PluginCatalog;
use apex_model::source::SourceState;
use apex_plugin::{Catalog, SourceSettings};
use secrecy::SecretString;

use crate::guest::{Guest, accepting, append_section, checking};
use crate::host::{accepted_key, catalog, limits, plugin_error, source, wait_for};

struct Setup {
    _dir: tempfile::TempDir,
    plugins: PathBuf,
    catalog: Catalog,
}

fn start(files: &[(&str, Vec<u8>)], sources: Vec<SourceSettings>, limits: PluginLimits) -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let plugins = dir.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    for (name, bytes) in files {
        std::fs::write(plugins.join(name), bytes).unwrap();
    }
    let catalog = catalog(&plugins, &dir.path().join("cache"), limits, sources);
    Setup { _dir: dir, plugins, catalog }
}

impl Setup {
    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.plugins.join(name), bytes).unwrap();
    }

    fn state(&self, name: &str) -> Option<SourceState> {
        self.catalog.sources().into_iter().find(|found| found.name == source(name)).map(|found| found.state)
    }
}

#[test]
fn a_copied_file_answers_a_new_one_replaces_it_and_a_deleted_one_drains() {
    let setup = start(&[], Vec::new(), limits());
    assert_eq!(accepted_key(&setup.catalog, "front"), Err("APEX0004".to_owned()));
    let mut generations = setup.catalog.subscribe();
    generations.mark_unchanged();
    setup.put("front.wasm", &accepting("front", "old").build());
    wait_for("the copied file answers", || accepted_key(&setup.catalog, "front").as_deref() == Ok("old"));
    assert!(generations.has_changed().unwrap());
    setup.put("front.wasm", &accepting("front", "new").version("1.1.0").build());
    wait_for("the new content answers", || accepted_key(&setup.catalog, "front").as_deref() == Ok("new"));
    assert_eq!(setup.catalog.plugins()[0].version, "1.1.0");
    std::fs::remove_file(setup.plugins.join("front.wasm")).unwrap();
    wait_for("the source drains", || setup.state("front") == Some(SourceState::Draining));
    assert_eq!(accepted_key(&setup.catalog, "front"), Err("APEX0020".to_owned()));
    assert!(setup.catalog.plugins().is_empty());
    setup.put("front.wasm", &accepting("front", "back").build());
    wait_for("the source is back", || accepted_key(&setup.catalog, "front").as_deref() == Ok("back"));
    assert_eq!(setup.state("front"), Some(SourceState::Active));
}

#[test]
fn a_directory_made_later_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let plugins = dir.path().join("plugins");
    let catalog = catalog(&plugins, &dir.path().join("cache"), limits(), Vec::new());
    std::fs::create_dir(&plugins).unwrap();
    std::fs::write(plugins.join("front.wasm"), accepting("front", "k").build()).unwrap();
    wait_for("the file answers", || accepted_key(&catalog, "front").as_deref() == Ok("k"));
}

#[test]
fn bad_content_never_answers_and_the_old_keeps_answering() {
    let good = accepting("front", "good").build();
    let half = good[..good.len() / 2].to_vec();
    let module = wat::parse_str(accepting("front", "bad").module()).unwrap();
    let wasi = wat::parse_str(r#"(component (import "wasi:cli/environment@0.2.0" (instance)))"#).unwrap();
    let wrong_world = wat::parse_str(r#"(component (import "apex:connector/telepathy@1.0.0" (instance)))"#).unwrap();
    let no_describe = wat::parse_str("(component)").unwrap();
    let lying = accepting("front", "bad").manifest("[surprise]\n").build();
    let renamed = {
        let other = accepting("front", "bad");
        let manifest = other.manifest_text().replace("\"front\"", "\"other\"");
        let mut bytes = other.build_bare();
        append_section(&mut bytes, "apex:manifest", manifest.as_bytes());
        bytes
    };
    let offering = {
        let other = accepting("front", "bad");
        let manifest = other.manifest_text().replace("\"webhook\"", "\"webhook\", \"poll\"");
        let mut bytes = other.build_bare();
        append_section(&mut bytes, "apex:manifest", manifest.as_bytes());
        bytes
    };
    let trapping = accepting("front", "bad").define("(func $boom unreachable) (start $boom)").build();
    let huge = {
        let mut bytes = accepting("front", "bad").build();
        append_section(&mut bytes, "padding", &vec![0; 100_000]);
        bytes
    };
    let setup = start(&[("front.wasm", good)], Vec::new(), PluginLimits { file_bytes_max: 50_000, ..limits() });
    for (bad, reason) in [
        (Vec::new(), "the file is empty"),
        (half, "not a WebAssembly component"),
        (b"\0asm, or so".to_vec(), "not a WebAssembly component"),
        (module, "core WebAssembly module"),
        (wasi, "wasi:cli/environment@0.2.0"),
        (wrong_world, "telepathy"),
        (no_describe, "does not export `describe`"),
        (Guest::new("front").stream().build(), "it offers `stream` alone"),
        (lying, "unknown field `surprise`"),
        (renamed, "the manifest says `other`"),
        (offering, "the manifest says it exports [poll, webhook]"),
        (trapping, "trap: "),
        (huge, "limits.plugin.file_bytes_max"),
    ] {
        setup.put("front.wasm", &bad);
        wait_for(reason, || plugin_error(&setup.catalog).is_some_and(|error| error.contains(reason)));
        assert_eq!(setup.catalog.plugins()[0].state, PluginState::Failed);
        assert!(plugin_error(&setup.catalog).is_some_and(|error| error.lines().count() == 1), "one line: {reason}");
        assert_eq!(accepted_key(&setup.catalog, "front").as_deref(), Ok("good"), "{reason}");
    }
}

#[test]
fn another_connectors_content_does_not_silence_the_one_that_answers() {
    let other = accepting("other", "other").build();
    let files = [("front.wasm", accepting("front", "good").build()), ("other.wasm", other.clone())];
    let setup = start(&files, Vec::new(), limits());
    for (foreign, id) in [(other, "other"), (accepting("third", "third").build(), "third")] {
        setup.put("front.wasm", &foreign);
        let reason = format!("front.wasm: it is `{id}` now, and `front` answers from this file");
        wait_for(&reason, || plugin_error(&setup.catalog).is_some_and(|error| error.contains(&reason)));
        let front = setup.catalog.plugins().into_iter().find(|plugin| plugin.name == "front").unwrap();
        assert_eq!(front.state, PluginState::Failed);
        assert_eq!(accepted_key(&setup.catalog, "front").as_deref(), Ok("good"));
        assert_eq!(accepted_key(&setup.catalog, "other").as_deref(), Ok("other"));
    }
    // A file from which nothing answers may become another connector.
    setup.put("other-2.wasm", &accepting("other", "twin").build());
    wait_for("the twin is refused", || setup.catalog.plugins().len() == 3);
    setup.put("other-2.wasm", &accepting("fourth", "fourth").build());
    wait_for("it answers", || accepted_key(&setup.catalog, "fourth").as_deref() == Ok("fourth"));
}

#[test]
fn a_link_out_of_the_directory_does_not_load() {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("front.wasm");
    std::fs::write(&file, accepting("front", "k").build()).unwrap();
    let setup = start(&[], Vec::new(), limits());
    symlink(&file, setup.plugins.join("front.wasm")).unwrap();
    wait_for("it is refused", || plugin_error(&setup.catalog).is_some_and(|error| error.contains("symbolic link")));
    assert_eq!(accepted_key(&setup.catalog, "front"), Err("APEX0004".to_owned()));
}

#[test]
fn a_pipe_is_refused_without_being_opened() {
    let dir = tempfile::tempdir().unwrap();
    let plugins = dir.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    let pipe = plugins.join("x.wasm");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs: apt-get install coreutils");
    assert!(made.success());
    // Opening a pipe that nobody writes to never returns, so that what opens it would hang this thread.
    let (send, started) = sync_channel(1);
    let (at, cache) = (plugins.clone(), dir.path().join("cache"));
    std::thread::spawn(move || {
        let error = apex_plugin::inspect(&at.join("x.wasm"), 1_000).unwrap_err();
        send.send((error, catalog(&at, &cache, limits(), Vec::new()))).unwrap();
    });
    let (error, catalog) = started.recv_timeout(Duration::from_secs(5)).expect("start does not wait for a writer");
    assert!(error.to_string().contains("not a regular file"), "{error}");
    assert_eq!(catalog.plugins()[0].state, PluginState::Failed);
    assert!(plugin_error(&catalog).is_some_and(|error| error.contains("not a regular file")));
    std::fs::write(plugins.join("front.wasm"), accepting("front", "k").build()).unwrap();
    wait_for("later files are noticed", || accepted_key(&catalog, "front").as_deref() == Ok("k"));
}

#[test]
fn of_two_files_with_one_id_the_one_that_is_called_so_wins() {
    let files = [("a.wasm", accepting("front", "a").build()), ("front.wasm", accepting("front", "named").build())];
    let setup = start(&files, Vec::new(), limits());
    assert_eq!(accepted_key(&setup.catalog, "front").as_deref(), Ok("named"));
    let failed: Vec<_> =
        setup.catalog.plugins().into_iter().filter(|plugin| plugin.state == PluginState::Failed).collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].error.as_deref().unwrap().starts_with("a.wasm: `front.wasm` has the same manifest id"));
}

#[test]
fn a_waiting_source_works_once_it_is_configured() {
    let setup = start(&[("front.wasm", checking("front").build())], Vec::new(), limits());
    assert_eq!(setup.state("front"), Some(SourceState::Waiting));
    assert_eq!(setup.catalog.plugins()[0].state, PluginState::Waiting);
    assert_eq!(accepted_key(&setup.catalog, "front"), Err("APEX0028".to_owned()));
    let mut settings = SourceSettings::bare(source("mail"), "front");
    settings.secrets.insert("webhook".to_owned(), vec![SecretString::from("s")]);
    setup.catalog.set_sources(vec![settings.clone()]);
    assert_eq!(setup.state("mail"), Some(SourceState::Active));
    assert_eq!(setup.state("front"), None);
    settings.enabled = false;
    setup.catalog.set_sources(vec![settings]);
    assert_eq!(setup.state("mail"), Some(SourceState::Disabled));
    assert_eq!(accepted_key(&setup.catalog, "mail"), Err("APEX0004".to_owned()));
}

#[test]
fn a_config_is_checked_by_schema_and_by_the_connector() {
    let schema = r#"{"type":"object","properties":{"inbox":{"type":"string"}}}"#;
    let settings = |config: &str| {
        let mut settings = SourceSettings::bare(source("front"), "front");
        config.clone_into(&mut settings.config_json);
        vec![settings]
    };
    let setup =
        start(&[("front.wasm", accepting("front", "k").schema(schema).build())], settings(r#"{"inbox":1}"#), limits());
    let reason = || setup.catalog.sources()[0].reason.clone().unwrap_or_default();
    assert!(reason().contains("`/inbox`: must be of type"), "{}", reason());
    setup.catalog.set_sources(settings(r#"{"inbox":"ops"}"#));
    assert_eq!(setup.state("front"), Some(SourceState::Active));
    // `bad-config` is the fifth kind of the contract's `fault-kind`; its text is the pointer.
    let mut picky = Guest::new("front");
    let accept = picky.accept("k", "t");
    let fault = picky.fault(4, [0, 0, 0], "no-such-inbox", "there is no such inbox");
    let picky = picky
        .schema(schema)
        .check(&format!(
            "(if (result i32) (i32.gt_u (local.get 1) (i32.const 2)) (then (i32.const {fault})) (else (i32.const 0)))"
        ))
        .webhook(&format!("(i32.const {accept})"), "unreachable");
    setup.put("front.wasm", &picky.build());
    wait_for("the new content is refused", || {
        plugin_error(&setup.catalog).is_some_and(|error| error.contains("source `front` would stop"))
    });
    assert_eq!(accepted_key(&setup.catalog, "front").as_deref(), Ok("k"));
}

#[test]
fn a_component_without_a_manifest_is_called_like_its_file() {
    let setup = start(&[("front.wasm", accepting("front", "k").build_bare())], Vec::new(), limits());
    assert_eq!(accepted_key(&setup.catalog, "front").as_deref(), Ok("k"));
}

#[test]
fn content_that_was_refused_is_read_again_under_a_new_configuration() {
    let setup = start(&[("front.wasm", accepting("front", "old").build())], Vec::new(), limits());
    setup.put("front.wasm", &checking("front").build());
    wait_for("it is refused for want of a secret", || {
        plugin_error(&setup.catalog).is_some_and(|error| error.contains("secrets.webhook"))
    });
    assert_eq!(accepted_key(&setup.catalog, "front").as_deref(), Ok("old"));
    let mut settings = SourceSettings::bare(source("front"), "front");
    settings.secrets.insert("webhook".to_owned(), vec![SecretString::from("s")]);
    setup.catalog.set_sources(vec![settings]);
    wait_for("it answers", || accepted_key(&setup.catalog, "front").is_err_and(|what| what.contains("BadSignature")));
    assert_eq!(plugin_error(&setup.catalog), None);
}

#[test]
fn a_source_without_the_secret_its_polls_carry_takes_webhooks_and_is_not_polled() {
    let mut guest = Guest::new("front");
    let accept = guest.accept("k", "t");
    let guest = guest
        .manifest(
            "[[secrets]]\nname = \"token\"\nuse = \"inject\"\nheader = \"authorization\"\n\
             value = \"Bearer {secret}\"\nrequired = false\n[poll]\nevery = \"5s\"\n",
        )
        .webhook(&format!("(i32.const {accept})"), "unreachable")
        .poll("unreachable");
    let mut settings = SourceSettings::bare(source("front"), "front");
    let setup = start(&[("front.wasm", guest.build())], vec![settings.clone()], limits());
    let status = setup.catalog.sources()[0].clone();
    assert_eq!((status.state, status.poll_every_ms), (SourceState::Active, None));
    assert_eq!(status.exports, ["webhook"]);
    let reason = status.reason.unwrap();
    assert!(reason.contains("it is not polled") && reason.contains("FRONT_TOKEN_SECRET"), "{reason}");
    assert_eq!(accepted_key(&setup.catalog, "front").as_deref(), Ok("k"));
    settings.secrets.insert("token".to_owned(), vec![SecretString::from("t")]);
    setup.catalog.set_sources(vec![settings]);
    let status = setup.catalog.sources()[0].clone();
    assert_eq!((status.poll_every_ms, status.reason), (Some(5_000), None));
    assert_eq!(status.exports, ["webhook", "poll"]);
}
