//! Sends messages of which some fail, kills the worker again and again while it delivers them, and
//! checks that each message arrives: at its consumer, or in the dead-letter queue.
//!
//! `queue [MESSAGES] [KILLS]`, by default 100,000 messages and 20 kills.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use native::client::Worker;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// One message in 20 fails each time.
const FAILING: u64 = 20;
/// The messages of one request.
const AT_ONCE: u64 = 500;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| {
        let argument = arguments.next();
        argument
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (messages, kills) = (number(100_000), number(20));
    match run(messages, kills) {
        Ok(report) => {
            print(&report);
            ExitCode::SUCCESS
        }
        Err(error) => {
            print(&format!("FAILED: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "a command reports on standard output")]
fn print(line: &str) {
    println!("{line}");
}

fn run(messages: u64, kills: u64) -> Outcome<String> {
    let program = std::env::current_exe()?.with_file_name("native");
    let program = program.to_str().ok_or("the path is not UTF-8")?.to_owned();
    let folder = std::env::temp_dir().join(format!("bindery-queue-{}", std::process::id()));
    let start = || Worker::start(&program, &folder);

    let mut worker = start()?;
    let sending = Instant::now();
    let mut killed = 0;
    for first in (0..messages).step_by(AT_ONCE as usize) {
        let bodies: Vec<String> = (first..messages.min(first + AT_ONCE)).map(body).collect();
        let (status, _) = worker.send("POST", "/queue-many", bodies.join("\n").as_bytes())?;
        if status != 204 {
            return Err(format!("sending fails with {status}").into());
        }
        // Half of the kills are while messages are sent.
        if killed < kills / 2 && first >= messages * killed / kills.max(1) {
            worker.kill()?;
            worker = start()?;
            killed += 1;
        }
    }
    let sent = sending.elapsed();

    let mut random = 7_u64;
    while killed < kills {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        std::thread::sleep(Duration::from_millis(100 + (random >> 33) % 400));
        worker.kill()?;
        worker = start()?;
        killed += 1;
    }

    let received = all_received(&worker, messages)?;
    let elapsed = sending.elapsed();
    drop(worker);
    std::fs::remove_dir_all(&folder)?;
    let report = check(messages, &received)?;
    Ok(format!(
        "{messages} messages with {kills} kills, sent in {:.1} s, all delivered after {:.1} s, {:.0} \
         in a second: {report}",
        sent.as_secs_f64(),
        elapsed.as_secs_f64(),
        messages as f64 / elapsed.as_secs_f64()
    ))
}

fn body(number: u64) -> String {
    match number % FAILING {
        0 => format!("retry {number}"),
        _ => format!("job {number}"),
    }
}

/// How often each message arrived, by its queue and body.
type Received = BTreeMap<(String, String), u64>;

/// Waits until the number of different messages that have arrived is that of the messages.
fn all_received(worker: &Worker, messages: u64) -> Outcome<Received> {
    let deadline = Instant::now() + Duration::from_secs(600);
    loop {
        let (_, body) = worker.send("GET", "/received", b"")?;
        let rows: Vec<(String, String, i64)> = serde_json::from_slice(&body)?;
        let mut received = Received::new();
        for (queue, body, _) in rows {
            *received.entry((queue, body)).or_default() += 1;
        }
        if received.len() as u64 >= messages {
            return Ok(received);
        }
        if Instant::now() > deadline {
            let lost = messages - received.len() as u64;
            return Err(format!("{lost} messages are lost").into());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn check(messages: u64, received: &Received) -> Outcome<String> {
    let mut dead = 0;
    for number in 0..messages {
        let is_failing = number % FAILING == 0;
        let queue = if is_failing { "dead" } else { "jobs" };
        let key = (queue.to_owned(), body(number));
        if !received.contains_key(&key) {
            let other = received.keys().find(|(_, body)| *body == key.1);
            return Err(format!("{key:?} did not arrive there, but {other:?}").into());
        }
        dead += u64::from(is_failing);
    }
    let duplicates: u64 = received.values().map(|count| count - 1).sum();
    Ok(format!(
        "0 lost, {dead} in the dead-letter queue, {duplicates} delivered more than once"
    ))
}
