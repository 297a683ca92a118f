//! Every number that bounds something, in one place: what is counted, why this number, what happens at the edge.
//!
//! Each part of the host takes its own section. Units come last in a name.

use serde::Deserialize;

/// All limits. Every field can be set under `[limits.<section>]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The public listener.
    pub intake: IntakeLimits,
    /// The sandbox.
    pub plugin: PluginLimits,
    /// The journal.
    pub journal: JournalLimits,
    /// Chunks, entities, embeddings.
    pub pipeline: PipelineLimits,
    /// Working events off.
    pub direct: DirectLimits,
}

/// Bounds of the HTTP listeners.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntakeLimits {
    /// Bytes of a webhook body. Vendors stay under 1 MiB; over: 413.
    pub webhook_body_bytes_max: usize,
    /// Bytes of all webhook bodies being read or verified, counted by what they announce (`webhook_body_bytes_max` if
    /// nothing): without it, connections times the largest body, 4 GiB. Over: 503.
    pub bodies_bytes_max: usize,
    /// Bytes of a body on the API, files for batch sources included. Over: 413.
    pub api_body_bytes_max: usize,
    /// Bytes of a request's headers. Over: 431.
    pub header_bytes_max: usize,
    /// Milliseconds until the headers must be there. Over: the connection is closed (slow-loris defence).
    pub header_ms_max: u64,
    /// Milliseconds until the body must be there. Over: 408.
    pub body_ms_max: u64,
    /// Milliseconds a connection may be idle between requests. Over: closed.
    pub idle_ms_max: u64,
    /// Open connections a listener. Over: new ones wait in the kernel's queue.
    pub connections_max: usize,
    /// Milliseconds a webhook may wait for verification and the journal together. Over: 503.
    pub accept_ms_max: u64,
    /// Webhooks of one source being answered at the same moment. Less than `plugin.webhook_queue_max`, so that one source
    /// cannot take every place in it. Over: 429.
    pub source_in_flight_max: usize,
    /// Milliseconds a request with `wait=true` waits for its event to end. Over: 202 with the state so far.
    pub wait_ms_max: u64,
    /// Milliseconds `serve` waits for calls in flight after SIGTERM.
    pub drain_ms_max: u64,
}

impl Default for IntakeLimits {
    fn default() -> Self {
        Self {
            webhook_body_bytes_max: 1 << 20,
            bodies_bytes_max: 256 << 20,
            api_body_bytes_max: 64 << 20,
            header_bytes_max: 64 << 10,
            header_ms_max: 10_000,
            body_ms_max: 15_000,
            idle_ms_max: 75_000,
            connections_max: 4_096,
            accept_ms_max: 10_000,
            source_in_flight_max: 768,
            wait_ms_max: 60_000,
            drain_ms_max: 30_000,
        }
    }
}

/// Bounds of a connector's sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginLimits {
    /// Bytes of a `.wasm` file. Over: never loads. Python guests reach 18 MB.
    pub file_bytes_max: u64,
    /// MiB of linear memory a call may use. Over: the call ends with `PLUGIN_MEMORY`.
    pub memory_mib_max: u32,
    /// Table elements a call may use. Over: as memory.
    pub table_elements_max: u32,
    /// Bytes of native stack a call may use. Over: a trap.
    pub stack_bytes_max: usize,
    /// Milliseconds a webhook call may compute. Over: `PLUGIN_TIMEOUT`.
    pub webhook_call_ms_max: u64,
    /// Milliseconds a poll, stream or batch call may compute, its host calls not counted. Over: `PLUGIN_TIMEOUT`.
    pub slow_call_ms_max: u64,
    /// Bytes of documents (or reply files) one call may answer. Over: `PLUGIN_ANSWER`.
    pub answer_bytes_max: usize,
    /// Documents one call may answer. Over: `PLUGIN_ANSWER`.
    pub answer_documents_max: usize,
    /// Host resources a call may hold.
    pub handles_max: u32,
    /// Guest threads for webhook calls.
    pub webhook_threads: u32,
    /// Webhook calls that may wait for a guest thread. Over: 503.
    pub webhook_queue_max: usize,
    /// Milliseconds a webhook call may wait for a guest thread: as long as somebody waits for it (`intake.accept_ms_max`).
    /// Over: it is not run.
    pub webhook_wait_ms_max: u64,
    /// Webhook calls of one source that end in a trap, or over their time or memory, one after the other, before the next
    /// are answered with 503 unrun: each would hold up every other source for its whole time.
    pub breaker_failures: u32,
    /// Milliseconds until such a source's next call is run for a trial.
    pub breaker_open_ms: u64,
    /// Guest threads for poll, stream and batch calls.
    pub slow_threads: u32,
    /// Milliseconds between epoch ticks; 5 to 10 costs next to nothing.
    pub epoch_tick_ms: u64,
    /// HTTP requests one call may send. Over: a `denied` fault.
    pub http_requests_max: u32,
    /// Bytes of one HTTP answer. Over: a fault.
    pub http_answer_bytes_max: usize,
    /// Milliseconds one HTTP request may take.
    pub http_ms_max: u64,
    /// Log lines one call may write; the rest is counted and dropped.
    pub log_lines_max: u32,
    /// Bytes of one log line; the rest is cut.
    pub log_line_bytes_max: usize,
    /// Bytes of one state value.
    pub state_value_bytes_max: usize,
    /// Keys of one source's state.
    pub state_keys_max: u32,
    /// Bytes of one source's state.
    pub state_bytes_max: u64,
}

impl Default for PluginLimits {
    fn default() -> Self {
        Self {
            file_bytes_max: 64 << 20,
            memory_mib_max: 64,
            table_elements_max: 20_000,
            stack_bytes_max: 512 << 10,
            webhook_call_ms_max: 500,
            slow_call_ms_max: 20_000,
            answer_bytes_max: 32 << 20,
            answer_documents_max: 10_000,
            handles_max: 1_000,
            webhook_threads: 1,
            webhook_queue_max: 1_024,
            webhook_wait_ms_max: 10_000,
            breaker_failures: 5,
            breaker_open_ms: 5_000,
            slow_threads: 4,
            epoch_tick_ms: 5,
            http_requests_max: 64,
            http_answer_bytes_max: 16 << 20,
            http_ms_max: 30_000,
            log_lines_max: 200,
            log_line_bytes_max: 4 << 10,
            state_value_bytes_max: 256 << 10,
            state_keys_max: 10_000,
            state_bytes_max: 64 << 20,
        }
    }
}

/// Bounds of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalLimits {
    /// Rows one group commit takes at most.
    pub group_rows_max: usize,
    /// Rows that may wait for the writer. Over: 503.
    pub queue_rows_max: usize,
    /// Days a repeat of an event is known for, and finished events are kept.
    pub dedupe_days: u32,
    /// Rows of one dedup window; sealed windows are searched by index, the open one in memory.
    pub window_rows: u32,
}

impl Default for JournalLimits {
    fn default() -> Self {
        Self { group_rows_max: 256, queue_rows_max: 4_096, dedupe_days: 30, window_rows: 262_144 }
    }
}

/// Bounds of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineLimits {
    /// Tokens of one chunk. all-MiniLM-L6-v2 was trained on 128 and reads 256 at most.
    pub chunk_tokens_max: usize,
    /// Tokens that neighbouring chunks share.
    pub chunk_overlap_tokens: usize,
    /// Chunks of one document. Over: the rest of the content is kept and shown but not searched, and the document says so.
    pub document_chunks_max: usize,
    /// Texts embedded as one batch.
    pub embed_batch_max: usize,
    /// Entities extracted from one document.
    pub document_entities_max: usize,
}

impl Default for PipelineLimits {
    fn default() -> Self {
        Self {
            chunk_tokens_max: 200,
            chunk_overlap_tokens: 32,
            document_chunks_max: 500,
            embed_batch_max: 16,
            document_entities_max: 200,
        }
    }
}

/// Bounds of working events off on the direct path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DirectLimits {
    /// Events worked off at the same time.
    pub workers: u32,
    /// Events claimed at once.
    pub claim_events_max: u32,
    /// Milliseconds a lease lasts without being renewed.
    pub lease_ms: u64,
    /// Attempts before an event goes to the dead letters.
    pub attempts_max: u32,
    /// Attempts before an event whose connector traps, runs over its time or its memory goes to the dead letters: the same input mostly
    /// ends the same way, and each attempt costs a whole time limit.
    pub trap_attempts_max: u32,
    /// Documents of one event prepared and written together; documents of events waiting at the same moment share their embedding batches.
    pub prepare_documents_max: usize,
    /// Milliseconds of the first back-off; it doubles with full jitter.
    pub backoff_ms_min: u64,
    /// Milliseconds of the longest back-off.
    pub backoff_ms_max: u64,
    /// Milliseconds between looks at something that waits for a person.
    pub hold_ms: u64,
    /// Documents one poll may return.
    pub poll_documents_max: u32,
    /// Bytes one poll may return.
    pub poll_bytes_max: u32,
    /// Milliseconds one poll may take; a connector returns early rather than overrun.
    pub poll_ms_max: u32,
    /// Polled pages of a source that may be unfinished before polling waits for them.
    pub poll_pages_ahead_max: u32,
    /// Milliseconds that work in hand may take to finish when the host stops; what is left is given back. Less than `intake.drain_ms_max`.
    pub stop_ms_max: u64,
}

impl Default for DirectLimits {
    fn default() -> Self {
        Self {
            workers: 4,
            claim_events_max: 32,
            lease_ms: 60_000,
            attempts_max: 8,
            trap_attempts_max: 3,
            prepare_documents_max: 64,
            backoff_ms_min: 100,
            backoff_ms_max: 30_000,
            hold_ms: 15_000,
            poll_documents_max: 500,
            poll_bytes_max: 8 << 20,
            poll_ms_max: 15_000,
            poll_pages_ahead_max: 8,
            stop_ms_max: 25_000,
        }
    }
}
