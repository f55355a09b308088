//! Time.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::world;

/// Measures the duration of a call.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The current time.
pub(crate) fn now() -> SystemTime {
    let now = SystemTime::now();
    let Some(world) = world::current() else {
        return now;
    };
    let ahead = world.ahead();
    let distance = Duration::from_millis(ahead.unsigned_abs());
    let moved = if ahead < 0 {
        now.checked_sub(distance)
    } else {
        now.checked_add(distance)
    };
    moved.unwrap_or(now)
}

/// The time since the process started, on a clock that is only set by tests.
pub(crate) fn monotonic() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    let advanced = world::current().map_or(Duration::ZERO, |world| world.advanced());
    START.elapsed() + advanced
}

/// Waits for a time.
pub(crate) async fn sleep(duration: Duration) {
    match world::current() {
        Some(world) => world.sleep(duration).await,
        None => tokio::time::sleep(duration).await,
    }
}

/// Formats a time as HTTP does.
pub(crate) fn http_date(time: SystemTime) -> String {
    httpdate::fmt_http_date(time)
}

/// The milliseconds since the Unix epoch.
pub(super) fn now_milliseconds() -> i64 {
    milliseconds_of(now())
}

/// The milliseconds from the Unix epoch to a time.
pub(super) fn milliseconds_of(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Formats a time in ISO 8601 and UTC. SQLite does it, which saves a dependency.
pub(super) fn iso(milliseconds: i64) -> String {
    let seconds = milliseconds as f64 / 1000.0;
    let sql = "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', ?1, 'unixepoch')";
    let text = bindery_sqlite::rusqlite::Connection::open_in_memory()
        .and_then(|connection| connection.query_row(sql, [seconds], |row| row.get(0)));
    text.unwrap_or_default()
}

/// Converts milliseconds since the Unix epoch.
pub(super) fn at_milliseconds(milliseconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}
