//! Runs webhook cases natively: the folders and rules of `plugins/CASES.md`, which the host's tool runs against the built
//! component. Shared by the connectors beside this one.
#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::{Path, PathBuf};

use apex_sdk::prelude::*;
use apex_sdk::testing::{TestHost, set_up};
use base64::Engine as _;
use serde_json::{Map, Value, json};

/// A case's folder, read.
pub struct Case {
    pub folder: PathBuf,
    pub name: String,
    /// `case.toml` as JSON.
    pub settings: Value,
}

/// Every case of a connector, by name.
pub fn cases(connector: &str) -> Vec<Case> {
    let folder = Path::new(connector).join("cases");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    let read = |folder: PathBuf| {
        let settings = std::fs::read_to_string(folder.join("case.toml")).unwrap_or_default();
        let settings: Value = toml::from_str(&settings).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Case { name: folder.file_name().unwrap().to_string_lossy().into_owned(), folder, settings }
    };
    folders.into_iter().map(read).collect()
}

impl Case {
    pub fn text(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.join(file)).ok()
    }

    pub fn json(&self, file: &str) -> Value {
        serde_json::from_str(&self.text(file).unwrap_or_else(|| panic!("{}: no {file}", self.name))).expect(&self.name)
    }

    pub fn now_s(&self) -> u32 {
        let now = self.settings["now"].as_str().unwrap_or("2026-01-01T00:00:00Z");
        let moments = [("2026-01-01T00:00:00Z", 1_767_225_600), ("2025-03-18T17:00:00Z", 1_742_317_200)];
        moments.iter().find(|(text, _)| *text == now).map(|(_, seconds)| *seconds).expect("a moment this test knows")
    }

    /// A host as the case wants it. Only the last of several keys: the native host knows one.
    pub fn host(&self, base64_secrets: bool) -> TestHost {
        let key = |value: &Value| {
            let text = value.as_array().map_or(value, |keys| keys.last().unwrap()).as_str().unwrap().to_owned();
            if base64_secrets {
                base64::engine::general_purpose::STANDARD.decode(&text).unwrap_or_else(|_| text.into_bytes())
            } else {
                text.into_bytes()
            }
        };
        let secrets = self.settings["secrets"].as_object().into_iter().flatten();
        TestHost {
            now: Instant { seconds: self.now_s(), nanoseconds: 0 },
            config: self.settings.get("config").map_or_else(|| "{}".to_owned(), Value::to_string),
            secrets: secrets.map(|(name, value)| (name.clone(), key(value))).collect(),
            ..TestHost::default()
        }
    }
}

/// Runs one webhook case.
pub fn webhook<C: Webhook>(case: &Case, base64_secrets: bool) {
    let bytes = std::fs::read(case.folder.join("request.http")).unwrap();
    let request = request(&bytes, case.now_s());
    set_up(TestHost { body: request.body.clone(), ..case.host(base64_secrets) });
    let verdict = C::verify(&request);
    let parsed = matches!(verdict, Verdict::Accept(_)).then(|| C::parse(&request));
    let expected_error = case.text("error.txt");
    let outcome = match (&verdict, &parsed) {
        (Verdict::Reject(rejection), _) => format!("reject {}", rejection_name(*rejection)),
        (_, Some(Err(fault))) => format!("fault {} {}", kind(fault), fault.code),
        _ => String::new(),
    };
    if let Some(expected) = expected_error {
        assert_eq!(outcome, expected.lines().next().unwrap(), "{}", case.name);
        return;
    }
    assert_eq!(outcome, "", "{}", case.name);
    let reply = |reply: &Reply| json!({ "status": reply.status, "content_type": reply.content_type, "body": String::from_utf8_lossy(&reply.body) });
    let mut found = match &verdict {
        Verdict::Accept(accepted) => {
            json!({ "verdict": "accept", "event_key": accepted.event_key, "event_type": accepted.event_type })
        }
        Verdict::Challenge(answer) => json!({ "verdict": "challenge", "reply": reply(answer) }),
        Verdict::Ignore(answer) => json!({ "verdict": "ignore", "reply": reply(answer) }),
        Verdict::Reject(_) => json!({}),
    };
    if let Some(Ok(documents)) = parsed {
        found["documents"] = documents.iter().map(document).collect();
    }
    matches(&case.json("expected.json"), &found, &case.name);
}

fn request(bytes: &[u8], now_s: u32) -> Request {
    let crlf = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| (at, at + 4));
    let (head, body) = crlf.or_else(|| bytes.windows(2).position(|two| two == b"\n\n").map(|at| (at, at + 2))).unwrap();
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.lines();
    let mut first = lines.next().unwrap().split(' ');
    let headers: Vec<String> = lines
        .map(|line| line.split_once(':').map(|(name, value)| format!("{}:{value}\n", name.to_lowercase())).unwrap())
        .collect();
    Request {
        method: first.next().unwrap().to_owned(),
        target: first.next().unwrap().to_owned(),
        headers: headers.concat(),
        body: bytes[body..].to_vec(),
        received_at: Instant { seconds: now_s, nanoseconds: 0 },
    }
}

fn rejection_name(rejection: Rejection) -> &'static str {
    match rejection {
        Rejection::MissingSignature => "missing-signature",
        Rejection::BadSignature => "bad-signature",
        Rejection::Stale => "stale",
        Rejection::NotConfigured => "not-configured",
    }
}

/// A fault's kind by its name in the contract.
pub fn kind(fault: &Fault) -> &'static str {
    match fault.kind {
        FaultKind::Retryable(_) => "retryable",
        FaultKind::RateLimited(_) => "rate-limited",
        FaultKind::Unauthorized => "unauthorized",
        FaultKind::Permanent => "permanent",
        FaultKind::BadConfig(_) => "bad-config",
        FaultKind::CursorLost => "cursor-lost",
        FaultKind::Denied => "denied",
        FaultKind::Cancelled => "cancelled",
    }
}

/// A document as cases see it.
pub fn document(document: &Document) -> Value {
    let mut fields = Map::new();
    let relations = document.relations.iter().map(|edge| format!("{} {} {}", edge.from, edge.kind, edge.to));
    for (name, value) in [
        ("id", json!(document.id)),
        ("kind", json!(document.kind)),
        ("op", json!(if document.op == Op::Upsert { "upsert" } else { "delete" })),
        ("title", json!(document.title)),
        ("content", json!(document.content)),
        ("media_type", json!(document.media_type)),
        ("metadata", serde_json::from_str(&document.metadata).unwrap()),
        ("entities", document.entities.iter().map(|entity| entity.key.clone()).collect()),
        ("relations", relations.collect()),
    ] {
        fields.insert(name.to_owned(), value);
    }
    let optional = [("occurred_at", &document.occurred_at), ("sequence", &document.sequence)];
    fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))));
    Value::Object(fields)
}

/// The rules of comparison of `CASES.md`.
pub fn matches(expected: &Value, found: &Value, at: &str) {
    match (expected, found) {
        (Value::Object(wanted), Value::String(text)) => {
            let parts = |name: &str| {
                wanted
                    .get(name)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .map(|part| part.as_str().unwrap().to_owned())
                    .collect::<Vec<_>>()
            };
            let (holds, lacks) = (parts("contains"), parts("lacks"));
            assert!(!holds.is_empty() || !lacks.is_empty(), "{at}: text for an object: {text}");
            for part in holds {
                assert!(text.contains(&part), "{at}: `{part}` is not in `{text}`");
            }
            for part in lacks {
                assert!(!text.contains(&part), "{at}: `{part}` is in `{text}`");
            }
        }
        (Value::Object(wanted), Value::Object(there)) => {
            for (name, value) in wanted {
                let at = format!("{at}/{name}");
                match there.get(name) {
                    None => assert_eq!(*value, json!({ "absent": true }), "{at}: missing"),
                    Some(there) if matches!(name.as_str(), "entities" | "relations") => all_in(value, there, &at),
                    Some(there) => matches(value, there, &at),
                }
            }
        }
        (Value::Array(wanted), Value::Array(there)) => {
            assert_eq!(wanted.len(), there.len(), "{at}: another number: {there:#?}");
            for (number, (wanted, there)) in wanted.iter().zip(there).enumerate() {
                matches(wanted, there, &format!("{at}/{number}"));
            }
        }
        _ => assert_eq!(expected, found, "{at}"),
    }
}

fn all_in(wanted: &Value, there: &Value, at: &str) {
    let there = there.as_array().unwrap();
    for one in wanted.as_array().unwrap() {
        assert!(there.contains(one), "{at}: {one} is not in {there:?}");
    }
}
