//! Works a file off: page by page, then the reply files for the partner.

use std::time::Duration;

use apex_model::event::ClaimedEvent;
use apex_model::ports::{FileBody, FileOutcome};
use apex_model::{Code, Failure};

use crate::direct::Shared;
use crate::documents::Went;
use crate::end::Progress;
use crate::replies;

/// Pages of one file at most; 32 MiB a page make this far more than a body may have.
const PAGES_MAX: u32 = 10_000;

impl Shared {
    /// Reads the file to its end, stores what is in it, and leaves the reply files.
    pub(crate) async fn file(&self, claimed: &ClaimedEvent, progress: &mut Progress) -> Result<Went, Failure> {
        let source = &claimed.event.source;
        let file = FileBody { name: claimed.event.label.clone(), bytes: claimed.event.body.clone() };
        let mut resume: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = {
                let _worker = self.worker().await;
                if self.stop.is_cancelled() {
                    return Ok(Went::Stopped);
                }
                self.calls.parse_file(source, file.clone(), resume.as_deref()).await?
            };
            progress.file_outcomes.extend(page.issues.iter().map(|issue| FileOutcome {
                id: issue.id.clone(),
                stored: false,
                reason: format!("{}: {}", issue.code, issue.message),
            }));
            progress.issues.extend(page.issues);
            progress.plugin = Some(page.plugin);
            let plugin = progress.plugin.clone();
            if self.store(claimed, page.documents, plugin.as_ref(), progress).await == Went::Stopped {
                return Ok(Went::Stopped);
            }
            if page.resume.is_none() {
                return self.acknowledge(claimed, file, progress).await;
            }
            if page.resume == resume {
                return Err(answer(format!("the connector wants to go on in `{}` where it began", file.name)));
            }
            resume = page.resume;
        }
        Err(answer(format!("`{}` has more than {PAGES_MAX} pages", file.name)))
    }

    async fn acknowledge(
        &self,
        claimed: &ClaimedEvent,
        file: FileBody,
        progress: &mut Progress,
    ) -> Result<Went, Failure> {
        // A partner must not be told of documents that may still be stored; the next attempt tells of all of them.
        if !progress.is_settled() {
            return Ok(Went::Through);
        }
        let source = &claimed.event.source;
        let replies = {
            let _worker = self.worker().await;
            self.calls.acknowledge(source, file, progress.file_outcomes.clone()).await?
        };
        if replies.is_empty() {
            return Ok(Went::Through);
        }
        let folder = self.replies.join(source.as_str());
        let written = tokio::task::spawn_blocking(move || replies::write(&folder, &replies)).await;
        written.map_err(|error| Failure::after(Code::INTERNAL, Duration::from_secs(1), error.to_string()))??;
        Ok(Went::Through)
    }
}

fn answer(what: String) -> Failure {
    Failure::never(Code::PLUGIN_ANSWER, what).next("correct the connector, then replay the dead letter")
}
