//! Takes secrets out of what people are shown of an event. Must not touch what connectors are given: a replay needs every byte.

const MASKED: &str = "***";
/// Parts of the names of headers that carry secrets: `authorization`, `proxy-authorization`, `cookie`, `x-api-key`, and whatever
/// vendors call a token or a secret.
const SECRET_NAMES: [&str; 5] = ["authorization", "cookie", "api-key", "token", "secret"];

/// A label, every value in the query of its target masked: `POST /webhooks/a?token=***`. A piece without a name is a value.
pub(crate) fn label(label: &str) -> String {
    let Some((path, query)) = label.split_once('?') else { return label.to_owned() };
    let mask = |piece: &str| match piece.split_once('=') {
        Some((name, _)) => format!("{name}={MASKED}"),
        None if piece.is_empty() => String::new(),
        None => MASKED.to_owned(),
    };
    let pieces: Vec<String> = query.split('&').map(mask).collect();
    format!("{path}?{}", pieces.join("&"))
}

/// Header lines, the values of those that carry secrets masked.
pub(crate) fn headers(lines: &str) -> String {
    let mask = |line: &str| {
        let name = line.split(':').next().unwrap_or_default();
        let lower = name.to_ascii_lowercase();
        if SECRET_NAMES.iter().any(|part| lower.contains(part)) {
            format!("{name}: {MASKED}\n")
        } else {
            format!("{line}\n")
        }
    };
    lines.lines().map(mask).collect()
}
