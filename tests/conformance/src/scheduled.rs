//! The handlers of cron triggers.

use std::time::SystemTime;

use bindery::{Context, Error, ErrorKind, Result, ScheduledEvent};

use crate::Env;

/// What a handler notes about an event.
fn text(event: &ScheduledEvent) -> Result<String> {
    let time = event.time().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = time.map_err(Error::other)?.as_secs();
    Ok(format!("{} at {seconds}", event.cron()))
}

pub(crate) async fn note(event: ScheduledEvent, env: Env) -> Result<()> {
    env.db.note(&text(&event)?, 1).await?;
    Ok(())
}

pub(crate) async fn note_in_background(
    event: ScheduledEvent,
    env: Env,
    context: Context,
) -> Result<()> {
    let text = text(&event)?;
    context.wait_until(async move { env.db.note(&text, 2).await });
    Ok(())
}

pub(crate) async fn fail(env: Env) -> Result<()> {
    env.db.note("failing", 1).await?;
    Err(Error::new(ErrorKind::Unavailable, "no night shift"))
}
