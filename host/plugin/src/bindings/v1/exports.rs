//! The contract's exports: found once at load, called with the host's types.

use apex_model::delivery::{Delivery, Verdict};
use apex_model::document::Document;
use apex_model::event::EventIssue;
use apex_model::ports::{Budget, FileOutcome, Next, ReplyFile};
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift, Lower, Resource};
use wasmtime::{Result, Store};

use super::convert;
use super::generated::apex::connector::types;
use super::generated::exports::apex::connector::{batch, describe, poll, stream, webhook};
use crate::call::CallState;
use crate::capability::reader::OpenFile;
use crate::fault::Fault;

/// Where the functions are. `describe` is always there, the others as offered.
pub(crate) struct Exports {
    info: ComponentExportIndex,
    check: ComponentExportIndex,
    pub(crate) webhook: Option<Webhook>,
    pub(crate) poll: Option<Poll>,
    pub(crate) stream: Option<Stream>,
    pub(crate) batch: Option<Batch>,
}

/// `webhook`.
pub(crate) struct Webhook {
    verify: ComponentExportIndex,
    parse: ComponentExportIndex,
}

/// `poll`.
pub(crate) struct Poll {
    slices: ComponentExportIndex,
    fetch: ComponentExportIndex,
}

/// `stream`.
pub(crate) struct Stream {
    collect: ComponentExportIndex,
}

/// `batch`.
pub(crate) struct Batch {
    list: ComponentExportIndex,
    parse: ComponentExportIndex,
    acknowledge: ComponentExportIndex,
}

/// What `describe.info` says, as far as the host uses it.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) config_schema: String,
}

/// A page of `poll.fetch`.
pub(crate) struct PollPage {
    pub(crate) documents: Vec<Document>,
    pub(crate) cursor: String,
    pub(crate) next: Next,
}

/// A page of `batch.parse`.
pub(crate) struct FilePage {
    pub(crate) documents: Vec<Document>,
    pub(crate) issues: Vec<EventIssue>,
    pub(crate) resume: Option<String>,
}

/// A started guest.
pub(crate) struct Guest {
    pub(crate) store: Store<CallState>,
    pub(crate) instance: Instance,
}

impl Guest {
    fn call<P, R>(&mut self, index: &ComponentExportIndex, params: P) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: Lift + 'static,
        (R,): ComponentNamedList + Lift,
    {
        let function = self.instance.get_typed_func::<P, (R,)>(&mut self.store, index)?;
        let (answer,) = function.call(&mut self.store, params)?;
        Ok(answer)
    }

    fn fits<P, R>(&mut self, index: &ComponentExportIndex) -> Result<()>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        self.instance.get_typed_func::<P, R>(&mut self.store, index).map(drop)
    }
}

type Faulty<T> = std::result::Result<T, types::Fault>;

impl Exports {
    /// Finds the functions of every interface the component exports.
    pub(crate) fn find(pre: &InstancePre<CallState>) -> Result<Self> {
        let component = pre.component();
        let interface = |name: &str| component.get_export_index(None, format!("apex:connector/{name}@1.0.0"));
        let function = |interface: &ComponentExportIndex, name: &str| {
            component
                .get_export_index(Some(interface), name)
                .ok_or_else(|| wasmtime::Error::msg(format!("an exported interface lacks `{name}`")))
        };
        let describe = interface("describe").ok_or_else(|| wasmtime::Error::msg("`describe` is not exported"))?;
        Ok(Self {
            info: function(&describe, "info")?,
            check: function(&describe, "check")?,
            webhook: interface("webhook")
                .map(|i| {
                    Ok::<_, wasmtime::Error>(Webhook { verify: function(&i, "verify")?, parse: function(&i, "parse")? })
                })
                .transpose()?,
            poll: interface("poll")
                .map(|i| {
                    Ok::<_, wasmtime::Error>(Poll { slices: function(&i, "slices")?, fetch: function(&i, "fetch")? })
                })
                .transpose()?,
            stream: interface("stream")
                .map(|i| Ok::<_, wasmtime::Error>(Stream { collect: function(&i, "collect")? }))
                .transpose()?,
            batch: interface("batch")
                .map(|i| {
                    Ok::<_, wasmtime::Error>(Batch {
                        list: function(&i, "list")?,
                        parse: function(&i, "parse")?,
                        acknowledge: function(&i, "acknowledge")?,
                    })
                })
                .transpose()?,
        })
    }

    /// Whether every function has the contract's type.
    pub(crate) fn fit(&self, guest: &mut Guest) -> Result<()> {
        guest.fits::<(), (describe::Description,)>(&self.info)?;
        guest.fits::<(&str,), (Faulty<()>,)>(&self.check)?;
        if let Some(webhook) = &self.webhook {
            guest.fits::<(webhook::Request<'_>,), (webhook::Verdict,)>(&webhook.verify)?;
            guest.fits::<(webhook::Request<'_>,), (Faulty<Vec<types::Document>>,)>(&webhook.parse)?;
        }
        if let Some(poll) = &self.poll {
            guest.fits::<(), (Faulty<Vec<String>>,)>(&poll.slices)?;
            guest.fits::<(&str, Option<&str>, poll::Budget), (Faulty<poll::Page>,)>(&poll.fetch)?;
        }
        if let Some(stream) = &self.stream {
            guest.fits::<(Option<&str>, u32, u32), (Faulty<stream::Batch>,)>(&stream.collect)?;
        }
        if let Some(batch) = &self.batch {
            guest.fits::<(Option<&str>,), (Faulty<Vec<batch::Entry>>,)>(&batch.list)?;
            guest.fits::<(Resource<OpenFile>, Option<&str>), (Faulty<batch::Page>,)>(&batch.parse)?;
            guest.fits::<(Resource<OpenFile>, &[batch::Outcome<'_>]), (Faulty<Vec<batch::ReplyFile>>,)>(
                &batch.acknowledge,
            )?;
        }
        Ok(())
    }

    pub(crate) fn info(&self, guest: &mut Guest) -> Result<Description> {
        let said: describe::Description = guest.call(&self.info, ())?;
        Ok(Description { id: said.id, version: said.version, config_schema: said.config_schema })
    }

    pub(crate) fn check(&self, guest: &mut Guest, config: &str) -> Result<std::result::Result<(), Fault>> {
        let said: Faulty<()> = guest.call(&self.check, (config,))?;
        Ok(said.map_err(convert::fault_in))
    }
}

fn request(delivery: &Delivery) -> webhook::Request<'_> {
    webhook::Request {
        method: &delivery.method,
        target: &delivery.target,
        headers: &delivery.headers,
        body: &delivery.body,
        received_at: convert::instant(delivery.received_at),
    }
}

fn broken(text: String) -> wasmtime::Error {
    wasmtime::Error::msg(text)
}

impl Webhook {
    pub(crate) fn verify(&self, guest: &mut Guest, delivery: &Delivery) -> Result<Verdict> {
        guest.call::<_, webhook::Verdict>(&self.verify, (request(delivery),)).map(convert::verdict)
    }

    pub(crate) fn parse(
        &self,
        guest: &mut Guest,
        delivery: &Delivery,
    ) -> Result<std::result::Result<Vec<Document>, Fault>> {
        match guest.call::<_, Faulty<Vec<types::Document>>>(&self.parse, (request(delivery),))? {
            Ok(documents) => Ok(Ok(convert::documents(documents).map_err(broken)?)),
            Err(fault) => Ok(Err(convert::fault_in(fault))),
        }
    }
}

impl Poll {
    pub(crate) fn slices(&self, guest: &mut Guest) -> Result<std::result::Result<Vec<String>, Fault>> {
        Ok(guest.call::<_, Faulty<Vec<String>>>(&self.slices, ())?.map_err(convert::fault_in))
    }

    pub(crate) fn fetch(
        &self,
        guest: &mut Guest,
        slice: &str,
        cursor: Option<&str>,
        budget: Budget,
    ) -> Result<std::result::Result<PollPage, Fault>> {
        let budget =
            poll::Budget { documents_max: budget.documents_max, bytes_max: budget.bytes_max, ms_max: budget.ms_max };
        match guest.call::<_, Faulty<poll::Page>>(&self.fetch, (slice, cursor, budget))? {
            Ok(page) => Ok(Ok(PollPage {
                documents: convert::documents(page.documents).map_err(broken)?,
                cursor: page.cursor,
                next: convert::next(page.next),
            })),
            Err(fault) => Ok(Err(convert::fault_in(fault))),
        }
    }
}

impl Batch {
    pub(crate) fn parse(
        &self,
        guest: &mut Guest,
        file: OpenFile,
        resume: Option<&str>,
    ) -> Result<std::result::Result<FilePage, Fault>> {
        let file = guest.store.data_mut().lend(file)?;
        match guest.call::<_, Faulty<batch::Page>>(&self.parse, (file, resume))? {
            Ok(page) => Ok(Ok(FilePage {
                documents: convert::documents(page.documents).map_err(broken)?,
                issues: page.issues.into_iter().map(convert::issue).collect(),
                resume: page.resume,
            })),
            Err(fault) => Ok(Err(convert::fault_in(fault))),
        }
    }

    pub(crate) fn acknowledge(
        &self,
        guest: &mut Guest,
        file: OpenFile,
        outcomes: &[FileOutcome],
    ) -> Result<std::result::Result<Vec<ReplyFile>, Fault>> {
        let file = guest.store.data_mut().lend(file)?;
        let outcomes: Vec<batch::Outcome<'_>> = outcomes
            .iter()
            .map(|outcome| batch::Outcome { id: &outcome.id, stored: outcome.stored, reason: &outcome.reason })
            .collect();
        let files = guest.call::<_, Faulty<Vec<batch::ReplyFile>>>(&self.acknowledge, (file, outcomes.as_slice()))?;
        Ok(files.map(|files| files.into_iter().map(convert::reply_file).collect()).map_err(convert::fault_in))
    }
}
