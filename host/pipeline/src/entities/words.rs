//! Words and letters that several families of rules need.

/// Lower case, runs of anything but letters and digits as one dash, at most 96 bytes: part of a key, made the way the
/// connectors make it, so that a name in a mail and in an EDI file is one entity.
pub fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.floor_char_boundary(96));
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// `DALLAS` and `dallas` as `Dallas`; mixed case stays.
pub fn title_case(text: &str) -> String {
    if text.chars().any(char::is_lowercase) && text.chars().any(char::is_uppercase) {
        return text.to_owned();
    }
    let mut open = true;
    text.chars()
        .map(|c| {
            let cased = if open { c.to_uppercase().next() } else { c.to_lowercase().next() };
            open = !c.is_alphanumeric() && c != '\'';
            cased.unwrap_or(c)
        })
        .collect()
}

/// The character before a place in a text.
pub fn before(text: &str, at: usize) -> Option<char> {
    text.get(..at).and_then(|front| front.chars().next_back())
}

/// The character at a place in a text.
pub fn after(text: &str, at: usize) -> Option<char> {
    text.get(at..).and_then(|rest| rest.chars().next())
}

/// Capitalised words that open sentences, lines and greetings, or are common in business mail: never the first word of
/// a name.
#[rustfmt::skip]
const OPENERS: &[&str] = &[
    "a", "about", "after", "all", "also", "amount", "an", "and", "any", "are", "arrival", "as", "ask", "at",
    "attention", "attn", "because", "before", "best", "bill", "billing", "both", "but", "by", "call", "can",
    "carrier", "cc", "check", "claim", "confirmed", "consignee", "consignor", "contact", "container", "could",
    "customer", "date", "dear", "deliver", "delivered", "delivery", "departure", "destination", "did", "dispatch",
    "dispatcher", "do", "does", "driver", "due", "each", "eta", "every", "for", "from", "fw", "fwd", "good", "has",
    "have", "he", "hello", "her", "here", "hey", "hi", "his", "how", "i", "if", "in", "into", "invoice", "is", "it",
    "its", "kind", "last", "late", "leaving", "left", "let", "load", "located", "many", "may", "meet", "my", "near",
    "new", "next", "no", "not", "note", "now", "of", "ok", "old", "on", "once", "only", "or", "order", "origin",
    "our", "payment", "per", "pick", "picked", "pickup", "please", "rate", "re", "received", "receiver", "regarding",
    "regards", "reply", "route", "see", "send", "sender", "sent", "she", "ship", "shipment", "shipper", "signed",
    "since", "so", "some", "sorry", "status", "stop", "subject", "tell", "thank", "thanks", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "through", "to", "today", "tomorrow", "total",
    "tracking", "trailer", "truck", "under", "until", "update", "us", "via", "was", "we", "weight", "were", "what",
    "when", "where", "which", "while", "who", "why", "will", "with", "would", "yes", "yesterday", "you", "your",
];

/// Whether a name cannot begin with this word.
pub fn is_opener(word: &str) -> bool {
    OPENERS.binary_search(&word.trim_end_matches([',', '.', ':']).to_lowercase().as_str()).is_ok()
}

/// Drops openers from the front of a run of words; answers the rest and how many bytes were dropped.
pub fn without_openers(words: &str) -> (&str, usize) {
    let mut rest = words;
    while let Some((first, behind)) = rest.split_once(' ') {
        if !is_opener(first) {
            break;
        }
        rest = behind.trim_start();
    }
    (rest, words.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_openers_is_sorted() {
        assert!(OPENERS.is_sorted());
    }

    #[test]
    fn words_take_their_shapes() {
        assert_eq!(slug("ACME Freight, Inc."), "acme-freight-inc");
        assert_eq!(title_case("SALT LAKE CITY"), "Salt Lake City");
        assert_eq!(title_case("McAllen"), "McAllen");
        assert_eq!(without_openers("From The Port"), ("Port", 9));
        assert_eq!(without_openers("From"), ("From", 0));
    }
}
