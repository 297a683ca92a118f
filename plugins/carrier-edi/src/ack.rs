//! Gathers what a file's envelopes amount to, for the acknowledgement: one report an interchange, one a group, one a set.
//! It must not write X12: that is `reply`.

use std::collections::HashSet;
use std::rc::Rc;

use apex_sdk::prelude::*;

use crate::check::{self, SetCheck, number};
use crate::dates;
use crate::scan::{Ending, Event, Interchange, Scanner};
use crate::segment::Segment;

/// A set and its verdict.
#[derive(Debug)]
pub struct SetReport {
    /// ST01.
    pub id: String,
    /// ST02.
    pub control: String,
    /// ST03, if there is one.
    pub convention: String,
    /// What was found.
    pub check: SetCheck,
}

/// A functional group and its sets.
#[derive(Debug)]
pub struct GroupReport {
    /// Its `GS`.
    pub header: Rc<Segment>,
    /// Its `GE`, if there is one.
    pub trailer: Option<Segment>,
    /// Its sets in order.
    pub sets: Vec<SetReport>,
    /// An earlier group of the interchange has the same control number.
    pub repeated: bool,
}

/// The verdict on a group: the fields of `AK9`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupVerdict {
    /// AK901: `A`, `E`, `P` or `R`.
    pub status: char,
    /// AK902: sets by the trailer's count; by ours if it has none.
    pub included: usize,
    /// AK903.
    pub received: usize,
    /// AK904.
    pub accepted: usize,
    /// AK905 and on: element 716.
    pub codes: Vec<&'static str>,
}

impl GroupReport {
    /// Whether it is to be acknowledged: acknowledgements never are, or two hosts would never stop.
    pub fn is_acknowledged(&self) -> bool {
        let only_answers = self.sets.iter().all(|set| matches!(set.id.as_str(), "997" | "999"));
        self.header.get(1) != "FA" && (self.sets.is_empty() || !only_answers)
    }

    /// Whether GS04 and GS05 are a date and a time; a date of six digits is what old versions write.
    pub fn is_dated(&self) -> bool {
        dates::date(self.header.get(4)).is_some() && dates::time(self.header.get(5)).is_some()
    }

    /// The fields of `AK9`. An error of the group's own envelope rejects the group, as pyx12 and Microsoft's engine do.
    pub fn verdict(&self) -> GroupVerdict {
        let received = self.sets.len();
        let accepted = self.sets.iter().filter(|set| set.check.verdict() != 'R').count();
        let stated = self.trailer.as_ref().and_then(|trailer| number(trailer.get(1)));
        let codes = self.codes(stated, received);
        let status = if !codes.is_empty() || (accepted == 0 && received > 0) {
            'R'
        } else if accepted < received {
            'P'
        } else if self.sets.iter().any(|set| set.check.verdict() == 'E') {
            'E'
        } else {
            'A'
        };
        GroupVerdict { status, included: stated.unwrap_or(received), received, accepted, codes }
    }

    fn codes(&self, stated: Option<usize>, received: usize) -> Vec<&'static str> {
        let mut codes = Vec::new();
        let control = self.header.get(6);
        match &self.trailer {
            None => codes.push("3"),
            Some(trailer) => {
                let same =
                    trailer.get(2) == control || number(control).is_some_and(|n| number(trailer.get(2)) == Some(n));
                if !same {
                    codes.push("4");
                }
                if stated != Some(received) {
                    codes.push("5");
                }
            }
        }
        if number(control).is_none() || control.len() > 9 {
            codes.push("6");
        }
        if self.repeated {
            // Code 19 is in the list of 4040 and later only.
            codes.push(if self.header.get(8) >= "004040" { "19" } else { "6" });
        }
        codes.dedup();
        codes
    }
}

/// An interchange and its groups.
#[derive(Debug)]
pub struct InterchangeReport {
    /// Its header.
    pub interchange: Rc<Interchange>,
    /// Its groups in order, acknowledgements included.
    pub groups: Vec<GroupReport>,
    /// How it ends.
    pub ending: Ending,
    /// An earlier interchange of the file has the same sender and control number.
    pub repeated: bool,
    /// Whether it carries answers to interchanges of ours.
    pub answers: bool,
    /// Whether sets stand outside any group.
    pub orphans: bool,
}

/// Reads a whole file and reports on every interchange that has a header. Sets without envelope name nobody to answer.
///
/// # Errors
/// The host could not read the file.
pub fn reports(file: &dyn FileReader) -> Result<Vec<InterchangeReport>, Fault> {
    let mut scanner = Scanner::new(file);
    let mut reports: Vec<InterchangeReport> = Vec::new();
    let mut open: Option<InterchangeReport> = None;
    let mut controls: HashSet<String> = HashSet::new();
    let mut numbers: HashSet<String> = HashSet::new();
    while let Some(event) = scanner.next()? {
        match event {
            Event::Interchange(interchange) => {
                numbers.clear();
                open = (!interchange.is_loose()).then(|| {
                    let key = [6, 8, 13].map(|element| interchange.get(element)).join("\u{1f}");
                    let repeated = !controls.insert(key);
                    let ending = Ending::EndOfFile;
                    InterchangeReport {
                        interchange,
                        groups: Vec::new(),
                        ending,
                        repeated,
                        answers: false,
                        orphans: false,
                    }
                });
            }
            Event::InterchangeEnd(ending) => {
                reports.extend(open.take().map(|report| InterchangeReport { ending, ..report }));
            }
            Event::Answer(..) => open.iter_mut().for_each(|report| report.answers = true),
            Event::Group(header) => {
                numbers.retain(|number| number.starts_with('G'));
                let repeated = !numbers.insert(format!("G{}", header.get(6)));
                if let Some(report) = open.as_mut() {
                    report.groups.push(GroupReport { header, trailer: None, sets: Vec::new(), repeated });
                }
            }
            Event::GroupEnd(trailer) => {
                if let Some(group) = open.as_mut().and_then(|report| report.groups.last_mut()) {
                    group.trailer = trailer;
                }
            }
            Event::Set(unit) => {
                let Some(report) = open.as_mut() else { continue };
                report.orphans |= unit.group.is_none();
                if let Some(group) = report.groups.last_mut().filter(|_| unit.group.is_some()) {
                    let check = check::set(&unit);
                    group.sets.extend(unit.segments.first().map(|header| set_report(header, check, &mut numbers)));
                }
            }
            Event::Stray { .. } => {}
        }
    }
    Ok(reports)
}

fn set_report(header: &Segment, mut check: SetCheck, numbers: &mut HashSet<String>) -> SetReport {
    if !numbers.insert(format!("S{}", header.get(2))) {
        check.rejected.push("23");
    }
    let text = |element: usize| header.get(element).to_owned();
    SetReport { id: text(1), control: text(2), convention: text(3), check }
}
