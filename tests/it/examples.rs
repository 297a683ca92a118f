//! What the examples and the connector guide promise, done as they say it: their scripts, their files, their commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{FRONT_SECRET, Server, apex, components, repository, succeed, wait_for};

fn insist_on_tools() {
    for tool in ["bash", "curl", "openssl"] {
        let there = Command::new(tool).arg("--version").output().is_ok();
        assert!(there, "{tool} is missing; install it: apt-get install bash curl openssl");
    }
}

fn text(output: &Output) -> (Option<i32>, String, String) {
    let read = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), read(&output.stdout), read(&output.stderr))
}

#[test]
fn the_front_sender_is_taken_with_the_right_key_only() {
    insist_on_tools();
    let server = Server::start(&["frontapp"], "");
    let send = |key: &str| {
        let mut command = Command::new("bash");
        command.arg(repository().join("examples/front-webhook/send.sh"));
        command.arg(format!("http://{}/webhooks/frontapp", server.intake)).env("FRONTAPP_WEBHOOK_SECRET", key);
        text(&command.output().unwrap())
    };
    let (code, out, error) = send("another-key");
    assert_eq!(code, Some(1), "{out}{error}");
    assert!(out.starts_with("401 "), "{out}{error}");

    let (code, out, error) = send(FRONT_SECRET);
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(out.starts_with("202 {\"event\":\"ev_"), "{out}{error}");
    server.settle();
    // The id and the words are those of front-event.json; an event that holds only a preview is a document of its own.
    let found = succeed(server.apex().args(["--json", "search", "driver held at the dock since 06:10"]));
    let found: Value = serde_json::from_str(&found).unwrap();
    assert!(found.to_string().contains("driver held at the dock"), "{found}");
    let documents = server.get("/v1/documents");
    assert_eq!(documents.as_array().unwrap().len(), 1, "the forged one is not kept: {documents}");
}

#[test]
fn the_minimal_configuration_needs_its_variable_and_nothing_else() {
    // Connectors that nobody configured lie there too.
    let (dir, plugins) = (tempfile::tempdir().unwrap(), components());
    let check = |key: Option<&str>| {
        let mut command = apex();
        command.arg("--config").arg(repository().join("examples/minimal/apex.toml"));
        command.arg("--data").arg(dir.path().join("data")).arg("--plugins").arg(plugins);
        // The weights are a download of their own, which this is not about.
        command.env("APEX__MODEL__KIND", "hashing").env_remove("FRONTAPP_WEBHOOK_SECRET").arg("check");
        if let Some(key) = key {
            command.env("FRONTAPP_WEBHOOK_SECRET", key);
        }
        text(&command.output().unwrap())
    };
    let (code, out, error) = check(Some("any-text"));
    assert_eq!(code, Some(0), "{out}{error}");
    let (code, out, error) = check(None);
    assert_eq!(code, Some(2), "{out}{error}");
    assert!(format!("{out}{error}").contains("FRONTAPP_WEBHOOK_SECRET"), "it names what to set: {out}{error}");
}

/// The connector of `plugins/README.md`, step by step.
struct Guide {
    text: String,
    root: PathBuf,
    server: Server,
}

const GUIDE_SECRET: &str = "any-text";

impl Guide {
    /// The fenced block that follows these words.
    fn block(&self, after: &str) -> String {
        let (_, rest) = self.text.split_once(after).unwrap_or_else(|| panic!("the guide does not say `{after}`"));
        let (_, rest) = rest.split_once("```").unwrap();
        let (_, rest) = rest.split_once('\n').unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    }

    /// The commands of the console block that follows these words.
    fn commands(&self, after: &str) -> Vec<String> {
        self.block(after).lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect()
    }

    /// Types commands into a shell at the root, against this server; `curl` also says the status.
    fn shell(&self, commands: &str) -> (Option<i32>, String, String) {
        let at = |name: &str| self.server.dir.path().join(name).display().to_string();
        let commands = commands
            .replace("http://127.0.0.1:8080", &format!("http://{}", self.server.intake))
            .replace("plugins/yard-gate.wasm", &at("plugins/yard-gate.wasm"));
        let prelude = format!(
            "set -euo pipefail\n\
             apex() {{ '{}' --config '{}' --data '{}' --plugins '{}' \"$@\"; }}\n\
             curl() {{ command curl --silent --show-error --noproxy '*' --write-out ' %{{http_code}}' \"$@\"; }}\n",
            env!("CARGO_BIN_EXE_apex"),
            at("apex.toml"),
            at("data"),
            at("plugins"),
        );
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("{prelude}{commands}")]).current_dir(&self.root).env("NO_COLOR", "1");
        text(&shell.env("YARD_GATE_WEBHOOK_SECRET", GUIDE_SECRET).output().unwrap())
    }

    fn succeed(&self, commands: &str) -> String {
        let (code, out, error) = self.shell(commands);
        assert_eq!(code, Some(0), "{commands}\n{out}{error}");
        out
    }

    fn source_state(&self) -> Option<String> {
        let sources = self.server.get("/v1/sources");
        let source = sources.as_array().unwrap().iter().find(|source| source["name"] == "yard-gate")?.clone();
        Some(source["state"].as_str().unwrap().to_owned())
    }
}

/// The workspace of connectors with the guide's connector as its only one. Always at the same place, so that what was
/// compiled for it before still counts.
fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("own-connector");
    for name in ["plugins/Cargo.toml", "plugins/Cargo.lock", "plugins/sdk", "wit"] {
        copy(&repository().join(name), &root.join(name));
    }
    root
}

/// Writes what differs only: cargo compiles again what is newer.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        write(to, &fs::read(from).unwrap());
    }
}

fn write(to: &Path, bytes: &[u8]) {
    if fs::read(to).ok().as_deref() != Some(bytes) {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, bytes).unwrap();
    }
}

#[test]
fn the_connector_of_the_guide_is_built_dropped_in_and_answers() {
    insist_on_tools();
    let text = fs::read_to_string(repository().join("plugins/README.md")).unwrap();
    // The process that serves has the variable from its start: the guide exports it before.
    let variable = format!("YARD_GATE_WEBHOOK_SECRET={GUIDE_SECRET}");
    let server = Server::start_under(&["env", &variable], &["frontapp"], "");
    let guide = Guide { text, root: workspace(), server };
    for file in ["plugins/yard-gate/Cargo.toml", "plugins/yard-gate/plugin.toml", "plugins/yard-gate/src/lib.rs"] {
        write(&guide.root.join(file), guide.block(&format!("`{file}`")).as_bytes());
    }

    let commands = guide.commands("**2. Build and look.**");
    let [build, inspect, show] = commands.as_slice() else { panic!("{commands:?}") };
    guide.succeed(build);
    assert!(guide.succeed(inspect).contains("webhook"));
    wait_for("the dropped connector", || guide.source_state().filter(|state| state == "waiting"));
    let shown = guide.succeed(show);
    assert!(shown.contains("waiting") && shown.contains("[sources.yard-gate]"), "{shown}");

    let config = guide.server.dir.path().join("apex.toml");
    let before = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{before}\n{}", guide.block("**3. Configure and start.**"))).unwrap();
    wait_for("the configured source", || guide.source_state().filter(|state| state != "waiting"));
    let start = guide.commands("secrets.webhook = { env = \"YARD_GATE_WEBHOOK_SECRET\" }\n```\n");
    let [export, check_and_serve] = start.as_slice() else { panic!("{start:?}") };
    let check = check_and_serve.strip_suffix("; apex serve &").unwrap();
    guide.succeed(&format!("{export}\n{check}"));

    let commands = guide.commands("**4. Send one, find it.**");
    let [body, sign, send, search] = commands.as_slice() else { panic!("{commands:?}") };
    let signed = format!("{sign}\n{send}");
    let first = guide.succeed(&format!("{body}\n{signed}"));
    assert!(first.starts_with("{\"event\":\"ev_") && first.ends_with(" 202"), "{first}");
    guide.server.settle();
    assert!(guide.succeed(search).contains("yard-gate:g-17"));

    // What the guide says below its commands.
    assert_eq!(guide.succeed(&format!("{body}\n{signed}")), first, "a repeat has the same id");
    let forged = guide.succeed(&format!("{body}\nYARD_GATE_WEBHOOK_SECRET=wrong\n{signed}"));
    assert!(forged.ends_with(" 401"), "{forged}");
    let foreign = guide.succeed(&format!("body='{{\"no\":\"passage\"}}'\n{signed}"));
    assert!(foreign.ends_with(" 202"), "{foreign}");
    guide.server.settle();
    assert!(guide.succeed("apex dead-letter list").contains("yard-gate"));
}
