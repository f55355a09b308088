//! The handler of traces. The tests of each backend send them.

use std::time::{Duration, SystemTime};

use bindery::tail::TraceItem;
use bindery::{Error, ErrorKind};

use crate::Env;

/// Notes each invocation. The simulator does not name the worker.
///
/// # Errors
/// For an invocation of the worker `failing`, and when the database fails.
pub async fn watch(traces: Vec<TraceItem>, env: Env) -> bindery::Result<()> {
    for trace in traces {
        match trace.script_name.as_deref() {
            Some("failing") => return Err(Error::new(ErrorKind::Internal, "no traces today")),
            _ => env.db.note(&describe(&trace), 1).await.map(drop)?,
        }
    }
    Ok(())
}

fn describe(trace: &TraceItem) -> String {
    let year_2020 = SystemTime::UNIX_EPOCH + Duration::from_secs(50 * 365 * 86_400);
    let is_dated = trace.event_timestamp.is_some_and(|time| time > year_2020);
    let logs = trace
        .logs
        .iter()
        .map(|log| format!("{} {}", log.level, log.message));
    let exceptions = trace.exceptions.iter();
    let exceptions = exceptions.map(|error| format!("{}: {}", error.name, error.message));
    let (method, url) = (
        &trace.event["request"]["method"],
        &trace.event["request"]["url"],
    );

    let lines: Vec<String> = logs.chain(exceptions).collect();
    format!(
        "{} {method} {url} {} {is_dated} {}",
        trace.outcome,
        trace.event["response"]["status"],
        lines.join("; ")
    )
}
