//! A host around the guests: fakes behind the ports, options with short limits, deliveries, waiting for a condition.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use apex_config::limits::PluginLimits;
use apex_model::delivery::{Delivery, Judgement};
use apex_model::failure::PortResult;
use apex_model::ids::{Digest, SourceName, TraceId};
use apex_model::ports::{Blobs, ConnectorState, PluginCatalog, WebhookVerifier};
use apex_model::{Code, Failure, Timestamp};
use apex_plugin::bench::{BenchHttp, Workbench, WorkbenchOptions};
use apex_plugin::{Catalog, CatalogOptions, SourceSettings};
use bytes::Bytes;
use tokio::runtime::{Handle, Runtime};

use crate::guest::Guest;

/// A store in memory that takes two keys.
#[derive(Default)]
pub struct State(Mutex<HashMap<String, Vec<u8>>>);

impl ConnectorState for State {
    fn get(&self, _: &SourceName, key: &str) -> PortResult<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    fn set(&self, _: &SourceName, key: &str, value: &[u8]) -> PortResult<()> {
        let mut all = self.0.lock().unwrap();
        if all.len() >= 2 && !all.contains_key(key) {
            return Err(Failure::hold(Code::FAULT_DENIED, "two keys are enough"));
        }
        all.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn increment(&self, _: &SourceName, _: &str) -> PortResult<u32> {
        Ok(1)
    }

    fn delete(&self, _: &SourceName, key: &str) -> PortResult<()> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }
}

/// Blobs that are hashed and forgotten.
pub struct Hashed;

impl Blobs for Hashed {
    fn put(&self, bytes: &[u8]) -> PortResult<Digest> {
        Ok(Digest::of(bytes))
    }

    fn get(&self, _: Digest) -> PortResult<Option<Bytes>> {
        Ok(None)
    }
}

/// The runtime all tests share; requests run on it, guests do not.
pub fn runtime() -> Handle {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        // Another test binary's module may have installed it; then it is there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    });
    runtime.handle().clone()
}

pub fn limits() -> PluginLimits {
    PluginLimits { webhook_call_ms_max: 100, slow_call_ms_max: 200, ..PluginLimits::default() }
}

pub fn source(name: &str) -> SourceName {
    SourceName::parse(name).unwrap()
}

pub fn catalog(dir: &Path, cache: &Path, limits: PluginLimits, sources: Vec<SourceSettings>) -> Catalog {
    Catalog::start(CatalogOptions {
        plugins_dir: dir.to_owned(),
        cache_dir: cache.to_owned(),
        limits,
        sources,
        state: Arc::new(State::default()),
        blobs: Arc::new(Hashed),
        clock: Arc::new(|| Timestamp::from_unix_ms(1_700_000_000_000)),
        handle: runtime(),
    })
    .unwrap()
}

/// One guest on a workbench, bound to these settings.
pub fn workbench(guest: Guest, limits: PluginLimits, settings: Option<SourceSettings>) -> Result<Workbench, Failure> {
    workbench_with(guest, limits, settings, BenchHttp::Network(runtime()))
}

/// The same, with another way to reach the source.
pub fn workbench_with(
    guest: Guest,
    limits: PluginLimits,
    settings: Option<SourceSettings>,
    http: BenchHttp,
) -> Result<Workbench, Failure> {
    // The client reads the process's TLS provider, which the runtime's set-up installs.
    let _ = runtime();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(format!("{}.wasm", guest.id));
    std::fs::write(&file, guest.build()).unwrap();
    Workbench::open(WorkbenchOptions {
        file: &file,
        settings,
        cache_dir: &dir.path().join("cache"),
        limits,
        state: Arc::new(State::default()),
        blobs: Arc::new(Hashed),
        clock: Arc::new(|| Timestamp::from_unix_ms(1_700_000_000_000)),
        http,
    })
}

pub fn delivery(source_name: &str, target: &str, body: &[u8]) -> Delivery {
    Delivery {
        source: source(source_name),
        method: "POST".to_owned(),
        target: target.to_owned(),
        headers: "content-type: application/json\n".to_owned(),
        body: Bytes::copy_from_slice(body),
        received_at: Timestamp::from_unix_ms(1_700_000_000_000),
        trace: TraceId([7; 16]),
    }
}

/// Sends a delivery through the webhook lane and waits for the judgement.
pub fn verify(catalog: &Catalog, delivery: Delivery) -> PortResult<Judgement> {
    let (send, wait) = std::sync::mpsc::sync_channel(1);
    catalog.verify(delivery, Box::new(move |judgement| send.send(judgement).unwrap()));
    wait.recv_timeout(Duration::from_secs(10)).expect("`done` was called")
}

/// The event key of an accepted delivery, else what came instead.
pub fn accepted_key(catalog: &Catalog, source_name: &str) -> Result<String, String> {
    match verify(catalog, delivery(source_name, "/", b"{}")) {
        Ok(Judgement::Accepted(accepted)) => Ok(accepted.acceptance().event_key.clone()),
        Ok(other) => Err(format!("{other:?}")),
        Err(failure) => Err(failure.code.to_string()),
    }
}

/// Waits until the condition holds, two seconds at most: what a user is promised of a copied file.
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(2);
    while !condition() {
        assert!(Instant::now() < deadline, "not within two seconds: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Why the only plugin is not active.
pub fn plugin_error(catalog: &Catalog) -> Option<String> {
    catalog.plugins().first().and_then(|plugin| plugin.error.clone())
}
