//! Pages of a file: so many documents, then the place to go on from. The same place always gives the same page, because
//! everything a page depends on is in the file or in the resume text.

use std::rc::Rc;

use apex_sdk::prelude::*;

use crate::check::number;
use crate::document::Finished;
use crate::resume::{Resume, Seen};
use crate::scan::{Ending, Event, Interchange, Scanner};
use crate::segment::{self, Segment, Span};
use crate::sets;

/// Documents and issues of one page.
const ITEMS_MAX: usize = 200;
/// Bytes of the file that one page works off before it ends.
const PAGE_BYTES_MAX: u32 = 4 << 20;
/// Text and metadata of one page, in bytes: what crosses to the host at once is limited there.
const CONTENT_BYTES_MAX: usize = 1 << 20;

/// Bytes of the file that go beside the documents of one page: they pass through the sandbox's memory.
const ENCLOSED_BYTES_MAX: u32 = 8 << 20;
/// Bytes that may go beside a document in one piece. More becomes an issue, with which the host keeps them.
const ENCLOSURE_BYTES_MAX: u32 = 16 << 20;

/// One page.
#[derive(Debug, Default)]
pub struct Parsed {
    /// Documents whose enclosures are still to be handed over.
    pub documents: Vec<Finished>,
    /// What could not become a document.
    pub issues: Vec<Issue>,
    /// Where to go on; absent at the end.
    pub resume: Option<String>,
}

/// Reads one page.
///
/// # Errors
/// `not-x12` if the file holds nothing that could be read; `bad-resume` if the resume text is not ours; what reading says.
pub fn parse(file: &dyn FileReader, resume: Option<&str>) -> Result<Parsed, Fault> {
    let mut pager = Pager::open(file, resume)?;
    let start = pager.scanner.position;
    while let Some(event) = pager.scanner.next()? {
        pager.take(event);
        let read = pager.scanner.position.saturating_sub(start);
        let full = pager.page.documents.len() + pager.page.issues.len() >= ITEMS_MAX
            || read >= PAGE_BYTES_MAX
            || pager.content_bytes >= CONTENT_BYTES_MAX
            || pager.enclosed_bytes >= ENCLOSED_BYTES_MAX;
        if full && pager.scanner.position < pager.scanner.window.size() {
            return Ok(pager.suspend());
        }
    }
    pager.finish(resume.is_none())
}

struct Pager<'a> {
    scanner: Scanner<'a>,
    page: Parsed,
    content_bytes: usize,
    enclosed_bytes: u32,
    seen: Seen,
    sets_in_group: u32,
    items_in_interchange: u32,
    /// Header of the open interchange.
    header: Span,
    /// Anything that is X12 was met, on this page or one before.
    recognised: bool,
}

impl<'a> Pager<'a> {
    fn open(file: &'a dyn FileReader, resume: Option<&str>) -> Result<Self, Fault> {
        let mut pager = Self {
            scanner: Scanner::new(file),
            page: Parsed::default(),
            content_bytes: 0,
            enclosed_bytes: 0,
            seen: Seen::default(),
            sets_in_group: 0,
            items_in_interchange: 0,
            header: Span { offset: 0, length: 0 },
            recognised: false,
        };
        if let Some(text) = resume {
            let place = Resume::read(text).ok_or_else(bad_resume)?;
            pager.restore(place)?;
        }
        Ok(pager)
    }

    fn restore(&mut self, place: Resume) -> Result<(), Fault> {
        if let Some(offset) = place.interchange {
            let interchange = self.scanner.interchange_at(offset)?.ok_or_else(bad_resume)?;
            if let Some(group) = place.group {
                self.scanner.group = Some(Rc::new(self.segment_at(group, &interchange)?));
            }
            for extra in place.extras {
                let extra = self.segment_at(extra, &interchange)?;
                self.scanner.extras.push(extra);
            }
            self.header = interchange.span();
            self.scanner.interchange = Some(Rc::new(interchange));
        }
        self.scanner.position = place.position;
        self.scanner.ordinal = place.ordinal;
        self.sets_in_group = place.sets_in_group;
        self.items_in_interchange = place.items_in_interchange;
        self.seen = place.seen;
        self.recognised = place.recognised;
        Ok(())
    }

    fn segment_at(&mut self, offset: u32, interchange: &Interchange) -> Result<Segment, Fault> {
        segment::next(&mut self.scanner.window, offset, &interchange.delimiters)?.ok_or_else(bad_resume)
    }

    fn suspend(self) -> Parsed {
        let place = Resume {
            position: self.scanner.position,
            interchange: self.scanner.interchange.as_ref().map(|interchange| interchange.offset),
            group: self.scanner.group.as_ref().map(|group| group.offset),
            extras: self.scanner.extras.iter().map(|extra| extra.offset).collect(),
            ordinal: self.scanner.ordinal,
            sets_in_group: self.sets_in_group,
            items_in_interchange: self.items_in_interchange,
            recognised: self.recognised,
            seen: self.seen,
        };
        Parsed { resume: Some(place.write()), ..self.page }
    }

    fn finish(self, is_whole_file: bool) -> Result<Parsed, Fault> {
        if !self.recognised && self.page.documents.is_empty() && is_whole_file {
            let message = match self.page.issues.first() {
                None => "the file is empty: nothing to read; ask the partner to send it again".to_owned(),
                Some(issue) if issue.fault.code == "bad-isa" => {
                    "the file begins like an X12 interchange but its ISA header cannot be read; ask the partner to send it again".to_owned()
                }
                Some(_) => "no X12 interchange (ISA) or transaction set (ST) in the file; check what the partner sends here".to_owned(),
            };
            return Err(Fault::permanent("not-x12", message));
        }
        Ok(self.page)
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Interchange(interchange) => {
                self.recognised = true;
                self.header = interchange.span();
                self.items_in_interchange = 0;
            }
            Event::Group(_) => self.sets_in_group = 0,
            Event::Set(unit) => {
                self.sets_in_group += 1;
                self.items_in_interchange += 1;
                if matches!(unit.ending, Ending::EndOfFile) {
                    let message = "the file ends inside this transaction set: its end is missing, what is there is kept as a document";
                    self.issue(unit.span, "truncated-set", message.to_owned());
                }
                self.add(sets::document(&unit));
            }
            Event::Answer(interchange, ta1) => {
                self.items_in_interchange += 1;
                let document = sets::answer(&interchange, &ta1);
                self.page.documents.push(Finished { document, enclosures: Vec::new(), fingerprint: 0, is_state: true });
            }
            Event::GroupEnd(trailer) => self.end_group(trailer.as_ref()),
            Event::InterchangeEnd(ending) => self.end_interchange(&ending),
            Event::Stray { span, code, message } => self.issue(span, code, message),
        }
    }

    /// A set whose id was met in this file with another content stands beside it, unless it is a newer state.
    fn add(&mut self, mut finished: Finished) {
        if !finished.is_state && self.seen.clashes(&finished.document.id, finished.fingerprint) {
            finished.document.id = format!("{}:{:016x}", finished.document.id, finished.fingerprint);
        }
        self.content_bytes += finished.document.content.len() + finished.document.metadata.len();
        for enclosure in finished.enclosures.extract_if(.., |enclosure| enclosure.span.length > ENCLOSURE_BYTES_MAX) {
            let message = format!("{} is too large to go beside its document: kept here", enclosure.name);
            self.issue(enclosure.span, "enclosure-too-large", message);
        }
        self.enclosed_bytes += finished.enclosures.iter().map(|enclosure| enclosure.span.length).sum::<u32>();
        self.page.documents.push(finished);
    }

    /// More sets announced than found: some are lost. Fewer is only a wrong count, which the acknowledgement says.
    fn end_group(&mut self, trailer: Option<&Segment>) {
        let stated = trailer.and_then(|trailer| number(trailer.get(1)));
        let held = std::mem::take(&mut self.sets_in_group);
        self.check_trailer(trailer);
        if let (Some(trailer), Some(stated)) = (trailer, stated.filter(|stated| *stated > held as usize)) {
            let message =
                format!("the group announces {stated} transaction sets but holds {held}: the others are lost");
            self.issue(trailer.span(), "sets-missing", message);
        }
    }

    fn end_interchange(&mut self, ending: &Ending) {
        self.check_trailer(ending.trailer());
        if self.items_in_interchange == 0 {
            self.issue(self.header, "empty-interchange", "the interchange holds no transaction set".to_owned());
        }
    }

    /// A trailer without terminator takes in the lines that follow it.
    fn check_trailer(&mut self, trailer: Option<&Segment>) {
        if let Some(trailer) = trailer.filter(|trailer| trailer.broken.is_some() || trailer.clipped) {
            let message = format!("the trailer {} runs into text that is no part of it", trailer.id());
            self.issue(trailer.span(), "stray-segment", message);
        }
    }

    fn issue(&mut self, span: Span, code: &str, message: String) {
        let id = format!("{}:{code}", span.offset);
        let fault = Fault::permanent(code, message);
        self.page.issues.push(Issue { id, fault, offset: span.offset, length: span.length });
    }
}

fn bad_resume() -> Fault {
    Fault::permanent("bad-resume", "the resume point is not one of this file; start the file again from the beginning")
}
