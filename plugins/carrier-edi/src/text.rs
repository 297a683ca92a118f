//! Bytes to text, and text made fit for keys and one-line titles. It must not fail: any byte has a character.

/// What cp1252 puts at 0x80..=0x9F; the five unassigned bytes keep their C1 control.
const CP1252_HIGH: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}', '\u{2030}',
    '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}',
    '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}',
    '\u{17e}', '\u{178}',
];

/// Appends `bytes` to `text`: as UTF-8 if they are, else each byte as cp1252.
pub fn decode_into(text: &mut String, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(valid) => text.push_str(valid),
        Err(_) => text.extend(bytes.iter().map(|byte| cp1252(*byte))),
    }
}

fn cp1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => CP1252_HIGH.get(usize::from(byte - 0x80)).copied().unwrap_or('\u{fffd}'),
        _ => char::from(byte),
    }
}

/// Lower case, runs of anything but letters and digits as one dash: part of an entity key.
pub fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    clip(&slug, 96).to_owned()
}

/// Part of a document id: as it came, without blanks, control characters and the `:` that joins parts.
pub fn id_part(text: &str) -> String {
    let part: String =
        text.trim().chars().map(|c| if c.is_control() || c.is_whitespace() || c == ':' { '_' } else { c }).collect();
    if part.is_empty() { "-".to_owned() } else { clip(&part, 64).to_owned() }
}

/// At most `bytes_max` bytes of `text`, cut between characters.
pub fn clip(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// One line: control characters become blanks, runs of blanks one.
pub fn one_line(text: &str, bytes_max: usize) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    clip(&words.join(" "), bytes_max).to_owned()
}

/// FNV-1a, 64 bits: tells contents apart inside ids. Not a defence against forgery.
pub struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fingerprint {
    /// Takes bytes in.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    }

    /// The hash so far.
    pub fn value(&self) -> u64 {
        self.0
    }
}

/// The fingerprint of texts in order, each closed off from the next.
pub fn fingerprint<'t>(parts: impl IntoIterator<Item = &'t str>) -> u64 {
    let mut hash = Fingerprint::default();
    for part in parts {
        hash.add(part.as_bytes());
        hash.add(&[0x1f]);
    }
    hash.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_utf8_is_cp1252() {
        let mut text = String::new();
        decode_into(&mut text, b"Caf\xe9 \x80 \x85");
        assert_eq!(text, "Caf\u{e9} \u{20ac} \u{2026}");
        text.clear();
        decode_into(&mut text, "Café".as_bytes());
        assert_eq!(text, "Café");
    }

    #[test]
    fn slugs_are_stable_keys() {
        assert_eq!(slug("CATALYST PAPER (USA) INC"), "catalyst-paper-usa-inc");
        assert_eq!(slug(" -- "), "");
        assert_eq!(id_part("a b:c\u{7}"), "a_b_c_");
        assert_eq!(id_part("  "), "-");
    }

    /// Published test vectors of FNV-1a 64 (draft-eastlake-fnv): "", "a", "foobar".
    #[test]
    fn fingerprint_is_fnv_1a() {
        for (text, hash) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            let mut fingerprint = Fingerprint::default();
            fingerprint.add(text.as_bytes());
            assert_eq!(fingerprint.value(), hash, "{text}");
        }
        assert_ne!(fingerprint(["ab", "c"]), fingerprint(["a", "bc"]));
    }
}
