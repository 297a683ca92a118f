//! Checks of one transaction set that need no implementation guide: its trailer, its control number, its place in the
//! group, characters, and the one or two segments that the base standard makes mandatory at its beginning. It must not
//! reject what only a guide can know.
//!
//! Codes are those of X12 data elements 718 (set), 720 (segment) and 723 (element), as listed on
//! <https://stedi.com/edi/x12-004010/element/718> and in Microsoft's "X12 997 acknowledgment error codes".

use crate::scan::SetUnit;
use crate::segment::{Binary, Segment};
use crate::text;

/// Set errors listed per set; 997 has room for five codes, a set in ruins needs no longer list of segments.
const SEGMENT_ERRORS_MAX: usize = 50;

/// Functional group of each set that is checked: GS01 by ST01.
const GROUP_OF_SET: [(&str, &str); 20] = [
    ("204", "SM"),
    ("210", "IM"),
    ("214", "QM"),
    ("990", "GF"),
    ("820", "RA"),
    ("997", "FA"),
    ("999", "FA"),
    ("810", "IN"),
    ("850", "PO"),
    ("855", "PR"),
    ("856", "SH"),
    ("270", "HS"),
    ("271", "HB"),
    ("275", "PI"),
    ("276", "HR"),
    ("277", "HN"),
    ("278", "HI"),
    ("834", "BE"),
    ("835", "HP"),
    ("837", "HC"),
];

/// Segments that open a set and that the base standard makes mandatory.
const MANDATORY: [(&str, &[&str]); 10] = [
    ("204", &["B2", "B2A"]),
    ("210", &["B3"]),
    ("214", &["B10"]),
    ("990", &["B1"]),
    ("810", &["BIG"]),
    ("834", &["BGN"]),
    ("835", &["BPR"]),
    ("837", &["BHT", "HL"]),
    ("850", &["BEG"]),
    ("856", &["BSN"]),
];

/// Data element numbers of free text, where line breaks are found: segment, element, number.
const FREE_TEXT: [(&str, usize, &str); 9] = [
    ("N1", 2, "93"),
    ("N2", 1, "93"),
    ("N2", 2, "93"),
    ("N3", 1, "166"),
    ("N3", 2, "166"),
    ("N4", 1, "19"),
    ("NTE", 2, "352"),
    ("L5", 2, "79"),
    ("K1", 1, "61"),
];

/// An element in error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementError {
    /// Position in the segment, from 1.
    pub position: usize,
    /// Data element number; empty if not known here.
    pub reference: &'static str,
    /// Element error code (723).
    pub code: &'static str,
    /// A printable copy of the bad data; may be empty.
    pub copy: String,
}

/// A segment in error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentError {
    /// Its id.
    pub id: String,
    /// Its position in the set, `ST` being 1.
    pub position: usize,
    /// Segment error code (720).
    pub code: &'static str,
    /// The element, if one is to blame.
    pub element: Option<ElementError>,
}

/// The verdict on one set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetCheck {
    /// Codes (718) for which the set is rejected.
    pub rejected: Vec<&'static str>,
    /// Codes (718) that are only noted.
    pub noted: Vec<&'static str>,
    /// Segments in error; if any, `rejected` holds `5`.
    pub segments: Vec<SegmentError>,
}

impl SetCheck {
    /// `A` accepted, `E` accepted with errors noted, `R` rejected (element 717).
    pub fn verdict(&self) -> char {
        match (self.rejected.is_empty(), self.noted.is_empty()) {
            (true, true) => 'A',
            (true, false) => 'E',
            (false, _) => 'R',
        }
    }

    /// All codes, at most the five that fit.
    pub fn codes(&self) -> Vec<&'static str> {
        self.rejected.iter().chain(&self.noted).copied().take(5).collect()
    }
}

/// What a set error code means.
pub fn meaning(code: &str) -> &'static str {
    match code {
        "2" => "the trailer SE is missing",
        "3" => "SE02 is not the control number of ST02",
        "4" => "SE01 is not the number of segments",
        "5" => "one or more segments are in error",
        "6" => "the set identifier ST01 is missing, invalid or not one of this group",
        "7" => "the control number ST02 is missing or invalid",
        "18" => "the set does not belong into this functional group",
        "23" => "the control number ST02 is used twice in the group",
        _ => "the set is in error",
    }
}

/// Checks a set by itself; what needs its group is added by the caller.
pub fn set(unit: &SetUnit) -> SetCheck {
    let mut check = SetCheck::default();
    let Some(header) = unit.segments.first() else { return check };
    let version = version(unit);
    let id = header.get(1);
    if id.len() != 3 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        check.rejected.push("6");
    }
    if header.get(2).is_empty() || header.get(2).len() > 9 {
        check.rejected.push("7");
    }
    trailer(unit, header, &mut check);
    segments(unit, &mut check);
    mandatory(unit, id, &mut check);
    if !check.segments.is_empty() {
        check.rejected.push("5");
    }
    let group = unit.group.as_ref().map(|group| group.get(1)).unwrap_or_default();
    let expected = GROUP_OF_SET.iter().find(|(set, _)| *set == id).map(|(_, group)| *group);
    if !group.is_empty() && expected.is_some_and(|expected| expected != group) {
        // Code 18 is in the list of 5010 and later only.
        check.noted.push(if version >= "005010" { "18" } else { "6" });
    }
    check
}

/// GS08 of the set's group; empty if there is none.
pub fn version(unit: &SetUnit) -> &str {
    unit.group.as_ref().map(|group| group.get(8)).unwrap_or_default()
}

fn trailer(unit: &SetUnit, header: &Segment, check: &mut SetCheck) {
    let Some(trailer) = unit.ending.trailer() else {
        check.rejected.push("2");
        return;
    };
    if trailer.get(2) != header.get(2) {
        check.rejected.push("3");
    }
    if number(trailer.get(1)) != Some(unit.count) {
        check.rejected.push("4");
    }
}

/// A count as written in a trailer: digits, leading zeros allowed.
pub fn number(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn segments(unit: &SetUnit, check: &mut SetCheck) {
    for (at, segment) in unit.segments.iter().enumerate() {
        let error = unknown_id(segment).or_else(|| broken(segment)).or_else(|| binary(segment));
        if let Some((code, element)) = error {
            let id = text::clip(&text::one_line(segment.id(), 3), 3).to_owned();
            check.segments.push(SegmentError { id, position: at + 1, code, element });
            if check.segments.len() >= SEGMENT_ERRORS_MAX {
                return;
            }
        }
    }
}

type Found = Option<(&'static str, Option<ElementError>)>;

fn unknown_id(segment: &Segment) -> Found {
    let id = segment.id();
    let well_formed = (2..=3).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_uppercase())
        && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (!well_formed).then_some(("1", None))
}

/// A line break is no character of any X12 character set.
fn broken(segment: &Segment) -> Found {
    let position = usize::from(segment.broken?);
    let known = FREE_TEXT.iter().find(|(id, at, _)| *id == segment.id() && *at == position);
    let reference = known.map(|(_, _, number)| *number).unwrap_or_default();
    Some(("8", Some(ElementError { position, reference, code: "6", copy: "<LF>".to_owned() })))
}

/// BIN01 is element 784, the bytes are 785.
fn binary(segment: &Segment) -> Found {
    let Binary { span, length_fits, .. } = segment.binary?;
    if length_fits {
        return None;
    }
    let position = segment.count();
    let stated = segment.get(position);
    let error = match number(stated) {
        None => ElementError { position, reference: "784", code: "6", copy: text::clip(stated, 20).to_owned() },
        Some(stated) => {
            let code = if (span.length as usize) < stated { "4" } else { "5" };
            ElementError { position: position + 1, reference: "785", code, copy: String::new() }
        }
    };
    Some(("8", Some(error)))
}

fn mandatory(unit: &SetUnit, id: &str, check: &mut SetCheck) {
    let Some((_, wanted)) = MANDATORY.iter().find(|(set, _)| *set == id) else { return };
    let mut position = 1;
    for wanted in *wanted {
        if unit.segments.iter().any(|segment| segment.id() == *wanted) {
            position += 1;
        } else {
            check.segments.push(SegmentError { id: (*wanted).to_owned(), position, code: "3", element: None });
        }
    }
}
