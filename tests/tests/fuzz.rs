//! A sample of what `cargo run -p bindery-tests --bin fuzz` does for minutes.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use bindery_tests::fuzz::{Fuzzer, Target};

fn sample(target: Target, inputs: u64) {
    let mut fuzzer = Fuzzer::new(target, 1);
    for _ in 0..inputs {
        if let Err((text, failure)) = fuzzer.try_one() {
            panic!("{failure}\n{text:?}");
        }
    }
}

#[test]
fn the_parser_takes_hostile_text() {
    sample(Target::Parser, 3_000);
}

#[test]
fn the_analysis_takes_hostile_text() {
    sample(Target::Analysis, 1_500);
}

#[test]
fn the_manifest_takes_hostile_text() {
    sample(Target::Manifest, 1_500);
}

#[test]
fn the_schema_takes_hostile_text() {
    sample(Target::Schema, 300);
}
