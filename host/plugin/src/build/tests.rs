//! A connector is built the way an author's is, and the ways it can fail say what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::{BuildError, BuildSettings, Built, Progress, ToolchainChoice, build, connectors, needs_rebuild};

const CONNECTOR: &str = r#"
use apex_sdk::prelude::*;

struct Doorbell;

impl Describe for Doorbell {
    fn describe() -> Description {
        Description::new("doorbell", "1.0.0", "Rings at the door")
    }
}

impl Webhook for Doorbell {
    fn verify(request: &Request) -> Verdict {
        signature::token("webhook", request.header("x-token").unwrap_or_default())
            .map(|()| Acceptance::new(signature::body_key(), "ring"))
            .into()
    }

    fn parse(request: &Request) -> Result<Vec<Document>, Fault> {
        Ok(vec![Document::new("ring", "ring").text(request.text()?)])
    }
}

export_connector!(Doorbell: webhook);
"#;

/// The connector `doorbell` in a workspace of its own in `plugins`, the kit taken from this repository.
fn doorbell(plugins: &Path, exports: &str, source: &str) -> PathBuf {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/sdk").canonicalize().unwrap();
    let dir = plugins.join("doorbell");
    fs::create_dir_all(dir.join("src")).unwrap();
    let workspace = "[workspace]\nresolver = \"3\"\nmembers = [\"doorbell\"]\n";
    fs::write(plugins.join("Cargo.toml"), workspace).unwrap();
    let package = format!(
        "[package]\nname = \"doorbell\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n\n[dependencies]\napex-sdk = {{ path = {kit:?} }}\n"
    );
    fs::write(dir.join("Cargo.toml"), package).unwrap();
    let manifest = format!("id = \"doorbell\"\nversion = \"1.0.0\"\nexports = {exports}\n");
    fs::write(dir.join("plugin.toml"), manifest).unwrap();
    fs::write(dir.join("src/lib.rs"), source).unwrap();
    dir
}

/// What is compiled for these tests is kept in the repository's target folder: a guest then takes a second.
fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guest-tests")
}

fn settings() -> BuildSettings {
    BuildSettings { cache: kept(), toolchain: ToolchainChoice::Find }
}

/// What a build left and said. The tests that compile share one workspace, so they take turns.
struct Outcome {
    result: Result<Built, BuildError>,
    component: Option<Vec<u8>>,
    /// The component's time.
    changed: Option<SystemTime>,
    /// When the compiler was done.
    compiled: SystemTime,
    steps: Vec<String>,
}

fn build_doorbell(exports: &str, source: &str) -> Outcome {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = doorbell(&kept().join("plugins"), exports, source);
    let out = tempfile::tempdir().unwrap();
    let steps = RefCell::new(Vec::new());
    let compiled = Cell::new(SystemTime::UNIX_EPOCH);
    let note = |step: Progress| {
        if matches!(step, Progress::Component(_)) {
            compiled.set(SystemTime::now());
        }
        steps.borrow_mut().push(step.to_string());
    };
    let result = build(&dir, out.path(), &settings(), &note);
    let component = out.path().join("doorbell.wasm");
    Outcome {
        result,
        changed: fs::metadata(&component).ok().map(|file| file.modified().unwrap()),
        component: fs::read(component).ok(),
        compiled: compiled.get(),
        steps: steps.into_inner(),
    }
}

#[test]
fn a_component_exports_what_is_named_and_imports_what_is_used() {
    let outcome = build_doorbell("[\"webhook\"]", CONNECTOR);
    let built = outcome.result.unwrap();
    assert!(outcome.changed.unwrap() < outcome.compiled, "a source changed during the build must be newer");
    assert_eq!(built.path.file_name().unwrap(), "doorbell.wasm");
    assert!(outcome.steps.contains(&"compiling 1 connector".to_owned()), "{:?}", outcome.steps);
    assert_eq!(outcome.steps.last().unwrap(), "wrapping doorbell as a component");

    let bytes = outcome.component.unwrap();
    assert_eq!(bytes.len() as u64, built.bytes);
    let wit_component::DecodedWasm::Component(resolve, world) = wit_component::decode(&bytes).unwrap() else {
        panic!("not a component");
    };
    let world = &resolve.worlds[world];
    // Sets: which interface comes first is the encoder's business.
    let exports: BTreeSet<String> = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    assert_eq!(exports, ["apex:connector/describe@1.0.0", "apex:connector/webhook@1.0.0"].map(String::from).into());
    let imports: BTreeSet<String> = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    assert_eq!(imports, ["apex:connector/types@1.0.0", "apex:connector/crypto@1.0.0"].map(String::from).into());
}

#[test]
fn the_manifest_is_in_a_section_of_the_component() {
    let outcome = build_doorbell("[\"webhook\"]", CONNECTOR);
    let mut found = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(&outcome.component.unwrap()) {
        if let wasmparser::Payload::CustomSection(section) = payload.unwrap()
            && section.name() == "apex:manifest"
        {
            found.push(String::from_utf8(section.data().to_vec()).unwrap());
        }
    }
    assert_eq!(found, ["id = \"doorbell\"\nversion = \"1.0.0\"\nexports = [\"webhook\"]\n"]);
}

#[test]
fn a_manifest_that_promises_more_is_refused() {
    let outcome = build_doorbell("[\"poll\", \"webhook\"]", CONNECTOR);
    let error = outcome.result.unwrap_err();
    assert!(matches!(error, BuildError::Exports { .. }), "{error}");
    assert!(outcome.component.is_none(), "nothing is written");
}

#[test]
fn a_compiler_error_is_shown() {
    let outcome = build_doorbell("[\"webhook\"]", "fn broken() -> u32 { \"text\" }");
    let message = outcome.result.unwrap_err().to_string();
    assert!(message.contains("mismatched types"), "{message}");
    assert!(message.contains("src/lib.rs:1"), "{message}");
}

#[test]
fn a_crate_that_exports_no_connector_is_refused() {
    let error = build_doorbell("[\"webhook\"]", "//! Empty.\n").result.unwrap_err();
    assert!(matches!(error, BuildError::Component { .. }), "{error}");
    assert!(error.to_string().contains("export_connector!"), "{error}");
}

#[test]
fn names_must_agree() {
    let plugins = tempfile::tempdir().unwrap();
    let dir = doorbell(plugins.path(), "[]", "");
    let manifest = dir.join("plugin.toml");
    fs::write(&manifest, "id = \"bell\"\nexports = []\n").unwrap();
    let error = build(&dir, plugins.path(), &settings(), &|_| ()).unwrap_err();
    assert!(matches!(&error, BuildError::Name { found, .. } if found == "bell"), "{error}");
    fs::remove_file(manifest).unwrap();
    let error = build(&dir, plugins.path(), &settings(), &|_| ()).unwrap_err();
    assert!(matches!(&error, BuildError::NotAConnector { .. }), "{error}");
    assert!(error.to_string().contains("plugin.toml"), "{error}");
}

#[test]
fn every_folder_with_a_manifest_is_a_connector() {
    let plugins = tempfile::tempdir().unwrap();
    let dir = doorbell(plugins.path(), "[]", "");
    fs::create_dir(plugins.path().join("sdk")).unwrap();
    assert_eq!(connectors(plugins.path()).unwrap(), [dir]);
}

#[test]
fn a_component_is_stale_when_any_source_is_newer() {
    let plugins = tempfile::tempdir().unwrap();
    let dir = doorbell(plugins.path(), "[]", "");
    let component = plugins.path().join("doorbell.wasm");
    assert!(needs_rebuild(&dir, &component), "there is none");

    let later = |seconds| SystemTime::now() + Duration::from_secs(seconds);
    File::create(&component).unwrap().set_modified(later(100)).unwrap();
    assert!(!needs_rebuild(&dir, &component));
    let deep = dir.join("src/parts/one.rs");
    fs::create_dir(dir.join("src/parts")).unwrap();
    File::create(&deep).unwrap().set_modified(later(200)).unwrap();
    assert!(needs_rebuild(&dir, &component), "a source changed");

    File::open(&component).unwrap().set_modified(later(300)).unwrap();
    fs::create_dir(plugins.path().join("sdk")).unwrap();
    assert!(!needs_rebuild(&dir, &component));
    File::create(plugins.path().join("sdk/Cargo.toml")).unwrap().set_modified(later(400)).unwrap();
    assert!(needs_rebuild(&dir, &component), "the kit changed");
}
