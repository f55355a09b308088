//! Cron triggers.

use std::time::SystemTime;

use super::{Application, Context, Environment};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::{Gate, Measures, RequestLine, Scope};

/// A cron trigger that fires.
///
/// <https://developers.cloudflare.com/workers/runtime-apis/handlers/scheduled/>
///
/// # Examples
/// ```ignore
/// bindery::handlers! {
///     env: Env,
///     scheduled "0 3 * * *": clean_up,
/// }
///
/// async fn clean_up(event: ScheduledEvent, env: Env) -> bindery::Result<()> {
///     env.db.delete_old_files().await?;
///     bindery::println!("cleaned up for {:?}", event.time());
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledEvent {
    cron: String,
    time: SystemTime,
}

impl ScheduledEvent {
    pub(crate) fn new(cron: impl Into<String>, time: SystemTime) -> Self {
        Self {
            cron: cron.into(),
            time,
        }
    }

    /// Returns the expression of the manifest, such as `0 3 * * *`.
    #[must_use]
    pub fn cron(&self) -> &str {
        &self.cron
    }

    /// Returns the time for which the trigger was scheduled. The handler can run later.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        self.time
    }
}

/// Runs the handler of a trigger, with an event for observers.
pub(crate) async fn run_scheduled<A: Application>(
    event: ScheduledEvent,
    env: A::Env,
    context: Context,
) -> Result<()> {
    let scope = Scope::new(&context, RequestLine::default());
    let gate = Gate::of_handler(event.cron.clone(), env.backend().observers());
    let handler = A::scheduled(event, env, context);
    let handler = gate.handle("scheduled", handler, |outcome| {
        (outcome.as_ref().err(), Measures::default())
    });
    scope.run(handler).await
}

/// The result of a trigger that the code has no handler for.
///
/// # Errors
/// Always.
#[doc(hidden)]
pub fn no_schedule(event: &ScheduledEvent) -> Result<()> {
    let message = format!("this worker has no handler for the cron `{}`", event.cron);
    Err(Error::worker("scheduled", ErrorKind::Unsupported, message))
}
