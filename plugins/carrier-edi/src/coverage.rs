//! Nothing is lost silently: every byte of a file is in a set, an envelope segment, a stray run, or is padding. Tested on the
//! samples, damaged at random.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;

use apex_sdk::prelude::*;

use crate::delims::{Terminator, is_padding};
use crate::scan::{Ending, Event, Scanner};
use crate::segment::Span;

/// Marks what the events of a file account for and fails on the first byte that nothing does.
fn accounted(bytes: &[u8], what: &str) {
    let file = MemoryFile::new("in.edi", bytes);
    let mut scanner = Scanner::new(&file);
    let mut covered = vec![false; bytes.len()];
    let mut terminators: Vec<Terminator> = Vec::new();
    let mut cover = |span: Span| {
        for at in span.offset..span.offset + span.length {
            let seen = &mut covered[at as usize];
            assert!(!*seen, "{what}: byte {at} is given twice");
            *seen = true;
        }
    };
    let mut extras = 0;
    while let Some(event) = scanner.next().unwrap() {
        for extra in scanner.extras.iter().skip(extras) {
            cover(extra.span());
        }
        extras = scanner.extras.len();
        match event {
            Event::Interchange(interchange) => {
                extras = 0;
                terminators.push(interchange.delimiters.terminator);
                cover(interchange.span());
            }
            Event::Group(header) => cover(header.span()),
            Event::Set(unit) => cover(unit.span),
            Event::Answer(_, ta1) => cover(ta1.span()),
            Event::GroupEnd(Some(trailer)) | Event::InterchangeEnd(Ending::Trailer(trailer)) => cover(trailer.span()),
            Event::GroupEnd(None) | Event::InterchangeEnd(_) => {}
            Event::Stray { span, .. } => cover(span),
        }
    }
    let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    for (at, byte) in bytes.iter().enumerate().skip(start).filter(|(at, _)| !covered[*at]) {
        let is_terminator = terminators
            .iter()
            .any(|terminator| (0..4).any(|back| at >= back && terminator.prefix(&bytes[at - back..]) > back));
        assert!(is_padding(*byte) || is_terminator, "{what}: byte {at} ({byte:#x}) is in nothing");
    }
}

#[test]
fn every_byte_of_every_damaged_sample_is_accounted_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap()
    };
    let pieces: [&[u8]; 8] = [b"~", b"\n", b"ST*204*1~", b"GE*1*1~", b"IEA*1*1~", b"ISA*", b"BIN*9*", b"\xc3"];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "edi") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        accounted(&bytes, &name);
        for round in 0..60 {
            let mut damaged = bytes.clone();
            for _ in 0..=next(3) {
                let at = next(damaged.len());
                match next(4) {
                    0 => drop(damaged.remove(at.min(damaged.len() - 1))),
                    1 => damaged[at] = u8::try_from(next(256)).unwrap(),
                    2 => drop(damaged.splice(at..at, pieces[next(8)].iter().copied())),
                    _ => damaged.truncate(at + 1),
                }
            }
            accounted(&damaged, &format!("{name}, round {round}"));
        }
    }
}
