//! HTML of mails to plain text: tags go, blocks become lines, entities become characters, scripts and styles vanish. It
//! is no browser: nothing is fetched, nothing is kept of the layout.

/// Elements whose content is not for readers.
const HIDDEN: [&str; 4] = ["script", "style", "head", "title"];
/// Elements that start a new line.
const BLOCKS: [&str; 21] = [
    "address",
    "article",
    "blockquote",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "table",
    "tr",
    "ul",
];

/// The readable text of a piece of HTML.
pub fn to_text(html: &str) -> String {
    let mut text = Lines::default();
    let mut rest = html;
    while let Some((before, from_tag)) = rest.split_once('<') {
        text.push(before);
        rest = after_tag(from_tag, &mut text);
    }
    text.push(rest);
    text.finish()
}

/// Handles what follows a `<`, and answers what follows the tag (or the whole hidden element).
fn after_tag<'a>(from_tag: &'a str, text: &mut Lines) -> &'a str {
    if let Some(comment) = from_tag.strip_prefix("!--") {
        return comment.split_once("-->").map_or("", |(_, rest)| rest);
    }
    let is_tag = from_tag.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
    let Some((tag, rest)) = from_tag.split_once('>').filter(|_| is_tag) else {
        text.push("<");
        return from_tag;
    };
    let closing = tag.starts_with('/');
    let name: String = tag
        .trim_start_matches('/')
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    if HIDDEN.contains(&name.as_str()) && !closing && !tag.ends_with('/') {
        return after_element(rest, &name);
    }
    if BLOCKS.contains(&name.as_str()) {
        text.line();
    } else if matches!(name.as_str(), "td" | "th") {
        text.push(" ");
    }
    rest
}

/// What follows the end tag of a hidden element; nothing if it never ends.
fn after_element<'a>(content: &'a str, name: &str) -> &'a str {
    let mut rest = content;
    while let Some((_, tag)) = rest.split_once("</") {
        if tag.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return tag.split_once('>').map_or("", |(_, rest)| rest);
        }
        rest = tag;
    }
    ""
}

/// Text as it grows: runs of white space become one space, and no two lines in a row are empty.
#[derive(Default)]
struct Lines {
    done: String,
    line: String,
    space: bool,
}

impl Lines {
    fn push(&mut self, raw: &str) {
        for c in decode(raw).chars() {
            if c.is_whitespace() {
                self.space = true;
            } else if !matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}') {
                if self.space && !self.line.is_empty() {
                    self.line.push(' ');
                }
                self.space = false;
                self.line.push(c);
            }
        }
    }

    fn line(&mut self) {
        if !self.line.is_empty() {
            if !self.done.is_empty() {
                self.done.push('\n');
            }
            self.done.push_str(&self.line);
            self.line.clear();
        }
        self.space = false;
    }

    fn finish(mut self) -> String {
        self.line();
        self.done
    }
}

/// Replaces character references; what is none stays as it is.
fn decode(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, from_name)) = rest.split_once('&') {
        text.push_str(before);
        let found = from_name
            .split_once(';')
            .filter(|(name, _)| name.len() <= 8)
            .and_then(|(name, after)| Some((reference(name)?, after)));
        if let Some((c, after)) = found {
            text.push(c);
            rest = after;
        } else {
            text.push('&');
            rest = from_name;
        }
    }
    text.push_str(rest);
    text
}

fn reference(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| !c.is_control() || c.is_whitespace());
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" | "rsquo" | "lsquo" => '\'',
        "nbsp" | "ensp" | "emsp" => ' ',
        "zwnj" | "shy" => '\u{200b}',
        "ndash" | "mdash" => '-',
        "ldquo" => '“',
        "rdquo" => '”',
        "hellip" => '…',
        "bull" | "middot" => '•',
        "copy" => '©',
        "reg" => '®',
        "trade" => '™',
        "euro" => '€',
        "pound" => '£',
        "deg" => '°',
        "times" => '×',
        "eacute" => 'é',
        "egrave" => 'è',
        "agrave" => 'à',
        "ccedil" => 'ç',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "szlig" => 'ß',
        "ntilde" => 'ñ',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::to_text;

    #[test]
    fn a_mail_becomes_lines() {
        let html = "<html><head><title>x</title><STYLE>p{color:red}</style></head><body><p>Hello&nbsp;Jane,</p>\n\
            <p>load <b>4455667</b> is\n  late &amp; waiting</p><!-- <p>hidden</p> --><ul><li>one</li><li>two</li></ul>\
            <table><tr><td>Rate</td><td>$1,850.00</td></tr></table>Regards<br/>Bob</body></html>";
        assert_eq!(
            to_text(html),
            "Hello Jane,\nload 4455667 is late & waiting\none\ntwo\nRate $1,850.00\nRegards\nBob"
        );
    }

    #[test]
    fn broken_html_loses_no_text() {
        assert_eq!(to_text("5 < 6 and 7 > 3"), "5 < 6 and 7 > 3");
        assert_eq!(to_text("unclosed <b"), "unclosed <b");
        assert_eq!(to_text("<script>never ends"), "");
        assert_eq!(to_text("<script>if (a</b) {}</script>after"), "after");
        assert_eq!(to_text("AT&T &unknown; &#233;&#xE9; &#0; R&D"), "AT&T &unknown; éé &#0; R&D");
        assert_eq!(to_text(""), "");
        assert_eq!(to_text("<é>"), "<é>");
    }
}
