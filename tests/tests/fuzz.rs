//! A short run of the fuzzer. `cargo run -p bindery-tests --bin fuzz` runs it for minutes.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use bindery_tests::fuzz::{Fuzzer, Target};

fn fuzz(target: Target, inputs: u64) {
    let mut fuzzer = Fuzzer::new(target, 1);
    for _ in 0..inputs {
        if let Err((text, failure)) = fuzzer.try_next() {
            panic!("{failure}\n{text:?}");
        }
    }
}

#[test]
fn parser_survives_hostile_text() {
    fuzz(Target::Parser, 3_000);
}

#[test]
fn analysis_survives_hostile_text() {
    fuzz(Target::Analysis, 1_500);
}

#[test]
fn manifest_parser_survives_hostile_text() {
    fuzz(Target::Manifest, 1_500);
}

#[test]
fn schema_survives_hostile_text() {
    fuzz(Target::Schema, 300);
}
