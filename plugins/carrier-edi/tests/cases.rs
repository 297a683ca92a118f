//! The connector's own cases, natively: the same folders and rules that the host's tool runs against the built component.
//! Expected values were read off the EDI by hand.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod common;

use apex_sdk::prelude::*;
use apex_sdk::testing::{TestHost, set_up};
use common::{acknowledge, here, metadata, parse};
use serde_json::{Value, json};

#[test]
fn every_case_comes_out_as_written() {
    let folder = here().join("cases");
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 18, "cases are missing");
    for case in names {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        set_up(TestHost::default());
        let bytes = std::fs::read(case.join("file.edi")).unwrap();
        let parsed = parse(bytes.clone());
        if let Ok(error) = std::fs::read_to_string(case.join("error.txt")) {
            let fault = parsed.expect_err(&name);
            let kind = if matches!(fault.kind, FaultKind::Permanent) { "permanent" } else { "other" };
            assert_eq!(error.lines().next().unwrap(), format!("fault {kind} {}", fault.code), "{name}");
            continue;
        }
        let expected: Value = serde_json::from_slice(&std::fs::read(case.join("expected.json")).unwrap()).expect(&name);
        let whole = parsed.unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        let found = json!({
            "documents": whole.documents.iter().map(document).collect::<Vec<_>>(),
            "issues": whole.issues.iter().map(|issue| json!({ "id": issue.id, "code": issue.fault.code })).collect::<Vec<_>>(),
            "replies": acknowledge(bytes).into_iter().map(|content| json!({ "name": "ack-000000001.edi", "content": content })).collect::<Vec<_>>(),
        });
        matches(&expected, &found, &name);
    }
}

fn document(document: &Document) -> Value {
    let mut fields = json!({
        "id": document.id,
        "kind": document.kind,
        "op": if document.op == Op::Upsert { "upsert" } else { "delete" },
        "title": document.title,
        "content": document.content,
        "metadata": metadata(document),
        "entities": document.entities.iter().map(|entity| entity.key.clone()).collect::<Vec<_>>(),
        "relations": document.relations.iter().map(|r| format!("{} {} {}", r.from, r.kind, r.to)).collect::<Vec<_>>(),
        "attachments": document.attachments.iter().map(|a| json!({ "name": a.name, "size": a.size })).collect::<Vec<_>>(),
    });
    for (name, value) in [("occurred_at", &document.occurred_at), ("sequence", &document.sequence)] {
        if let Some(value) = value {
            fields[name] = json!(value);
        }
    }
    fields
}

/// The rules of comparison of CASES.md.
fn matches(expected: &Value, found: &Value, at: &str) {
    match expected {
        Value::Object(fields) if fields.contains_key("contains") || fields.contains_key("lacks") => {
            let text = found.as_str().unwrap_or_else(|| panic!("{at}: no text but {found}"));
            let list = |name: &str| fields.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
            for part in list("contains") {
                assert!(text.contains(part.as_str().unwrap()), "{at}: {part} is not in {text}");
            }
            for part in list("lacks") {
                assert!(!text.contains(part.as_str().unwrap()), "{at}: {part} is in {text}");
            }
        }
        Value::Object(fields) => {
            for (name, wanted) in fields {
                let at = format!("{at}/{name}");
                match found.get(name) {
                    None => assert_eq!(wanted, &json!({ "absent": true }), "{at} is missing in {found}"),
                    Some(_) if *wanted == json!({ "absent": true }) => panic!("{at} is there"),
                    Some(value) if matches!(name.as_str(), "entities" | "relations") => {
                        for key in wanted.as_array().unwrap() {
                            assert!(value.as_array().unwrap().contains(key), "{at}: {key} is not in {value}");
                        }
                    }
                    Some(value) => matches(wanted, value, &at),
                }
            }
        }
        Value::Array(items) => {
            let values = found.as_array().unwrap_or_else(|| panic!("{at}: no list but {found}"));
            assert_eq!(items.len(), values.len(), "{at}: {found}");
            for (number, (wanted, value)) in items.iter().zip(values).enumerate() {
                matches(wanted, value, &format!("{at}/{number}"));
            }
        }
        _ => assert_eq!(expected, found, "{at}"),
    }
}
