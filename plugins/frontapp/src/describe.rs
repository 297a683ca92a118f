//! What the connector says of itself: document kinds and entity kinds. Nothing here looks at data.

use apex_sdk::prelude::*;

/// A message with its full text: one document per message.
pub const MESSAGE: &str = "message";
/// A teammate's comment: one document per comment.
pub const COMMENT: &str = "comment";
/// The state of a conversation: one document per conversation.
pub const CONVERSATION: &str = "conversation";
/// An event of which only ids and links are known: one document per event.
pub const EVENT_PREVIEW: &str = "event_preview";

/// The connector's description.
pub fn description() -> Description {
    Description::new("frontapp", env!("CARGO_PKG_VERSION"), "Messages, comments and conversations from Front")
        .documents(&[MESSAGE, COMMENT, CONVERSATION, EVENT_PREVIEW])
        .entity("person", &["email"])
        .entity("message", &["message-id"])
        .entity("conversation", &["conversation-id"])
        .entity("tag", &["tag-id"])
        .entity("inbox", &["inbox-id"])
}
