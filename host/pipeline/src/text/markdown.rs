//! Text from Markdown, lightly: the signs that only shape the page go, everything else stays as it was written.
//!
//! Not a parser: numbers, underscores inside words and bare URLs must survive, because ids are made of them.

/// Removes headings' `#`, emphasis, code fences, quote marks, table rules and link targets (the URL stays in brackets).
pub fn strip(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    for line in markdown.lines() {
        let line = line.trim();
        if line.starts_with("```") || line.starts_with("~~~") || is_rule(line) {
            text.push('\n');
            continue;
        }
        let line = line.trim_start_matches('>').trim_start();
        let heading = line.trim_start_matches('#');
        let line = if heading.starts_with(' ') || heading.is_empty() { heading } else { line };
        inline(&mut text, line.trim_matches('|').trim());
        text.push('\n');
    }
    text
}

/// `---`, `***`, `===` and the rule under a table's head.
fn is_rule(line: &str) -> bool {
    line.len() >= 3 && line.chars().all(|c| matches!(c, '-' | '*' | '=' | '_' | '|' | ':' | ' '))
}

fn inline(text: &mut String, line: &str) {
    let mut rest = line;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        if let Some((label, target, behind)) = link(rest) {
            text.push_str(label);
            if target.starts_with("http") && target != label {
                text.push_str(" (");
                text.push_str(target);
                text.push(')');
            }
            rest = behind;
            before = ')';
            continue;
        }
        let next = after.chars().next().unwrap_or(' ');
        let marks = match c {
            '`' => true,
            '|' => {
                text.push(' ');
                true
            }
            // `*` as a bullet or a multiplication sign has blanks on both sides.
            '*' => !(before.is_whitespace() && next.is_whitespace()),
            '_' | '~' => !(before.is_alphanumeric() && next.is_alphanumeric()),
            '\\' => next.is_ascii_punctuation(),
            _ => false,
        };
        if !marks {
            text.push(c);
        }
        before = c;
        rest = after;
    }
}

/// `[label](target)` or `![label](target)` at the start of `rest`, and what follows.
fn link(rest: &str) -> Option<(&str, &str, &str)> {
    let inside = rest.strip_prefix("![").or_else(|| rest.strip_prefix('['))?;
    let (label, tail) = inside.split_once("](")?;
    let (target, behind) = tail.split_once(')')?;
    (!label.contains('[') && !target.contains(' ')).then_some((label, target, behind))
}

#[cfg(test)]
mod tests {
    use super::super::plain;

    #[test]
    fn signs_go_and_words_stay() {
        let markdown = "# Load 42\n\n**Late** by *2 h*, see [the board](https://x.example/b).\n\n- `PRO_123_A` at 5 * 4\n> quoted\n---\n| a | b |\n|---|---|\n| 1 | 2 |\n#12 is an order";
        assert_eq!(
            plain(markdown, "text/markdown"),
            "Load 42\n\nLate by 2 h, see the board (https://x.example/b).\n\n- PRO_123_A at 5 * 4\nquoted\n\na b\n\n1 2\n#12 is an order"
        );
    }
}
