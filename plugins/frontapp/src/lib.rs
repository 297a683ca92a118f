//! The Front connector: takes application webhooks and rule webhooks, and makes one document of each event. It calls no
//! API, so a preview (ids and links only) stays a preview.
//!
//! Facts: <https://dev.frontapp.com/docs/application-webhooks>, <https://dev.frontapp.com/docs/rule-webhooks>,
//! <https://dev.frontapp.com/reference/events>.

mod describe;
mod entities;
mod event;
mod html;
mod ids;
mod json;
mod metadata;
mod parse;
mod prose;
#[cfg(test)]
mod tests;
mod verify;

use apex_sdk::prelude::*;

/// Front, as a source of documents.
pub struct Frontapp;

impl Describe for Frontapp {
    fn describe() -> Description {
        describe::description()
    }
}

impl Webhook for Frontapp {
    fn verify(request: &Request) -> Verdict {
        verify::judge(request, host::now()).into()
    }

    fn parse(request: &Request) -> Result<Vec<Document>, Fault> {
        parse::documents(&request.body)
    }
}

export_connector!(Frontapp: webhook);
