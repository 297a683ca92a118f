//! 997, 999 and TA1: against the acknowledgements that pyx12 expects for its own inputs, and code by code.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod common;

use apex_sdk::prelude::*;
use apex_sdk::testing::{TestHost, set_up, with};
use carrier_edi::CarrierEdi;
use common::{acknowledge, files, here, interchange, segments};

/// Pairs whose verdict needs an implementation guide, so that a 997 without one says something else, and why.
const NEED_A_GUIDE: [(&str, &str); 3] = [
    ("blank1", "837 guide 004010X096A1: component codes of SV202 and SVD03 are checked against its code lists"),
    ("trailing_terms", "837 guide 004010X096A1: CLM18 is mandatory"),
    (
        "elements",
        "837 guide 004010X098A1: codes and dates of single elements add code 5; the verdicts R are equal, by SE01",
    ),
];

const TENDER: [&str; 2] = ["B2**SCAC**LOAD7**PP", "B2A*00"];

fn plain() -> String {
    interchange("204", "SM", &TENDER)
}

/// The segments of these ids, with 999 names turned into those of 997.
fn pick(text: &str, ids: &[&str]) -> Vec<String> {
    let found = segments(text).into_iter().map(|segment| segment.replacen("IK", "AK", 1));
    found.filter(|segment| ids.iter().any(|id| segment.starts_with(&format!("{id}*")))).collect()
}

fn reply(text: impl Into<Vec<u8>>) -> String {
    let replies = acknowledge(text);
    assert_eq!(replies.len(), 1);
    replies.into_iter().next().unwrap()
}

#[test]
fn verdicts_equal_the_expected_ones_wherever_no_guide_is_needed() {
    let folder = here().join("tests/ack_pairs");
    let mut compared = 0;
    for input in files(&folder, ".in.edi") {
        let name = input.trim_end_matches(".in.edi");
        let read = |ending: &str| std::fs::read_to_string(folder.join(format!("{name}.{ending}.edi"))).ok();
        let expected = read("997").or_else(|| read("ack")).unwrap();
        let ours = reply(read("in").unwrap());
        assert_eq!(pick(&ours, &["AK1", "AK2"]).len(), pick(&expected, &["AK1", "AK2"]).len(), "{name}");
        let verdicts = ["AK5", "AK9"];
        if let Some((_, why)) = NEED_A_GUIDE.iter().find(|(known, _)| *known == name) {
            assert_ne!(pick(&ours, &verdicts), pick(&expected, &verdicts), "{name} no longer needs a guide: {why}");
        } else {
            assert_eq!(pick(&ours, &verdicts), pick(&expected, &verdicts), "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, 5);
}

/// Where the error is one of syntax, the segment and element notes are equal too.
#[test]
fn notes_equal_the_expected_ones_where_they_are_of_syntax() {
    let folder = here().join("tests/ack_pairs");
    for (name, ending) in [("simple1", "997"), ("834_eol_in_element", "ack")] {
        let read = |ending: &str| std::fs::read_to_string(folder.join(format!("{name}.{ending}.edi"))).unwrap();
        let ids = ["AK1", "AK2", "AK3", "AK4", "AK5", "AK9"];
        assert_eq!(pick(&reply(read("in")), &ids), pick(&read(ending), &ids), "{name}");
    }
}

/// pyx12's pairs `fail_no_IEA` and `837miss` (same project and licence as the others), with their expected TA1 and AK segments
/// as far as they do not come from a guide.
#[test]
fn a_missing_iea_is_a_premature_end() {
    let text = "ISA*00*          *00*          *ZZ*ZZ000          *ZZ*ZZ001          *030828*1128*U*00401*000010121*1*T*:~\n\
                GS*HC*ZZ000*ZZ001*20030828*1128*17*X*004010X098A1~\nST*837*11280001~\nSE*0*11280001~\nGE*1*17~";
    let ours = reply(text);
    assert_eq!(pick(&ours, &["TA1"]), ["TA1*000010121*030828*1128*R*023"]);
    assert_eq!(
        pick(&ours, &["AK1", "AK2", "AK3", "AK5", "AK9"]),
        ["AK1*HC*17", "AK2*837*11280001", "AK3*BHT*1**3", "AK3*HL*1**3", "AK5*R*4*5", "AK9*R*1*1*0"]
    );
    let cut = &text[..text.find("SE*").unwrap()];
    assert_eq!(pick(&reply(cut), &["TA1"]), ["TA1*000010121*030828*1128*R*023"]);
    assert!(pick(&reply(cut), &["AK9"])[0].ends_with("*0*3"));
    assert!(pick(&reply(cut), &["AK5"])[0].starts_with("AK5*R*2"));
}

#[test]
fn a_clean_interchange_is_accepted_with_sides_swapped() {
    set_up(TestHost { now: Instant { seconds: 1_767_323_045, nanoseconds: 0 }, ..TestHost::default() });
    let lines = segments(&reply(plain()));
    // 1767323045 is 2026-01-02T03:04:05Z.
    assert_eq!(
        lines,
        [
            "ISA*00*          *00*          *ZZ*WE             *ZZ*PARTNER        *260102*0304*U*00401*000000001*0*P*:",
            "GS*FA*WE*PARTNER*20260102*0304*1*X*004010",
            "ST*997*0001",
            "AK1*SM*7",
            "AK2*204*0001",
            "AK5*A",
            "AK9*A*1*1*1",
            "SE*6*0001",
            "GE*1*1",
            "IEA*1*000000001",
        ]
    );
    assert_eq!(lines[0].len() + 1, 106);
}

#[test]
fn every_error_of_a_set_has_its_code() {
    for (what, from, to, verdict, group) in [
        ("SE missing", "SE*4*0001~\n", "", "AK5*R*2", "AK9*R*1*1*0"),
        ("SE02", "SE*4*0001", "SE*4*0002", "AK5*R*3", "AK9*R*1*1*0"),
        ("SE01", "SE*4*", "SE*5*", "AK5*R*4", "AK9*R*1*1*0"),
        ("mandatory segment", "B2**SCAC**LOAD7**PP~\n", "", "AK5*R*4*5", "AK9*R*1*1*0"),
        ("segment id", "B2A*00", "B2A*00~\nb@d*1", "AK5*R*4*5", "AK9*R*1*1*0"),
        ("ST01", "ST*204*", "ST*20*", "AK5*R*6", "AK9*R*1*1*0"),
        ("ST02", "ST*204*0001", "ST*204*", "AK5*R*7*3", "AK9*R*1*1*0"),
        ("set of another group", "GS*SM*", "GS*IM*", "AK5*E*6", "AK9*E*1*1*1"),
        (
            "the same in 5010",
            "GS*SM*PARTNER*WE*20260102*0304*7*X*004010",
            "GS*IM*PARTNER*WE*20260102*0304*7*X*005010",
            "AK5*E*18",
            "AK9*E*1*1*1",
        ),
    ] {
        let ours = reply(plain().replace(from, to));
        assert_eq!(pick(&ours, &["AK5"]), [verdict], "{what}");
        assert_eq!(pick(&ours, &["AK9"]), [group], "{what}");
    }
}

#[test]
fn every_error_of_a_group_has_its_code() {
    for (what, from, to, verdict) in [
        ("GE missing", "GE*1*7~\n", "", "AK9*R*1*1*1*3"),
        ("GE02", "GE*1*7", "GE*1*8", "AK9*R*1*1*1*4"),
        ("GE01", "GE*1*7", "GE*2*7", "AK9*R*2*1*1*5"),
        ("GE01 no number", "GE*1*7", "GE*X*7", "AK9*R*1*1*1*5"),
        ("GS06", "0304*7*X", "0304*A7*X", "AK9*R*1*1*1*4*6"),
        ("padded alike", "GE*1*7", "GE*0001*00007", "AK9*A*1*1*1"),
    ] {
        assert_eq!(pick(&reply(plain().replace(from, to)), &["AK9"]), [verdict], "{what}");
    }
}

#[test]
fn a_number_used_twice_is_an_error() {
    let set = "ST*204*0001~\nB2**SCAC**LOAD8**PP~\nB2A*00~\nSE*4*0001~\n";
    let twice = plain().replace("GE*1*7", &format!("{set}GE*2*7"));
    let ours = reply(twice);
    assert_eq!(pick(&ours, &["AK5"]), ["AK5*A", "AK5*R*23"]);
    assert_eq!(pick(&ours, &["AK9"]), ["AK9*P*2*2*1"]);
    let text = plain();
    let group = &text[text.find("GS*").unwrap()..text.find("IEA*").unwrap()];
    let groups = text.replace(group, &group.repeat(2)).replace("IEA*1*", "IEA*2*");
    assert_eq!(pick(&reply(groups.clone()), &["AK9"]), ["AK9*A*1*1*1", "AK9*R*1*1*1*6"]);
    let groups = groups.replace("004010", "005010");
    assert_eq!(pick(&reply(groups), &["AK9"]), ["AK9*A*1*1*1", "AK9*R*1*1*1*19"]);
    let replies = acknowledge(plain().repeat(2));
    assert_eq!(replies.len(), 2);
    assert_eq!(pick(&replies[0], &["TA1"]), [""; 0]);
    assert_eq!(pick(&replies[1], &["TA1"]), ["TA1*000000007*260102*0304*R*025"]);
}

/// Status per code as in Microsoft's table "X12 TA1 Acknowledgment Error Codes".
#[test]
fn every_error_of_an_interchange_has_its_ta1() {
    for (what, from, to, status) in [
        ("IEA02", "IEA*1*000000007", "IEA*1*000000008", "E*001"),
        ("ISA09", "*260102*0304*U", "*261302*0304*U", "R*014"),
        ("ISA10", "*260102*0304*U", "*260102*2504*U", "R*015"),
        ("ISA12", "*U*00401*", "*U*ABCDE*", "R*017"),
        ("ISA13", "000000007", "A00000007", "R*018"),
        ("ISA14", "*0*P*:", "*X*P*:", "E*019"),
        ("ISA15", "*0*P*:", "*0*Q*:", "E*020"),
        ("IEA01", "IEA*1*", "IEA*2*", "E*021"),
        ("IEA missing", "IEA*1*000000007~\n", "", "R*023"),
        ("GS04", "*20260102*0304*7*", "*20261399*0304*7*", "R*024"),
        ("GS05", "*20260102*0304*7*", "*20260102*9904*7*", "R*024"),
        ("no GS", "GS*SM*PARTNER*WE*20260102*0304*7*X*004010~\n", "", "R*024"),
        ("asked for", "*0*P*:", "*1*P*:", "A*000"),
    ] {
        let answers = pick(&reply(plain().replace(from, to)), &["TA1"]);
        assert_eq!(answers.len(), 1, "{what}");
        assert!(answers[0].ends_with(&format!("*{status}")), "{what}: {answers:?}");
    }
    assert_eq!(pick(&reply(plain()), &["TA1"]), [""; 0]);
    let unclosed = plain().replace("IEA*1*000000007~\n", "") + &plain().replace("000000007", "000000008");
    assert_eq!(pick(&acknowledge(unclosed)[0], &["TA1"]), ["TA1*000000007*260102*0304*R*022"]);
}

#[test]
fn acknowledgements_are_never_acknowledged() {
    let folder = here().join("tests/samples");
    for name in files(&folder, ".edi").iter().filter(|name| name.starts_with("997") || name.starts_with("999")) {
        assert_eq!(acknowledge(common::sample(name)), [""; 0], "{name}");
    }
    // Our own replies among them, with every error a reply may carry.
    let broken = plain().replace("SE*4", "SE*9").replace("IEA*1", "IEA*5");
    assert_eq!(acknowledge(reply(broken)), [""; 0]);
    let answer = plain().replace(
        &plain()[plain().find("GS*").unwrap()..plain().find("IEA*").unwrap()],
        "TA1*000000001*260101*1200*A*000~\n",
    );
    assert_eq!(acknowledge(answer.replace("*0*P*", "*1*P*")), [""; 0]);
    // Sets without an interchange name nobody to answer.
    assert_eq!(acknowledge(common::sample("204_x12types_1.edi")), [""; 0]);
}

/// Our own reader finds nothing wrong with what our own writer wrote.
#[test]
fn replies_are_clean_x12() {
    let folder = here().join("tests/samples");
    let mut replies = 0;
    for name in files(&folder, ".edi") {
        for reply in acknowledge(common::sample(&name)) {
            let whole = common::parse(reply.clone()).unwrap();
            assert_eq!(common::codes(&whole), [""; 0], "{name}");
            for document in &whole.documents {
                // A TA1 is no set and has no such field.
                let problems = &common::metadata(document)["problems"];
                assert!(problems.is_null() || problems.as_array().unwrap().is_empty(), "{name}: {reply}");
            }
            replies += 1;
        }
    }
    assert!(replies > 15, "{replies}");
}

#[test]
fn asked_again_the_answer_is_the_same() {
    set_up(TestHost::default());
    let file = MemoryFile::new("a.edi", plain()).with_sha256(&"a".repeat(64));
    let other = MemoryFile::new("b.edi", plain()).with_sha256(&"b".repeat(64));
    let first = CarrierEdi::acknowledge(&file, &[]).unwrap();
    let second = CarrierEdi::acknowledge(&other, &[]).unwrap();
    with(|host| host.now.seconds += 100_000);
    let again = CarrierEdi::acknowledge(&file, &[]).unwrap();
    assert_eq!(format!("{first:?}"), format!("{again:?}"));
    assert_ne!(first[0].name, second[0].name);
    // Many files later the store has not grown beyond its limit.
    for number in 0..300 {
        let file = MemoryFile::new("c.edi", plain()).with_sha256(&format!("{number:064}"));
        CarrierEdi::acknowledge(&file, &[]).unwrap();
    }
    assert!(with(|host| host.state.len()) <= 202);
}

#[test]
fn the_settings_decide() {
    let configured = |config: &str| set_up(TestHost { config: config.to_owned(), ..TestHost::default() });
    configured(r#"{"acknowledge": false}"#);
    assert_eq!(acknowledge(plain()), [""; 0]);
    configured(r#"{"own_qualifier": "02", "own_id": "OURS"}"#);
    assert!(reply(plain()).starts_with("ISA*00*          *00*          *02*OURS           *ZZ*PARTNER        *"));
    let guide = plain().replace("004010", "005010X222A1");
    configured("{}");
    assert!(reply(guide.clone()).contains("ST*999*0001*005010X231A1~"));
    configured(r#"{"acknowledge_999": false}"#);
    let plain_reply = reply(guide);
    assert!(plain_reply.contains("ST*997*0001~") && plain_reply.contains("AK1*SM*7*005010X222A1~"), "{plain_reply}");
    for (config, pointer) in [
        (r#"{"own_id": "OURS"}"#, "/own_qualifier"),
        (r#"{"acknowledge": 1}"#, "/acknowledge"),
        (r#"{"own_id": "0123456789ABCDEF", "own_qualifier": "ZZ"}"#, "/own_id"),
        ("no json", ""),
    ] {
        let fault = CarrierEdi::check(config).unwrap_err();
        assert!(matches!(&fault.kind, FaultKind::BadConfig(at) if at == pointer), "{config}: {fault:?}");
    }
    assert!(CarrierEdi::check("{}").is_ok());
}
