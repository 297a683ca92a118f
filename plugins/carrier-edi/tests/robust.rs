//! No input may break the connector, and none may take it out of linear time.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod common;

use std::time::{Duration, Instant};

use common::{acknowledge, files, here, interchange, parse, sample};

/// Every byte of a file is in a document, an issue, an envelope or padding: here only that it ends, one way or the other.
fn survives(bytes: &[u8]) {
    let parsed = parse(bytes.to_vec());
    if let Ok(whole) = &parsed {
        assert!(!whole.documents.is_empty() || !whole.issues.is_empty(), "neither documents nor issues nor a fault");
        for document in &whole.documents {
            assert!(!document.id.is_empty() && document.id.len() <= 200, "{}", document.id);
            assert!(!document.id.chars().any(char::is_control), "{:?}", document.id);
            assert!(document.metadata.len() <= 64 << 10);
            assert!(!document.title.contains('\n') && !document.title.is_empty());
            serde_json::from_str::<serde_json::Value>(&document.metadata).unwrap();
            for relation in &document.relations {
                for key in [&relation.from, &relation.to] {
                    assert!(document.entities.iter().any(|entity| entity.key == *key), "{key} is no entity");
                }
            }
        }
        for issue in &whole.issues {
            let end = issue.offset as usize + issue.length as usize;
            assert!(end <= bytes.len(), "{} reaches past the file", issue.id);
        }
    }
    acknowledge(bytes.to_vec());
}

#[test]
fn every_truncation_of_every_small_sample_ends_well() {
    let folder = here().join("tests/samples");
    for name in files(&folder, ".edi") {
        let bytes = sample(&name);
        let step = 1 + bytes.len() / if bytes.len() < 600 { 300 } else { 30 };
        for end in (0..bytes.len()).step_by(step) {
            survives(&bytes[..end]);
        }
    }
}

#[test]
fn every_flipped_bit_of_a_small_sample_ends_well() {
    for name in ["214_toolkit_pipe.edi", "bin_staedi_binary_segment.edi", "997_x12types_4.edi"] {
        let bytes = sample(name);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                survives(&flipped);
            }
        }
    }
}

#[test]
fn random_bytes_end_well() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let words: [&[u8]; 12] = [
        b"ISA*",
        b"GS*SM*",
        b"ST*204*1~",
        b"SE*2*1~",
        b"GE*1*1~",
        b"IEA*1*1~",
        b"BIN*3*",
        b"~",
        b"\n",
        b"*",
        b"\xff\xfe",
        b"N1*SH*X~",
    ];
    let header =
        b"ISA*00*          *00*          *ZZ*PARTNER        *ZZ*WE             *260102*0304*U*00401*000000007*0*P*:~";
    for round in 0..1000 {
        let mut bytes = if round % 2 == 0 { header.to_vec() } else { Vec::new() };
        for _ in 0..next() % 60 {
            if next() % 3 == 0 {
                bytes.push(next().to_le_bytes()[0]);
            } else {
                let pick = usize::try_from(next() % 12).unwrap();
                bytes.extend_from_slice(words[pick]);
            }
        }
        survives(&bytes);
    }
}

/// The shapes that tempt a parser into reading twice: many sets, one huge set, one huge segment, garbage, headers that are
/// none, a binary whose length is wrong.
fn shapes(size: usize) -> Vec<(&'static str, String)> {
    let tender =
        interchange("204", "SM", &["B2**SCAC**LOAD1**PP", "B2A*00", "S5*1*LD", "N1*SF*DOCK", "N4*ERIE*PA*16501"]);
    vec![
        ("many sets", tender.repeat(size / tender.len())),
        ("a huge set", interchange("204", "SM", &vec!["L11*12345*PO"; size / 14])),
        ("a huge segment", interchange("204", "SM", &[&format!("NTE*GEN*{}", "x".repeat(size))])),
        ("garbage", "no EDI here\n".repeat(size / 12)),
        ("headers", "ISA*".repeat(size / 4)),
        ("loose starts", "\nST*204*".repeat(size / 8)),
        ("a binary", interchange("204", "SM", &[&format!("BIN*7*{}", "~x".repeat(size / 2))])),
        ("terminators", interchange("204", "SM", &[]) + &"~".repeat(size)),
    ]
}

fn takes(text: &str) -> Duration {
    let start = Instant::now();
    let _ = parse(text.as_bytes());
    acknowledge(text.as_bytes());
    start.elapsed()
}

/// Eight times the bytes may take eight times as long, and thrice that for a busy machine; a quadratic parser takes 64.
#[test]
fn time_grows_with_the_file_and_not_faster() {
    for ((what, small), (_, large)) in shapes(1 << 15).into_iter().zip(shapes(1 << 18)) {
        let (small, large) = (takes(&small), takes(&large));
        assert!(large < small * 24 + Duration::from_millis(300), "{what}: {small:?}, eight times as much: {large:?}");
    }
}

#[test]
fn a_page_is_the_same_whenever_it_is_asked_for() {
    use apex_sdk::prelude::*;
    let tender = interchange("210", "IM", &["B3**INV1*LOAD1*PP**20260101*12345****SCAC"]);
    let other = tender.replace("12345", "54321");
    let bytes = [tender.repeat(150), other.repeat(150)].concat().into_bytes();
    let file = MemoryFile::new("in.edi", bytes);
    let first = carrier_edi::CarrierEdi::parse(&file, None).unwrap();
    assert_eq!(first.documents.len(), 200);
    let place = first.resume.unwrap();
    let second = carrier_edi::CarrierEdi::parse(&file, Some(&place)).unwrap();
    let again = carrier_edi::CarrierEdi::parse(&file, Some(&place)).unwrap();
    assert_eq!(format!("{second:?}"), format!("{again:?}"));
    assert_eq!(second.documents.len(), 100);
    assert!(second.resume.is_none());
    // The other invoice of the same number stands beside, on either page.
    assert_eq!(first.documents[149].id, "210:SCAC:INV1");
    assert_ne!(first.documents[150].id, "210:SCAC:INV1");
    assert_eq!(first.documents[150].id, second.documents[0].id);
}
