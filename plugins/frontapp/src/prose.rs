//! What an event says, as one English sentence: the words that are searched when an event carries no text of its own.
//! A table of templates; no ids are resolved and nothing is fetched.

use crate::event::{End, Event, Resource};

/// One event type: what happened, and how its target is joined to that.
struct Said {
    kind: &'static str,
    /// `{who}` is the source.
    what: &'static str,
    /// Appended with the names of the targets, if there are any.
    with: &'static str,
}

const fn said(kind: &'static str, what: &'static str, with: &'static str) -> Said {
    Said { kind, what, with }
}

/// Every event type of the Core API (`EventResponse.type`), and the webhook-only types.
const SAID: [Said; 38] = [
    said("assign", "{who} assigned the conversation", "to"),
    said("unassign", "{who} unassigned the conversation", "from"),
    said("archive", "{who} archived the conversation", ""),
    said("reopen", "{who} reopened the conversation", ""),
    said("trash", "{who} moved the conversation to the trash", ""),
    said("restore", "{who} restored the conversation from the trash", ""),
    said("reminder", "The snooze of the conversation ended", ""),
    said("conversation_snoozed", "{who} snoozed the conversation", ""),
    said("comment", "{who} commented on the conversation", ""),
    said("mention", "{who} mentioned a teammate in a comment", ""),
    said("inbound", "A message came in", ""),
    said("outbound", "A message was sent", ""),
    said("out_reply", "A reply was sent", ""),
    said("move", "{who} moved the conversation", "to"),
    said("forward", "{who} forwarded a message", ""),
    said("tag", "{who} tagged the conversation", "with"),
    said("untag", "{who} removed a tag", ":"),
    said("sending_error", "A message could not be sent", ""),
    said("message_bounce_error", "A message bounced", ""),
    said("conversations_merged", "{who} merged other conversations into this one", ":"),
    said("link_added", "{who} added a link", ":"),
    said("link_removed", "{who} removed a link", ":"),
    said("custom_field_updated", "{who} changed a custom field", ":"),
    said("macro_triggered", "{who} ran a macro", ":"),
    said("topic_identified", "A topic was identified", ":"),
    said("ticket_status_update", "{who} changed the ticket status", "to"),
    said("call_started", "A call started", "with"),
    said("call_abandoned", "A caller hung up before anyone answered", ":"),
    said("call_queued", "A call was put in the queue", ":"),
    said("call_on_hold", "{who} put a call on hold", ":"),
    said("call_resumed", "{who} resumed a call", ":"),
    said("call_connected", "A call was connected", "to"),
    said("call_missed", "A call was missed", ":"),
    said("call_hangup", "A call ended", ":"),
    said("call_transferred", "{who} transferred a call", "to"),
    said("call_transcript_added", "The transcript of a call was added", ":"),
    said("call_voicemail_transcript_added", "The transcript of a voicemail was added", ":"),
    said("message_delivery_failed", "A message could not be delivered", ""),
];

/// One sentence, with a full stop. Unknown types are said by their own name.
pub fn sentence(event: &Event, event_type: &str) -> String {
    let who = who(event.source.as_ref());
    let Some(said) = SAID.iter().find(|said| said.kind == event_type) else {
        let words = event_type.replace('_', " ");
        return format!(
            "{who} caused the event {}.",
            if words.trim().is_empty() { "without a type" } else { words.trim() }
        );
    };
    let mut sentence = said.what.replace("{who}", &who);
    let targets = names(event.target.as_ref());
    if !said.with.is_empty() && !targets.is_empty() {
        let joint = if said.with == ":" { ": ".to_owned() } else { format!(" {} ", said.with) };
        sentence.push_str(&joint);
        sentence.push_str(&targets.join(", "));
    }
    sentence.push('.');
    sentence
}

fn who(source: Option<&End>) -> String {
    let names = names(source);
    let kind = source.and_then(|source| source.meta.kind.some()).unwrap_or_default();
    let prefix = match kind {
        "rule" => "The rule ",
        "macro" => "The macro ",
        "inboxes" | "inbox" => "The inbox ",
        "reminder" => return "A reminder".to_owned(),
        _ => "",
    };
    match names.first() {
        Some(name) => format!("{prefix}{name}"),
        None if prefix.is_empty() => "Someone".to_owned(),
        None => prefix.trim_end().replace("The ", "A "),
    }
}

fn names(end: Option<&End>) -> Vec<String> {
    end.map_or_else(Vec::new, |end| {
        end.data.0.iter().filter_map(Resource::label).map(|name| name.trim().to_owned()).collect()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::{SAID, sentence};
    use crate::event::Event;

    fn say(kind: &str, rest: &str) -> String {
        let json = format!(r#"{{"id":"evt_1","type":"{kind}"{rest}}}"#);
        sentence(&serde_json::from_str::<Event>(&json).unwrap(), kind)
    }

    const JANE: &str =
        r#","source":{"_meta":{"type":"teammate"},"data":{"id":"tea_1","first_name":"Jane","last_name":"Doe"}}"#;

    #[test]
    fn sources_and_targets_are_named() {
        let to_bob = format!(
            r#"{JANE},"target":{{"_meta":{{"type":"teammate"}},"data":{{"id":"tea_2","email":"bob@example.com"}}}}"#
        );
        assert_eq!(say("assign", &to_bob), "Jane Doe assigned the conversation to bob@example.com.");
        let inboxes = format!(
            r#"{JANE},"target":{{"_meta":{{"type":"inboxes"}},"data":[{{"id":"inb_1","name":"Ops"}},{{"id":"inb_2"}}]}}"#
        );
        assert_eq!(say("move", &inboxes), "Jane Doe moved the conversation to Ops, inb_2.");
        let merged =
            format!(r#"{JANE},"target":{{"_meta":{{"type":"deleted_conversation_ids"}},"data":["cnv_2","cnv_3"]}}"#);
        assert_eq!(
            say("conversations_merged", &merged),
            "Jane Doe merged other conversations into this one: cnv_2, cnv_3."
        );
        let rule = r#","source":{"_meta":{"type":"rule"},"data":{"id":"rul_1","name":"Night shift"}}"#;
        assert_eq!(say("archive", rule), "The rule Night shift archived the conversation.");
        assert_eq!(say("trash", ""), "Someone moved the conversation to the trash.");
        assert_eq!(say("brand_new_type", JANE), "Jane Doe caused the event brand new type.");
    }

    #[test]
    fn every_type_of_the_api_has_words_of_its_own() {
        let api = [
            "assign",
            "unassign",
            "archive",
            "reopen",
            "trash",
            "restore",
            "reminder",
            "comment",
            "mention",
            "inbound",
            "outbound",
            "out_reply",
            "move",
            "forward",
            "tag",
            "untag",
            "sending_error",
            "message_bounce_error",
            "conversations_merged",
            "link_added",
            "link_removed",
            "custom_field_updated",
            "macro_triggered",
            "topic_identified",
            "ticket_status_update",
            "call_started",
            "call_abandoned",
            "call_queued",
            "call_on_hold",
            "call_resumed",
            "call_connected",
            "call_missed",
            "call_hangup",
            "call_transferred",
            "call_transcript_added",
            "call_voicemail_transcript_added",
        ];
        let mut sentences: Vec<String> = api.iter().map(|kind| say(kind, JANE)).collect();
        assert!(sentences.iter().all(|sentence| !sentence.contains("caused the event") && sentence.ends_with('.')));
        sentences.sort();
        sentences.dedup();
        assert_eq!(sentences.len(), api.len());
        assert!(SAID.iter().all(|said| !said.what.contains("{what}")));
    }
}
