//! The log: lines on standard error.
//!
//! While a server runs, a thread writes them: whoever reads the log can be slow, and the async
//! workers never wait. If the thread is far behind, it counts the lines that it leaves out.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// The number of lines that wait to be written.
const WAITING_LINES: usize = 10_000;

/// The time in which the lines that wait are written at the end of the process.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

enum Message {
    Line(String),
    /// Reports when all lines before it are written.
    Flush(mpsc::Sender<()>),
}

static WRITER: OnceLock<SyncSender<Message>> = OnceLock::new();

/// The lines that did not fit.
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// Writes a line to standard error. An error is ignored: there is no other place to report it.
pub(crate) fn log_line(line: &str) {
    let Some(writer) = WRITER.get() else {
        return write_line(line);
    };
    if writer.try_send(Message::Line(line.to_owned())).is_err() {
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
    }
}

/// Prints a line to standard output.
#[expect(clippy::print_stdout, reason = "the user asked for it")]
pub(crate) fn print_line(line: &str) {
    std::println!("{line}");
}

fn write_line(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Lets a thread write the lines from now on.
pub(super) fn start_writer() {
    WRITER.get_or_init(|| {
        let (sender, receiver) = sync_channel(WAITING_LINES);
        let _detached: JoinHandle<()> = std::thread::spawn(move || write_all(&receiver));
        sender
    });
}

fn write_all(receiver: &Receiver<Message>) {
    while let Ok(message) = receiver.recv() {
        let left_out = LEFT_OUT.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            write_line(&format!("{left_out} lines of the log were left out"));
        }
        match message {
            Message::Line(line) => write_line(&line),
            Message::Flush(done) => drop(done.send(())),
        }
    }
}

/// Waits until the lines so far are written.
pub(super) fn flush() {
    let Some(writer) = WRITER.get() else {
        return;
    };
    let (done, written) = mpsc::channel();
    if writer.try_send(Message::Flush(done)).is_ok() {
        let _ = written.recv_timeout(FLUSH_TIMEOUT);
    }
}
