//! Hostile text for as many minutes as are asked for: `cargo run -p bindery-tests --bin fuzz -- 10 [seed]`.
//!
//! Each target gets that time. Tells how many inputs were read and how much memory there is, and ends with the
//! smallest input that fails, if one does.

#![expect(clippy::print_stdout, reason = "it is a program")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bindery_tests::fuzz::{Fuzzer, Target};

fn main() -> ExitCode {
    let mut arguments = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse::<u64>().ok());
    let minutes = arguments.next().unwrap_or(10);
    let seed = arguments.next().unwrap_or(1);
    // A panic is told once, made small.
    std::panic::set_hook(Box::new(|_| {}));
    let mut failed = false;
    // The targets share nothing, so they run side by side where there are processors.
    let workers: Vec<_> = Target::ALL
        .into_iter()
        .map(|target| std::thread::spawn(move || run(target, seed, minutes)))
        .collect();
    for worker in workers {
        match worker.join() {
            Ok(good) => failed |= !good,
            Err(_) => failed = true,
        }
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn run(target: Target, seed: u64, minutes: u64) -> bool {
    let mut fuzzer = Fuzzer::new(target, seed);
    let start = Instant::now();
    let mut told = 0;
    while start.elapsed() < Duration::from_secs(minutes * 60) {
        if let Err((text, failure)) = fuzzer.try_one() {
            println!("{target:?} {failure}\n{text:?}");
            return false;
        }
        if start.elapsed().as_secs() / 60 > told {
            told += 1;
            println!(
                "{target:?}: {} inputs in {told} min, {} kB",
                fuzzer.read(),
                memory()
            );
        }
    }
    println!(
        "{target:?}: {} inputs, none failed, {} kB",
        fuzzer.read(),
        memory()
    );
    true
}

/// The memory of this process in kB; 0 where the system does not tell.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}
