//! Damaged and unusual envelopes: the documents are still there, nothing is lost without an issue that says where.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod common;

use apex_sdk::prelude::*;
use common::{Whole, codes, interchange, metadata, parse, sample};

const TENDER: [&str; 2] = ["B2**SCAC**LOAD7**PP", "B2A*00"];

fn plain() -> String {
    interchange("204", "SM", &TENDER)
}

fn ids(whole: &Whole) -> Vec<&str> {
    whole.documents.iter().map(|document| document.id.as_str()).collect()
}

/// The bytes an issue is about.
fn bytes_of<'t>(text: &'t str, issue: &Issue) -> &'t str {
    &text[issue.offset as usize..(issue.offset + issue.length) as usize]
}

fn problems(document: &Document) -> Vec<String> {
    let problems = metadata(document)["problems"].clone();
    problems.as_array().unwrap().iter().map(|problem| problem["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn wrong_counts_and_numbers_lose_no_document() {
    for (what, from, to, codes_wanted) in [
        ("zero-padded SE01", "SE*4*", "SE*0000000004*", &[][..]),
        ("SE01", "SE*4*", "SE*9*", &["4"][..]),
        ("SE01 no number", "SE*4*", "SE*X*", &["4"][..]),
        ("SE02", "SE*4*0001", "SE*4*0002", &["3"][..]),
        ("GE02", "GE*1*7", "GE*1*8", &[][..]),
        ("IEA01", "IEA*1*", "IEA*3*", &[][..]),
        ("IEA02", "IEA*1*000000007", "IEA*1*000000009", &[][..]),
        ("GS01 of another set", "GS*SM*", "GS*IN*", &["6"][..]),
        ("ST02 missing", "ST*204*0001", "ST*204", &["7", "3"][..]),
    ] {
        let whole = parse(plain().replace(from, to)).unwrap();
        assert_eq!(codes(&whole), [""; 0], "{what}");
        assert_eq!(ids(&whole), ["204:PARTNER:SCAC:LOAD7"], "{what}");
        assert_eq!(problems(&whole.documents[0]), codes_wanted, "{what}");
    }
}

#[test]
fn missing_trailers_lose_no_document() {
    let text = plain();
    for (what, text) in [
        ("IEA", text.replace("IEA*1*000000007~\n", "")),
        ("GE", text.replace("GE*1*7~\n", "")),
        ("GE and IEA", text.replace("GE*1*7~\nIEA*1*000000007~\n", "")),
        ("SE", text.replace("SE*4*0001~\n", "")),
        ("SE and GE", text.replace("SE*4*0001~\nGE*1*7~\n", "")),
    ] {
        let whole = parse(text).unwrap();
        assert_eq!(ids(&whole), ["204:PARTNER:SCAC:LOAD7"], "{what}");
        assert_eq!(codes(&whole), [""; 0], "{what}");
        assert_eq!(metadata(&whole.documents[0])["complete"], !what.contains("SE"), "{what}");
    }
}

#[test]
fn a_file_cut_off_inside_a_set_keeps_what_is_there_and_says_so() {
    let text = plain().replace("SE*4*0001~\nGE*1*7~\nIEA*1*000000007~\n", "S5*1*L");
    let whole = parse(text.clone()).unwrap();
    assert_eq!(ids(&whole), ["204:PARTNER:SCAC:LOAD7"]);
    assert_eq!(codes(&whole), ["truncated-set"]);
    assert_eq!(bytes_of(&text, &whole.issues[0]), &text[text.find("ST*").unwrap()..]);
    assert!(whole.documents[0].content.contains("may be incomplete"));
}

#[test]
fn fewer_sets_than_announced_are_an_issue() {
    let text = plain().replace("GE*1*7", "GE*3*7");
    let whole = parse(text.clone()).unwrap();
    assert_eq!(codes(&whole), ["sets-missing"]);
    assert_eq!(bytes_of(&text, &whole.issues[0]), "GE*3*7~");
}

#[test]
fn several_interchanges_with_their_own_separators() {
    let first = plain();
    let second = plain().replace("LOAD7", "LOAD8").replace('~', "^").replace('*', "|");
    let third = plain().replace("LOAD7", "LOAD9").replace("~\n", "\n");
    let all = ["LOAD7", "LOAD8", "LOAD9"].map(|load| format!("204:PARTNER:SCAC:{load}"));
    assert_eq!(ids(&parse([first.clone(), second.clone(), third.clone()].concat()).unwrap()), all);
    let no_trailers = first.replace("GE*1*7~\nIEA*1*000000007~\n", "");
    assert_eq!(ids(&parse([no_trailers, second.clone(), third.clone()].concat()).unwrap()), all);
    let no_terminator = first.trim_end().trim_end_matches('~').to_owned() + "\n";
    let whole = parse([no_terminator, second, third].concat()).unwrap();
    assert_eq!((ids(&whole), codes(&whole)), (all.iter().map(String::as_str).collect(), vec![]));
    assert_eq!(parse(sample("997_staedi_multi_interchange.edi")).unwrap().documents.len(), 3);
}

#[test]
fn several_groups_and_several_types_in_one() {
    let whole = parse(sample("810_850_staedi_two_groups.edi")).unwrap();
    let sets: Vec<String> = whole.documents.iter().map(|d| metadata(d)["set"].as_str().unwrap().to_owned()).collect();
    assert_eq!(sets, ["810", "810", "850"]);
    let groups: Vec<String> = whole
        .documents
        .iter()
        .map(|d| metadata(d)["envelope"]["group"]["control_number"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(groups, ["1", "1", "165"]);
    let mixed = plain().replace("GE*1*7", "ST*990*0002~\nB1*SCAC*LOAD7*20260102*A~\nSE*3*0002~\nGE*2*7");
    assert_eq!(ids(&parse(mixed).unwrap()), ["204:PARTNER:SCAC:LOAD7", "990:SCAC:LOAD7"]);
}

/// The three groups of this file have the same numbers and other contents: none may take the place of another.
#[test]
fn repeated_control_numbers_keep_every_content() {
    let whole = parse(sample("837_ims_x12_multiple_gs.edi")).unwrap();
    let mut ids = ids(&whole);
    assert_eq!(ids.len(), 3);
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[test]
fn service_segments_are_kept_with_the_envelope() {
    let text = plain().replacen("GS*", "ISB*G*1~\nISE*C*SCAC*PARTNER~\nGS*", 1);
    let whole = parse(text).unwrap();
    assert_eq!(codes(&whole), [""; 0]);
    let envelope = &metadata(&whole.documents[0])["envelope"];
    assert_eq!(envelope["service_segments"], serde_json::json!(["ISB*G*1", "ISE*C*SCAC*PARTNER"]));
}

#[test]
fn a_partners_ta1_is_a_document() {
    let text = plain().replacen("GS*", "TA1*000000005*260101*1200*R*018~\nGS*", 1);
    let whole = parse(text).unwrap();
    assert_eq!(ids(&whole), ["TA1:PARTNER:WE:000000007:000000005:R:018", "204:PARTNER:SCAC:LOAD7"]);
    assert_eq!(metadata(&whole.documents[0])["data"]["acknowledges"]["status"], "R");
    assert!(whole.documents[0].content.contains("rejected"));
}

#[test]
fn what_belongs_to_no_set_is_an_issue_with_its_bytes() {
    let text = plain().replacen("ST*", "XX*LOST*DATA~\nYY*MORE~\nST*", 1);
    let whole = parse(text.clone()).unwrap();
    assert_eq!(codes(&whole), ["stray-segment"]);
    assert_eq!(bytes_of(&text, &whole.issues[0]), "XX*LOST*DATA~\nYY*MORE~");
    let text = format!("{}-- page 2 --\n{}", plain(), plain().replace("LOAD7", "LOAD8"));
    let whole = parse(text.clone()).unwrap();
    assert_eq!(whole.documents.len(), 2);
    assert_eq!(codes(&whole), ["not-x12"]);
    assert_eq!(bytes_of(&text, &whole.issues[0]), "-- page 2 --\n");
    let text = format!("{}ISA*00*broken~\n", plain());
    let whole = parse(text.clone()).unwrap();
    assert_eq!(codes(&whole), ["bad-isa"]);
    assert_eq!(bytes_of(&text, &whole.issues[0]), "ISA*00*broken~\n");
    let whole =
        parse(plain().replace(&plain()[plain().find("GS*").unwrap()..plain().find("IEA*").unwrap()], "")).unwrap();
    assert_eq!(codes(&whole), ["empty-interchange"]);
}

#[test]
fn a_trailer_that_runs_into_other_text_is_an_issue() {
    let text = format!("{}\n-- sent by GATEWAY --\n", plain().trim_end().trim_end_matches('~'));
    let whole = parse(text.clone()).unwrap();
    assert_eq!((whole.documents.len(), codes(&whole)), (1, vec!["stray-segment"]));
    assert!(bytes_of(&text, &whole.issues[0]).contains("GATEWAY"));
}

/// A page ends in the middle of a group: the next one still knows interchange, group, service segments and counts.
#[test]
fn pages_end_inside_groups() {
    let set = |number: usize| format!("ST*990*{number:04}~\nB1*SCAC*LOAD{number}*20260102*A~\nSE*3*{number:04}~\n");
    let sets = |from: usize, to: usize| (from..to).map(set).collect::<String>();
    let text = interchange("990", "GF", &[]);
    let (head, tail) = (&text[..text.find("GS*").unwrap()], &text[text.find("IEA*").unwrap()..]);
    let group = |number: &str, sets: String, count: usize| {
        format!("GS*GF*PARTNER*WE*20260102*0304*{number}*X*004010~\n{sets}GE*{count}*{number}~\n")
    };
    let groups = [group("7", sets(0, 250), 250), group("8", sets(250, 700), 450)].concat();
    let text = [head, "ISB*G*1~\n", &groups, tail].concat();
    let whole = parse(text).unwrap();
    assert_eq!((whole.documents.len(), codes(&whole), whole.pages), (700, vec![], 4));
    for (number, document) in whole.documents.iter().enumerate() {
        assert_eq!(document.id, format!("990:SCAC:LOAD{number}"));
        assert_eq!(document.sequence, Some(format!("202601020304000000007{:06}", number + 1)));
        let envelope = &metadata(document)["envelope"];
        assert_eq!(envelope["group"]["control_number"], if number < 250 { "7" } else { "8" });
        assert_eq!(envelope["service_segments"], serde_json::json!(["ISB*G*1"]));
    }
}

/// What `payload.put` answered, and sizes.
fn attachments(document: &Document) -> Vec<(String, u32)> {
    document.attachments.iter().map(|attachment| (attachment.reference.clone(), attachment.size)).collect()
}

/// SHA-256 of the bytes as the reference the test host answers for them.
fn reference(bytes: &[u8]) -> String {
    host::payload::put("application/octet-stream", bytes).unwrap()
}

#[test]
fn binary_segments_hold_any_bytes() {
    let raw: &[u8] = b"~SE*1*1~\nIEA*\xff\x00ISA*";
    let mut text = interchange("275", "PI", &["BGN*11*1*20260101", "BIN*19*@", "LX*1"]).into_bytes();
    let at = text.iter().position(|byte| *byte == b'@').unwrap();
    text.splice(at..=at, raw.iter().copied());
    let whole = parse(text.clone()).unwrap();
    assert_eq!(codes(&whole), [""; 0]);
    assert_eq!(whole.documents.len(), 1);
    assert_eq!(attachments(&whole.documents[0]), [(reference(raw), 19)]);
    assert_eq!(metadata(&whole.documents[0])["segments"][3], "LX*1");
    assert_eq!(problems(&whole.documents[0]), [""; 0]);
}

#[test]
fn a_binary_length_that_is_wrong_is_found_out() {
    for (stated, code) in [("3", "5"), ("999", "5"), ("0", "5"), ("x", "5"), ("4294967295", "5"), ("-1", "5")] {
        let text = interchange("275", "PI", &["BGN*11*1*20260101", &format!("BIN*{stated}*<doc>~</doc>"), "LX*1"]);
        let whole = parse(text.clone()).unwrap();
        assert_eq!(whole.documents.len(), 1, "{stated}");
        assert_eq!(codes(&whole), [""; 0], "{stated}");
        assert_eq!(attachments(&whole.documents[0]), [(reference(b"<doc>~</doc>"), 12)], "{stated}");
        assert_eq!(metadata(&whole.documents[0])["segments"][3], "LX*1", "{stated}");
        assert_eq!(problems(&whole.documents[0]), [code], "{stated}");
    }
}

#[test]
fn binary_data_segments_name_their_filter() {
    let text = interchange("275", "PI", &["BGN*11*1*20260101", "BDS*ASC*4*a~b~", "LX*1"]);
    let whole = parse(text.clone()).unwrap();
    assert_eq!(attachments(&whole.documents[0]), [(reference(b"a~b~"), 4)]);
    assert_eq!(metadata(&whole.documents[0])["segments"][2], "BDS*ASC*4");
}

#[test]
fn binary_samples_keep_their_bytes() {
    let whole = parse(sample("bin_staedi_binary_segment.edi")).unwrap();
    let sizes: Vec<u32> = whole.documents[0].attachments.iter().map(|attachment| attachment.size).collect();
    assert_eq!(sizes, [25, 25, 25]);
    assert_eq!(whole.documents[0].attachments[1].reference, reference(b"12345678901234567890\n1234"));
    let whole = parse(sample("275_staedi_bin_valid.edi")).unwrap();
    assert_eq!(whole.documents[0].attachments[0].size, 2768);
    assert_eq!(problems(&whole.documents[0]), [""; 0]);
}

#[test]
fn a_set_too_long_for_its_metadata_goes_beside_as_bytes() {
    let body = vec!["L11*1234567890*PO"; 6000];
    let text = interchange("204", "SM", &[&TENDER[..], &body[..]].concat());
    let whole = parse(text.clone()).unwrap();
    let document = &whole.documents[0];
    let metadata = metadata(document);
    assert!(document.metadata.len() <= 64 << 10);
    assert_eq!((&metadata["truncated"], &metadata["segment_count"]), (&true.into(), &6004.into()));
    assert_eq!(metadata["data"]["shipment_id"], "LOAD7");
    let from = text.find("ST*").unwrap();
    let to = text.find("GE*").unwrap();
    assert_eq!(
        attachments(document),
        [(reference(text[from..to].trim_end().as_bytes()), u32::try_from(to - from - 1).unwrap())]
    );
}

#[test]
fn a_change_is_a_newer_state_and_a_cancellation_stays_visible() {
    let at = |minute: &str, control: &str, purpose: &str| {
        plain()
            .replace("*0304*U", &format!("*{minute}*U"))
            .replace("000000007", control)
            .replace("B2A*00", &format!("B2A*{purpose}"))
    };
    let file = [at("0304", "000000007", "00"), at("0304", "000000008", "04"), at("0310", "000000001", "01")].concat();
    let whole = parse(file).unwrap();
    assert_eq!(ids(&whole), ["204:PARTNER:SCAC:LOAD7"; 3]);
    let order: Vec<u128> = whole.documents.iter().map(|d| d.sequence.as_ref().unwrap().parse().unwrap()).collect();
    assert!(order[0] < order[1] && order[1] < order[2], "{order:?}");
    assert!(whole.documents.iter().all(|document| document.op == Op::Upsert));
    let status: Vec<String> =
        whole.documents.iter().map(|d| metadata(d)["data"]["status"].as_str().unwrap().to_owned()).collect();
    assert_eq!(status, ["tendered", "changed", "cancelled"]);
    assert!(whole.documents[2].content.contains("cancelled"));
}

#[test]
fn two_invoices_of_one_number_stand_beside_each_other() {
    let invoice = |cents: &str, correction: &str| {
        interchange("210", "IM", &[&format!("B3**INV1*LOAD7*PP**20260101*{cents}*{correction}***SCAC")])
    };
    let whole = parse([invoice("100", ""), invoice("100", ""), invoice("200", "")].concat()).unwrap();
    assert_eq!(whole.documents[0].id, "210:SCAC:INV1");
    assert_eq!(whole.documents[1].id, "210:SCAC:INV1");
    assert_ne!(whole.documents[2].id, "210:SCAC:INV1");
    let whole = parse([invoice("100", ""), invoice("200", "CO")].concat()).unwrap();
    assert_eq!(ids(&whole), ["210:SCAC:INV1"; 2]);
}

#[test]
fn tests_never_take_the_place_of_the_real_thing() {
    let whole = parse([plain(), plain().replace("*0*P*", "*0*T*")].concat()).unwrap();
    assert_eq!(ids(&whole), ["204:PARTNER:SCAC:LOAD7", "204:PARTNER:SCAC:LOAD7:test"]);
}

#[test]
fn every_status_message_is_its_own_document() {
    let status = |control: &str, code: &str, time: &str| {
        let at7 = format!("AT7*{code}*NS***20260102*{time}*LT");
        interchange("214", "QM", &["B10*REF*LOAD7*SCAC", "LX*1", &at7, "MS1*ERIE*PA*US"]).replace("000000007", control)
    };
    let file = [
        status("000000007", "X3", "0900"),
        status("000000007", "AF", "0900"),
        status("000000008", "AF", "0930"),
        status("000000099", "AF", "0930"),
    ];
    let whole = parse(file.concat()).unwrap();
    let ids = ids(&whole);
    assert!(ids.iter().all(|id| id.starts_with("214:SCAC:LOAD7:2026010209")), "{ids:?}");
    assert_ne!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
    // The same event sent again is the same document.
    assert_eq!(ids[2], ids[3]);
}
