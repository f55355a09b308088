//! Fuzzes every target for some minutes: `cargo run -p bindery-tests --bin fuzz -- 10 [seed]`.
//!
//! The targets run in parallel. Each reports once per minute how many inputs it read and how much
//! memory the process uses, and stops at the first failure with the smallest input that fails.

#![expect(clippy::print_stdout, reason = "a program reports on standard output")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bindery_tests::fuzz::{Fuzzer, Target};

fn main() -> ExitCode {
    let mut arguments = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse::<u64>().ok());
    let minutes = arguments.next().unwrap_or(10);
    let seed = arguments.next().unwrap_or(1);

    // Shrinking causes many panics. The fuzzer reports the message of the first one.
    std::panic::set_hook(Box::new(|_| {}));

    let workers: Vec<_> = Target::ALL
        .into_iter()
        .map(|target| std::thread::spawn(move || run(target, seed, minutes)))
        .collect();
    let mut failed = false;
    for worker in workers {
        match worker.join() {
            Ok(passed) => failed |= !passed,
            Err(_) => failed = true,
        }
    }

    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Fuzzes a target. Returns whether every input passed.
fn run(target: Target, seed: u64, minutes: u64) -> bool {
    let mut fuzzer = Fuzzer::new(target, seed);
    let start = Instant::now();
    let mut reported_minutes = 0;

    while start.elapsed() < Duration::from_secs(minutes * 60) {
        if let Err((text, failure)) = fuzzer.try_next() {
            println!("{target:?} {failure}\n{text:?}");
            return false;
        }
        if start.elapsed().as_secs() / 60 > reported_minutes {
            reported_minutes += 1;
            let (inputs, memory) = (fuzzer.inputs(), memory());
            println!("{target:?}: {inputs} inputs in {reported_minutes} min, {memory} kB");
        }
    }

    let (inputs, memory) = (fuzzer.inputs(), memory());
    println!("{target:?}: {inputs} inputs, none failed, {memory} kB");
    true
}

/// Returns the memory of this process in kB; 0 where the system does not report it.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}
