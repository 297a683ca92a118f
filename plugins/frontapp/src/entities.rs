//! The entities and relations that Front itself names: people by address, messages, conversations, tags, inboxes. Text is
//! not searched for more.

use apex_sdk::prelude::*;

use crate::event::{End, Resource};

/// Entity keys are at most this many bytes (the host's rule); a longer one is left out.
const KEY_BYTES_MAX: usize = 512;

/// Adds a person or contact, and answers the key: by e-mail, else by telephone number, else by Front's id or handle.
pub fn person(document: &mut Document, who: &Resource) -> Option<String> {
    let address = who.email.some().or(who.handle.some());
    let key = match address {
        Some(email) if email.contains('@') => format!("email:{}", email.to_lowercase()),
        Some(number) if is_phone(number) => format!("phone:{}", number.replace([' ', '-', '(', ')', '.'], "")),
        Some(handle) => format!("handle:{}", handle.to_lowercase()),
        None => format!("teammate:{}", who.id.some().filter(|id| id.starts_with("tea_"))?),
    };
    add(document, key, "person", &who.label().unwrap_or_default())
}

/// Adds a resource by its Front id under a kind such as `tag`; the kind is also the prefix of the key.
pub fn resource(document: &mut Document, kind: &str, thing: &Resource) -> Option<String> {
    let key = format!("{kind}:{}", thing.id.some()?);
    add(document, key, kind, &thing.label().unwrap_or_default())
}

/// Adds what a source or target points at, according to its declared type; answers the keys.
pub fn end(document: &mut Document, end: Option<&End>) -> Vec<String> {
    let Some(end) = end else { return Vec::new() };
    let kind = end.meta.kind.some().unwrap_or_default();
    let things = end.data.0.iter();
    let mut add = |thing: &Resource| match kind {
        "teammate" | "recipient" | "contact" => person(document, thing),
        "inboxes" | "inbox" => resource(document, "inbox", thing),
        "tag" => resource(document, "tag", thing),
        "link" => resource(document, "link", thing),
        "deleted_conversation_ids" => resource(document, "conversation", thing),
        _ => None,
    };
    things.filter_map(&mut add).collect()
}

/// Adds a conversation with what is known of it: assignee, tags, inboxes, correspondent. Answers its key.
pub fn conversation(document: &mut Document, conversation: &Resource) -> Option<String> {
    let key = resource(document, "conversation", conversation)?;
    if let Some(who) = conversation.assignee.as_deref().and_then(|who| person(document, who)) {
        document.add_relation(key.clone(), "assigned_to", who);
    }
    if let Some(who) = conversation.recipient.as_deref().and_then(|who| person(document, who)) {
        document.add_relation(key.clone(), "with", who);
    }
    for (kind, relation, things) in [
        ("tag", "tagged", &conversation.tags),
        ("inbox", "in_inbox", &conversation.inboxes),
        ("link", "linked_to", &conversation.topics),
    ] {
        for thing in &things.0 {
            if let Some(thing) = resource(document, kind, thing) {
                document.add_relation(key.clone(), relation, thing);
            }
        }
    }
    Some(key)
}

fn add(document: &mut Document, key: String, kind: &str, name: &str) -> Option<String> {
    if key.len() > KEY_BYTES_MAX || key.chars().any(char::is_control) {
        return None;
    }
    document.add_entity(key.clone(), kind, name);
    Some(key)
}

fn is_phone(handle: &str) -> bool {
    let digits = handle.chars().filter(char::is_ascii_digit).count();
    digits >= 7 && handle.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')' | '.'))
}
