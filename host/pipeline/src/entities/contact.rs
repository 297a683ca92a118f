//! Addresses of mail and web, and telephone numbers.

use regex::Regex;

use super::words::{after, before, is_opener, title_case, without_openers};
use super::{Found, Mention};

/// Mailboxes of a task, not of a person: no name is made of them.
const ROLES: &[&str] = &[
    "accounting",
    "accounts",
    "admin",
    "ap",
    "ar",
    "billing",
    "brokerage",
    "careers",
    "claims",
    "contact",
    "customer",
    "customs",
    "desk",
    "dispatch",
    "do",
    "docs",
    "help",
    "hello",
    "hr",
    "imports",
    "info",
    "invoices",
    "load",
    "loads",
    "mail",
    "news",
    "no",
    "noreply",
    "office",
    "operations",
    "ops",
    "orders",
    "pod",
    "reply",
    "sales",
    "service",
    "shipping",
    "support",
    "team",
    "tender",
    "tenders",
    "tracking",
];

/// Patterns of this family.
#[derive(Debug)]
pub struct Rules {
    url: Regex,
    email: Regex,
    named: Regex,
    north_american: Regex,
    international: Regex,
    labelled: Regex,
}

impl Rules {
    /// Compiles the patterns.
    pub fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            url: Regex::new(r#"(?i)\bhttps?://[^\s<>"'`\]\[{}|\\^]+"#)?,
            email: Regex::new(
                r"(?i)\b[a-z0-9][a-z0-9._%+'-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}\b",
            )?,
            named: Regex::new(r#""?((?:\p{Lu}[\p{L}'’.-]*,? ){0,3}\p{Lu}[\p{L}'’.-]+)"? ?[<(]$"#)?,
            north_american: Regex::new(r"(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}")?,
            international: Regex::new(r"\+[1-9]\d{0,2}(?:[ .-]?\(?\d{1,5}\)?){2,6}")?,
            labelled: Regex::new(r"(?i)\b(?:tel|phone|call|cell|fax|mobile|text|ph)\.?:? ?#?(\+?1?[2-9]\d{9})\b")?,
        })
    }

    /// Finds web and mail addresses.
    pub fn find_addresses(&self, text: &str, found: &mut Found) {
        for url in self.url.find_iter(text) {
            // A full stop or bracket at the end belongs to the sentence.
            let mut address = url.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_']);
            if address.ends_with(')') && !address.contains('(') {
                address = address.trim_end_matches([')', '.', ',']);
            }
            let id = with_lower_host(address);
            let at = url.start()..url.start() + address.len();
            found.add(&Mention { at, prefix: "url", kind: "url", id: &id, name: address });
        }
        for mail in self.email.find_iter(text) {
            let address = mail.as_str().to_lowercase();
            let front = text.get(..mail.start()).unwrap_or_default();
            let (start, name) = match self.display_name(front) {
                Some((start, name)) => (start, name),
                None => (mail.start(), name_of(&address).unwrap_or_else(|| address.clone())),
            };
            found.add(&Mention { at: start..mail.end(), prefix: "email", kind: "person", id: &address, name: &name });
        }
    }

    /// Finds telephone numbers.
    pub fn find_phones(&self, text: &str, found: &mut Found) {
        let mut add = |at: std::ops::Range<usize>| {
            let written = text.get(at.clone()).unwrap_or_default();
            let digits: String = written.chars().filter(char::is_ascii_digit).collect();
            let part_of_more = before(text, at.start)
                .is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '/' | '#' | '.'))
                || after(text, at.end).is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '/'));
            if (8..=15).contains(&digits.len()) && !part_of_more {
                let id = if written.starts_with('+') { format!("+{digits}") } else { digits };
                found.add(&Mention { at, prefix: "phone", kind: "phone", id: &id, name: written });
            }
        };
        self.international.find_iter(text).for_each(|number| add(number.range()));
        self.north_american.find_iter(text).for_each(|number| add(number.range()));
        self.labelled.captures_iter(text).filter_map(|found| found.get(1)).for_each(|number| add(number.range()));
    }

    /// `Jane Doe <` before an address: where it starts, and the name.
    fn display_name(&self, front: &str) -> Option<(usize, String)> {
        let start = front.floor_char_boundary(front.len().saturating_sub(80));
        let found = self.named.captures(front.get(start..)?)?.get(1)?;
        let (start, name) = (start + found.start(), found.as_str());
        let name = match name.split_once(", ") {
            Some((last, first)) => format!("{first} {last}"),
            None => name.to_owned(),
        };
        let (name, _) = without_openers(&name);
        (name.contains(' ') && !is_opener(name)).then(|| (start, name.to_owned()))
    }
}

/// `jane.doe@…` as `Jane Doe`; none unless both parts look like names.
fn name_of(address: &str) -> Option<String> {
    let (local, _) = address.split_once('@')?;
    let parts: Vec<&str> = local.split(['.', '_']).collect();
    let [first, last] = parts.as_slice() else {
        return None;
    };
    let is_name = |part: &str| part.len() >= 2 && part.chars().all(char::is_alphabetic) && !ROLES.contains(&part);
    (is_name(first) && is_name(last)).then(|| title_case(&format!("{first} {last}")))
}

/// Scheme and host in lower case; the path keeps its case, because it means something.
fn with_lower_host(url: &str) -> String {
    let host_start = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(host_start..).unwrap_or_default();
    let host_end = host_start + rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = url.split_at(host_end);
    let path = if path == "/" { "" } else { path };
    host.to_lowercase() + path
}
