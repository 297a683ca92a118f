//! One event to one document. A full message, comment or conversation is a document of its own id, so that a later event
//! about it replaces it; a preview is a document of the event's id, so that it never replaces a full one.

use apex_sdk::prelude::*;

use crate::event::{Event, Resource};
use crate::metadata::{self, Around};
use crate::{describe, entities, html, ids, prose};

/// Characters of text a title takes when there is no subject.
const TITLE_CHARS: usize = 80;

/// The documents of a body: exactly one.
///
/// # Errors
/// `permanent`: the body is no JSON object (`bad-json`) or names no event (`no-event-id`).
pub fn documents(body: &[u8]) -> Result<Vec<Document>, Fault> {
    let event: Event = serde_json::from_slice(body).map_err(|error| {
        Fault::permanent("bad-json", format!("the body is not a Front event: {error}; check what sent it"))
    })?;
    let (event, webhook_type, company) = event.unwrapped();
    if !ids::is_usable(&event.id.0) {
        return Err(Fault::permanent(
            "no-event-id",
            "the body names no event: `id` (or `payload.id`) is missing or too long",
        ));
    }
    let event_type = event.event_type(&webhook_type);
    let around = Around {
        event_type: &event_type,
        webhook_type: webhook_type.some(),
        company: company.as_ref().and_then(|company| company.id.some()),
    };
    let mut document = document(&event, around);
    document.sequence = ids::sequence(&event.id.0).map(|number| number.to_string());
    document.occurred_at = ids::rfc3339(ids::written(event.emitted_at));
    Ok(vec![document])
}

fn document(event: &Event, around: Around) -> Document {
    let targets = event.target.as_ref().map_or(&[][..], |target| &target.data.0);
    let usable = |thing: &&Resource| ids::is_usable(&thing.id.0);
    if let Some(message) = targets.iter().filter(usable).find(|thing| thing.is_full_message()) {
        return message_document(event, around, message);
    }
    if let Some(comment) = targets.iter().filter(usable).find(|thing| thing.is_full_comment()) {
        return comment_document(event, around, comment);
    }
    match event.conversation.as_ref().filter(usable).filter(|thing| thing.is_full_conversation()) {
        Some(conversation) => conversation_document(event, around, conversation),
        None => preview_document(event, around),
    }
}

fn message_document(event: &Event, around: Around, message: &Resource) -> Document {
    let text = message_text(message);
    let subject = message.subject.some().or(event.conversation.as_ref().and_then(|about| about.subject.some()));
    let mut content = Vec::new();
    if !matches!(around.event_type, "inbound" | "outbound" | "out_reply") {
        content.push(prose::sentence(event, around.event_type));
    }
    if let Some(error) = message.error_type.some() {
        content.push(format!("Delivery error: {}.", error.replace('_', " ")));
    }
    content.extend(subject.map(|subject| format!("Subject: {subject}")));
    for (role, label) in [("from", "From"), ("to", "To"), ("cc", "Cc"), ("bcc", "Bcc")] {
        let names: Vec<String> = with_role(message, role).map(address).collect();
        if !names.is_empty() {
            content.push(format!("{label}: {}", names.join(", ")));
        }
    }
    if !text.is_empty() {
        content.push(format!("\n{text}"));
    }
    let files: Vec<&str> = message.attachments.0.iter().filter_map(|file| file.filename.some()).collect();
    if !files.is_empty() {
        content.push(format!("\nAttachments: {}", files.join(", ")));
    }
    let title = subject.map_or_else(|| first_words(&text, "Message without text"), one_line);
    let document = Document::new(message.id.0.trim(), describe::MESSAGE).title(title).text(content.join("\n"));
    let mut document = document.metadata(metadata::json(event, around, Some(message)));
    if let Some(key) = entities::resource(&mut document, "message", message) {
        relate_message(&mut document, event, message, &key);
    }
    document
}

/// The plain text Front made, else that of the HTML, else the first words.
fn message_text(message: &Resource) -> String {
    let text = message.text.some().map_or_else(|| html::to_text(&message.body.0), str::to_owned);
    if text.is_empty() { message.blurb.0.trim().to_owned() } else { text }
}

fn relate_message(document: &mut Document, event: &Event, message: &Resource, key: &str) {
    let author = message.author.as_deref().and_then(|author| entities::person(document, author));
    let sender = with_role(message, "from").next().and_then(|who| entities::person(document, who));
    if let Some(who) = author.or(sender) {
        document.add_relation(key, "sent_by", who);
    }
    for recipient in message.recipients.0.iter().filter(|who| matches!(who.role.some(), Some("to" | "cc" | "bcc"))) {
        if let Some(who) = entities::person(document, recipient) {
            document.add_relation(key, "sent_to", who);
        }
    }
    if let Some(about) = event.conversation.as_ref().and_then(|about| entities::conversation(document, about)) {
        document.add_relation(key, "part_of", about);
    }
    for inbox in entities::end(document, event.source.as_ref()).into_iter().filter(|found| found.starts_with("inbox:"))
    {
        document.add_relation(key, "in_inbox", inbox);
    }
}

fn comment_document(event: &Event, around: Around, comment: &Resource) -> Document {
    let author = comment.author.as_deref().and_then(Resource::label);
    let about = event.conversation.as_ref().and_then(|about| about.subject.some());
    let by = author.map_or_else(String::new, |name| format!(" by {name}"));
    let on = about.map_or_else(String::new, |subject| format!(" on {subject}"));
    let title = one_line(&format!("Comment{by}{on}"));
    let content = format!("{title}\n\n{}", html::to_text(&comment.body.0.replace('\n', "<br>")));
    let document = Document::new(comment.id.0.trim(), describe::COMMENT).title(title).text(content);
    let mut document = document.metadata(metadata::json(event, around, Some(comment)));
    if let Some(key) = entities::resource(&mut document, "comment", comment) {
        if let Some(who) = comment.author.as_deref().and_then(|author| entities::person(&mut document, author)) {
            document.add_relation(key.clone(), "sent_by", who);
        }
        if let Some(about) = event.conversation.as_ref().and_then(|about| entities::conversation(&mut document, about))
        {
            document.add_relation(key, "part_of", about);
        }
    }
    document
}

fn conversation_document(event: &Event, around: Around, conversation: &Resource) -> Document {
    let status = status(around.event_type, conversation.status.0.trim());
    let title =
        conversation.subject.some().map_or_else(|| format!("Conversation {}", conversation.id.0.trim()), one_line);
    let mut content = vec![
        title.clone(),
        prose::sentence(event, around.event_type),
        format!("Status: {}.", status.replace('_', " ")),
    ];
    let mut say = |label: &str, names: Vec<String>| {
        if !names.is_empty() {
            content.push(format!("{label}: {}.", names.join(", ")));
        }
    };
    say("Assigned to", conversation.assignee.as_deref().and_then(name).into_iter().collect());
    say("With", conversation.recipient.as_deref().map(address).into_iter().collect());
    say("Tags", conversation.tags.0.iter().filter_map(name).collect());
    say("Inboxes", conversation.inboxes.0.iter().filter_map(name).collect());
    say("Links", conversation.topics.0.iter().filter_map(name).collect());
    let document =
        Document::new(conversation.id.0.trim(), describe::CONVERSATION).title(title).text(content.join("\n"));
    let mut document = document.metadata(metadata::json(event, around, None));
    let key = entities::conversation(&mut document, conversation);
    relate_ends(&mut document, event, around.event_type, key);
    document
}

/// A conversation's status after an event. Front may still send the state before the trash.
pub fn status<'a>(event_type: &str, status: &'a str) -> &'a str {
    if event_type == "trash" { "trashed" } else { status }
}

fn preview_document(event: &Event, around: Around) -> Document {
    let conversation = event.conversation.as_ref();
    let about = conversation.and_then(|about| about.subject.some().or(about.id.some()));
    let on = about.map_or_else(String::new, |about| format!(", conversation {about}"));
    let title = one_line(&format!("Front event {}{on}", around.event_type));
    let content = format!("{title}\n{}", prose::sentence(event, around.event_type));
    let document = Document::new(event.id.0.trim(), describe::EVENT_PREVIEW).title(title).text(content);
    let mut document = document.metadata(metadata::json(event, around, None));
    let key = conversation.and_then(|about| entities::conversation(&mut document, about));
    relate_ends(&mut document, event, around.event_type, key);
    document
}

/// Joins the conversation to what the event was done with, as far as the event type says how.
fn relate_ends(document: &mut Document, event: &Event, event_type: &str, conversation: Option<String>) {
    entities::end(document, event.source.as_ref());
    let targets = entities::end(document, event.target.as_ref());
    let relation = match event_type {
        "assign" => "assigned_to",
        "tag" => "tagged",
        "move" => "in_inbox",
        "link_added" => "linked_to",
        "conversations_merged" => "merged_from",
        _ => return,
    };
    let Some(key) = conversation else { return };
    for target in targets {
        let there = document.relations.iter().any(|known| known.kind == relation && known.to == target);
        if !there {
            document.add_relation(key.clone(), relation, target);
        }
    }
}

fn with_role<'r, 'a>(message: &'r Resource<'a>, role: &'static str) -> impl Iterator<Item = &'r Resource<'a>> {
    message.recipients.0.iter().filter(move |who| who.role.some() == Some(role))
}

fn name(thing: &Resource) -> Option<String> {
    thing.label().map(|name| one_line(&name))
}

/// `Jane Doe <jane@example.com>`, or as much of it as there is.
fn address(who: &Resource) -> String {
    match (who.name.some(), who.handle.some().or(who.email.some())) {
        (Some(name), Some(handle)) if name != handle => format!("{name} <{handle}>"),
        (_, Some(handle)) => handle.to_owned(),
        _ => who.label().unwrap_or_default().into_owned(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn first_words(text: &str, otherwise: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(otherwise);
    match line.char_indices().nth(TITLE_CHARS) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or(line).trim_end()),
        None => line.to_owned(),
    }
}
