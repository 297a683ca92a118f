//! Tells apart why a call ended early, and says so as a [`Failure`].

use std::fmt::Write as _;

use apex_model::{Code, Failure};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::call::{CallKind, CallState, Import};
use crate::fault::guest_text;

/// Frames of a guest's stack that are shown.
const FRAMES_MAX: usize = 6;

/// Why the host itself ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    /// It computed for longer than it may.
    #[error("the call took longer than it may")]
    Timeout,
    /// It used an import that this call may not use.
    #[error("`{import:?}` may not be used in {kind:?}")]
    Forbidden { import: Import, kind: CallKind },
}

/// The failure for an error that ended a call. The store is to be dropped.
pub(crate) fn failure(error: &wasmtime::Error, state: &CallState) -> Failure {
    let connector = state.bound().connector().id();
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return stopped(*stop, connector, state);
    }
    if let Some(what) = state.quota.exceeded() {
        return Failure::backoff(Code::PLUGIN_MEMORY, format!("{connector}: the call needed more {what} than allowed"))
            .next("raise limits.plugin.memory_mib_max or table_elements_max, or send less at once");
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return Failure::backoff(Code::PLUGIN_BUSY, format!("{connector}: every sandbox slot is in use"));
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => stopped(Stop::Timeout, connector, state),
        Some(Trap::StackOverflow) => {
            Failure::backoff(Code::PLUGIN_MEMORY, format!("{connector}: the call needed more stack than allowed"))
                .next("a recursion without an end, or limits.plugin.stack_bytes_max is too small")
        }
        Some(trap) => Failure::backoff(Code::PLUGIN_TRAP, format!("{connector}: trap: {trap}{}", stack(error)))
            .next("a defect in the connector: its log lines say more; mend it, copy it again, replay the dead letter"),
        None => Failure::never(
            Code::PLUGIN_ANSWER,
            format!("{connector}: the call broke the contract: {}", guest_text(&error.root_cause().to_string())),
        ),
    }
}

fn stopped(stop: Stop, connector: &str, state: &CallState) -> Failure {
    match stop {
        Stop::Timeout => {
            let ms = state.bound().connector().call_ms(state.kind(), &state.bound().services().limits);
            Failure::backoff(Code::PLUGIN_TIMEOUT, format!("{connector}: the call computed for more than {ms} ms"))
        }
        Stop::Forbidden { import, kind } => {
            let (import, kind) = (import_name(import), kind_name(kind));
            Failure::never(Code::FAULT_DENIED, format!("{connector}: `{import}` may not be used in `{kind}`"))
                .next("a defect in the connector: the contract says at each function which imports it may use")
        }
    }
}

fn import_name(import: Import) -> &'static str {
    match import {
        Import::Log => "log",
        Import::Clock => "clock",
        Import::Config => "config",
        Import::Keys => "crypto.verify-*",
        Import::Digest => "crypto.digest",
        Import::Http => "http",
        Import::State => "state",
        Import::Payload => "payload",
    }
}

fn kind_name(kind: CallKind) -> &'static str {
    match kind {
        CallKind::Describe => "describe",
        CallKind::Verify => "webhook.verify",
        CallKind::Parse => "webhook.parse",
        CallKind::Work => "poll, stream and batch",
    }
}

fn stack(error: &wasmtime::Error) -> String {
    let mut text = String::new();
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        for frame in backtrace.frames().iter().take(FRAMES_MAX) {
            let name = frame.func_name().map_or_else(|| format!("function {}", frame.func_index()), guest_text);
            let _ = write!(text, " < {name}");
        }
    }
    text
}
