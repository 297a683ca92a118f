//! The Samsara connector: follows the vehicle stats feed (one document per vehicle and window of time, every point kept)
//! and takes webhooks of both generations. It asks no other endpoint and resolves no ids.
//!
//! Facts: <https://developers.samsara.com/docs/vehicle-stats-feed>, <https://developers.samsara.com/docs/webhooks>,
//! <https://developers.samsara.com/docs/rate-limits>; which of them are unproven is said in `README.md`.

mod alert;
mod config;
mod describe;
mod entities;
mod event;
mod faults;
mod feed;
mod kinds;
mod labels;
mod ledger;
mod page;
mod points;
mod poll;
mod stats;
mod store;
#[cfg(test)]
mod tests;
mod verify;
mod walk;
mod window;

use apex_sdk::prelude::*;

/// Samsara, as a source of documents.
pub struct Samsara;

impl Describe for Samsara {
    fn describe() -> Description {
        describe::description()
    }

    fn check(config: &str) -> Result<(), Fault> {
        config::Settings::read(config).map(drop)
    }
}

impl Webhook for Samsara {
    fn verify(request: &Request) -> Verdict {
        verify::judge(request, host::now()).into()
    }

    fn parse(request: &Request) -> Result<Vec<Document>, Fault> {
        event::documents(&request.body)
    }
}

impl Poll for Samsara {
    fn slices() -> Result<Vec<String>, Fault> {
        let settings = config::Settings::read(&host::config())?;
        Ok(settings.groups().iter().map(|types| config::slice_name(types)).collect())
    }

    fn fetch(slice: &str, cursor: Option<&str>, budget: &Budget) -> Result<Page, Fault> {
        poll::fetch(slice, cursor, budget)
    }
}

export_connector!(Samsara: webhook, poll);
