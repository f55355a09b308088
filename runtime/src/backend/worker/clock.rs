//! Time, and the log.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasm_bindgen::JsValue;

use super::js::{call, get, send};
use super::platform;
use super::task::Settled;

/// Measures the duration of a call. On Workers the clock only advances during I/O.
pub(crate) struct Stopwatch(f64);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(js_sys::Date::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        since_epoch(js_sys::Date::now() - self.0)
    }
}

/// Writes a line to the console.
pub(crate) fn log_line(line: &str) {
    worker::console_log!("{line}");
}

/// The current time. `SystemTime::now` panics on Workers.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + since_epoch(js_sys::Date::now())
}

/// A time for differences. Workers have no other clock, and the platform does not set it back.
pub(crate) fn monotonic() -> Duration {
    since_epoch(js_sys::Date::now())
}

/// The longest time of a timer of the platform, in milliseconds: about 24 days.
const LONGEST_TIMER: u128 = i32::MAX as u128;

/// Waits for a time.
pub(crate) async fn sleep(duration: Duration) {
    let mut left = duration.as_millis();
    loop {
        let next = left.min(LONGEST_TIMER);
        send(Timer::start(next as f64)).await;
        left -= next;
        if left == 0 {
            return;
        }
    }
}

/// A timer of the platform, which is stopped when it is dropped.
///
/// `worker::Delay` only wakes the task that has polled it first. The content of a response is first
/// polled where the response is converted, and then by the task that reads it.
struct Timer {
    timer: JsValue,
    settled: Settled,
}

impl Timer {
    fn start(milliseconds: f64) -> Self {
        let timer = platform::start_timer(milliseconds);
        let settled = Settled::new(&get(&timer, "promise"));
        Self { timer, settled }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.settled).poll(context).map(drop)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // A timer whose time is over ignores it.
        let _ = call(&self.timer, "stop", &[]);
    }
}

/// Formats a time as HTTP does. `httpdate` would add 1 kB to every worker with R2.
pub(crate) fn http_date(time: SystemTime) -> String {
    let date = js_sys::Date::new(&milliseconds(time).into());
    date.to_utc_string().into()
}

/// Converts a JavaScript `Date`.
pub(super) fn at(date: &wasm_bindgen::JsValue) -> SystemTime {
    UNIX_EPOCH + since_epoch(js_sys::Date::new(date).get_time())
}

/// The milliseconds from the Unix epoch to a time.
pub(super) fn milliseconds(time: SystemTime) -> f64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_secs_f64() * 1000.0
}

fn since_epoch(milliseconds: f64) -> Duration {
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default()
}
