//! Time, and the log.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Measures the duration of a call. On Workers the clock only advances during I/O.
pub(crate) struct Stopwatch(f64);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(js_sys::Date::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Duration::try_from_secs_f64((js_sys::Date::now() - self.0) / 1000.0).unwrap_or_default()
    }
}

/// Writes a line to the console.
pub(crate) fn log_line(line: &str) {
    worker::console_log!("{line}");
}

/// Converts a JavaScript `Date`.
pub(super) fn at(date: &wasm_bindgen::JsValue) -> SystemTime {
    let milliseconds = js_sys::Date::new(date).get_time();
    UNIX_EPOCH + Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default()
}
