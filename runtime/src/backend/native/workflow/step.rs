//! The steps of an instance that runs.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::future::{BoxFuture, Either, select};

use crate::error::{ErrorKind, Failure, Result};
use crate::workflow::{Backoff, Config, RawEvent, failure_of, message_of};

use super::super::clock::{at_milliseconds, milliseconds_of, now_milliseconds, sleep};
use super::super::pool::lock;
use super::store::{Key, StepRecord};
use super::{Live, Workflows};

/// The steps of an instance that runs.
#[derive(Clone)]
pub(crate) struct Step {
    workflows: Workflows,
    key: Key,
    live: Arc<Live>,
    /// How often each name was used.
    names: Arc<Mutex<HashMap<String, u32>>>,
}

impl Step {
    pub(super) fn new(workflows: Workflows, key: Key, live: Arc<Live>) -> Self {
        Self {
            workflows,
            key,
            live,
            names: Arc::default(),
        }
    }

    /// Runs a step until it succeeds, or fails for good.
    pub(crate) async fn run<'w>(
        &self,
        name: &str,
        config: Config,
        work: &(dyn Fn() -> BoxFuture<'w, Result<String>> + Send + Sync + 'w),
    ) -> Result<String, Failure> {
        let step = self.step("run", name);
        let mut record = self.load(&step).await?;
        loop {
            if let Some(output) = record.output {
                return Ok(output);
            }
            if let (Some(error), None) = (&record.error, record.wake) {
                return Err(failure_of(error));
            }
            self.wait_until(record.wake.unwrap_or(0)).await;

            match self.attempt(config.timeout, work()).await {
                Ok(output) => {
                    record.output = Some(output);
                    record.error = None;
                }
                Err(failed) => {
                    let is_over = failed.is_final || record.failures >= config.retries;
                    record.failures += 1;
                    record.error = Some(failed.message);
                    let next = || now_milliseconds() + delay(&config, record.failures);
                    record.wake = (!is_over).then(next);
                }
            }
            let store = self.workflows.store();
            store.put_step(&self.key, &step, record.clone()).await?;
        }
    }

    /// Runs one attempt, until its time is over.
    async fn attempt(
        &self,
        timeout: Duration,
        work: BoxFuture<'_, Result<String>>,
    ) -> Result<String, Failed> {
        let _running = self.live.attempt();

        match select(work, pin!(sleep(timeout))).await {
            Either::Left((outcome, _)) => outcome.map_err(|error| Failed {
                message: message_of(&error),
                is_final: error.is_final(),
            }),
            Either::Right(_) => Err(Failed {
                message: format!(
                    "{}: the attempt took longer than {timeout:?}",
                    ErrorKind::Timeout.name()
                ),
                is_final: false,
            }),
        }
    }

    pub(crate) async fn sleep(&self, name: &str, duration: Duration) -> Result<(), Failure> {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let end = now_milliseconds().saturating_add(milliseconds);
        self.sleep_at(&self.step("sleep", name), end).await
    }

    pub(crate) async fn sleep_until(&self, name: &str, time: SystemTime) -> Result<(), Failure> {
        let step = self.step("sleep", name);
        self.sleep_at(&step, milliseconds_of(time)).await
    }

    /// Sleeps until a time, or until the one that an earlier run has stored.
    async fn sleep_at(&self, step: &str, end: i64) -> Result<(), Failure> {
        let end = self.stored_end(step, end).await?;
        self.wait_until(end).await;
        Ok(())
    }

    /// The end of a step that waits, which its first run stores.
    async fn stored_end(&self, step: &str, end: i64) -> Result<i64, Failure> {
        if let Some(end) = self.load(step).await?.wake {
            return Ok(end);
        }
        let record = StepRecord {
            wake: Some(end),
            ..StepRecord::default()
        };
        self.workflows
            .store()
            .put_step(&self.key, step, record)
            .await?;
        Ok(end)
    }

    pub(crate) async fn wait_for_event(
        &self,
        name: &str,
        ty: &str,
        timeout: Duration,
    ) -> Result<RawEvent, Failure> {
        let step = self.step("event", name);
        let record = self.load(&step).await?;
        if let Some(event) = record.output {
            return Ok(self.event(&event));
        }
        if let Some(error) = record.error {
            return Err(failure_of(&error));
        }

        let milliseconds = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        let end = now_milliseconds().saturating_add(milliseconds);
        let end = self.stored_end(&step, end).await?;
        loop {
            let arrived = self.live.changed();
            self.live.note(|state| state.has_event = false);
            self.live.unpaused().await;
            let store = self.workflows.store();
            if let Some(event) = store.take_event(&self.key, &step, ty).await? {
                return Ok(self.event(&event));
            }
            let remaining = u64::try_from(end - now_milliseconds()).unwrap_or(0);
            if remaining == 0 {
                let message = format!("no event `{ty}` arrived in time");
                let record = StepRecord {
                    error: Some(format!("{}: {message}", ErrorKind::Timeout.name())),
                    ..StepRecord::default()
                };
                store.put_step(&self.key, &step, record).await?;
                return Err(Failure::new(ErrorKind::Timeout, message));
            }

            let _waiting = self.live.wait(end);
            let timeout = sleep(Duration::from_millis(remaining));
            select(pin!(arrived), pin!(timeout)).await;
        }
    }

    /// The event that is stored as the output of a step.
    fn event(&self, output: &str) -> RawEvent {
        let (arrived, payload) = output.split_once(' ').unwrap_or(("0", output));
        RawEvent {
            payload: payload.to_owned(),
            timestamp: at_milliseconds(arrived.parse().unwrap_or(0)),
            instance_id: self.key.id.clone(),
        }
    }

    /// Waits until a time, and then as long as the instance is paused.
    async fn wait_until(&self, end: i64) {
        let remaining = end.saturating_sub(now_milliseconds());
        if let Ok(remaining) = u64::try_from(remaining)
            && remaining > 0
        {
            let _waiting = self.live.wait(end);
            sleep(Duration::from_millis(remaining)).await;
        }
        self.live.unpaused().await;
    }

    /// The name of a step in the store: a name that is used again is another step.
    fn step(&self, kind: &str, name: &str) -> String {
        let name = format!("{kind} {name}");
        let mut names = lock(&self.names);
        let count = names.entry(name.clone()).or_default();
        *count += 1;
        format!("{name} {count}")
    }

    async fn load(&self, step: &str) -> Result<StepRecord, Failure> {
        self.workflows.store().step(&self.key, step).await
    }
}

/// An attempt that has failed.
struct Failed {
    /// The text of the error, as it is stored.
    message: String,
    is_final: bool,
}

/// The milliseconds before the retry after a number of failures.
fn delay(config: &Config, failures: u32) -> i64 {
    let delay = match config.backoff {
        Backoff::Constant => config.delay,
        Backoff::Linear => config.delay.saturating_mul(failures),
        Backoff::Exponential => {
            let factor = 1u32.checked_shl(failures - 1).unwrap_or(u32::MAX);
            config.delay.saturating_mul(factor)
        }
    };
    i64::try_from(delay.as_millis()).unwrap_or(i64::MAX / 2)
}
