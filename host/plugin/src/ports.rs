//! The catalogue behind the model's ports.

use std::sync::Arc;

use apex_model::delivery::Delivery;
use apex_model::failure::PortResult;
use apex_model::ids::SourceName;
use apex_model::plugin::PluginStatus;
use apex_model::ports::{
    BoxFuture, Budget, ConnectorCalls, FetchedPage, FileBody, FileOutcome, Parsed, ParsedFilePage, PluginCatalog,
    ReplyFile, VerifyDone, WebhookVerifier,
};
use apex_model::source::SourceStatus;

use crate::bound::Bound;
use crate::calls;
use crate::catalog::Catalog;
use crate::slow::Span;

impl WebhookVerifier for Catalog {
    fn verify(&self, delivery: Delivery, done: VerifyDone) {
        self.hot.push(delivery, done);
    }
}

impl PluginCatalog for Catalog {
    fn plugins(&self) -> Vec<PluginStatus> {
        self.shared.current.snapshot().plugins.clone()
    }

    fn sources(&self) -> Vec<SourceStatus> {
        self.shared.current.snapshot().sources.clone()
    }
}

impl Catalog {
    async fn on_guest_thread<T: Send + 'static>(
        &self,
        source: &SourceName,
        span: Span,
        work: impl FnOnce(&Arc<Bound>) -> PortResult<T> + Send + 'static,
    ) -> PortResult<T> {
        let bound = self.shared.current.bound(source)?;
        self.slow.run(span, move || work(&bound)).await
    }
}

impl ConnectorCalls for Catalog {
    fn parse_delivery<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, PortResult<Parsed>> {
        let given = delivery.clone();
        Box::pin(self.on_guest_thread(&delivery.source, Span::Short, move |bound| {
            Ok(Parsed { documents: calls::parse(bound, &given)?, plugin: bound.connector().plugin().clone() })
        }))
    }

    fn slices<'a>(&'a self, source: &'a SourceName) -> BoxFuture<'a, PortResult<Vec<String>>> {
        Box::pin(self.on_guest_thread(source, Span::Long, calls::slices))
    }

    fn fetch<'a>(
        &'a self,
        source: &'a SourceName,
        slice: &'a str,
        cursor: Option<&'a str>,
        budget: Budget,
    ) -> BoxFuture<'a, PortResult<FetchedPage>> {
        let (slice, cursor) = (slice.to_owned(), cursor.map(str::to_owned));
        Box::pin(self.on_guest_thread(source, Span::Long, move |bound| {
            let page = calls::fetch(bound, &slice, cursor.as_deref(), budget)?;
            let plugin = bound.connector().plugin().clone();
            Ok(FetchedPage { documents: page.documents, cursor: page.cursor, next: page.next, plugin })
        }))
    }

    fn parse_file<'a>(
        &'a self,
        source: &'a SourceName,
        file: FileBody,
        resume: Option<&'a str>,
    ) -> BoxFuture<'a, PortResult<ParsedFilePage>> {
        let resume = resume.map(str::to_owned);
        Box::pin(self.on_guest_thread(source, Span::Short, move |bound| {
            let page = calls::parse_file(bound, file, resume.as_deref())?;
            let plugin = bound.connector().plugin().clone();
            Ok(ParsedFilePage { documents: page.documents, issues: page.issues, resume: page.resume, plugin })
        }))
    }

    fn acknowledge<'a>(
        &'a self,
        source: &'a SourceName,
        file: FileBody,
        outcomes: Vec<FileOutcome>,
    ) -> BoxFuture<'a, PortResult<Vec<ReplyFile>>> {
        Box::pin(self.on_guest_thread(source, Span::Long, move |bound| calls::acknowledge(bound, file, &outcomes)))
    }
}
