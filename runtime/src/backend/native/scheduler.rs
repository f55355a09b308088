//! The cron triggers of a server, and of tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::app::{Application, Context, Environment, Schedule, ScheduledEvent, run_scheduled};
use crate::error::{Error, ErrorKind, Result};
use crate::http::{Request, Response};

use super::clock::{at_milliseconds, now_milliseconds};
use super::local::{self, answer};
use super::log_line;
use super::panic::catch_panic;
use super::test::TestClock;

/// The path that runs the handler of a trigger, as in `wrangler dev --test-scheduled`.
pub(super) const PATH: &str = "/__scheduled";

/// The milliseconds of a minute.
const MINUTE: i64 = 60_000;

/// The longest time between two looks at the clock of the machine, which can be set.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The crons of one server.
pub(super) struct Scheduler {
    is_stopping: Arc<AtomicBool>,
    stop: Arc<Notify>,
    tasks: Vec<JoinHandle<()>>,
}

impl Scheduler {
    /// Runs the handlers of the triggers of the environment from now on.
    ///
    /// A trigger that fires while the process does not run is skipped, as on the platform.
    pub(super) fn start<A: Application>(env: &A::Env, context: &Context) -> Self {
        let (is_stopping, stop) = (Arc::<AtomicBool>::default(), Arc::<Notify>::default());
        let crons = env.backend().environment().crons.iter();
        let tasks = crons.map(|(cron, schedule)| {
            let (env, context) = (env.clone(), context.clone());
            let (is_stopping, stop) = (Arc::clone(&is_stopping), Arc::clone(&stop));

            tokio::spawn(async move {
                let mut now = minute();
                while let Some(due) = schedule.next_after(now) {
                    if !wait_until(due, &is_stopping, &stop).await {
                        return;
                    }
                    fire::<A>(cron, due, env.clone(), context.clone()).await;
                    // After a pause of the machine, each trigger fires once.
                    now = minute().max(due);
                }
                log_line(&format!("warning: the cron {cron} never fires"));
            })
        });

        Self {
            tasks: tasks.collect(),
            is_stopping,
            stop,
        }
    }

    /// Fires no trigger any more, and waits for the handlers that run.
    pub(super) async fn shutdown(self) {
        self.is_stopping.store(true, Ordering::Release);
        self.stop.notify_waiters();
        futures_util::future::join_all(self.tasks).await;
    }
}

/// The current minute since the Unix epoch.
fn minute() -> i64 {
    now_milliseconds().div_euclid(MINUTE)
}

/// Returns whether the minute has come: false if the server stops first.
async fn wait_until(due: i64, is_stopping: &AtomicBool, stop: &Notify) -> bool {
    loop {
        let stopped = stop.notified();
        if is_stopping.load(Ordering::Acquire) {
            return false;
        }
        let left = due * MINUTE - now_milliseconds();
        if left <= 0 {
            return true;
        }
        let wait = Duration::from_millis(left.unsigned_abs()).min(MAX_WAIT);
        let _ = tokio::time::timeout(wait, stopped).await;
    }
}

/// Runs the handler of a trigger. A failure is logged, and the next time it runs again.
async fn fire<A: Application>(cron: &str, due: i64, env: A::Env, context: Context) {
    let event = ScheduledEvent::new(cron, at_milliseconds(due * MINUTE));
    let problem = match catch_panic(run_scheduled::<A>(event, env, context)).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => format!("failed: {error}"),
        Err(panic) => format!("panicked: {panic}"),
    };
    log_line(&format!("cron {cron}: the handler {problem}"));
}

/// Runs the handler of a trigger now.
///
/// # Errors
/// The error of the handler. `InvalidArgument` if the environment has no such trigger.
pub(super) async fn trigger<A: Application>(
    cron: &str,
    env: &A::Env,
    context: Context,
) -> Result<()> {
    let crons = env.backend().environment().crons;
    let Some((cron, _)) = crons.iter().find(|(known, _)| *known == cron) else {
        let known: Vec<&str> = crons.iter().map(|(known, _)| *known).collect();
        let message = match known.as_slice() {
            [] => "the environment has no crons".to_owned(),
            _ => format!(
                "the environment has no cron `{cron}`, it has `{}`",
                known.join("`, `")
            ),
        };
        return Err(Error::worker(
            "scheduled",
            ErrorKind::InvalidArgument,
            message,
        ));
    };

    let event = ScheduledEvent::new(*cron, crate::time::now());
    match catch_panic(run_scheduled::<A>(event, env.clone(), context)).await {
        Ok(outcome) => outcome,
        Err(panic) => {
            let message = format!("the handler panicked: {panic}");
            Err(Error::worker("scheduled", ErrorKind::Internal, message))
        }
    }
}

/// Responds to a request for [`PATH`]: runs the handler that `?cron=` names.
pub(super) async fn respond<A: Application>(
    request: Request,
    env: &A::Env,
    context: Context,
) -> Response {
    let request = request.into_parts().0;
    if let Err(problem) = local::check(&request) {
        return answer(StatusCode::FORBIDDEN, format!("{PATH} {problem}"));
    }
    let query = request.uri.query().unwrap_or_default();
    let cron = query.split('&').find_map(|pair| pair.strip_prefix("cron="));
    // In a query, `+` is a space.
    let cron = cron.unwrap_or_default().replace('+', " ");
    let cron = percent_encoding::percent_decode_str(&cron).decode_utf8_lossy();

    match trigger::<A>(&cron, env, context).await {
        Ok(()) => answer(StatusCode::OK, format!("the handler of `{cron}` has run")),
        Err(error) => answer(error.status(), error.to_string()),
    }
}

/// Moves the clock of a test forward, and runs the handlers of the triggers that are due meanwhile.
/// Returns their number.
pub(super) async fn run_until<A: Application>(
    env: &A::Env,
    context: &Context,
    clock: &TestClock,
    duration: Duration,
) -> Result<usize> {
    let end = crate::time::now() + duration;
    let crons = env.backend().environment().crons;
    let (mut now, mut count) = (minute(), 0);
    loop {
        let next = |(_, schedule): &(&str, Schedule)| schedule.next_after(now);
        let due = crons.iter().filter_map(next).min();
        let Some(due) = due.filter(|due| at_milliseconds(due * MINUTE) <= end) else {
            clock.set(end);
            return Ok(count);
        };

        clock.set(at_milliseconds(due * MINUTE));
        let is_due = |(_, schedule): &&(&str, Schedule)| schedule.next_after(now) == Some(due);
        for (cron, _) in crons.iter().filter(is_due) {
            let event = ScheduledEvent::new(*cron, at_milliseconds(due * MINUTE));
            run_scheduled::<A>(event, env.clone(), context.clone()).await?;
            count += 1;
        }
        now = due;
    }
}
