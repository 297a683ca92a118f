//! Writes the acknowledgement of one interchange as X12: TA1 where it is due, a 997 or 999 for every group. Control
//! numbers and the clock are given, so that the same report always gives the same bytes.
//!
//! Layout of 997: Microsoft's "X12 997 acknowledgment" page; 999 is the same with IK3, IK4, IK5 (005010X231A1).

use crate::ack::{GroupReport, InterchangeReport};
use crate::check::{SegmentError, SetCheck};
use crate::ta1;

/// What the operator sets.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Our ISA qualifier, if not the one the partner used.
    pub own_qualifier: Option<String>,
    /// Our ISA id, if not the one the partner used.
    pub own_id: Option<String>,
    /// Write a 999 for groups that state an implementation guide of 5010.
    pub allow_999: bool,
}

/// When a reply is written: `CCYYMMDD` and `HHMM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// `CCYYMMDD`.
    pub date: String,
    /// `HHMM`.
    pub time: String,
}

/// How many control numbers the reply to this interchange takes; none if nothing is to be said.
pub fn numbers_wanted(report: &InterchangeReport) -> usize {
    let groups = report.groups.iter().filter(|group| group.is_acknowledged()).count();
    if groups > 0 || wants_ta1(report) { groups.max(1) } else { 0 }
}

/// An interchange is answered if it was asked for (ISA14) or if something is wrong with it; never if it only carries
/// acknowledgements itself.
fn wants_ta1(report: &InterchangeReport) -> bool {
    let only_answers =
        !report.groups.iter().any(GroupReport::is_acknowledged) && (report.answers || !report.groups.is_empty());
    let asked = report.interchange.get(14) == "1";
    !only_answers && (asked || ta1::verdict(report).status != 'A')
}

/// The reply, or nothing if nothing is to be said. `numbers`: what [`numbers_wanted`] asks for. The first is that of the
/// interchange and of its first group: each number taken is a durable write, and most replies have one group.
pub fn write(report: &InterchangeReport, options: &Options, numbers: &[u32], stamp: &Stamp) -> Option<String> {
    let interchange_number = numbers.first()?;
    let control = format!("{:09}", interchange_number % 1_000_000_000);
    let mut lines = vec![header(report, options, &control, stamp)];
    if wants_ta1(report) {
        lines.push(answer(report));
    }
    let groups = report.groups.iter().filter(|group| group.is_acknowledged()).zip(numbers);
    let mut count = 0;
    for (group, number) in groups {
        let number = number % 1_000_000_000;
        let writer = Writer::new(group, options);
        lines.push(elements(&[
            "GS",
            "FA",
            group.header.get(3),
            group.header.get(2),
            &stamp.date,
            &stamp.time,
            &number.to_string(),
            "X",
            &writer.version,
        ]));
        lines.extend(writer.set(group));
        lines.push(format!("GE*1*{number}"));
        count += 1;
    }
    lines.push(format!("IEA*{count}*{control}"));
    Some(lines.join("~\n") + "~\n")
}

fn header(report: &InterchangeReport, options: &Options, control: &str, stamp: &Stamp) -> String {
    let isa = &report.interchange;
    let version =
        if isa.get(12).len() == 5 && isa.get(12).bytes().all(|b| b.is_ascii_digit()) { isa.get(12) } else { "00401" };
    let standard = if version >= "00402" { "^" } else { "U" };
    let qualifier = options.own_qualifier.as_deref().unwrap_or(isa.get(7));
    let id = options.own_id.as_deref().unwrap_or(isa.get(8));
    let usage = if isa.get(15) == "P" { "P" } else { "T" };
    format!(
        "ISA*00*{blank:10}*00*{blank:10}*{:2.2}*{:15.15}*{:2.2}*{:15.15}*{}*{}*{standard}*{version}*{control}*0*{usage}*:",
        clean(qualifier),
        clean(id),
        clean(isa.get(5)),
        clean(isa.get(6)),
        stamp.date.get(2..).unwrap_or_default(),
        stamp.time,
        blank = "",
    )
}

fn answer(report: &InterchangeReport) -> String {
    let isa = &report.interchange;
    let verdict = ta1::verdict(report);
    elements(&["TA1", isa.get(13), isa.get(9), isa.get(10), &verdict.status.to_string(), verdict.code])
}

/// 997 and 999 differ in names only.
struct Writer {
    set: &'static str,
    /// GS08, and ST03 if `with_convention`.
    version: String,
    with_convention: bool,
    /// `AK1` and `AK2` repeat versions from 5010 on.
    with_versions: bool,
    segment: &'static str,
    element: &'static str,
    verdict: &'static str,
}

impl Writer {
    fn new(group: &GroupReport, options: &Options) -> Self {
        let version = group.header.get(8);
        if options.allow_999 && version.starts_with("005010X") {
            return Self {
                set: "999",
                version: "005010X231A1".to_owned(),
                with_convention: true,
                with_versions: true,
                segment: "IK3",
                element: "IK4",
                verdict: "IK5",
            };
        }
        let base = version.get(..6).filter(|base| base.bytes().all(|byte| byte.is_ascii_digit()));
        let base = base.unwrap_or("004010");
        Self {
            set: "997",
            version: base.to_owned(),
            with_convention: false,
            with_versions: base >= "005010",
            segment: "AK3",
            element: "AK4",
            verdict: "AK5",
        }
    }

    fn set(&self, group: &GroupReport) -> Vec<String> {
        let convention = if self.with_convention { self.version.as_str() } else { "" };
        let mut lines = vec![elements(&["ST", self.set, "0001", convention])];
        let version = if self.with_versions { group.header.get(8) } else { "" };
        lines.push(elements(&["AK1", group.header.get(1), group.header.get(6), version]));
        for set in &group.sets {
            let convention = if self.with_versions { set.convention.as_str() } else { "" };
            lines.push(elements(&["AK2", &set.id, &set.control, convention]));
            self.errors(&set.check, &mut lines);
            let status = set.check.verdict().to_string();
            let mut fields = vec![self.verdict, &status];
            let codes = set.check.codes();
            fields.extend(codes);
            lines.push(elements(&fields));
        }
        let verdict = group.verdict();
        let counts = [verdict.included, verdict.received, verdict.accepted].map(|count| count.to_string());
        let status = verdict.status.to_string();
        let mut fields = vec!["AK9", &status];
        fields.extend(counts.iter().map(String::as_str));
        fields.extend(verdict.codes.iter().take(5));
        lines.push(elements(&fields));
        lines.push(format!("SE*{}*0001", lines.len() + 1));
        lines
    }

    fn errors(&self, check: &SetCheck, lines: &mut Vec<String>) {
        for SegmentError { id, position, code, element } in &check.segments {
            lines.push(elements(&[self.segment, id, &position.to_string(), "", code]));
            if let Some(element) = element {
                let position = element.position.to_string();
                lines.push(elements(&[self.element, &position, element.reference, element.code, &element.copy]));
            }
        }
    }
}

/// A segment; empty elements at its end are left out.
fn elements(elements: &[&str]) -> String {
    let elements: Vec<String> = elements.iter().map(|element| clean(element)).collect();
    elements.join("*").trim_end_matches('*').to_owned()
}

/// Printable ASCII without what separates and ends in our own replies: fixed widths are bytes.
fn clean(element: &str) -> String {
    element
        .chars()
        .map(|c| match c {
            '*' | '~' | ':' | '^' => ' ',
            ' '..='\u{7e}' => c,
            _ => '?',
        })
        .collect()
}
