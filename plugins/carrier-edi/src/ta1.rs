//! The verdict on an interchange: which TA1 it deserves, if any. It must not look into groups beyond their headers.
//!
//! Codes are those of X12 data element I18 (<https://stedi.com/edi/x12-004010/element/I18>); whether a code means `E` or
//! `R` follows Microsoft's table "X12 TA1 Acknowledgment Error Codes".

use crate::ack::InterchangeReport;
use crate::check::number;
use crate::dates;
use crate::scan::Ending;

/// `A`, `E` or `R` with the note code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// TA104.
    pub status: char,
    /// TA105.
    pub code: &'static str,
}

/// The verdict on an interchange: the first reason to reject it, else the first to note.
pub fn verdict(report: &InterchangeReport) -> Verdict {
    let mut found = header(report);
    found.extend(trailer(report));
    let worst = found.iter().find(|verdict| verdict.status == 'R').or_else(|| found.first());
    worst.copied().unwrap_or(Verdict { status: 'A', code: "000" })
}

fn note(wrong: bool, status: char, code: &'static str) -> Option<Verdict> {
    wrong.then_some(Verdict { status, code })
}

fn header(report: &InterchangeReport) -> Vec<Verdict> {
    let isa = &report.interchange;
    let is_version = isa.get(12).len() == 5 && number(isa.get(12)).is_some();
    let control = isa.get(13);
    [
        note(dates::date(isa.get(9)).is_none(), 'R', "014"),
        note(dates::time(isa.get(10)).is_none(), 'R', "015"),
        note(!is_version, 'R', "017"),
        note(number(control).is_none() || control.len() > 9, 'R', "018"),
        note(!matches!(isa.get(14), "0" | "1"), 'E', "019"),
        note(!matches!(isa.get(15), "P" | "T" | "I"), 'E', "020"),
        note(report.orphans || report.groups.iter().any(|group| !group.is_dated()), 'R', "024"),
        note(report.repeated, 'R', "025"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn trailer(report: &InterchangeReport) -> Vec<Verdict> {
    let trailer = match &report.ending {
        Ending::Trailer(trailer) => trailer,
        Ending::Missing => return vec![Verdict { status: 'R', code: "022" }],
        Ending::EndOfFile => return vec![Verdict { status: 'R', code: "023" }],
    };
    // Control numbers are numbers: a partner that pads one of the two means the same.
    let header = report.interchange.get(13);
    let same = trailer.get(2) == header || (number(header).is_some() && number(trailer.get(2)) == number(header));
    [note(!same, 'E', "001"), note(number(trailer.get(1)) != Some(report.groups.len()), 'E', "021")]
        .into_iter()
        .flatten()
        .collect()
}
