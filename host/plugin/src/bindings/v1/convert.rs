//! Between the contract's types and the host's, one for one.

use std::time::Duration;

use apex_model::Timestamp;
use apex_model::delivery::{Acceptance, Rejection, Reply, Verdict};
use apex_model::document::{Attachment, Document, Entity, Op, Relation, Sequence};
use apex_model::event::EventIssue;
use apex_model::ports::{Next, ReplyFile};

use super::generated::apex::connector::{crypto, http, log, types};
use super::generated::exports::apex::connector::{batch, poll, webhook};
use crate::capability;
use crate::capability::crypto::CryptoError;
use crate::fault::{Fault, FaultKind};

pub(super) fn level(level: log::Level) -> capability::log::Level {
    match level {
        log::Level::Trace => capability::log::Level::Trace,
        log::Level::Debug => capability::log::Level::Debug,
        log::Level::Info => capability::log::Level::Info,
        log::Level::Warn => capability::log::Level::Warn,
        log::Level::Error => capability::log::Level::Error,
    }
}

pub(super) fn instant(moment: Timestamp) -> types::Instant {
    let (seconds, nanoseconds) = moment.parts();
    types::Instant { seconds, nanoseconds }
}

pub(super) fn mac(mac: crypto::Mac) -> capability::crypto::Mac {
    match mac {
        crypto::Mac::HmacSha256 => capability::crypto::Mac::HmacSha256,
        crypto::Mac::HmacSha1 => capability::crypto::Mac::HmacSha1,
        crypto::Mac::HmacSha512 => capability::crypto::Mac::HmacSha512,
        crypto::Mac::Sha256OfSecretAndMessage => capability::crypto::Mac::Sha256OfSecretAndMessage,
    }
}

pub(super) fn written(encoding: crypto::Encoding) -> capability::crypto::Written {
    match encoding {
        crypto::Encoding::Hex => capability::crypto::Written::Hex,
        crypto::Encoding::Base64 => capability::crypto::Written::Base64,
    }
}

pub(super) fn scheme(signature: crypto::Signature) -> capability::crypto::Scheme {
    match signature {
        crypto::Signature::Ed25519 => capability::crypto::Scheme::Ed25519,
        crypto::Signature::EcdsaP256Sha256 => capability::crypto::Scheme::EcdsaP256Sha256,
    }
}

pub(super) fn hash(hash: crypto::Hash) -> capability::crypto::Hash {
    match hash {
        crypto::Hash::Sha256 => capability::crypto::Hash::Sha256,
        crypto::Hash::Sha1 => capability::crypto::Hash::Sha1,
        crypto::Hash::Sha512 => capability::crypto::Hash::Sha512,
    }
}

pub(super) fn crypto_error(error: CryptoError) -> crypto::CryptoError {
    match error {
        CryptoError::UnknownSecret(text) => crypto::CryptoError::UnknownSecret(text),
        CryptoError::UnknownKey(text) => crypto::CryptoError::UnknownKey(text),
        CryptoError::Malformed(text) => crypto::CryptoError::Malformed(text),
    }
}

pub(super) fn ask(request: http::Request) -> capability::http::Ask {
    capability::http::Ask {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        credential: request.credential,
        timeout_ms: request.timeout_ms,
    }
}

pub(super) fn answer(answer: capability::http::Answer) -> http::Response {
    http::Response { status: answer.status, headers: answer.headers, body: answer.body }
}

pub(super) fn fault_out(fault: Fault) -> types::Fault {
    let ms = |delay: Duration| u32::try_from(delay.as_millis()).unwrap_or(u32::MAX);
    let kind = match fault.kind {
        FaultKind::Retryable(delay) => types::FaultKind::Retryable(delay.map(ms)),
        FaultKind::RateLimited(delay) => {
            types::FaultKind::RateLimited(types::RateLimit { after_ms: ms(delay), scope: "source".to_owned() })
        }
        FaultKind::Unauthorized => types::FaultKind::Unauthorized,
        FaultKind::Permanent => types::FaultKind::Permanent,
        FaultKind::BadConfig(pointer) => types::FaultKind::BadConfig(pointer),
        FaultKind::CursorLost => types::FaultKind::CursorLost,
        FaultKind::Denied => types::FaultKind::Denied,
        FaultKind::Cancelled => types::FaultKind::Cancelled,
    };
    types::Fault { kind, code: fault.code, message: fault.message }
}

pub(super) fn fault_in(fault: types::Fault) -> Fault {
    let delay = |ms: u32| Duration::from_millis(u64::from(ms));
    let kind = match fault.kind {
        types::FaultKind::Retryable(ms) => FaultKind::Retryable(ms.map(delay)),
        types::FaultKind::RateLimited(limit) => FaultKind::RateLimited(delay(limit.after_ms)),
        types::FaultKind::Unauthorized => FaultKind::Unauthorized,
        types::FaultKind::Permanent => FaultKind::Permanent,
        types::FaultKind::BadConfig(pointer) => FaultKind::BadConfig(pointer),
        types::FaultKind::CursorLost => FaultKind::CursorLost,
        types::FaultKind::Denied => FaultKind::Denied,
        types::FaultKind::Cancelled => FaultKind::Cancelled,
    };
    Fault { kind, code: fault.code, message: fault.message }
}

pub(super) fn verdict(verdict: webhook::Verdict) -> Verdict {
    match verdict {
        webhook::Verdict::Accept(acceptance) => Verdict::Accept(Acceptance {
            event_key: acceptance.event_key,
            event_type: acceptance.event_type,
            reply: acceptance.reply.map(reply),
        }),
        webhook::Verdict::Challenge(answer) => Verdict::Challenge(reply(answer)),
        webhook::Verdict::Ignore(answer) => Verdict::Ignore(reply(answer)),
        webhook::Verdict::Reject(rejection) => Verdict::Reject(match rejection {
            webhook::Rejection::MissingSignature => Rejection::MissingSignature,
            webhook::Rejection::BadSignature => Rejection::BadSignature,
            webhook::Rejection::Stale => Rejection::Stale,
            webhook::Rejection::NotConfigured => Rejection::NotConfigured,
        }),
    }
}

fn reply(reply: webhook::Reply) -> Reply {
    Reply { status: reply.status, content_type: reply.content_type, body: reply.body.into() }
}

pub(super) fn next(next: poll::Next) -> Next {
    match next {
        poll::Next::More => Next::More,
        poll::Next::Idle(ms) => Next::Idle(ms.map(|ms| Duration::from_millis(u64::from(ms)))),
        poll::Next::Finished => Next::Finished,
    }
}

pub(super) fn issue(issue: batch::Issue) -> EventIssue {
    EventIssue {
        id: issue.id,
        code: issue.fault.code,
        message: issue.fault.message,
        offset: issue.offset,
        length: issue.length,
    }
}

pub(super) fn reply_file(file: batch::ReplyFile) -> ReplyFile {
    ReplyFile { name: file.name, media_type: file.media_type, content: file.content.into() }
}

/// Converts documents; a sequence that cannot be read is a broken answer.
pub(super) fn documents(documents: Vec<types::Document>) -> Result<Vec<Document>, String> {
    documents.into_iter().map(document).collect()
}

fn document(document: types::Document) -> Result<Document, String> {
    let sequence = match &document.sequence {
        Some(text) => Some(Sequence::parse(text).ok_or_else(|| {
            format!("sequence `{}` of document `{}` is not 1 to 38 decimal digits", text, document.id)
        })?),
        None => None,
    };
    let entity = |entity: types::Entity| Entity { key: entity.key, kind: entity.kind, name: entity.name };
    let relation = |relation: types::Relation| Relation { from: relation.from, kind: relation.kind, to: relation.to };
    let attachment = |attachment: types::Attachment| Attachment {
        name: attachment.name,
        media_type: attachment.media_type,
        size: attachment.size,
        reference: attachment.reference,
    };
    Ok(Document {
        id: document.id,
        kind: document.kind,
        op: match document.op {
            types::Op::Upsert => Op::Upsert,
            types::Op::Delete => Op::Delete,
        },
        title: document.title,
        content: document.content,
        media_type: document.media_type,
        occurred_at: document.occurred_at,
        sequence,
        metadata: document.metadata,
        entities: document.entities.into_iter().map(entity).collect(),
        relations: document.relations.into_iter().map(relation).collect(),
        attachments: document.attachments.into_iter().map(attachment).collect(),
    })
}
