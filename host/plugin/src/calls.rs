//! Every call into a connector, start to end, on the calling thread: store and limits, instance, function, checked answer.
//!
//! Blocking. Which thread may run what is the lanes' business (`hot.rs`, `slow.rs`).

use std::sync::Arc;

use apex_model::delivery::{Delivery, Verdict};
use apex_model::document::Document;
use apex_model::ids::TraceId;
use apex_model::ports::{Budget, FileBody, FileOutcome, ReplyFile};
use apex_model::{Code, Failure};
use bytes::Bytes;
use wasmtime::{Store, UpdateDeadline};

use crate::answer;
use crate::bindings::v1::exports::{Description, FilePage, Guest, PollPage};
use crate::bound::Bound;
use crate::call::{CallKind, CallState};
use crate::capability::reader::OpenFile;
use crate::fault::{self, Fault};
use crate::limits::Quota;
use crate::trap::{self, Stop};

/// Bytes that a guest may hand over in one go in a webhook call; `wasmtime`'s own default is 128 MiB.
const HOT_HANDOVER_BYTES_MAX: usize = 4 << 20;

/// What `describe.info` says; also checks that every exported function has the contract's type.
pub(crate) fn info(bound: &Arc<Bound>) -> Result<Description, Failure> {
    let mut guest = start(bound, CallKind::Describe, Bytes::new(), None)?;
    let exports = bound.connector().exports();
    exports
        .fit(&mut guest)
        .map_err(|error| Failure::never(Code::PLUGIN_ANSWER, format!("{}: {:#}", bound.connector().id(), error)))?;
    let said = exports.info(&mut guest);
    end(guest, said)
}

/// What the connector says of a configuration.
pub(crate) fn check(bound: &Arc<Bound>, config: &str) -> Result<(), Failure> {
    let mut guest = start(bound, CallKind::Describe, Bytes::new(), None)?;
    let said = bound.connector().exports().check(&mut guest, config);
    end_with_fault(bound, guest, said)
}

/// Judges a delivery.
pub(crate) fn verify(bound: &Arc<Bound>, delivery: &Delivery) -> Result<Verdict, Failure> {
    let webhook = offered(bound, bound.connector().exports().webhook.as_ref(), "webhook")?;
    let mut guest = start(bound, CallKind::Verify, delivery.body.clone(), Some(delivery.trace))?;
    let said = webhook.verify(&mut guest, delivery);
    let verdict = end(guest, said)?;
    answer::check_verdict(&verdict).map_err(|text| broken(bound, &text))?;
    Ok(verdict)
}

/// Turns an accepted delivery into documents.
pub(crate) fn parse(bound: &Arc<Bound>, delivery: &Delivery) -> Result<Vec<Document>, Failure> {
    let webhook = offered(bound, bound.connector().exports().webhook.as_ref(), "webhook")?;
    let mut guest = start(bound, CallKind::Parse, delivery.body.clone(), Some(delivery.trace))?;
    let said = webhook.parse(&mut guest, delivery);
    let documents = end_with_fault(bound, guest, said)?;
    answer::check_documents(&documents, &bound.services().limits).map_err(|text| broken(bound, &text))?;
    Ok(documents)
}

/// The independent parts to poll.
pub(crate) fn slices(bound: &Arc<Bound>) -> Result<Vec<String>, Failure> {
    let poll = offered(bound, bound.connector().exports().poll.as_ref(), "poll")?;
    let mut guest = start(bound, CallKind::Work, Bytes::new(), None)?;
    let said = poll.slices(&mut guest);
    let slices = end_with_fault(bound, guest, said)?;
    answer::check_slices(&slices).map_err(|text| broken(bound, &text))?;
    Ok(slices)
}

/// Fetches one page.
pub(crate) fn fetch(
    bound: &Arc<Bound>,
    slice: &str,
    cursor: Option<&str>,
    budget: Budget,
) -> Result<PollPage, Failure> {
    let poll = offered(bound, bound.connector().exports().poll.as_ref(), "poll")?;
    let mut guest = start(bound, CallKind::Work, Bytes::new(), None)?;
    let said = poll.fetch(&mut guest, slice, cursor, budget);
    let page = end_with_fault(bound, guest, said)?;
    answer::check_documents(&page.documents, &bound.services().limits)
        .and_then(|()| answer::check_cursor(&page.cursor))
        .map_err(|text| broken(bound, &text))?;
    Ok(page)
}

/// Reads on in a file.
pub(crate) fn parse_file(bound: &Arc<Bound>, file: FileBody, resume: Option<&str>) -> Result<FilePage, Failure> {
    let batch = offered(bound, bound.connector().exports().batch.as_ref(), "batch")?;
    let file = open(bound, file)?;
    let mut guest = start(bound, CallKind::Work, Bytes::new(), None)?;
    let said = batch.parse(&mut guest, file, resume);
    let page = end_with_fault(bound, guest, said)?;
    answer::check_documents(&page.documents, &bound.services().limits)
        .and_then(|()| answer::check_issues(&page.issues, &bound.services().limits))
        .and_then(|()| answer::check_cursor(page.resume.as_deref().unwrap_or_default()))
        .map_err(|text| broken(bound, &text))?;
    Ok(page)
}

/// Asks for reply files.
pub(crate) fn acknowledge(
    bound: &Arc<Bound>,
    file: FileBody,
    outcomes: &[FileOutcome],
) -> Result<Vec<ReplyFile>, Failure> {
    let batch = offered(bound, bound.connector().exports().batch.as_ref(), "batch")?;
    let file = open(bound, file)?;
    let mut guest = start(bound, CallKind::Work, Bytes::new(), None)?;
    let said = batch.acknowledge(&mut guest, file, outcomes);
    let files = end_with_fault(bound, guest, said)?;
    answer::check_reply_files(&files, &bound.services().limits).map_err(|text| broken(bound, &text))?;
    Ok(files)
}

/// A fresh instance under its limits. The deadline is set before anything of the guest can run.
fn start(bound: &Arc<Bound>, kind: CallKind, body: Bytes, trace: Option<TraceId>) -> Result<Guest, Failure> {
    let (connector, limits) = (bound.connector(), &bound.services().limits);
    let table_elements_max = usize::try_from(limits.table_elements_max).unwrap_or(usize::MAX);
    let quota = Quota::new(connector.memory_bytes(limits), table_elements_max);
    let state = CallState::new(Arc::clone(bound), kind, body, trace, quota);
    let mut store = Store::new(connector.pre().engine(), state);
    store.limiter(|state| &mut state.quota);
    store.set_epoch_deadline(connector.call_ms(kind, limits).div_ceil(limits.epoch_tick_ms.max(1)) + 1);
    store.epoch_deadline_callback(|mut context| match context.data_mut().take_outside_ticks() {
        0 => Err(Stop::Timeout.into()),
        ticks => Ok(UpdateDeadline::Continue(ticks)),
    });
    store.set_max_component_handles(usize::try_from(limits.handles_max).unwrap_or(usize::MAX));
    store.set_hostcall_fuel(match kind {
        CallKind::Verify | CallKind::Describe => HOT_HANDOVER_BYTES_MAX,
        // Records cost more in the host than in the guest's memory; the exact size is checked after the call.
        CallKind::Parse | CallKind::Work => limits.answer_bytes_max.saturating_mul(2),
    });
    match connector.pre().instantiate(&mut store) {
        Ok(instance) => Ok(Guest { store, instance }),
        Err(error) => Err(trap::failure(&error, store.data())),
    }
}

/// Ends the call: the store is dropped, whatever happened.
#[allow(clippy::needless_pass_by_value)] // It is taken in order to be dropped here.
fn end<T>(guest: Guest, said: wasmtime::Result<T>) -> Result<T, Failure> {
    let state = guest.store.data();
    state.report_dropped_lines();
    said.map_err(|error| trap::failure(&error, state))
}

fn end_with_fault<T>(bound: &Arc<Bound>, guest: Guest, said: wasmtime::Result<Result<T, Fault>>) -> Result<T, Failure> {
    end(guest, said)?.map_err(|fault| fault::failure(bound.connector().id(), &fault))
}

fn offered<'a, T>(bound: &Bound, export: Option<&'a T>, name: &str) -> Result<&'a T, Failure> {
    export.ok_or_else(|| {
        let text = format!("connector `{}` does not export `{name}`", bound.connector().id());
        Failure::never(Code::PLUGIN_EXPORT_MISSING, text).next("`apex plugin inspect` lists what it exports")
    })
}

fn open(bound: &Bound, file: FileBody) -> Result<OpenFile, Failure> {
    OpenFile::new(file).map_err(|fault| fault::failure(bound.connector().id(), &fault))
}

fn broken(bound: &Bound, text: &str) -> Failure {
    let text = format!("{}: the answer breaks the contract: {}", bound.connector().id(), fault::guest_text(text));
    Failure::never(Code::PLUGIN_ANSWER, text).next("a defect in the connector; mend it and copy it again")
}
