//! Cuts the next segment out of a file and gives access to its elements. It knows separators and binary lengths and
//! nothing of what segments mean.

use apex_sdk::prelude::*;

use crate::delims::{Delimiters, Terminator, is_padding, looks_like_segment};
use crate::header;
use crate::text;
use crate::window::{Window, to_u32};

/// Text of a segment beyond this is not decoded: the longest real segments are a tenth of it, and what is cut off stays
/// in the file that goes beside the document.
const TEXT_BYTES_MAX: usize = 1 << 16;

/// Bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub offset: u32,
    /// Number of bytes.
    pub length: u32,
}

/// The raw bytes inside a `BIN` or `BDS` segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binary {
    /// Where the bytes are.
    pub span: Span,
    /// Whether the length the segment states fits what follows.
    pub length_fits: bool,
    /// Tells contents apart.
    pub fingerprint: u64,
}

impl Binary {
    fn new(window: &mut Window, span: Span, length_fits: bool) -> Result<Self, Fault> {
        const STEP: u32 = 1 << 16;
        let end = span.offset.saturating_add(span.length);
        let mut hash = text::Fingerprint::default();
        let mut at = span.offset;
        while at < end {
            let view = window.view(at, STEP.min(end - at))?;
            let part = view.get(..view.len().min((end - at) as usize)).unwrap_or(view);
            if part.is_empty() {
                break;
            }
            hash.add(part);
            at = at.saturating_add(to_u32(part.len()));
        }
        Ok(Self { span, length_fits, fingerprint: hash.value() })
    }
}

/// One segment. Elements are counted from 1; element 0 is the segment id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// First byte, after any padding.
    pub offset: u32,
    /// First byte after the terminator.
    pub end: u32,
    /// Whether its terminator was there; the last segment of a file may lack it.
    pub terminated: bool,
    /// The first element that a line break stands in, where line breaks are neither terminator nor wrapping.
    pub broken: Option<u16>,
    /// Raw bytes it carries; they are not among its elements.
    pub binary: Option<Binary>,
    /// The text is cut at a limit.
    pub clipped: bool,
    text: String,
    ends: Vec<u32>,
}

impl Segment {
    /// The segment id, such as `N1`.
    pub fn id(&self) -> &str {
        self.raw(0)
    }

    /// An element without blanks around it; empty if it is not there.
    pub fn get(&self, element: usize) -> &str {
        self.raw(element).trim()
    }

    /// An element if it is there and not blank.
    pub fn some(&self, element: usize) -> Option<&str> {
        Some(self.get(element)).filter(|value| !value.is_empty())
    }

    /// An element as it came.
    pub fn raw(&self, element: usize) -> &str {
        let start = element.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        match (start, self.ends.get(element)) {
            (Some(start), Some(end)) => self.text.get(start as usize..*end as usize).unwrap_or_default(),
            _ => "",
        }
    }

    /// Number of elements, the id not counted.
    pub fn count(&self) -> usize {
        self.ends.len().saturating_sub(1)
    }

    /// The segment with `*` between its elements, whatever the file uses.
    pub fn join(&self) -> String {
        (0..self.ends.len()).map(|element| self.raw(element)).collect::<Vec<_>>().join("*")
    }

    /// Bytes of the file it takes.
    pub fn span(&self) -> Span {
        Span { offset: self.offset, length: self.end.saturating_sub(self.offset) }
    }

    fn parse(bytes: &[u8], delimiters: &Delimiters) -> Self {
        let clipped = bytes.len() > TEXT_BYTES_MAX;
        let mut rest = bytes.get(..TEXT_BYTES_MAX.min(bytes.len())).unwrap_or_default();
        let mut segment = Self {
            offset: 0,
            end: 0,
            terminated: true,
            broken: None,
            binary: None,
            clipped,
            text: String::with_capacity(rest.len()),
            ends: Vec::with_capacity(8),
        };
        loop {
            let cut = delimiters.element.find(rest);
            let value = rest.get(..cut.unwrap_or(rest.len())).unwrap_or_default();
            segment.push(value, delimiters.wrapped);
            match cut {
                Some(cut) => rest = rest.get(cut + delimiters.element.bytes().len()..).unwrap_or_default(),
                None => return segment,
            }
        }
    }

    fn push(&mut self, value: &[u8], wrapped: bool) {
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            let lines: Vec<&[u8]> =
                value.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty()).collect();
            let joint: &[u8] = if wrapped { b"" } else { b" " };
            text::decode_into(&mut self.text, &lines.join(joint));
            if !wrapped && self.broken.is_none() {
                self.broken = u16::try_from(self.ends.len()).ok();
            }
        } else {
            text::decode_into(&mut self.text, value);
        }
        self.ends.push(to_u32(self.text.len()));
    }
}

/// The next segment at or after `from`; absent if only padding and empty segments are left.
///
/// # Errors
/// The host could not read the file.
pub fn next(window: &mut Window, from: u32, delimiters: &Delimiters) -> Result<Option<Segment>, Fault> {
    let Some(offset) = skip(window, from, Some(delimiters.terminator))? else { return Ok(None) };
    if let Some(segment) = binary(window, offset, delimiters)? {
        return Ok(Some(segment));
    }
    let found = window.search(offset, |hay| delimiters.terminator.find(hay))?;
    let left = window.size().saturating_sub(offset);
    let (length, taken) = found.unwrap_or((left, left));
    let view = window.view(offset, length)?;
    let bytes = view.get(..length as usize).unwrap_or(view);
    let (bytes, taken, terminated) = match next_header(bytes) {
        Some(cut) => (bytes.get(..cut).unwrap_or_default(), to_u32(cut), false),
        None => (bytes, taken, found.is_some()),
    };
    let mut segment = Segment::parse(trim_end(bytes), delimiters);
    (segment.offset, segment.end, segment.terminated) = (offset, offset + taken, terminated);
    Ok(Some(segment))
}

/// Where the first byte is that is neither padding nor an empty segment.
///
/// # Errors
/// The host could not read the file.
pub fn skip(window: &mut Window, from: u32, terminator: Option<Terminator>) -> Result<Option<u32>, Fault> {
    let mut at = from;
    loop {
        let view = window.view(at, 64)?;
        if view.is_empty() {
            return Ok(None);
        }
        let padding = view.iter().take_while(|byte| is_padding(**byte)).count();
        let rest = view.get(padding..).unwrap_or_default();
        let empty = terminator.map_or(0, |terminator| terminator.prefix(rest));
        if padding + empty == 0 {
            return Ok(Some(at));
        }
        at = at.saturating_add(to_u32(padding + empty));
    }
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    let kept = bytes.iter().rev().skip_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.get(..kept).unwrap_or_default()
}

/// Where in a segment a new interchange begins on a line of its own: the segment before it then lacks its terminator.
fn next_header(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .enumerate()
        .filter(|(_, window)| matches!(window, [b'\r' | b'\n', b'I', b'S', b'A']))
        .map(|(at, _)| at + 1)
        .find(|at| header::starts(bytes.get(*at..).unwrap_or_default()))
}

/// A segment that carries raw bytes: `BIN*length*bytes` or `BDS*code*length*bytes`.
fn binary(window: &mut Window, offset: u32, delimiters: &Delimiters) -> Result<Option<Segment>, Fault> {
    let head = window.view(offset, 64)?;
    let head = head.get(..64.min(head.len())).unwrap_or_default();
    let Some((header_length, stated)) = binary_head(head, delimiters) else { return Ok(None) };
    let mut segment = Segment::parse(head.get(..header_length).unwrap_or_default(), delimiters);
    segment.ends.pop();
    segment.offset = offset;
    let start = offset + to_u32(header_length);
    let stated_end = stated.and_then(|length| start.checked_add(length)).filter(|end| *end <= window.size());
    if let Some(end) = stated_end
        && let Some(after) = terminator_at(window, end, delimiters)?
    {
        segment.binary = Some(Binary::new(window, Span { offset: start, length: end - start }, true)?);
        (segment.end, segment.terminated) = (after, after > end);
        return Ok(Some(segment));
    }
    let (length, taken, terminated) = unstated_end(window, start, delimiters)?;
    segment.binary = Some(Binary::new(window, Span { offset: start, length }, false)?);
    (segment.end, segment.terminated) = (start + taken, terminated);
    Ok(Some(segment))
}

/// Length of what stands before the bytes, and the stated number of bytes if it is a number.
fn binary_head(head: &[u8], delimiters: &Delimiters) -> Option<(usize, Option<u32>)> {
    let before = match head.get(..3)? {
        b"BIN" => 1,
        b"BDS" => 2,
        _ => return None,
    };
    let width = delimiters.element.bytes().len();
    let mut at = 3;
    let mut value: &[u8] = b"";
    for number in 0..=before {
        let rest = head.get(at..)?;
        let cut = delimiters.element.find(rest)?;
        value = rest.get(..cut)?;
        // Any terminator before the last separator: a segment without bytes, to be read as any other.
        if (number == 0 && cut != 0) || delimiters.terminator.find(value).is_some() {
            return None;
        }
        at += cut + width;
    }
    let stated = std::str::from_utf8(value).ok().and_then(|digits| digits.trim().parse().ok());
    Some((at, stated))
}

/// The place after the terminator if one stands at `at`, line breaks aside, or if the file ends there.
fn terminator_at(window: &mut Window, at: u32, delimiters: &Delimiters) -> Result<Option<u32>, Fault> {
    let view = window.view(at, 8)?;
    let breaks = view.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    if delimiters.terminator == Terminator::LineBreak {
        return Ok((breaks > 0 || view.is_empty()).then(|| at + to_u32(breaks.min(1))));
    }
    let rest = view.get(breaks..).unwrap_or_default();
    let length = delimiters.terminator.prefix(rest);
    Ok((length > 0 || rest.is_empty()).then(|| at + to_u32(breaks + length)))
}

/// Length of the bytes and of bytes plus terminator where the stated length is wrong: up to the first terminator that
/// something like a segment follows.
fn unstated_end(window: &mut Window, start: u32, delimiters: &Delimiters) -> Result<(u32, u32, bool), Fault> {
    let mut at = start;
    loop {
        let Some((from, to)) = window.search(at, |hay| delimiters.terminator.find(hay))? else {
            let length = window.size().saturating_sub(start);
            return Ok((length, length, false));
        };
        let (from, to) = (at + from, at + to);
        let view = window.view(to, 64)?;
        let padding = view.iter().take_while(|byte| is_padding(**byte)).count();
        let rest = view.get(padding..).unwrap_or_default();
        if rest.is_empty() || looks_like_segment(rest, delimiters.element, delimiters.terminator) {
            return Ok((from - start, to - start, true));
        }
        at = to;
    }
}
