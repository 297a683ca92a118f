//! What the tests share: files in memory and whole parses through the connector's public face.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use apex_sdk::prelude::*;
use carrier_edi::CarrierEdi;
use serde_json::Value;

/// All pages of a file together.
#[derive(Debug, Default)]
pub struct Whole {
    pub documents: Vec<Document>,
    pub issues: Vec<Issue>,
    pub pages: usize,
}

pub fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn sample(name: &str) -> Vec<u8> {
    let path = here().join("tests/samples").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names of the files with this ending, in order.
pub fn files(folder: &Path, ending: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(ending))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no {ending} in {}", folder.display());
    names
}

pub fn parse(bytes: impl Into<Vec<u8>>) -> Result<Whole, Fault> {
    let file = MemoryFile::new("in.edi", bytes);
    let mut whole = Whole::default();
    let mut resume: Option<String> = None;
    loop {
        let page = CarrierEdi::parse(&file, resume.as_deref())?;
        whole.pages += 1;
        whole.documents.extend(page.documents);
        whole.issues.extend(page.issues);
        match page.resume {
            Some(next) => {
                assert_ne!(Some(&next), resume.as_ref(), "no progress");
                resume = Some(next);
            }
            None => return Ok(whole),
        }
    }
}

pub fn metadata(document: &Document) -> Value {
    serde_json::from_str(&document.metadata).expect("metadata is JSON")
}

pub fn codes(whole: &Whole) -> Vec<&str> {
    whole.issues.iter().map(|issue| issue.fault.code.as_str()).collect()
}

/// A set in an interchange with everything right: `body` are the segments between ST and SE.
pub fn interchange(set: &str, group: &str, body: &[&str]) -> String {
    let mut lines = vec![
        "ISA*00*          *00*          *ZZ*PARTNER        *ZZ*WE             *260102*0304*U*00401*000000007*0*P*:"
            .to_owned(),
        format!("GS*{group}*PARTNER*WE*20260102*0304*7*X*004010"),
        format!("ST*{set}*0001"),
    ];
    lines.extend(body.iter().map(|segment| (*segment).to_owned()));
    lines.push(format!("SE*{}*0001", body.len() + 2));
    lines.push("GE*1*7".to_owned());
    lines.push("IEA*1*000000007".to_owned());
    lines.join("~\n") + "~\n"
}

/// The acknowledgement of a file, one text per reply.
pub fn acknowledge(bytes: impl Into<Vec<u8>>) -> Vec<String> {
    let file = MemoryFile::new("in.edi", bytes);
    let replies = CarrierEdi::acknowledge(&file, &[]).expect("acknowledged");
    replies.into_iter().map(|reply| String::from_utf8(reply.content).expect("ASCII")).collect()
}

/// The segments of a reply.
pub fn segments(text: &str) -> Vec<String> {
    text.split('~')
        .map(|segment| segment.trim_matches(['\r', '\n']).to_owned())
        .filter(|segment| !segment.is_empty())
        .collect()
}
