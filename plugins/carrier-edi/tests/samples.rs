//! Every sample ends in documents or issues with reasons, and our verdict on its envelopes is compared with node-x12's strict
//! verdict (`samples/ORACLE.tsv`). Where the two differ the reason is written here.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod common;

use common::{acknowledge, files, here, metadata, parse, sample, segments};

/// Files that node-x12 refuses for the shape of their header, or for having none, with what is wrong inside them.
const HEADER_REFUSED: [(&str, &[&str]); 8] = [
    // SE01 says 37, the file has 29 segments.
    ("204_x12types_1.edi", &["set 4"]),
    ("820_stupidedi_3010.edi", &[]),
    // SE01 says 25, the file has 36 segments.
    ("837_ims_x12_bad_first_line.edi", &["set 4"]),
    ("990_node_x12_edi_three.edi", &[]),
    ("997_x12types_1.edi", &[]),
    ("997_x12types_2.edi", &[]),
    ("997_x12types_3.edi", &[]),
    ("997_x12types_4.edi", &[]),
];

/// Errors of group or interchange in files that hold acknowledgements only: nobody is told, so nobody judges them.
const NEVER_ANSWERED: [&str; 2] = ["997_staedi_invalid_min.edi", "999_ims_accepted.edi"];

/// Number of transaction sets, counted as `ST` segments.
const SETS: [(&str, usize); 8] = [
    ("210_omniparser_ups.edi", 5),
    ("214_omniparser_canadapost.edi", 19),
    ("810_850_staedi_two_groups.edi", 3),
    ("810_moov_4010.edi", 2),
    ("837_ims_x12_multiple_gs.edi", 3),
    ("990_node_x12_edi_three.edi", 3),
    ("997_staedi_multi_interchange.edi", 3),
    ("997_x12types_3.edi", 2),
];

/// What we hold against a file: set errors, group errors, the TA1.
fn verdict(name: &str) -> Vec<String> {
    let whole = parse(sample(name)).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
    assert_eq!(common::codes(&whole), [""; 0], "{name}");
    let mut found: Vec<String> = Vec::new();
    for document in &whole.documents {
        let problems = metadata(document)["problems"].as_array().cloned().unwrap_or_default();
        found.extend(problems.iter().map(|problem| format!("set {}", problem["code"].as_str().unwrap())));
    }
    for segment in acknowledge(sample(name)).iter().flat_map(|reply| segments(reply)) {
        let elements: Vec<&str> = segment.split('*').collect();
        match elements.as_slice() {
            ["AK9", _, _, _, _, codes @ ..] => found.extend(codes.iter().map(|code| format!("group {code}"))),
            ["TA1", _, _, _, "E" | "R", code] => found.push(format!("interchange {code}")),
            _ => {}
        }
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn every_sample_becomes_documents_one_for_each_set() {
    for name in files(&here().join("tests/samples"), ".edi") {
        let expected = SETS.iter().find(|(known, _)| *known == name).map_or(1, |(_, sets)| *sets);
        assert_eq!(parse(sample(&name)).unwrap().documents.len(), expected, "{name}");
    }
}

#[test]
fn verdicts_equal_those_of_a_strict_parser() {
    let table = std::fs::read_to_string(here().join("tests/samples/ORACLE.tsv")).unwrap();
    let mut compared = 0;
    for row in table.lines().skip(2) {
        let mut cells = row.split('\t');
        let (name, strict) = (cells.next().unwrap(), cells.next().unwrap());
        let ours = verdict(name);
        compared += 1;
        if let Some((_, expected)) = HEADER_REFUSED.iter().find(|(known, _)| *known == name) {
            assert!(strict.contains("correct length") || strict.contains("too short"), "{name}: {strict}");
            assert_eq!(ours, *expected, "{name}");
        } else if NEVER_ANSWERED.contains(&name) {
            assert!(strict.contains("GE02") || strict.contains("IEA02"), "{name}: {strict}");
            assert_eq!(ours, [""; 0], "{name}");
        } else if strict.contains("SE01") {
            assert!(ours.contains(&"set 4".to_owned()), "{name}: {ours:?}");
        } else if strict.contains("IEA02") {
            assert_eq!(ours, ["interchange 001"], "{name}");
        } else {
            assert!(strict.starts_with("OK"), "{name}: {strict}");
            assert_eq!(ours, [""; 0], "{name}");
        }
    }
    assert_eq!(compared, 36);
}

/// node-x12 stops at the first error; these are all of them, counted in the file: three groups with the same number, IEA01 1,
/// SE01 25 for 36 segments.
#[test]
fn all_errors_of_a_file_are_found_and_not_only_the_first() {
    assert_eq!(verdict("837_ims_x12_multiple_gs.edi"), ["group 19", "interchange 021", "set 4"]);
}
