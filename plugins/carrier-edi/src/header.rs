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

/// Lines whose width is judged.
const LINES_MAX: usize = 9;
/// Widths that files are cut to by convention: print lines and fixed-length records.
const RECORD_BYTES: [usize; 10] = [120, 128, 132, 133, 160, 200, 255, 256, 512, 1024];

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
    let element = separator(view)?;
    fixed(view, element)
        .or_else(|| joined(view, element))
        .or_else(|| split(view, element))
        .map(|layout| finish(view, element, after_break(view, element, without_component(view, layout))))
}

/// Whether a header seems to begin here, readable or not.
pub fn starts(view: &[u8]) -> bool {
    separator(view).is_some()
}

struct Layout {
    elements: Vec<String>,
    component: Option<Symbol>,
    terminator: Symbol,
    /// First byte after the terminator.
    end: usize,
}

/// What follows `ISA`, line breaks aside.
fn separator(view: &[u8]) -> Option<Symbol> {
    let rest = view.strip_prefix(b"ISA")?;
    Symbol::first(rest.get(breaks(rest)..)?).filter(|symbol| symbol.may_separate())
}

fn breaks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// The padded layout.
fn fixed(bytes: &[u8], element: Symbol) -> Option<Layout> {
    let [separator] = element.bytes() else { return None };
    if !SEPARATORS_AT.iter().all(|at| bytes.get(*at) == Some(separator)) {
        return None;
    }
    let component = Symbol::first(bytes.get(COMPONENT_AT..)?)?;
    let after = COMPONENT_AT + component.bytes().len();
    let terminator = Symbol::first(bytes.get(after..)?)?;
    if !is_terminator(terminator, element) {
        return None;
    }
    let mut elements = Vec::with_capacity(16);
    for (from, to) in SEPARATORS_AT.iter().zip(SEPARATORS_AT.iter().skip(1)) {
        elements.push(element_text(bytes.get(from + 1..*to)?));
    }
    elements.push(element_text(component.bytes()));
    Some(Layout { elements, component: Some(component), terminator, end: after + terminator.bytes().len() })
}

/// The padded layout with line breaks inside it.
fn joined(view: &[u8], element: Symbol) -> Option<Layout> {
    let head = view.get(..(4 * COMPONENT_AT).min(view.len()))?;
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    if !head.iter().take(COMPONENT_AT + 2).any(is_break) {
        return None;
    }
    let places: Vec<usize> = head.iter().enumerate().filter(|(_, byte)| !is_break(byte)).map(|(at, _)| at).collect();
    let bytes: Vec<u8> = head.iter().copied().filter(|byte| !is_break(byte)).collect();
    let layout = fixed(&bytes, element)?;
    let last = places.get(layout.end.checked_sub(1)?)?;
    Some(Layout { end: last + 1, ..layout })
}

/// Sixteen elements of any width.
fn split(view: &[u8], element: Symbol) -> Option<Layout> {
    let width = element.bytes().len();
    let mut at = 3 + breaks(view.get(3..)?) + width;
    let mut spans = [(0, 0); 15];
    for span in &mut spans {
        let rest = view.get(at..(at + ELEMENT_BYTES_MAX + width).min(view.len()))?;
        let length = element.find(rest)?;
        *span = (at, at + length);
        at += length + width;
    }
    let (component, terminator, end) = tail(view, at, element)?;
    let mut elements: Vec<String> =
        spans.iter().map(|(from, to)| element_text(view.get(*from..*to).unwrap_or_default())).collect();
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
            return Some((Some(first), second, end));
        }
    }
    (is_terminator(first, element) && follows(after, first)).then_some((None, first, after))
}

/// `~` LF may be an empty ISA16 with its terminator and a line break: then the next line ends in the same character.
fn without_component(view: &[u8], layout: Layout) -> Layout {
    match layout.component {
        Some(symbol)
            if class(layout.terminator) == Terminator::LineBreak
                && symbol.may_separate()
                && next_line_ends_in(view, layout.end, symbol) =>
        {
            let mut elements = layout.elements;
            elements.pop();
            elements.push(String::new());
            Layout { elements, component: None, terminator: symbol, end: layout.end - 1 }
        }
        _ => layout,
    }
}

/// A line break before the terminator: what looks like an LF terminator is followed by the real one, then by a segment.
fn after_break(view: &[u8], element: Symbol, layout: Layout) -> Layout {
    if class(layout.terminator) != Terminator::LineBreak {
        return layout;
    }
    let rest = view.get(layout.end..).unwrap_or_default();
    let skipped = breaks(rest);
    let Some(symbol) = rest.get(skipped..).and_then(Symbol::first) else { return layout };
    let end = layout.end + skipped + symbol.bytes().len();
    let rest = view.get(end..).unwrap_or_default();
    let padding = rest.iter().take_while(|byte| is_padding(**byte)).count();
    let segment = rest.get(padding..).unwrap_or_default();
    let is_real = symbol.may_separate() && symbol != element && looks_like_segment(segment, element, class(symbol));
    if is_real { Layout { terminator: symbol, end, ..layout } } else { layout }
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
        view.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).take(LINES_MAX).collect();
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
    // The last line may be short. Two lines of any width are too few to tell cutting from a stray line break.
    let Some(first) = widths.first().copied().filter(|first| *first > header_end) else { return false };
    let same = widths.iter().take_while(|width| **width == first).count();
    match widths.len() - same {
        0 | 1 if same > 1 => true,
        0 | 1 => widths.len() < LINES_MAX && RECORD_BYTES.contains(&first),
        _ => false,
    }
}

/// Separators of a file that begins with `ST` or `GS` and has no interchange header. The terminator is what follows the
/// last element whose form is known: ST02 or ST03, GS08.
pub fn infer(view: &[u8]) -> Option<Delimiters> {
    let view = view.get(..512.min(view.len()))?;
    let element = Symbol::first(view.get(2..)?).filter(|symbol| symbol.may_separate())?;
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
    (usable || terminator == Terminator::LineBreak).then_some(Delimiters {
        element,
        component: None,
        repetition: None,
        terminator,
        wrapped: false,
    })
}
