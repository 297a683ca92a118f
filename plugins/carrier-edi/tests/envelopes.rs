//! Every oddity of real files, at byte level: separators, terminators, wrapping, padding, headers that are not padded.
//! Expected values are those of the same file written properly.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod common;

use common::{Whole, codes, interchange, metadata, parse, sample};

const BODY: [&str; 6] =
    ["B2**SCAC**LOAD7**PP", "B2A*00", "S5*1*LD", "N1*SF*THE DOCK", "N3*1 MAIN ST", "N4*ERIE*PA*16501*US"];

fn plain() -> String {
    interchange("204", "SM", &BODY)
}

/// The file has the one document that the plain file has, and nothing else is wrong.
fn same_as_plain(bytes: impl Into<Vec<u8>>, what: &str) {
    let expected = &parse(plain()).unwrap().documents[0];
    let whole = parse(bytes).unwrap_or_else(|fault| panic!("{what}: {fault:?}"));
    assert_eq!(codes(&whole), [""; 0], "{what}");
    assert_eq!(whole.documents.len(), 1, "{what}");
    let found = &whole.documents[0];
    assert_eq!((&found.id, &found.title, &found.content), (&expected.id, &expected.title, &expected.content), "{what}");
    assert_eq!(found.sequence, expected.sequence, "{what}");
    let fields = ["data", "segments", "problems", "complete", "segment_count"];
    for field in fields {
        assert_eq!(metadata(found)[field], metadata(expected)[field], "{what}: {field}");
    }
}

fn one(whole: &Whole) -> &apex_sdk::prelude::Document {
    assert_eq!(whole.documents.len(), 1);
    &whole.documents[0]
}

#[test]
fn the_plain_file_is_read() {
    let whole = parse(plain()).unwrap();
    let document = one(&whole);
    assert_eq!(document.id, "204:PARTNER:SCAC:LOAD7");
    // Interchange of 2026-01-02 03:04, control number 7, first set.
    assert_eq!(document.sequence.as_deref(), Some("202601020304000000007000001"));
    assert_eq!(metadata(document)["data"]["stops"][0]["parties"][0]["city"], "ERIE");
}

#[test]
fn any_terminator_serves() {
    same_as_plain(plain().replace("~\n", "~"), "no line breaks");
    same_as_plain(plain().replace("~\n", "\n"), "LF");
    same_as_plain(plain().replace("~\n", "\r\n"), "CRLF");
    same_as_plain(plain().replace("~\n", "\r"), "CR");
    same_as_plain(plain().replace("~\n", "~\r\n"), "~ and CRLF");
    same_as_plain(plain().replace("~\n", "|"), "|");
    same_as_plain(plain().replace('~', "…"), "U+2026 as UTF-8, three bytes");
    let cp1252: Vec<u8> = plain().bytes().map(|byte| if byte == b'~' { 0x85 } else { byte }).collect();
    same_as_plain(cp1252, "U+2026 as cp1252, one byte");
    same_as_plain(plain().replace("~\n", "'"), "'");
}

#[test]
fn any_separator_serves() {
    same_as_plain(plain().replace('~', "^").replace('*', "~"), "~ between elements, ^ after segments");
    same_as_plain(plain().replace('*', "|"), "|");
    same_as_plain(plain().replace('*', "\t"), "tabulator");
    same_as_plain(plain().replace('*', "\u{1d}").replace('~', "\u{1c}"), "control characters");
    same_as_plain(plain().replace('*', "§"), "a character of two bytes");
    let high: Vec<u8> = plain().bytes().map(|byte| if byte == b'*' { 0xa7 } else { byte }).collect();
    same_as_plain(high, "the same as one byte");
}

#[test]
fn what_surrounds_the_file_means_nothing() {
    same_as_plain(format!("\u{feff}{}", plain()), "byte order mark");
    same_as_plain(format!("\r\n\r\n  {}", plain()), "empty lines before");
    same_as_plain(format!("{}\r\n   \r\n\u{1a}", plain()), "blanks and Ctrl-Z after");
    same_as_plain(format!("{}\0\0\0", plain()), "NUL padding after");
    same_as_plain(plain().trim_end().trim_end_matches('~'), "last terminator missing");
}

#[test]
fn layout_between_segments_means_nothing() {
    same_as_plain(plain().replace('\n', "\n      "), "indentation");
    same_as_plain(plain().replacen("~\nN3", "~N3", 1).replacen("~\nGE", "~  GE", 1), "two segments on one line");
    same_as_plain(plain().replace("~\n", "~   \n"), "trailing blanks");
    same_as_plain(plain().replace("~\n", "~\n\n"), "empty lines");
    same_as_plain(plain().replace("~\n", "~~\n"), "empty segments");
    same_as_plain(plain().replace("~\n", "\n~\n"), "terminator on a line of its own");
}

#[test]
fn a_file_cut_into_lines_of_one_width_is_put_together() {
    let stream = plain().replace("~\n", "~");
    for (width, end) in [(80, "\n"), (80, "\r\n"), (72, "\n"), (128, "\n"), (132, "\r\n")] {
        let lines: Vec<&str> = stream.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
        same_as_plain(lines.join(end), &format!("{width} columns"));
        same_as_plain(lines.join(end) + end, &format!("{width} columns, ended"));
    }
}

#[test]
fn a_line_break_inside_the_header_is_dropped() {
    for at in [2, 3, 20, 60, 104, 105] {
        for end in ["\n", "\r\n"] {
            let mut text = plain().replace("~\n", "~");
            text.insert_str(at + 1, end);
            same_as_plain(text, &format!("{end:?} after byte {at}"));
        }
    }
}

#[test]
fn a_line_break_inside_an_element_is_a_blank_and_an_error() {
    let whole = parse(plain().replace("1 MAIN ST", "1 MAIN ST\nAPT 5")).unwrap();
    let document = one(&whole);
    assert!(document.content.contains("1 MAIN ST APT 5"), "{}", document.content);
    assert_eq!(metadata(document)["problems"][0]["code"], "5");
}

#[test]
fn a_header_need_not_be_padded() {
    let unpadded = plain().replacen(
        "*          *00*          *ZZ*PARTNER        *ZZ*WE             *",
        "**00**ZZ*PARTNER*ZZ*WE*",
        1,
    );
    assert!(unpadded.starts_with("ISA*00**00**ZZ*PARTNER*ZZ*WE*260102"));
    same_as_plain(unpadded.clone(), "no padding");
    same_as_plain(unpadded.replace("~\n", "\n"), "no padding, LF");
    same_as_plain(unpadded.replace("~\n", "~"), "no padding, one line");
    same_as_plain(plain().replacen("          *00", "         *00", 1), "one blank short");
    same_as_plain(plain().replacen("*0*P*:~", "*0*P*~", 1), "no component separator, padded before");
    same_as_plain(unpadded.replacen("*0*P*:~", "*0*P*~", 1), "no component separator");
    let whole = parse(sample("990_node_x12_edi_three.edi")).unwrap();
    let ids: Vec<&str> = whole.documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!(ids, ["990:SCAC:1055337", "990:SCAC:876818668126-189", "990:SCAC:2368ADC"]);
}

#[test]
fn odd_versions_are_read() {
    for version in ["00200", "00204", "00300", "00400", "00403", "00501", "00602", "     "] {
        same_as_plain(plain().replacen("00401", version, 1), version);
    }
    same_as_plain(plain().replace("004010", "004030").replacen("00401", "00403", 1), "00403 with 004030");
    same_as_plain(plain().replace("*20260102*", "*260102*"), "six digits in GS04");
}

#[test]
fn text_that_is_not_utf8_is_cp1252() {
    let bytes: Vec<u8> =
        plain().replace("THE DOCK", "CAF@").bytes().map(|b| if b == b'@' { 0xe9 } else { b }).collect();
    assert!(one(&parse(bytes).unwrap()).content.contains("CAFé"), "one byte");
    assert!(one(&parse(plain().replace("THE DOCK", "CAFé")).unwrap()).content.contains("CAFé"), "two bytes");
}

#[test]
fn sets_without_an_envelope_are_read() {
    let text = plain();
    let from = text.find("ST*").unwrap();
    let to = text.find("GE*").unwrap();
    for (what, text) in [
        ("ST to SE", text[from..to].to_owned()),
        ("twice", text[from..to].repeat(2)),
        ("LF", text[from..to].replace("~\n", "\n")),
        ("one line", text[from..to].replace("~\n", "~")),
        ("with its group", text[text.find("GS*").unwrap()..text.find("IEA*").unwrap()].to_owned()),
        ("after garbage", format!("Subject: tender\n\n{}", &text[from..to])),
    ] {
        let whole = parse(text).unwrap_or_else(|fault| panic!("{what}: {fault:?}"));
        let document = &whole.documents[0];
        assert_eq!(metadata(document)["data"]["shipment_id"], "LOAD7", "{what}");
        assert_eq!(document.sequence, None, "{what}");
        let expected: &[&str] = if what == "after garbage" { &["not-x12"] } else { &[] };
        assert_eq!(codes(&whole), expected, "{what}");
    }
}

#[test]
fn a_file_with_nothing_in_it_is_refused_with_a_reason() {
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("blank", b" \r\n ".to_vec()),
        ("byte order mark", b"\xef\xbb\xbf".to_vec()),
        ("text", b"Dear partner,\nplease find the tender attached.\n".to_vec()),
        ("pdf", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec()),
        ("edifact", b"UNB+UNOA:2+A+B+260102:0304+1'".to_vec()),
        ("half a header", b"ISA*00*          *00*       ".to_vec()),
        ("header of five elements", b"ISA*00*a*00*b~GS*SM~".to_vec()),
    ] {
        let fault = parse(bytes).expect_err(what);
        assert_eq!(
            (fault.code.as_str(), matches!(fault.kind, apex_sdk::prelude::FaultKind::Permanent)),
            ("not-x12", true),
            "{what}"
        );
        assert!(fault.message.len() > 20, "{what}: {}", fault.message);
    }
}
