//! The resume text: where a page ended, in which envelopes, and which ids the file has shown so far. It must stay within
//! the 64 KiB that the host commits.

/// Ids remembered of one file. A second invoice of the same number further away replaces the first as its newer state.
const SEEN_MAX: usize = 2_000;

/// Where to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resume {
    /// Where the next event begins.
    pub position: u32,
    /// Where the header of the open interchange stands.
    pub interchange: Option<u32>,
    /// Where the `GS` of the open group stands.
    pub group: Option<u32>,
    /// Where its `ISB` and `ISE` stand.
    pub extras: Vec<u32>,
    /// Sets met in the open interchange.
    pub ordinal: u32,
    /// Sets met in the open group.
    pub sets_in_group: u32,
    /// Sets and answers met in the open interchange.
    pub items_in_interchange: u32,
    /// Whether anything was recognised so far.
    pub recognised: bool,
    /// Ids so far.
    pub seen: Seen,
}

impl Resume {
    /// As text.
    pub fn write(&self) -> String {
        let place = |offset: Option<u32>| offset.map_or_else(|| "-".to_owned(), |offset| offset.to_string());
        let extras: Vec<String> = self.extras.iter().map(u32::to_string).collect();
        format!(
            "1;{};{};{};{};{};{};{};{};{}",
            self.position,
            place(self.interchange),
            place(self.group),
            extras.join("."),
            self.ordinal,
            self.sets_in_group,
            self.items_in_interchange,
            u8::from(self.recognised),
            self.seen.write(),
        )
    }

    /// From text; absent if it is none of ours.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(';');
        let mut next = || parts.next();
        if next()? != "1" {
            return None;
        }
        let place = |part: &str| if part == "-" { Some(None) } else { part.parse().ok().map(Some) };
        Some(Self {
            position: next()?.parse().ok()?,
            interchange: place(next()?)?,
            group: place(next()?)?,
            extras: next()?
                .split('.')
                .filter(|part| !part.is_empty())
                .map(|part| part.parse().ok())
                .collect::<Option<_>>()?,
            ordinal: next()?.parse().ok()?,
            sets_in_group: next()?.parse().ok()?,
            items_in_interchange: next()?.parse().ok()?,
            recognised: next()? == "1",
            seen: Seen::read(next()?)?,
        })
    }
}

/// Ids met in a file with the content they had, as hashes: 12 and 8 hex digits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    entries: Vec<(u64, u32)>,
}

impl Seen {
    /// Whether this id was met with another content. Remembers it if it was not met.
    pub fn clashes(&mut self, id: &str, fingerprint: u64) -> bool {
        let id = crate::text::fingerprint([id]) & 0xffff_ffff_ffff;
        let content = u32::try_from(fingerprint & 0xffff_ffff).unwrap_or_default();
        if let Some((_, known)) = self.entries.iter().find(|(known, _)| *known == id) {
            return *known != content;
        }
        if self.entries.len() >= SEEN_MAX {
            self.entries.remove(0);
        }
        self.entries.push((id, content));
        false
    }

    fn write(&self) -> String {
        self.entries.iter().map(|(id, content)| format!("{id:012x}{content:08x}")).collect::<Vec<_>>().concat()
    }

    fn read(text: &str) -> Option<Self> {
        let mut entries = Vec::with_capacity(text.len() / 20);
        let mut rest = text;
        while !rest.is_empty() {
            let (entry, after) = rest.split_at_checked(20)?;
            let (id, content) = entry.split_at_checked(12)?;
            entries.push((u64::from_str_radix(id, 16).ok()?, u32::from_str_radix(content, 16).ok()?));
            rest = after;
        }
        Some(Self { entries })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    #[test]
    fn a_place_survives_its_text() {
        let mut seen = Seen::default();
        assert!(!seen.clashes("210:A:1", 7));
        assert!(!seen.clashes("210:A:1", 7));
        assert!(seen.clashes("210:A:1", 8));
        let place = Resume {
            position: 9,
            interchange: Some(0),
            extras: vec![3, 5],
            recognised: true,
            seen,
            ..Resume::default()
        };
        assert_eq!(Resume::read(&place.write()), Some(place));
        for bad in ["", "2;0;-;-;;0;0;0;0;", "1;x;-;-;;0;0;0;0;", "1;0;-;-;;0;0;0;0;zz", "1;0"] {
            assert_eq!(Resume::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_full_memory_stays_within_the_limit() {
        let mut seen = Seen::default();
        for number in 0..SEEN_MAX + 10 {
            seen.clashes(&number.to_string(), 1);
        }
        assert!(Resume { seen, ..Resume::default() }.write().len() < 60_000);
    }
}
