//! Where sentences end, by rules: lines, full stops of European and East Asian writing, and the many full stops that
//! end nothing (abbreviations, initials, decimals, addresses of mail and web).
//!
//! A wrong border costs little, because neighbouring sentences are chunked together; so the rules stay short and
//! deterministic. Knows nothing of tokens.

use std::ops::Range;

/// Never the end of a sentence.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "mx", "dr", "prof", "rev", "hon", "gen", "col", "capt", "cpt", "lt", "sgt", "messrs", "st",
    "ste", "mt", "ft", "vs", "e.g", "i.e", "eg", "ie", "cf", "approx", "ca", "dept", "est", "attn", "atten", "qty",
    "wt", "pkg", "pkgs", "pcs", "apt", "bldg", "hwy", "rte", "p.o", "jan", "feb", "mar", "apr", "jun", "jul", "aug",
    "sep", "sept", "oct", "nov", "dec", "mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "avg", "incl",
    "excl", "resp", "z.b", "d.h", "u.a", "bzw", "str", "hr", "dist", "appt", "acct", "whse", "mfg", "intl",
];
/// No end of a sentence if a number follows.
const NUMBERED: &[&str] =
    &["no", "nos", "nr", "ext", "ref", "fig", "vol", "p", "pp", "tel", "fax", "inv", "rm", "fl", "sec", "art", "al"];
/// The end of a sentence only if an ordinary sentence opening follows.
const UNSURE: &[&str] = &[
    "inc", "ltd", "co", "corp", "llc", "l.l.c", "bros", "plc", "a.m", "p.m", "u.s", "u.s.a", "u.k", "jr", "sr", "etc",
    "ave", "blvd", "rd", "dr", "ln", "ct", "pl", "hrs", "mins", "lbs", "lb", "kg", "oz", "yd", "ph.d", "e.t.a",
    "e.t.d", "d.c",
];
/// Words that open sentences and seldom continue a name.
const OPENINGS: &[&str] = &[
    "a", "all", "also", "an", "and", "any", "are", "as", "at", "because", "but", "by", "can", "could", "did", "do",
    "does", "driver", "for", "from", "has", "have", "he", "here", "hi", "how", "however", "i", "if", "in", "is", "it",
    "its", "kindly", "let", "many", "my", "no", "not", "now", "on", "once", "only", "our", "please", "she", "should",
    "since", "so", "some", "thank", "thanks", "that", "the", "their", "then", "there", "these", "they", "this",
    "those", "to", "was", "we", "were", "what", "when", "where", "which", "while", "who", "why", "will", "with",
    "would", "yes", "you", "your", "after", "before", "both", "each", "until",
];

/// The sentences of `text` as byte ranges: in order, disjoint, without surrounding blanks, covering all that is not blank.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut line_start = 0;
    for (at, c) in text.char_indices() {
        let after = at + c.len_utf8();
        let ends = match c {
            '\n' => {
                line_start = after;
                true
            }
            '。' | '！' | '？' | '｡' | '．' => !next_char(text, after).is_some_and(is_closer),
            '.' | '!' | '?' | '…' => latin_end(text, line_start, at, c),
            _ if is_closer(c) => closes_sentence(text, line_start, at),
            _ => false,
        };
        if ends {
            push_trimmed(&mut found, text, start..after);
            start = after;
        }
    }
    push_trimmed(&mut found, text, start..text.len());
    found
}

fn push_trimmed(found: &mut Vec<Range<usize>>, text: &str, range: Range<usize>) {
    let slice = text.get(range.clone()).unwrap_or_default();
    let trimmed = slice.trim();
    if !trimmed.is_empty() {
        let start = range.start + (slice.len() - slice.trim_start().len());
        found.push(start..start + trimmed.len());
    }
}

fn next_char(text: &str, at: usize) -> Option<char> {
    text.get(at..).and_then(|rest| rest.chars().next())
}

fn is_closer(c: char) -> bool {
    matches!(c, ')' | ']' | '"' | '\'' | '”' | '’' | '»' | '」' | '』' | '）' | '】')
}

/// Whether a closing quote or bracket ends the sentence whose full stop stands before it.
fn closes_sentence(text: &str, line_start: usize, at: usize) -> bool {
    let before = text.get(line_start..at).unwrap_or_default();
    let stop = before.trim_end_matches(is_closer);
    let Some(mark) = stop.chars().next_back() else {
        return false;
    };
    let next = text.get(at..).and_then(|rest| rest.chars().nth(1));
    match mark {
        '。' | '！' | '？' | '｡' | '．' => !next.is_some_and(is_closer),
        '.' | '!' | '?' | '…' => {
            next.is_none_or(char::is_whitespace)
                && ends_at_mark(text, line_start, line_start + stop.len() - mark.len_utf8(), mark)
        }
        _ => false,
    }
}

/// Whether the mark at `at` ends a sentence right there: a blank (or the end) must follow.
fn latin_end(text: &str, line_start: usize, at: usize, mark: char) -> bool {
    let next = next_char(text, at + mark.len_utf8());
    next.is_none_or(char::is_whitespace) && ends_at_mark(text, line_start, at, mark)
}

/// Whether the mark ends a sentence, judged by the words around it.
fn ends_at_mark(text: &str, line_start: usize, at: usize, mark: char) -> bool {
    let following = text.get(at + mark.len_utf8()..).unwrap_or_default().trim_start_matches(is_closer).trim_start();
    let next_word: String = following.chars().take_while(|c| c.is_alphanumeric() || *c == '\'').collect();
    let next_is_lower = following.chars().next().is_some_and(char::is_lowercase);
    if mark != '.' {
        return !next_is_lower;
    }
    let line = text.get(line_start..at).unwrap_or_default();
    let word =
        line.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '"' | '“' | '/')).next().unwrap_or_default();
    let lower = word.to_lowercase();
    let opens = OPENINGS.contains(&next_word.to_lowercase().as_str());
    if next_is_lower {
        return false;
    }
    // `1. First point`: a number that opens its line is a label.
    if word.len() == line.trim_start().len()
        && !word.is_empty()
        && word.len() <= 3
        && word.bytes().all(|c| c.is_ascii_digit())
    {
        return false;
    }
    if UNSURE.contains(&lower.as_str()) {
        return opens && !next_word.is_empty();
    }
    if NUMBERED.contains(&lower.as_str()) {
        return !next_word.starts_with(|c: char| c.is_ascii_digit());
    }
    if ABBREVIATIONS.contains(&lower.as_str()) {
        return false;
    }
    // `J. Smith`: an initial; `Plan B. The …` is the rarer case.
    let mut letters = word.chars();
    if let (Some(letter), None) = (letters.next(), letters.next())
        && letter.is_uppercase()
    {
        return opens;
    }
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn full_stops_that_end_nothing() {
        for one in [
            "Mr. Smith of Acme Inc. in St. Louis paid $1,234.56 for 2.5 pallets.",
            "Mail jane.doe@acme.example.com or see https://x.example.com/a.b?c=1 for v1.2.3.",
            "We deliver approx. 3 p.m. Central, e.g. to No. 5.",
            "J. R. Smith called vs. nobody…",
            "XPO Logistics Inc. Houston will call",
            "Is it late? maybe so.",
        ] {
            assert_eq!(split(one), [one]);
        }
    }

    #[test]
    fn full_stops_that_end_a_sentence() {
        assert_eq!(split("It left. It came! Did it? Yes."), ["It left.", "It came!", "Did it?", "Yes."]);
        assert_eq!(split("We are Acme Inc. The truck is late."), ["We are Acme Inc.", "The truck is late."]);
        assert_eq!(split("He said \"go.\" She went."), ["He said \"go.\"", "She went."]);
        assert_eq!(split("(See below.) Then call."), ["(See below.)", "Then call."]);
        assert_eq!(split("Due at 5 p.m. Please confirm."), ["Due at 5 p.m.", "Please confirm."]);
        assert_eq!(split("Total is 659.40. Thank you."), ["Total is 659.40.", "Thank you."]);
    }

    #[test]
    fn lines_and_list_labels() {
        assert_eq!(
            split("PRO: 1\nBOL: 2\n\n1. First\n2. Second one. Done."),
            ["PRO: 1", "BOL: 2", "1. First", "2. Second one.", "Done."]
        );
    }

    #[test]
    fn east_asian_full_stops_need_no_blank() {
        assert_eq!(split("货物已到。请确认！谢谢"), ["货物已到。", "请确认！", "谢谢"]);
        assert_eq!(split("「遅れます。」と言った。終わり"), ["「遅れます。」", "と言った。", "終わり"]);
    }

    #[test]
    fn covers_everything_that_is_not_blank() {
        for text in ["", " \n ", ".", "...", "a.b", "?!", "é. Ü! ß", "x.) y.\" Z.", "。」。"] {
            let joined: String = split(text).concat().split_whitespace().collect();
            assert_eq!(joined, text.split_whitespace().collect::<String>());
        }
    }
}
