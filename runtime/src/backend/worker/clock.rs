//! Time, and the log.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// Waits for a time.
pub(crate) async fn sleep(duration: Duration) {
    super::js::send(worker::Delay::from(duration)).await;
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
