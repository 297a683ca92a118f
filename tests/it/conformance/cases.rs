//! Reads the case folders of `plugins/CASES.md`, opens a workbench in a case's circumstances, and compares what came with
//! what was expected. What is called in which order is the suite's business.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use apex_app::bench::ports::MemoryPorts;
use apex_config::limits::PluginLimits;
use apex_model::delivery::Delivery;
use apex_model::document::{Document, Op};
use apex_model::ids::{SourceName, TraceId};
use apex_model::ports::ConnectorState as _;
use apex_model::{Code, Failure, Retry, Timestamp};
use apex_plugin::SourceSettings;
use apex_plugin::bench::{Answer, Ask, BenchHttp, Workbench, WorkbenchOptions};
use serde_json::{Map, Value, json};

use crate::harness::{components, repository};

/// The files of a case that are no input.
const NOT_INPUT: [&str; 4] = ["case.toml", "expected.json", "error.txt", "check.json"];

/// One case.
pub struct Case {
    pub connector: &'static str,
    pub name: String,
    folder: PathBuf,
    settings: toml::Table,
}

/// A connector in the sandbox, in the circumstances of a case.
pub struct Bench {
    pub work: Workbench,
    pub source: SourceName,
    clock_ms: Arc<AtomicI64>,
    script: Arc<Mutex<Script>>,
}

/// What the source's API answers next, and what it was asked.
#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    asked: Vec<Value>,
}

impl Case {
    /// Every case of a connector, by name.
    pub fn all(connector: &'static str) -> Vec<Self> {
        let folder = repository().join("plugins").join(connector).join("cases");
        let mut folders: Vec<PathBuf> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
        folders.sort();
        let read = |folder: PathBuf| {
            let text = fs::read_to_string(folder.join("case.toml")).unwrap_or_default();
            let settings = text.parse().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            Self { connector, name: folder.file_name().unwrap().to_string_lossy().into_owned(), folder, settings }
        };
        folders.into_iter().map(read).collect()
    }

    /// The input: its file name and bytes.
    pub fn input(&self) -> (String, Vec<u8>) {
        let names = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let named_by_the_page = |name: &str| self.folder.join("page.json").is_file() && name != "page.json";
        let mut inputs: Vec<String> =
            names.filter(|name| !NOT_INPUT.contains(&name.as_str()) && !named_by_the_page(name)).collect();
        assert_eq!(inputs.len(), 1, "{}: exactly one input", self.name);
        let name = inputs.remove(0);
        let bytes = fs::read(self.folder.join(&name)).unwrap();
        (name, bytes)
    }

    /// Another file of the folder.
    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.join(name)).ok()
    }

    /// Compares the outcome: what came, or the line that `error.txt` begins with.
    pub fn judge(&self, outcome: &Result<Value, String>) -> Result<(), String> {
        if let Some(error) = self.file("error.txt") {
            let error = String::from_utf8(error).unwrap();
            let wanted = error.lines().next().unwrap_or_default();
            return match outcome {
                Err(line) if line == wanted => Ok(()),
                other => Err(format!("{wanted} was expected, not {other:?}")),
            };
        }
        let expected: Value = serde_json::from_slice(&self.file("expected.json").unwrap()).unwrap();
        compare(&expected, outcome.as_ref().map_err(Clone::clone)?, "")
    }

    fn table(&self, name: &str) -> toml::Table {
        self.settings.get(name).map(|value| value.as_table().unwrap().clone()).unwrap_or_default()
    }

    /// The built component, bound to a source with this case's secrets, configuration, state and clock.
    pub fn bench(&self) -> Bench {
        // The HTTP client is made even where a script answers, and wants a TLS provider.
        let _installed_once = rustls::crypto::ring::default_provider().install_default();
        let source = SourceName::parse(self.connector).unwrap();
        let mut settings = SourceSettings::bare(source.clone(), self.connector);
        settings.config_json = serde_json::to_string(&self.table("config")).unwrap();
        for (name, value) in self.table("secrets") {
            let keys = value.as_array().cloned().unwrap_or_else(|| vec![value]);
            settings.secrets.insert(name, keys.iter().map(|key| key.as_str().unwrap().to_owned().into()).collect());
        }
        let ports = Arc::new(MemoryPorts::default());
        for (key, value) in self.table("state") {
            ports.set(&source, &key, value.as_str().unwrap().as_bytes()).unwrap();
        }
        let now = self.settings.get("now").map_or("2026-01-01T00:00:00Z", |now| now.as_str().unwrap());
        let clock_ms = Arc::new(AtomicI64::new(Timestamp::parse(now).unwrap().unix_ms()));
        let script = Arc::new(Mutex::new(Script::default()));
        let (clock, answers) = (Arc::clone(&clock_ms), Arc::clone(&script));
        let work = Workbench::open(WorkbenchOptions {
            file: &components().join(format!("{}.wasm", self.connector)),
            settings: Some(settings),
            cache_dir: &Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
            limits: PluginLimits::default(),
            state: ports.clone(),
            blobs: ports,
            clock: Arc::new(move || Timestamp::from_unix_ms(clock.load(Ordering::Relaxed))),
            http: BenchHttp::Script(Arc::new(move |ask| answers.lock().unwrap().answer(ask))),
        });
        let work = work.unwrap_or_else(|failure| panic!("{}: {}: {failure}", self.name, failure.code));
        Bench { work, source, clock_ms, script }
    }
}

impl Bench {
    pub fn now_ms(&self) -> i64 {
        self.clock_ms.load(Ordering::Relaxed)
    }

    pub fn set_clock(&self, ms: i64) {
        self.clock_ms.store(ms, Ordering::Relaxed);
    }

    /// What the next requests are answered.
    pub fn expect(&self, answers: impl Iterator<Item = Answer>) {
        *self.script.lock().unwrap() = Script { answers: answers.collect(), asked: Vec::new() };
    }

    /// What was asked since then.
    pub fn asked(&self) -> Value {
        Value::Array(std::mem::take(&mut self.script.lock().unwrap().asked))
    }

    /// `request.http` as the host would hand it over now.
    pub fn delivery(&self, bytes: &[u8]) -> Delivery {
        let (mut at, mut lines) = (0, Vec::new());
        loop {
            let end = at + bytes[at..].iter().position(|byte| *byte == b'\n').expect("an empty line ends the head");
            let line = std::str::from_utf8(&bytes[at..end]).unwrap().trim_end_matches('\r');
            at = end + 1;
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let mut first = lines.remove(0).split(' ');
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            format!("{}: {}\n", name.to_ascii_lowercase(), value.trim())
        };
        Delivery {
            source: self.source.clone(),
            method: first.next().unwrap().to_owned(),
            target: first.next().unwrap().to_owned(),
            headers: lines.into_iter().map(header).collect(),
            body: bytes[at..].to_vec().into(),
            received_at: Timestamp::from_unix_ms(self.now_ms()),
            trace: TraceId([7; 16]),
        }
    }
}

impl Script {
    fn answer(&mut self, ask: &Ask) -> Result<Answer, String> {
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), json!(value)));
        self.asked.push(json!({
            "method": ask.method,
            "url": ask.url,
            "credential": ask.credential,
            "headers": ask.headers.lines().filter_map(header).collect::<Map<_, _>>(),
            "body": String::from_utf8_lossy(&ask.body),
        }));
        self.answers.pop_front().ok_or_else(|| "the case holds no exchange for this request".to_owned())
    }
}

/// The kind and code of a connector's fault; an error if the call ended otherwise: a trap, a broken contract.
pub fn fault(failure: &Failure) -> Result<(&'static str, &str), String> {
    let kind = match failure.code {
        Code::FAULT_PERMANENT => "permanent",
        Code::FAULT_RETRYABLE => "retryable",
        Code::FAULT_RATE_LIMITED => "rate-limited",
        Code::FAULT_UNAUTHORIZED => "unauthorized",
        Code::FAULT_BAD_CONFIG => "bad-config",
        Code::FAULT_CURSOR_LOST => "cursor-lost",
        Code::FAULT_DENIED => "denied",
        code => return Err(format!("{code}: {failure}")),
    };
    // The host writes a fault as `connector: message (code)`.
    let code = failure.what.strip_suffix(')').and_then(|what| what.rsplit_once(" (")).map(|(_, code)| code);
    code.map(|code| (kind, code)).ok_or_else(|| format!("a fault without a code: {failure}"))
}

/// A failure as the first line of `error.txt` says it.
pub fn fault_line(failure: &Failure) -> String {
    fault(failure).map_or_else(|other| other, |(kind, code)| format!("fault {kind} {code}"))
}

/// The time a failure asks to wait.
pub fn after_ms(failure: &Failure) -> Option<u128> {
    if let Retry::After(delay) = failure.retry { Some(delay.as_millis()) } else { None }
}

/// Documents as cases see them.
pub fn documents(documents: &[Document]) -> Value {
    documents.iter().map(document).collect()
}

fn document(document: &Document) -> Value {
    let relations = document.relations.iter().map(|edge| format!("{} {} {}", edge.from, edge.kind, edge.to));
    let mut fields = json!({
        "id": document.id,
        "kind": document.kind,
        "op": if document.op == Op::Upsert { "upsert" } else { "delete" },
        "title": document.title,
        "content": document.content,
        "media_type": document.media_type,
        "metadata": serde_json::from_str::<Value>(&document.metadata).unwrap(),
        "entities": document.entities.iter().map(|entity| entity.key.clone()).collect::<Vec<_>>(),
        "relations": relations.collect::<Vec<_>>(),
        "attachments": document.attachments.iter().map(|it| json!({"name": it.name, "size": it.size})).collect::<Vec<_>>(),
    });
    if let Some(occurred_at) = &document.occurred_at {
        fields["occurred_at"] = json!(occurred_at);
    }
    if let Some(sequence) = document.sequence {
        fields["sequence"] = json!(sequence.to_string());
    }
    fields
}

/// The rules of comparison of `CASES.md`; the error says where they differ first.
pub fn compare(expected: &Value, found: &Value, at: &str) -> Result<(), String> {
    match (expected, found) {
        (Value::Object(wanted), Value::String(text)) => compare_text(wanted, text, at),
        (Value::Object(wanted), Value::Object(there)) => wanted.iter().try_for_each(|(name, value)| {
            let at = format!("{at}/{name}");
            let absent = *value == json!({"absent": true});
            match there.get(name) {
                None if absent => Ok(()),
                None => Err(format!("{at} is missing")),
                Some(_) if absent => Err(format!("{at} is there")),
                Some(there) if matches!(name.as_str(), "entities" | "relations") => compare_keys(value, there, &at),
                Some(there) => compare(value, there, &at),
            }
        }),
        (Value::Array(wanted), Value::Array(there)) if wanted.len() == there.len() => {
            let mut pairs = wanted.iter().zip(there).enumerate();
            pairs.try_for_each(|(number, (wanted, there))| compare(wanted, there, &format!("{at}/{number}")))
        }
        _ if expected == found => Ok(()),
        _ => Err(format!("{at}: {expected} was expected, not {found}")),
    }
}

fn compare_text(wanted: &Map<String, Value>, text: &str, at: &str) -> Result<(), String> {
    for (rule, parts) in wanted {
        let holds = match rule.as_str() {
            "contains" => true,
            "lacks" => false,
            _ => return Err(format!("{at}: an object was expected, not `{text}`")),
        };
        for part in parts.as_array().unwrap() {
            if text.contains(part.as_str().unwrap()) != holds {
                return Err(format!("{at}: {rule} {part}, but it is `{text}`"));
            }
        }
    }
    Ok(())
}

fn compare_keys(wanted: &Value, there: &Value, at: &str) -> Result<(), String> {
    let (wanted, there) = (wanted.as_array().unwrap(), there.as_array().ok_or("no list")?);
    match wanted.iter().find(|key| !there.contains(key)) {
        Some(key) => Err(format!("{at}: {key} is not in {there:?}")),
        None => Ok(()),
    }
}
