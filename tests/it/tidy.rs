//! Taste as tests: who may name whom, how long files get, that every error code has its page and every link its target.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{repository, succeed};

const LINES_MAX: usize = 600;

/// Which of our crates a crate may name. `app` may name everything.
const ARROWS: &[(&str, &[&str])] = &[
    ("apex-model", &[]),
    ("apex-config", &["apex-model"]),
    ("apex-plugin", &["apex-model", "apex-config"]),
    ("apex-journal", &["apex-model", "apex-config"]),
    ("apex-pipeline", &["apex-model", "apex-config"]),
    ("apex-saga", &["apex-model", "apex-config"]),
    ("apex-stores", &["apex-model", "apex-config"]),
    ("apex-intake", &["apex-model", "apex-config"]),
    ("apex-direct", &["apex-model", "apex-config", "apex-pipeline", "apex-saga"]),
    ("samsara-feed", &[]),
];

/// Which crates may name a foreign one.
const ONLY: &[(&str, &[&str])] = &[
    ("wasmtime", &["apex-plugin"]),
    ("wit-component", &["apex-plugin"]),
    ("sqlx", &["apex-stores"]),
    ("rusqlite", &["apex-journal"]),
    ("candle-core", &["apex-pipeline"]),
    ("tokenizers", &["apex-pipeline"]),
    ("clap", &["apex", "samsara-feed"]),
];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]).current_dir(repository());
    let metadata: Value = serde_json::from_str(&succeed(&mut cargo)).unwrap();
    let package = |package: &Value| {
        let normal = |dependency: &&Value| dependency["kind"].is_null();
        let names = package["dependencies"].as_array().unwrap().iter().filter(normal);
        let names = names.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect();
        (package["name"].as_str().unwrap().to_owned(), names)
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

#[test]
fn parts_meet_in_the_app_and_nowhere_else() {
    let all = dependencies();
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in ARROWS {
        let named = all.get(*name).unwrap_or_else(|| panic!("{name} is a crate"));
        let beyond: Vec<&String> =
            named.iter().filter(|it| ours.contains(it.as_str()) && !allowed.contains(&it.as_str())).collect();
        assert!(beyond.is_empty(), "{name} names {beyond:?}");
    }
    for (foreign, allowed) in ONLY {
        let named: Vec<&String> =
            all.iter().filter(|(_, names)| names.contains(*foreign)).map(|(name, _)| name).collect();
        let beyond: Vec<_> = named.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(beyond.is_empty(), "{beyond:?} name {foreign}");
    }
}

fn files(extension: &str) -> Vec<PathBuf> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(repository());
    let listed = succeed(&mut git);
    let path = |line: &str| repository().join(line);
    let wanted = |path: &PathBuf| path.extension().is_some_and(|it| it == extension) && path.is_file();
    listed.lines().map(path).filter(wanted).collect()
}

#[test]
fn files_say_what_they_are_for_and_stay_short() {
    let (mut lengths, mut silent, mut long) = (Vec::new(), Vec::new(), Vec::new());
    for path in files("rs") {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        lengths.push(lines);
        if !text.starts_with("//!") {
            silent.push(path.clone());
        }
        if lines > LINES_MAX {
            long.push((path, lines));
        }
    }
    assert!(silent.is_empty(), "these files do not open with `//!`: {silent:#?}");
    assert!(long.is_empty(), "longer than {LINES_MAX} lines: {long:#?}");
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median < 150, "the median file has {median} lines");
}

#[test]
fn every_error_code_has_its_page_and_every_page_its_code() {
    let dir = repository().join("docs/errors");
    let pages: BTreeSet<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let codes: BTreeSet<String> = apex_model::Code::ALL.iter().map(|code| format!("{code}.md")).collect();
    assert_eq!(pages, codes);
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for page in files("md") {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            if path.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if !page.parent().unwrap_or(Path::new(".")).join(path).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
