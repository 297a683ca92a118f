//! Reads the interchange header at byte level: it is the only segment that says with which characters the rest is
//! written. Falls back from the fixed layout to splitting, because real headers come unpadded, broken and re-encoded.
//!
//! Layout (SOURCES of the format: ISA is 106 bytes with its terminator): `ISA`, the element separator, sixteen elements of
//! fixed width, of which the last is the component separator, then the segment terminator.

use crate::delims::{Delimiters, Symbol, Terminator, is_padding, looks_like_segment};
use crate::text;

/// Where the sixteen element separators stand in a padded header.
const SEPARATORS_AT: [usize; 16] = [3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103];
/// Where the component separator stands in a padded header; the terminator follows it.
const COMPONENT_AT: usize = 104;
/// No header is longer than this, however badly it is broken; also how far ahead line widths are judged.
pub const HEADER_BYTES_MAX: usize = 4096;
/// An element longer than this is not one of a header.
const ELEMENT_BYTES_MAX: usize = 64;

/// A header as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// ISA01 to ISA16, blanks around them removed.
    pub elements: Vec<String>,
    /// What the interchange is written with.
    pub delimiters: Delimiters,
    /// Bytes it takes, with its terminator.
    pub length: usize,
}

/// Reads the header that `view` begins with; absent if there is none. `view` should hold [`HEADER_BYTES_MAX`] bytes or
/// reach the end of the file.
pub fn read(view: &[u8]) -> Option<Header> {
    let view = view.get(..HEADER_BYTES_MAX.min(view.len()))?;
    let element = separator(view.get(3..)?).filter(|_| view.starts_with(b"ISA"))?;
    let plain: Vec<(usize, u8)> = view.iter().copied().enumerate().take(4 * COMPONENT_AT).collect();
    let joined: Vec<(usize, u8)> = plain.iter().copied().filter(|(_, byte)| !matches!(byte, b'\r' | b'\n')).collect();
    fixed(&plain, element)
        .or_else(|| fixed(&joined, element))
        .or_else(|| split(view, element))
        .map(|layout| finish(view, element, layout))
}

/// Whether a header seems to begin here, readable or not.
pub fn starts(view: &[u8]) -> bool {
    view.starts_with(b"ISA") && view.get(3..).and_then(separator).is_some()
}

struct Layout {
    elements: Vec<String>,
    component: Option<Symbol>,
    terminator: Symbol,
    /// First byte after the terminator.
    end: usize,
}

fn separator(bytes: &[u8]) -> Option<Symbol> {
    Symbol::first(bytes).filter(Symbol::may_separate)
}

/// The padded layout over `bytes`, each with its place in the file.
fn fixed(bytes: &[(usize, u8)], element: Symbol) -> Option<Layout> {
    let [separator] = element.bytes() else { return None };
    let all: Vec<u8> = bytes.iter().take(COMPONENT_AT + 6).map(|(_, byte)| *byte).collect();
    if !SEPARATORS_AT.iter().all(|at| all.get(*at) == Some(separator)) {
        return None;
    }
    let component = Symbol::first(all.get(COMPONENT_AT..)?)?;
    let after = COMPONENT_AT + component.bytes().len();
    let terminator = Symbol::first(all.get(after..)?)?;
    if !is_terminator(terminator, element) {
        return None;
    }
    let last = after + terminator.bytes().len() - 1;
    let mut elements = Vec::with_capacity(16);
    for (from, to) in SEPARATORS_AT.iter().zip(SEPARATORS_AT.iter().skip(1)) {
        elements.push(element_text(all.get(from + 1..*to)?));
    }
    elements.push(element_text(component.bytes()));
    Some(Layout { elements, component: Some(component), terminator, end: bytes.get(last)?.0 + 1 })
}

/// Sixteen elements of any width.
fn split(view: &[u8], element: Symbol) -> Option<Layout> {
    let width = element.bytes().len();
    let mut at = 3 + width;
    let mut elements = Vec::with_capacity(16);
    for _ in 0..15 {
        let rest = view.get(at..)?;
        let length = element.find(rest).filter(|length| *length <= ELEMENT_BYTES_MAX)?;
        elements.push(element_text(rest.get(..length)?));
        at += length + width;
    }
    let (component, terminator, end) = tail(view, at, element)?;
    elements.push(component.map(|symbol| element_text(symbol.bytes())).unwrap_or_default());
    Some(Layout { elements, component, terminator, end })
}

/// Component separator and terminator from where the sixteenth element begins. Accepted only if a segment follows, or
/// nothing: without fixed places that is all there is to check.
fn tail(view: &[u8], at: usize, element: Symbol) -> Option<(Option<Symbol>, Symbol, usize)> {
    let first = Symbol::first(view.get(at..)?)?;
    let after = at + first.bytes().len();
    let second = view.get(after..).and_then(Symbol::first);
    let follows = |end: usize, terminator: Symbol| {
        let rest = view.get(end..).unwrap_or_default();
        let padding = rest.iter().take_while(|byte| is_padding(**byte)).count();
        let rest = rest.get(padding..).unwrap_or_default();
        rest.is_empty() || looks_like_segment(rest, element, class(terminator))
    };
    if let Some(second) = second.filter(|second| is_terminator(*second, element)) {
        let end = after + second.bytes().len();
        if follows(end, second) && first.may_separate() {
            // `~` LF may be an empty ISA16 and its terminator: then the next line ends in the same character.
            let empty = class(second) == Terminator::LineBreak && next_line_ends_in(view, end, first);
            return Some(if empty { (None, first, after) } else { (Some(first), second, end) });
        }
    }
    (is_terminator(first, element) && follows(after, first)).then_some((None, first, after))
}

fn next_line_ends_in(view: &[u8], from: usize, symbol: Symbol) -> bool {
    let rest = view.get(from..).unwrap_or_default();
    let start = rest.iter().take_while(|byte| is_padding(**byte)).count();
    let line = rest.get(start..).unwrap_or_default().split(|byte| matches!(byte, b'\r' | b'\n')).next();
    line.is_some_and(|line| line.trim_ascii_end().ends_with(symbol.bytes()))
}

fn is_terminator(symbol: Symbol, element: Symbol) -> bool {
    symbol != element && (symbol.may_separate() || matches!(symbol.bytes(), b"\r" | b"\n"))
}

fn class(symbol: Symbol) -> Terminator {
    if matches!(symbol.bytes(), b"\r" | b"\n") { Terminator::LineBreak } else { Terminator::Symbol(symbol) }
}

fn element_text(bytes: &[u8]) -> String {
    let bytes: Vec<u8> = bytes.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let mut value = String::new();
    text::decode_into(&mut value, &bytes);
    value.trim().to_owned()
}

fn finish(view: &[u8], element: Symbol, layout: Layout) -> Header {
    let terminator = class(layout.terminator);
    let version = layout.elements.get(11).map(String::as_str).unwrap_or_default();
    let repetition = layout.elements.get(10).and_then(|value| Symbol::first(value.as_bytes()));
    let repetition = repetition.filter(|symbol| version >= "00402" && symbol.may_separate() && *symbol != element);
    let wrapped = terminator != Terminator::LineBreak && is_wrapped(view, layout.end);
    let delimiters = Delimiters { element, component: layout.component, repetition, terminator, wrapped };
    Header { elements: layout.elements, delimiters, length: layout.end }
}

/// Whether lines were cut at one width: a break inside the header, or two lines and more of the same width that do not
/// end with a segment.
fn is_wrapped(view: &[u8], header_end: usize) -> bool {
    let breaks: Vec<usize> =
        view.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).take(9).collect();
    if breaks.first().is_some_and(|first| *first < header_end) {
        return true;
    }
    let mut start = 0;
    let mut widths = Vec::new();
    for end in &breaks {
        let line = view.get(start..*end).unwrap_or_default();
        widths.push(line.strip_suffix(b"\r").unwrap_or(line).len());
        start = end + 1;
    }
    match widths.as_slice() {
        [first, rest @ ..] if !rest.is_empty() => *first > header_end && rest.iter().all(|width| width == first),
        _ => false,
    }
}

/// Separators of a file that begins with `ST` or `GS` and has no interchange header. The terminator is what follows the
/// last element whose form is known: ST02 or ST03, GS08.
pub fn infer(view: &[u8]) -> Option<Delimiters> {
    let view = view.get(..512.min(view.len()))?;
    let element = separator(view.get(2..)?)?;
    let width = element.bytes().len();
    let (is_group, elements_min, elements_max) = match view.get(..2)? {
        b"ST" => (false, 2, 3),
        b"GS" => (true, 8, 8),
        _ => return None,
    };
    let mut at = 2 + width;
    for number in 1..=elements_max {
        let rest = view.get(at..)?;
        let known = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let cut = element.find(rest).filter(|cut| *cut == known || (is_group && *cut <= ELEMENT_BYTES_MAX));
        if !is_group && number == 1 && known != 3 {
            return None;
        }
        match cut {
            Some(cut) if number < elements_max => at += cut + width,
            None if number < elements_min => return None,
            _ => {
                at += known;
                break;
            }
        }
    }
    // Blanks may pad the last element.
    at += view.get(at..)?.iter().take_while(|byte| **byte == b' ').count();
    let terminator = class(Symbol::first(view.get(at..)?)?);
    let usable = matches!(terminator, Terminator::Symbol(symbol) if symbol.may_separate() && symbol != element);
    (usable || terminator == Terminator::LineBreak)
        .then_some(Delimiters { element, component: None, repetition: None, terminator, wrapped: false })
}
