//! Separators and terminators as byte sequences. Any byte may serve, and a character that the sender's editor turned
//! into UTF-8 is up to four of them. It must not guess: who reads the header decides.

/// One separator character: one byte, or one UTF-8 character of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol {
    bytes: [u8; 4],
    length: u8,
}

impl Symbol {
    /// The character that `bytes` begins with: a whole UTF-8 character if it is one, else a single byte.
    pub fn first(bytes: &[u8]) -> Option<Self> {
        let lead = *bytes.first()?;
        let length = match lead {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        let whole = bytes.get(..length).filter(|part| std::str::from_utf8(part).is_ok());
        let part = whole.or_else(|| bytes.get(..1))?;
        let mut symbol = Self { bytes: [0; 4], length: u8::try_from(part.len()).ok()? };
        symbol.bytes.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
        Some(symbol)
    }

    /// The bytes of the character.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Whether it may separate at all: no letter, digit or blank, no line break.
    pub fn may_separate(self) -> bool {
        match self.bytes() {
            [byte] => !byte.is_ascii_alphanumeric() && !matches!(byte, b' ' | b'\r' | b'\n' | 0),
            _ => true,
        }
    }

    /// Where it first occurs.
    pub fn find(self, hay: &[u8]) -> Option<usize> {
        match self.bytes() {
            [byte] => hay.iter().position(|other| other == byte),
            bytes => hay.windows(bytes.len()).position(|window| window == bytes),
        }
    }
}

/// What ends a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminator {
    /// CR, LF or both.
    LineBreak,
    /// A character; line breaks around it mean nothing.
    Symbol(Symbol),
}

impl Terminator {
    /// Start and end of its first occurrence.
    pub fn find(self, hay: &[u8]) -> Option<(usize, usize)> {
        match self {
            Self::LineBreak => hay.iter().position(|byte| matches!(byte, b'\r' | b'\n')).map(|at| (at, at + 1)),
            Self::Symbol(symbol) => symbol.find(hay).map(|at| (at, at + symbol.bytes().len())),
        }
    }

    /// How many bytes of it `bytes` begins with; 0 if with none.
    pub fn prefix(self, bytes: &[u8]) -> usize {
        match self {
            Self::LineBreak => usize::from(matches!(bytes.first(), Some(b'\r' | b'\n'))),
            Self::Symbol(symbol) if bytes.starts_with(symbol.bytes()) => symbol.bytes().len(),
            Self::Symbol(_) => 0,
        }
    }
}

/// The separators of one interchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    /// Between elements.
    pub element: Symbol,
    /// Between the components of an element, if the header names one.
    pub component: Option<Symbol>,
    /// Between repetitions: ISA11 of versions from 00402 on.
    pub repetition: Option<Symbol>,
    /// After a segment.
    pub terminator: Terminator,
    /// The file was cut into lines of one width without regard to segments: line breaks are not data.
    pub wrapped: bool,
}

/// Whether `bytes` begins with something shaped like a segment: an id of two or three upper-case characters, the first a
/// letter, then the element separator or the end of the segment.
pub fn looks_like_segment(bytes: &[u8], element: Symbol, terminator: Terminator) -> bool {
    let id = bytes.iter().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count();
    let rest = bytes.get(id..).unwrap_or_default();
    bytes.first().is_some_and(u8::is_ascii_uppercase)
        && (2..=3).contains(&id)
        && (rest.starts_with(element.bytes()) || terminator.prefix(rest) > 0)
}

/// What may stand between segments without meaning anything: blanks, line breaks, NUL, Ctrl-Z.
pub fn is_padding(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0 | 0x0b | 0x0c | 0x1a)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    #[test]
    fn a_symbol_is_one_byte_or_one_utf8_character() {
        assert_eq!(Symbol::first(b"~GS").unwrap().bytes(), b"~");
        assert_eq!(Symbol::first("…GS".as_bytes()).unwrap().bytes(), "…".as_bytes());
        assert_eq!(Symbol::first(b"\x85GS").unwrap().bytes(), b"\x85");
        assert_eq!(Symbol::first(b"\xe2GS").unwrap().bytes(), b"\xe2");
        assert!(Symbol::first(b"").is_none());
        assert!(!Symbol::first(b"A").unwrap().may_separate());
    }

    #[test]
    fn segments_are_recognised_by_shape() {
        let star = Symbol::first(b"*").unwrap();
        let tilde = Terminator::Symbol(Symbol::first(b"~").unwrap());
        assert!(looks_like_segment(b"GS*SM", star, tilde));
        assert!(looks_like_segment(b"SE~", star, tilde));
        assert!(!looks_like_segment(b"</doc>", star, tilde));
        assert!(!looks_like_segment(b"2AB*", star, tilde));
        assert!(!looks_like_segment(b"ABCD*", star, tilde));
    }
}
