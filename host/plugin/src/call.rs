//! One call into a guest: what it may import, what it has used so far, and the way from an import to its capability.
//!
//! A [`CallState`] lives as long as the call's store; nothing of it outlasts the call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use apex_model::Timestamp;
use apex_model::ids::TraceId;
use bytes::Bytes;
use wasmtime::component::ResourceTable;

use crate::bound::Bound;
use crate::capability::crypto::Message;
use crate::capability::http::{Answer, Ask};
use crate::capability::log::{Level, LogMeter};
use crate::capability::reader::OpenFile;
use crate::capability::{log, state};
use crate::fault::Fault;
use crate::limits::Quota;
use crate::trap::Stop;

/// What is being called; it decides which imports may be used (`wit/v1/world.wit` says so at each function).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// `describe`.
    Describe,
    /// `webhook.verify`.
    Verify,
    /// `webhook.parse`.
    Parse,
    /// `poll`, `stream`, `batch`.
    Work,
}

/// What a guest can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Import {
    Log,
    Clock,
    Config,
    Keys,
    Digest,
    Http,
    State,
    Payload,
}

impl CallKind {
    fn may(self, import: Import) -> bool {
        match self {
            Self::Describe => import == Import::Log,
            Self::Verify => !matches!(import, Import::Http | Import::State | Import::Payload),
            Self::Parse => matches!(import, Import::Log | Import::Config | Import::Digest),
            Self::Work => true,
        }
    }
}

/// What a store holds for one call.
pub(crate) struct CallState {
    bound: Arc<Bound>,
    kind: CallKind,
    body: Bytes,
    trace: Option<TraceId>,
    lines: LogMeter,
    requests: u32,
    kept_bytes: usize,
    outside: Duration,
    files: ResourceTable,
    pub(crate) quota: Quota,
}

impl CallState {
    pub(crate) fn new(bound: Arc<Bound>, kind: CallKind, body: Bytes, trace: Option<TraceId>, quota: Quota) -> Self {
        let mut files = ResourceTable::new();
        files.set_max_capacity(usize::try_from(bound.services().limits.handles_max).unwrap_or(usize::MAX));
        Self {
            bound,
            kind,
            body,
            trace,
            lines: LogMeter::default(),
            requests: 0,
            kept_bytes: 0,
            outside: Duration::ZERO,
            files,
            quota,
        }
    }

    /// Whether this call may use the import; if not, the call ends.
    pub(crate) fn may(&self, import: Import) -> wasmtime::Result<()> {
        if self.kind.may(import) { Ok(()) } else { Err(Stop::Forbidden { import, kind: self.kind }.into()) }
    }

    pub(crate) fn bound(&self) -> &Bound {
        &self.bound
    }

    pub(crate) fn kind(&self) -> CallKind {
        self.kind
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn message<'a>(&'a self, prefix: &'a str, suffix: &'a str) -> Message<'a> {
        Message { prefix: prefix.as_bytes(), body: &self.body, suffix: suffix.as_bytes() }
    }

    pub(crate) fn moment(&self) -> Timestamp {
        (self.bound.services().clock)()
    }

    pub(crate) fn files(&self) -> &ResourceTable {
        &self.files
    }

    pub(crate) fn files_mut(&mut self) -> &mut ResourceTable {
        &mut self.files
    }

    /// Puts a file into the call; answers the handle to lend to the guest.
    pub(crate) fn lend(&mut self, file: OpenFile) -> wasmtime::Result<wasmtime::component::Resource<OpenFile>> {
        let owned = self.files.push(file)?;
        Ok(wasmtime::component::Resource::new_borrow(owned.rep()))
    }

    pub(crate) fn log(&mut self, level: Level, message: &str) {
        if let Some(line) = self.lines.take(&self.bound.services().limits, message) {
            log::write(self.bound.name(), self.trace, level, &line);
        }
    }

    /// Says once how many lines were not written.
    pub(crate) fn report_dropped_lines(&self) {
        if self.lines.dropped() > 0 {
            let text = format!("{} more lines of this call were dropped", self.lines.dropped());
            log::write(self.bound.name(), self.trace, Level::Warn, &text);
        }
    }

    pub(crate) fn http(&mut self, ask: Ask) -> Result<Answer, Fault> {
        let bound = Arc::clone(&self.bound);
        let mut requests = self.requests;
        let answer = self.outside(|| bound.services().http.send(bound.grant(), &mut requests, ask));
        self.requests = requests;
        answer
    }

    pub(crate) fn state_get(&mut self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        state::check_key(key)?;
        let bound = Arc::clone(&self.bound);
        self.outside(|| bound.services().state.get(bound.name(), key)).map_err(|failure| Fault::of_port(&failure))
    }

    pub(crate) fn state_set(&mut self, key: &str, value: &[u8]) -> Result<(), Fault> {
        let bound = Arc::clone(&self.bound);
        let services = bound.services();
        self.outside(|| state::set(&*services.state, &services.limits, bound.name(), key, value))
    }

    pub(crate) fn state_increment(&mut self, key: &str) -> Result<u32, Fault> {
        state::check_key(key)?;
        let bound = Arc::clone(&self.bound);
        self.outside(|| bound.services().state.increment(bound.name(), key)).map_err(|failure| Fault::of_port(&failure))
    }

    pub(crate) fn state_delete(&mut self, key: &str) -> Result<(), Fault> {
        state::check_key(key)?;
        let bound = Arc::clone(&self.bound);
        self.outside(|| bound.services().state.delete(bound.name(), key)).map_err(|failure| Fault::of_port(&failure))
    }

    pub(crate) fn payload_put(&mut self, data: &[u8]) -> Result<String, Fault> {
        let bound = Arc::clone(&self.bound);
        let services = bound.services();
        let mut kept = self.kept_bytes;
        let reference = self.outside(|| state::put_payload(&*services.blobs, &services.limits, &mut kept, data));
        self.kept_bytes = kept;
        reference
    }

    /// Epoch ticks that passed in host calls since this was last asked: the guest is not charged for them.
    pub(crate) fn take_outside_ticks(&mut self) -> u64 {
        let tick_ms = self.bound.services().limits.epoch_tick_ms.max(1);
        let outside_ms = u64::try_from(std::mem::take(&mut self.outside).as_millis()).unwrap_or(u64::MAX);
        outside_ms / tick_ms
    }

    fn outside<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.outside += start.elapsed();
        result
    }
}
