//! The way of a delivery from its bytes to a durable row: verify in the sandbox, append to the journal, answer.
//!
//! ```text
//! handler task      guest thread            journal thread
//!   deliver() ----> verify, judge ---------> append, fsync
//!      ^------------- refused, challenge <-- stored
//! ```
//!
//! The row goes from the guest thread straight to the journal; one message comes back (`answers.rs`). Must not know HTTP.

use std::sync::Arc;

use apex_model::delivery::{Delivery, Judgement, Rejection, Reply};
use apex_model::event::{Appended, NewEvent};
use apex_model::ids::SourceName;
use apex_model::ports::{Inbox, WebhookVerifier};
use apex_model::{Code, Failure};
use tokio::sync::oneshot;

use crate::answers::Answers;
use crate::body::{Room, Share};
use crate::sources::SourceEntry;

/// What became of a delivery.
#[derive(Debug)]
pub(crate) enum Delivered {
    /// Durable, new or already there; with the answer the connector wants.
    Stored(Appended, Option<Reply>),
    /// Genuine, answered, not kept.
    Challenge(Reply),
    /// Genuine, of no interest, not kept.
    Ignored(Reply),
    /// Not genuine.
    Rejected(Rejection),
    /// Could not be verified.
    NotVerified(Failure),
    /// Could not be made durable.
    NotStored(Failure),
}

/// Accepts webhook deliveries.
#[derive(Clone)]
pub(crate) struct WebhookAcceptor {
    verifier: Arc<dyn WebhookVerifier>,
    inbox: Arc<dyn Inbox>,
    room: Room,
    answers: Answers,
}

impl WebhookAcceptor {
    /// An acceptor that verifies with one port and stores through the other, with room for deliveries on their way. Call it
    /// on a runtime.
    pub(crate) fn new(verifier: Arc<dyn WebhookVerifier>, inbox: Arc<dyn Inbox>, room: Room) -> Self {
        Self { verifier, inbox, room, answers: Answers::start() }
    }

    /// The room: a body needs a share of it before it is read.
    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    /// Starts a delivery on its way. Giving up on the answer does not stop it: it may still become durable, and the
    /// sender's retry is then a repeat. The body's share is kept until the delivery is judged.
    pub(crate) fn deliver(
        &self,
        delivery: Delivery,
        source: Arc<SourceEntry>,
        share: Option<Share>,
    ) -> oneshot::Receiver<Delivered> {
        let (answer, answered) = oneshot::channel();
        let (inbox, answers) = (Arc::clone(&self.inbox), self.answers.clone());
        self.verifier.verify(
            delivery,
            Box::new(move |judged| {
                // Before the answer goes out: the journal bounds by itself what waits for it.
                drop(share);
                let refused = match judged {
                    Ok(Judgement::Accepted(verified)) => {
                        let path = source.path(&verified.acceptance().event_key);
                        let (event, reply) = NewEvent::from_webhook(verified, path, source.priority);
                        return store(inbox.as_ref(), event, reply, move |stored| answers.send(answer, stored));
                    }
                    Ok(Judgement::Challenge(reply)) => Delivered::Challenge(reply),
                    Ok(Judgement::Ignored(reply)) => Delivered::Ignored(reply),
                    Ok(Judgement::Rejected(rejection)) => Delivered::Rejected(rejection),
                    Err(failure) => Delivered::NotVerified(failure),
                };
                answers.send(answer, refused);
            }),
        );
        answered
    }
}

fn store(inbox: &dyn Inbox, event: NewEvent, reply: Option<Reply>, answer: impl FnOnce(Delivered) + Send + 'static) {
    inbox.append(
        event,
        Box::new(move |appended| {
            let stored = match appended {
                Ok(appended) => Delivered::Stored(appended, reply),
                Err(failure) => Delivered::NotStored(failure),
            };
            answer(stored);
        }),
    );
}

/// Makes an event durable that did not come as a webhook.
pub(crate) async fn append(inbox: &dyn Inbox, event: NewEvent) -> Result<Appended, Failure> {
    let (answer, answered) = oneshot::channel();
    inbox.append(
        event,
        Box::new(move |appended| {
            let _ = answer.send(appended);
        }),
    );
    answered.await.unwrap_or_else(|_| Err(lost("the journal")))
}

/// A port that dropped its callback without calling it.
pub(crate) fn lost(part: &str) -> Failure {
    Failure::backoff(Code::INTERNAL, format!("{part} gave no answer"))
        .next("send it again; if it happens again, report it")
}

/// The failure for a source nobody knows.
pub(crate) fn unknown_source(name: &str) -> Failure {
    Failure::not_found(format!("there is no source `{}`", name.escape_default()))
        .next("`apex source list` shows the sources there are")
}

/// Reads a source's name as given in a path.
pub(crate) fn source_name(text: &str) -> Result<SourceName, Failure> {
    SourceName::parse(text).ok_or_else(|| unknown_source(text))
}
