//! Which document an event becomes: id, kind, order, time, text, entities. Expected values are worked out by hand from the
//! rules in `README.md`.

use apex_sdk::prelude::*;

use crate::parse::documents;

fn one(json: &str) -> Document {
    let mut documents = documents(json.as_bytes()).expect("an event");
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

const CONVERSATION: &str = r#"{"_links":{"self":"https://api2.frontapp.com/conversations/cnv_55c8c149"},"id":"cnv_55c8c149",
    "subject":"Late pickup for load 4455667","status":"assigned","created_at":1703102000.5,
    "assignee":{"id":"tea_2","email":"Bob@Example.com","first_name":"Bob","last_name":"Roe"},
    "recipient":{"handle":"jane@acme.example","role":"from","name":"Jane Doe"},
    "tags":[{"id":"tag_1","name":"Urgent"}],"links":[]}"#;

fn inbound(kind: &str) -> String {
    format!(
        r#"{{"type":"inbound_received","authorization":{{"id":"cmp_1"}},"payload":{{"_links":{{"self":"https://api2.frontapp.com/events/evt_2rd8cb"}},
        "id":"evt_2rd8cb","type":"{kind}","emitted_at":1703102616.987654,
        "source":{{"_meta":{{"type":"inboxes"}},"data":[{{"id":"inb_1","name":"Dispatch"}}]}},
        "target":{{"_meta":{{"type":"message"}},"data":{{"_links":{{"self":"https://api2.frontapp.com/messages/msg_1q15qmtq"}},
          "id":"msg_1q15qmtq","type":"email","is_inbound":true,"created_at":1703102616.5,"subject":"Late  pickup\nfor load 4455667",
          "text":"","body":"<p>The driver waits since <b>08:00</b>.</p><p>Jane</p>","author":null,
          "recipients":[{{"handle":"Jane@Acme.example","role":"from","name":"Jane Doe"}},{{"handle":"ops@broker.example","role":"to"}},
            {{"handle":"+1 (541) 555-0100","role":"cc","name":null}}],
          "attachments":[{{"filename":"pod.pdf","url":"https://api2.frontapp.com/download/fil_1","content_type":"application/pdf","size":1024}}]}}}},
        "conversation":{CONVERSATION}}}}}"#
    )
}

#[test]
fn a_full_message() {
    let document = one(&inbound("inbound"));
    assert_eq!((document.id.as_str(), document.kind.as_str()), ("msg_1q15qmtq", "message"));
    assert_eq!(document.title, "Late pickup for load 4455667");
    assert_eq!(document.sequence.as_deref(), Some("166899323"));
    assert_eq!(document.occurred_at.as_deref(), Some("2023-12-20T20:03:36.987654Z"));
    assert!(
        document.content.contains("From: Jane Doe <Jane@Acme.example>\nTo: ops@broker.example\n"),
        "{}",
        document.content
    );
    assert!(document.content.contains("\nThe driver waits since 08:00.\nJane\n"), "{}", document.content);
    let keys: Vec<&str> = document.entities.iter().map(|entity| entity.key.as_str()).collect();
    for key in [
        "message:msg_1q15qmtq",
        "email:jane@acme.example",
        "email:ops@broker.example",
        "phone:+15415550100",
        "conversation:cnv_55c8c149",
        "email:bob@example.com",
        "tag:tag_1",
        "inbox:inb_1",
    ] {
        assert!(keys.contains(&key), "{key} in {keys:?}");
    }
    let related = |from: &str, kind: &str, to: &str| {
        document.relations.iter().any(|r| (r.from.as_str(), r.kind.as_str(), r.to.as_str()) == (from, kind, to))
    };
    assert!(related("message:msg_1q15qmtq", "sent_by", "email:jane@acme.example"));
    assert!(related("message:msg_1q15qmtq", "part_of", "conversation:cnv_55c8c149"));
    assert!(related("conversation:cnv_55c8c149", "assigned_to", "email:bob@example.com"));
    assert!(related("conversation:cnv_55c8c149", "tagged", "tag:tag_1"));
    let metadata: serde_json::Value = serde_json::from_str(&document.metadata).unwrap();
    assert_eq!(metadata["event_id"], "evt_2rd8cb");
    assert_eq!(metadata["emitted_at"], "1703102616.987654", "digit for digit");
    assert_eq!(metadata["created_at"], "1703102616.5");
    assert_eq!(metadata["company"], "cmp_1");
    assert_eq!(metadata["attachments"][0]["name"], "pod.pdf");
}

#[test]
fn a_failed_delivery_replaces_the_message_and_says_so() {
    let document = one(&inbound("message_bounce_error"));
    assert_eq!(document.id, "msg_1q15qmtq");
    assert!(document.content.starts_with("A message bounced.\n"), "{}", document.content);
}

#[test]
fn a_comment() {
    let json = format!(
        r#"{{"id":"evt_3","type":"comment","emitted_at":1703102616,"source":{{"_meta":{{"type":"teammate"}},"data":{{"id":"tea_2"}}}},
        "target":{{"_meta":{{"type":"comment"}},"data":{{"id":"com_9","body":"call them\nnow","posted_at":1703102615.25,
        "author":{{"id":"tea_2","username":"bob","email":"bob@example.com"}}}}}},"conversation":{CONVERSATION}}}"#
    );
    let document = one(&json);
    assert_eq!((document.id.as_str(), document.kind.as_str()), ("com_9", "comment"));
    assert_eq!(document.title, "Comment by bob@example.com on Late pickup for load 4455667");
    assert!(document.content.ends_with("\n\ncall them\nnow"), "{}", document.content);
    assert_eq!(document.sequence.as_deref(), Some("3"));
}

#[test]
fn a_conversation() {
    let json = format!(
        r#"{{"id":"evt_4","type":"tag","emitted_at":1703102616,"source":{{"_meta":{{"type":"rule"}},"data":{{"id":"rul_1","name":"Late"}}}},
        "target":{{"_meta":{{"type":"tag"}},"data":{{"id":"tag_1","name":"Urgent"}}}},"conversation":{CONVERSATION}}}"#
    );
    let document = one(&json);
    assert_eq!((document.id.as_str(), document.kind.as_str()), ("cnv_55c8c149", "conversation"));
    assert_eq!(document.title, "Late pickup for load 4455667");
    assert_eq!(
        document.content,
        "Late pickup for load 4455667\nThe rule Late tagged the conversation with Urgent.\nStatus: assigned.\n\
         Assigned to: Bob Roe.\nWith: Jane Doe <jane@acme.example>.\nTags: Urgent."
    );
    let tagged = document.relations.iter().filter(|relation| relation.kind == "tagged").count();
    assert_eq!(tagged, 1, "the state and the event name the same tag once");
}

#[test]
fn a_trashed_conversation_stays_with_its_status() {
    let json = format!(r#"{{"id":"evt_5","type":"trash","conversation":{CONVERSATION}}}"#);
    let document = one(&json);
    assert_eq!((document.id.as_str(), document.op), ("cnv_55c8c149", Op::Upsert));
    assert!(document.content.contains("Status: trashed."), "{}", document.content);
    assert_eq!(document.occurred_at, None);
}

#[test]
fn a_preview_never_replaces_a_full_document() {
    let json = r#"{"type":"inbound_received","payload":{"id":"evt_6","type":"inbound","emitted_at":1703102616.1,
        "_links":{"self":"https://api2.frontapp.com/events/evt_6"},
        "conversation":{"id":"cnv_1","_links":{"self":"https://api2.frontapp.com/conversations/cnv_1"}},
        "source":{"_meta":{"type":"inboxes"},"data":[{"id":"inb_1"}]},
        "target":{"_meta":{"type":"message"},"data":{"id":"msg_1","_links":{"self":"https://api2.frontapp.com/messages/msg_1"}}}}}"#;
    let document = one(json);
    assert_eq!((document.id.as_str(), document.kind.as_str()), ("evt_6", "event_preview"));
    assert_eq!(document.title, "Front event inbound, conversation cnv_1");
    let metadata: serde_json::Value = serde_json::from_str(&document.metadata).unwrap();
    assert_eq!(metadata["target_ids"], serde_json::json!(["msg_1"]));
    assert_eq!(metadata["links"]["event"], "https://api2.frontapp.com/events/evt_6");
}

#[test]
fn odd_bodies_still_make_a_document() {
    let odd = [
        r#"{"id":"evt_7"}"#,
        r#"{"id":"evt_7","type":null,"source":null,"target":null,"conversation":null,"_links":{}}"#,
        r#"{"id":"evt_7","type":"from_the_future","source":{"_meta":{}},"target":{"data":[]},"extra":{"a":[1,2]}}"#,
        r#"{"id":"evt_7","type":"move","target":{"_meta":{"type":"inboxes"},"data":[null,3,"inb_1",{"id":4}]}}"#,
    ];
    for json in odd {
        let document = one(json);
        assert_eq!((document.id.as_str(), document.kind.as_str()), ("evt_7", "event_preview"), "{json}");
        assert!(!document.title.is_empty() && !document.title.contains('\n'));
    }
}

#[test]
fn relations_join_only_entities_of_the_document() {
    for kind in ["inbound", "assign", "move", "tag", "conversations_merged", "link_added"] {
        let document = one(&inbound(kind));
        for relation in &document.relations {
            for end in [&relation.from, &relation.to] {
                assert!(document.entities.iter().any(|entity| entity.key == *end), "{end}");
            }
        }
    }
}
