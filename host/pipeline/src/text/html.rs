//! Text from HTML as mail programs write it: tags go, blocks become lines, character references become characters.
//!
//! A stripper, not a parser: it builds no tree, and accepts anything. `script`, `style`, `head` and comments vanish.

/// Elements that stand on lines of their own.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "div",
    "dl",
    "dt",
    "dd",
    "fieldset",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];
/// Elements whose content is not text.
const SILENT: &[&str] = &["script", "style", "head", "template", "svg", "noscript", "title"];

/// Removes the markup. Blanks are left for the caller to tidy.
pub fn strip(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, from_tag)) = rest.find('<').map(|at| rest.split_at(at)) {
        push_decoded(&mut text, before);
        rest = after_markup(&mut text, from_tag);
    }
    push_decoded(&mut text, rest);
    text
}

/// Consumes the markup at the start of `rest` and answers what follows it.
fn after_markup<'a>(text: &mut String, rest: &'a str) -> &'a str {
    if let Some(comment) = rest.strip_prefix("<!--") {
        return comment.split_once("-->").map_or("", |(_, after)| after);
    }
    let inside = rest.get(1..).unwrap_or_default();
    if !inside.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        text.push('<');
        return inside;
    }
    let Some(end) = tag_end(inside) else {
        return "";
    };
    let (tag, after) = inside.split_at(end);
    let after = after.get(1..).unwrap_or_default();
    let closing = tag.starts_with('/');
    let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    if BLOCKS.contains(&name.as_str()) {
        text.push('\n');
        if matches!(name.as_str(), "p" | "h1" | "h2" | "h3" | "h4" | "table") {
            text.push('\n');
        }
        if name == "li" && !closing {
            text.push_str("- ");
        }
    } else if matches!(name.as_str(), "td" | "th") {
        text.push(' ');
    }
    if SILENT.contains(&name.as_str()) && !closing && !tag.ends_with('/') {
        return after_element(after, &name);
    }
    after
}

/// Where the tag's `>` is, quoted attribute values passed over.
fn tag_end(inside: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in inside.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    // An unclosed quote must not swallow the rest of the mail.
    quote.and_then(|_| inside.find('>'))
}

/// What follows the end tag of the element `name`.
fn after_element<'a>(rest: &'a str, name: &str) -> &'a str {
    let mut search = rest;
    while let Some(at) = search.find("</") {
        let candidate = search.get(at + 2..).unwrap_or_default();
        if candidate.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return candidate.find('>').and_then(|end| candidate.get(end + 1..)).unwrap_or_default();
        }
        search = candidate;
    }
    ""
}

fn push_decoded(text: &mut String, raw: &str) {
    let mut rest = raw;
    while let Some((before, reference)) = rest.find('&').map(|at| rest.split_at(at)) {
        text.push_str(before);
        let name = reference.get(1..).unwrap_or_default();
        let length = name.bytes().take(12).take_while(|c| c.is_ascii_alphanumeric() || *c == b'#').count();
        let (name, after) = name.split_at(length);
        if let Some(decoded) = decode(name) {
            text.push_str(decoded.as_str());
            rest = after.strip_prefix(';').unwrap_or(after);
        } else {
            text.push('&');
            rest = reference.get(1..).unwrap_or_default();
        }
    }
    text.push_str(rest);
}

/// The characters a reference stands for: numbers of any kind, and the names that mail and CRM notes use
/// (HTML Living Standard, section 13.5).
fn decode(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| !c.is_control() || c.is_whitespace()).map(String::from);
    }
    let text = match name {
        "amp" | "AMP" => "&",
        "lt" | "LT" => "<",
        "gt" | "GT" => ">",
        "quot" | "QUOT" => "\"",
        "apos" => "'",
        "nbsp" | "ensp" | "emsp" | "thinsp" => " ",
        "shy" | "zwnj" | "zwj" => "",
        "ndash" => "–",
        "mdash" => "—",
        "hellip" => "…",
        "bull" | "middot" => "·",
        "lsquo" => "‘",
        "rsquo" => "’",
        "ldquo" => "“",
        "rdquo" => "”",
        "laquo" => "«",
        "raquo" => "»",
        "copy" => "©",
        "reg" => "®",
        "trade" => "™",
        "deg" => "°",
        "plusmn" => "±",
        "times" => "×",
        "frac12" => "½",
        "euro" => "€",
        "pound" => "£",
        "yen" => "¥",
        "cent" => "¢",
        "sect" => "§",
        "para" => "¶",
        "rarr" => "→",
        "larr" => "←",
        "agrave" => "à",
        "aacute" => "á",
        "acirc" => "â",
        "atilde" => "ã",
        "auml" => "ä",
        "Auml" => "Ä",
        "aring" => "å",
        "aelig" => "æ",
        "ccedil" => "ç",
        "egrave" => "è",
        "eacute" => "é",
        "Eacute" => "É",
        "ecirc" => "ê",
        "euml" => "ë",
        "iacute" => "í",
        "icirc" => "î",
        "ntilde" => "ñ",
        "Ntilde" => "Ñ",
        "oacute" => "ó",
        "ocirc" => "ô",
        "otilde" => "õ",
        "ouml" => "ö",
        "Ouml" => "Ö",
        "oslash" => "ø",
        "szlig" => "ß",
        "uacute" => "ú",
        "ucirc" => "û",
        "uuml" => "ü",
        "Uuml" => "Ü",
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::plain;

    fn text(html: &str) -> String {
        plain(html, "text/html")
    }

    #[test]
    fn blocks_become_lines_and_inline_tags_vanish() {
        assert_eq!(
            text("<p>Hi <b>Jane</b>,</p><div>pick<i>up</i> moved<br/>to 9:00</div><ul><li>dock 4<li>dock 5</ul>"),
            "Hi Jane,\n\npickup moved\nto 9:00\n\n- dock 4\n- dock 5"
        );
        assert_eq!(
            text("<table><tr><td>PRO</td><td>123</td></tr><tr><td>BOL</td><td>9</td></tr></table>"),
            "PRO 123\n\nBOL 9"
        );
    }

    #[test]
    fn scripts_styles_and_comments_vanish() {
        assert_eq!(
            text("<head><title>x</title></head>a<style>p{x:1}</style><SCRIPT>if(a<b){}</script >b<!-- <p>c -->d"),
            "abd"
        );
        assert_eq!(text("a<script>never closed"), "a");
    }

    #[test]
    fn character_references_become_characters() {
        assert_eq!(
            text("A&amp;B &lt;x&gt; caf&eacute; &#8364;5 &#x20AC;6 &nbsp; R&D &unknown; 5 < 6"),
            "A&B <x> café €5 €6 R&D &unknown; 5 < 6"
        );
    }

    #[test]
    fn broken_markup_gives_text_all_the_same() {
        assert_eq!(text("<a href=\"x>y\">link</a> and <b"), "link and");
        assert_eq!(text("<a href=\"x>never closed"), "never closed");
        assert_eq!(text("é<ü>&"), "é<ü>&");
    }
}
