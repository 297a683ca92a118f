//! Checks what a connector answers against the contract and the limits. A broken answer is the connector's fault and
//! never reaches the rest of the host.

use apex_config::limits::PluginLimits;
use apex_model::cursor::CURSOR_BYTES_MAX;
use apex_model::delivery::{Reply, Verdict};
use apex_model::document::Document;
use apex_model::event::EventIssue;
use apex_model::ports::ReplyFile;

/// Bytes of an event key (`model::delivery::Acceptance`).
const EVENT_KEY_BYTES_MAX: usize = 512;
/// Bytes of names and media types.
const NAME_BYTES_MAX: usize = 256;
/// Bytes of the answer to a webhook.
const REPLY_BYTES_MAX: usize = 64 << 10;
/// Parts a source may be polled in.
const SLICES_MAX: usize = 1_000;

/// Checks a verdict.
pub(crate) fn check_verdict(verdict: &Verdict) -> Result<(), String> {
    match verdict {
        Verdict::Accept(acceptance) => {
            let length = acceptance.event_key.len();
            if length == 0 || length > EVENT_KEY_BYTES_MAX {
                return Err(format!("an event key has 1 to {EVENT_KEY_BYTES_MAX} bytes, this one has {length}"));
            }
            check_name("event type", &acceptance.event_type)?;
            acceptance.reply.as_ref().map_or(Ok(()), check_reply)
        }
        Verdict::Challenge(reply) | Verdict::Ignore(reply) => check_reply(reply),
        Verdict::Reject(_) => Ok(()),
    }
}

fn check_reply(reply: &Reply) -> Result<(), String> {
    if !(200..500).contains(&reply.status) {
        return Err(format!("a reply's status is 200 to 499, this one is {}", reply.status));
    }
    if reply.body.len() > REPLY_BYTES_MAX {
        return Err(format!("a reply has at most {REPLY_BYTES_MAX} bytes, this one has {}", reply.body.len()));
    }
    if !reply.content_type.bytes().all(|c| (b' '..=b'~').contains(&c)) {
        return Err("a reply's content type has characters that a header cannot carry".to_owned());
    }
    check_name("content type", &reply.content_type)
}

/// Checks documents: how many, how large, and each against its own rules.
pub(crate) fn check_documents(documents: &[Document], limits: &PluginLimits) -> Result<(), String> {
    if documents.len() > limits.answer_documents_max {
        return Err(format!(
            "{} documents at once, at most {} are allowed (limits.plugin.answer_documents_max)",
            documents.len(),
            limits.answer_documents_max
        ));
    }
    let bytes: usize = documents.iter().map(document_bytes).sum();
    check_bytes(bytes, limits)?;
    documents.iter().try_for_each(Document::check)
}

fn document_bytes(document: &Document) -> usize {
    let entities = document.entities.iter().map(|entity| entity.key.len() + entity.kind.len() + entity.name.len());
    let relations = document.relations.iter().map(|rel| rel.from.len() + rel.kind.len() + rel.to.len());
    let attachments =
        document.attachments.iter().map(|att| att.name.len() + att.media_type.len() + att.reference.len());
    let own = document.id.len() + document.title.len() + document.content.len() + document.metadata.len();
    own + entities.chain(relations).chain(attachments).sum::<usize>()
}

fn check_bytes(bytes: usize, limits: &PluginLimits) -> Result<(), String> {
    if bytes > limits.answer_bytes_max {
        return Err(format!(
            "an answer of {bytes} bytes, at most {} are allowed (limits.plugin.answer_bytes_max)",
            limits.answer_bytes_max
        ));
    }
    Ok(())
}

/// Checks a cursor or resume point.
pub(crate) fn check_cursor(cursor: &str) -> Result<(), String> {
    if cursor.len() > CURSOR_BYTES_MAX {
        return Err(format!("a cursor has at most {CURSOR_BYTES_MAX} bytes, this one has {}", cursor.len()));
    }
    Ok(())
}

/// Checks the parts to poll.
pub(crate) fn check_slices(slices: &[String]) -> Result<(), String> {
    if slices.len() > SLICES_MAX {
        return Err(format!("{} slices, at most {SLICES_MAX} are allowed", slices.len()));
    }
    slices.iter().try_for_each(|slice| check_name("slice", slice))
}

/// Checks the parts of a file that were not understood.
pub(crate) fn check_issues(issues: &[EventIssue], limits: &PluginLimits) -> Result<(), String> {
    if issues.len() > limits.answer_documents_max {
        return Err(format!("{} issues, at most {} are allowed", issues.len(), limits.answer_documents_max));
    }
    issues.iter().try_for_each(|issue| check_name("issue id", &issue.id))
}

/// Checks files for the partner.
pub(crate) fn check_reply_files(files: &[ReplyFile], limits: &PluginLimits) -> Result<(), String> {
    check_bytes(files.iter().map(|file| file.content.len()).sum(), limits)?;
    for file in files {
        check_name("file name", &file.name)?;
        check_name("media type", &file.media_type)?;
        if file.name.is_empty() || file.name == "." || file.name == ".." || file.name.contains(['/', '\\']) {
            return Err(format!("`{}` is not a file name", file.name));
        }
    }
    Ok(())
}

fn check_name(what: &str, text: &str) -> Result<(), String> {
    if text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(format!("{what} `{text}` has over {NAME_BYTES_MAX} bytes or control characters"));
    }
    Ok(())
}
