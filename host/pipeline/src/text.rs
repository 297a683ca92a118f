//! Plain text from a document's content, by media type: what is chunked, embedded and searched for entities.
//!
//! Never fails: broken markup gives text all the same. Keeps line structure, because lines carry meaning in business
//! mail and EDI prose; knows nothing of sentences or tokens.

mod html;
mod markdown;

/// The readable text of `content`.
///
/// Line ends become `\n`, control characters and runs of blanks disappear, at most one blank line stays between two lines.
pub fn plain(content: &str, media_type: &str) -> String {
    match media_type {
        "text/html" => tidy(&html::strip(content)),
        "text/markdown" => tidy(&markdown::strip(content)),
        _ => tidy(content),
    }
}

fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut blank_lines = 0;
    for line in text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')) {
        let before = tidied.len();
        for word in line.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
            let word = word.trim_matches(is_invisible);
            if word.is_empty() {
                continue;
            }
            if tidied.len() > before {
                tidied.push(' ');
            } else if !tidied.is_empty() {
                tidied.push_str(if blank_lines > 0 { "\n\n" } else { "\n" });
            }
            tidied.push_str(word);
        }
        blank_lines = if tidied.len() > before { 0 } else { blank_lines + usize::from(line.trim().is_empty()) };
    }
    tidied
}

/// Zero-width spaces, byte order marks and soft hyphens: mail programs leave them, readers never see them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_keeps_its_lines_and_loses_noise() {
        assert_eq!(plain("a  b\r\nc\u{0}d\u{200b}\r\n\r\n\r\n\r\ne\t f\n", "text/plain"), "a b\nc d\n\ne f");
        assert_eq!(plain("", "text/plain"), "");
        assert_eq!(plain(" \n \n", "text/plain"), "");
    }
}
