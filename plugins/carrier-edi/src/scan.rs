//! Walks the envelopes of a file, one event at a time: interchange, group, transaction set, trailer, and whatever does
//! not belong to any of them. It must not judge: missing and wrong trailers are told as they are.
//!
//! ```text
//! file        = { interchange | loose sets | garbage }
//! interchange = ISA { ISB | ISE | TA1 | group | set } [ IEA ]
//! group       = GS { set } [ GE ]
//! set         = ST { segment } [ SE ]
//! ```

use std::rc::Rc;

use apex_sdk::prelude::*;

use crate::delims::Delimiters;
use crate::header::{self, HEADER_BYTES_MAX};
use crate::segment::{self, Segment, Span};
use crate::window::{Window, to_u32};

/// Segments of one set that are kept in memory; of a longer set the rest is counted, and the whole set goes beside the
/// document as bytes.
pub const SEGMENTS_MAX: usize = 8_000;

/// An interchange, or what stands for one where sets come without envelope.
#[derive(Debug)]
pub struct Interchange {
    /// First byte of its header.
    pub offset: u32,
    /// First byte after its header.
    pub end: u32,
    /// ISA01 to ISA16; empty if there is no header.
    pub elements: Vec<String>,
    /// What it is written with.
    pub delimiters: Delimiters,
}

impl Interchange {
    /// ISA element `number`, from 1; empty if there is none.
    pub fn get(&self, number: usize) -> &str {
        number.checked_sub(1).and_then(|at| self.elements.get(at)).map(String::as_str).unwrap_or_default()
    }

    /// The bytes of its header; none if there is no header.
    pub fn span(&self) -> Span {
        Span { offset: self.offset, length: self.end.saturating_sub(self.offset) }
    }

    /// Whether there is no header.
    pub fn is_loose(&self) -> bool {
        self.elements.is_empty()
    }
}

/// How a transaction set or an interchange ends.
#[derive(Debug, Clone)]
pub enum Ending {
    /// With its trailer.
    Trailer(Segment),
    /// Another envelope segment stands where the trailer should.
    Missing,
    /// With the file.
    EndOfFile,
}

impl Ending {
    /// The trailer, if there is one.
    pub fn trailer(&self) -> Option<&Segment> {
        match self {
            Self::Trailer(segment) => Some(segment),
            Self::Missing | Self::EndOfFile => None,
        }
    }
}

/// One transaction set with what stands around it.
#[derive(Debug)]
pub struct SetUnit {
    /// The interchange it came in.
    pub interchange: Rc<Interchange>,
    /// The group it came in, as its `GS` segment.
    pub group: Option<Rc<Segment>>,
    /// `ISB` and `ISE` segments before it.
    pub extras: Vec<String>,
    /// `ST` first, the trailer last if there is one; at most [`SEGMENTS_MAX`].
    pub segments: Vec<Segment>,
    /// Number of segments, those that are not kept too.
    pub count: usize,
    /// How it ends.
    pub ending: Ending,
    /// Its bytes.
    pub span: Span,
    /// Its place in the interchange, from 1.
    pub ordinal: u32,
}

/// What the scanner meets.
#[derive(Debug)]
pub enum Event {
    /// An interchange begins.
    Interchange(Rc<Interchange>),
    /// A functional group begins.
    Group(Rc<Segment>),
    /// A transaction set, whole.
    Set(Box<SetUnit>),
    /// A partner's answer to an interchange of ours.
    Answer(Rc<Interchange>, Segment),
    /// The open group ends, with its `GE` if there is one.
    GroupEnd(Option<Segment>),
    /// The open interchange ends.
    InterchangeEnd(Ending),
    /// Bytes that belong nowhere.
    Stray {
        /// Where they are.
        span: Span,
        /// Stable, for issues.
        code: &'static str,
        /// One sentence for a person.
        message: String,
    },
}

/// Reads events out of a file.
pub struct Scanner<'a> {
    /// The file.
    pub window: Window<'a>,
    /// Where the next event begins.
    pub position: u32,
    /// The open interchange.
    pub interchange: Option<Rc<Interchange>>,
    /// The open group.
    pub group: Option<Rc<Segment>>,
    /// `ISB` and `ISE` of the open interchange.
    pub extras: Vec<Segment>,
    /// Sets met in the open interchange.
    pub ordinal: u32,
}

impl<'a> Scanner<'a> {
    /// A scanner at the beginning of the file.
    pub fn new(file: &'a dyn FileReader) -> Self {
        Self { window: Window::new(file), position: 0, interchange: None, group: None, extras: Vec::new(), ordinal: 0 }
    }

    /// The next event; absent at the end of the file.
    ///
    /// # Errors
    /// The host could not read the file.
    pub fn next(&mut self) -> Result<Option<Event>, Fault> {
        match self.interchange.clone() {
            None => self.outside(),
            Some(interchange) => self.inside(&interchange).map(Some),
        }
    }

    /// The interchange whose header, or whose first loose segment, stands at `offset`.
    ///
    /// # Errors
    /// The host could not read the file.
    pub fn interchange_at(&mut self, offset: u32) -> Result<Option<Interchange>, Fault> {
        let view = self.window.view(offset, to_u32(HEADER_BYTES_MAX))?;
        if let Some(header) = header::read(view) {
            let end = offset.saturating_add(to_u32(header.length));
            return Ok(Some(Interchange { offset, end, elements: header.elements, delimiters: header.delimiters }));
        }
        let delimiters = header::infer(view);
        Ok(delimiters.map(|delimiters| Interchange { offset, end: offset, elements: Vec::new(), delimiters }))
    }

    fn outside(&mut self) -> Result<Option<Event>, Fault> {
        if self.position == 0 && self.window.view(0, 3)?.starts_with(b"\xef\xbb\xbf") {
            self.position = 3;
        }
        let Some(offset) = segment::skip(&mut self.window, self.position, None)? else {
            self.position = self.window.size();
            return Ok(None);
        };
        self.position = offset;
        match self.interchange_at(offset)? {
            Some(interchange) => Ok(Some(self.open(interchange))),
            None => self.garbage(offset).map(Some),
        }
    }

    fn open(&mut self, interchange: Interchange) -> Event {
        let interchange = Rc::new(interchange);
        self.position = interchange.end;
        self.ordinal = 0;
        self.extras.clear();
        self.interchange = Some(Rc::clone(&interchange));
        Event::Interchange(interchange)
    }

    /// Bytes up to where an interchange or a loose set can be read again.
    fn garbage(&mut self, from: u32) -> Result<Event, Fault> {
        let is_header = header::starts(self.window.view(from, 16)?);
        let mut at = from + 1;
        loop {
            // A loose set counts only at the beginning of a line: `ST` and `GS` are in any text.
            let found = self.window.search(at, |hay| {
                let start =
                    hay.windows(3).position(|w| w == b"ISA" || matches!(w, [b'\n' | b'\r', b'S' | b'G', b'T' | b'S']));
                start.map(|start| (start, start + 3))
            })?;
            let Some((start, _)) = found else {
                at = self.window.size();
                break;
            };
            at = at.saturating_add(start);
            if self.window.view(at, 1)?.first() != Some(&b'I') {
                at += 1;
            }
            if self.interchange_at(at)?.is_some() {
                break;
            }
            at += 1;
        }
        self.position = at;
        let span = Span { offset: from, length: at.saturating_sub(from) };
        Ok(if is_header {
            let message =
                "an interchange header (ISA) begins here but cannot be read: truncated, or not sixteen elements";
            Event::Stray { span, code: "bad-isa", message: message.to_owned() }
        } else {
            let message = format!("{} bytes are no part of any X12 interchange", span.length);
            Event::Stray { span, code: "not-x12", message }
        })
    }

    fn inside(&mut self, interchange: &Rc<Interchange>) -> Result<Event, Fault> {
        loop {
            let Some(next) = segment::next(&mut self.window, self.position, &interchange.delimiters)? else {
                return Ok(self.close(Ending::EndOfFile));
            };
            if self.is_header(&next)? {
                self.position = next.offset;
                return Ok(self.close(Ending::Missing));
            }
            let end = next.end;
            match next.id() {
                "ST" => return self.set(interchange, next).map(|unit| Event::Set(Box::new(unit))),
                "GS" => {
                    if self.group.take().is_some() {
                        return Ok(Event::GroupEnd(None));
                    }
                    let group = Rc::new(next);
                    self.group = Some(Rc::clone(&group));
                    self.position = end;
                    return Ok(Event::Group(group));
                }
                "GE" if self.group.take().is_some() => {
                    self.position = end;
                    return Ok(Event::GroupEnd(Some(next)));
                }
                "IEA" if !interchange.is_loose() => {
                    if self.group.take().is_some() {
                        return Ok(Event::GroupEnd(None));
                    }
                    // Empty segments after the trailer still are this interchange's.
                    let rest = segment::skip(&mut self.window, end, Some(interchange.delimiters.terminator))?;
                    self.position = rest.unwrap_or(self.window.size());
                    return Ok(self.close(Ending::Trailer(next)));
                }
                _ if interchange.is_loose() => return self.leave_loose(&next),
                "TA1" => {
                    self.position = end;
                    return Ok(Event::Answer(Rc::clone(interchange), next));
                }
                "ISB" | "ISE" if self.group.is_none() => {
                    self.position = end;
                    self.extras.push(next);
                }
                _ => return self.stray(&next, &interchange.delimiters),
            }
        }
    }

    /// Ends the open group, or else the open interchange, without moving.
    fn close(&mut self, ending: Ending) -> Event {
        if self.group.take().is_some() {
            return Event::GroupEnd(None);
        }
        self.interchange = None;
        Event::InterchangeEnd(ending)
    }

    /// Without an envelope nothing says that what follows is written alike: it is looked at anew.
    fn leave_loose(&mut self, next: &Segment) -> Result<Event, Fault> {
        if self.interchange_at(next.offset)?.is_some() || self.group.is_some() {
            self.position = next.offset;
            return Ok(self.close(Ending::Missing));
        }
        self.interchange = None;
        self.garbage(next.offset)
    }

    fn is_header(&mut self, segment: &Segment) -> Result<bool, Fault> {
        if !segment.id().starts_with("ISA") {
            return Ok(false);
        }
        Ok(header::read(self.window.view(segment.offset, to_u32(HEADER_BYTES_MAX))?).is_some())
    }

    fn set(&mut self, interchange: &Rc<Interchange>, first: Segment) -> Result<SetUnit, Fault> {
        let offset = first.offset;
        let mut segments = Vec::with_capacity(32);
        let mut count = 1;
        self.position = first.end;
        segments.push(first);
        let ending = loop {
            let Some(next) = segment::next(&mut self.window, self.position, &interchange.delimiters)? else {
                break Ending::EndOfFile;
            };
            match next.id() {
                "SE" => {
                    count += 1;
                    self.position = next.end;
                    segments.push(next.clone());
                    break Ending::Trailer(next);
                }
                "ST" | "GS" | "GE" | "IEA" => break Ending::Missing,
                _ if self.is_header(&next)? => break Ending::Missing,
                _ => {
                    count += 1;
                    self.position = next.end;
                    if count <= SEGMENTS_MAX {
                        segments.push(next);
                    }
                }
            }
        };
        self.ordinal = self.ordinal.saturating_add(1);
        Ok(SetUnit {
            interchange: Rc::clone(interchange),
            group: self.group.clone(),
            extras: self.extras.iter().map(Segment::join).collect(),
            segments,
            count,
            ending,
            span: Span { offset, length: self.position.saturating_sub(offset) },
            ordinal: self.ordinal,
        })
    }

    /// Segments outside any set, up to the next that opens or closes something.
    fn stray(&mut self, first: &Segment, delimiters: &Delimiters) -> Result<Event, Fault> {
        let mut end = first.end;
        while let Some(next) = segment::next(&mut self.window, end, delimiters)? {
            let known = matches!(next.id(), "ST" | "GS" | "IEA" | "TA1") || (next.id() == "GE" && self.group.is_some());
            if known || self.is_header(&next)? {
                break;
            }
            end = next.end;
        }
        self.position = end;
        let span = Span { offset: first.offset, length: end.saturating_sub(first.offset) };
        let message = format!("segment {} stands outside any transaction set", crate::text::one_line(first.id(), 20));
        Ok(Event::Stray { span, code: "stray-segment", message })
    }
}
