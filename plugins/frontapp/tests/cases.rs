//! The connector's own cases, natively.
#![allow(missing_docs)]
mod common;

#[test]
fn every_case_comes_out_as_written() {
    let cases = common::cases(env!("CARGO_MANIFEST_DIR"));
    assert!(cases.len() >= 25, "cases are missing");
    for case in cases {
        common::webhook::<frontapp::Frontapp>(&case, false);
    }
}
