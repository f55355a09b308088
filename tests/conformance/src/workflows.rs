//! Workflows.

#![expect(missing_docs, reason = "the types of the class belong to the cases")]

use std::time::Duration;

use bindery::workflow::{Backoff, Event, Instance, Status, Step, StepOptions};
use bindery::{Error, ErrorKind, Result, kv, time};
use serde::{Deserialize, Serialize};

use crate::{Env, Outcome, same};

/// A journey, whose plan decides what its steps do.
#[derive(Debug)]
pub struct Journey;

/// The parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Route {
    pub plan: Plan,
    pub number: i64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    Steps,
    Retries,
    Final,
    Gives,
    Waits,
    Late,
    Times,
    Parallel,
    Long,
    Panics,
    Stops,
}

/// The output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trip {
    pub numbers: Vec<i64>,
    pub texts: Vec<String>,
}

/// Two retries at once.
fn quick() -> StepOptions {
    StepOptions::default()
        .retries(2)
        .delay(Duration::from_millis(1))
        .backoff(Backoff::Constant)
}

/// Counts the attempts of a step, which must not be stored with the steps.
async fn count(env: &Env, id: &str) -> Result<i64> {
    let name = format!("attempts:{id}");
    let key = kv::json::<i64>(&name);
    let count = env.cache.get(&key).await?.unwrap_or(0) + 1;
    env.cache.put(&key, &count).await?;
    Ok(count)
}

#[bindery::workflow]
impl Journey {
    #[expect(clippy::panic, reason = "it is what a test is about")]
    async fn run(event: Event<Route>, step: Step, env: Env) -> Result<Trip> {
        let Event {
            payload: Route { plan, number },
            instance_id: id,
            ..
        } = event;
        let mut trip = Trip {
            numbers: Vec::new(),
            texts: Vec::new(),
        };
        match plan {
            Plan::Steps => {
                let doubled: i64 = step.run("double", || async { Ok(number * 2) }).await?;
                // The same name is another step.
                let again: i64 = step.run("double", || async { Ok(doubled * 2) }).await?;
                step.run("nothing", || async { Ok(()) }).await?;
                let text: Option<String> = step.run("no text", || async { Ok(None) }).await?;
                trip.numbers = vec![number, doubled, again];
                trip.texts.extend(text);
            }
            Plan::Retries => {
                let attempt = || async {
                    match count(&env, &id).await? {
                        count if count < number => {
                            Err(Error::new(ErrorKind::Unavailable, "not yet"))
                        }
                        count => Ok(count),
                    }
                };
                let attempts = step.run_with("try", quick(), attempt).await;
                match attempts {
                    Ok(attempts) => trip.numbers.push(attempts),
                    Err(error) => {
                        trip.texts.push(error.kind().name().to_owned());
                        trip.texts.push(error.message().to_owned());
                        trip.numbers.push(count(&env, &id).await? - 1);
                    }
                }
            }
            Plan::Final => {
                let attempt = || async {
                    count(&env, &id).await?;
                    Err::<(), _>(Error::new(ErrorKind::Forbidden, "never: a colon").non_retryable())
                };
                let failed = step.run_with("try", quick(), attempt).await;
                let error = failed.err().map(|error| error.message().to_owned());
                trip.texts.extend(error);
                trip.numbers.push(count(&env, &id).await? - 1);
            }
            Plan::Gives => {
                let attempt = || async { Err::<(), _>(Error::new(ErrorKind::Forbidden, "no way")) };
                step.run_with("try", quick(), attempt).await?;
            }
            Plan::Waits => {
                let timeout = Duration::from_secs(60);
                let first = step.wait_for_event::<i64>("first", "ticket", timeout);
                let first = first.await?;
                let second = step.wait_for_event::<Vec<String>>("second", "names", timeout);
                trip.texts = second.await?.payload;
                trip.numbers.push(first.payload);
                let age = time::now().duration_since(first.timestamp);
                trip.numbers
                    .push(i64::from(age.is_ok_and(|age| age < timeout)));
            }
            Plan::Late => {
                let timeout = Duration::from_millis(1000);
                let waited = step.wait_for_event::<i64>("never", "nothing", timeout);
                let error = waited.await.err();
                trip.texts
                    .extend(error.map(|error| error.kind().name().to_owned()));
            }
            Plan::Times => {
                let start: u64 = step.run("start", || async { Ok(milliseconds()) }).await?;
                step.sleep("a while", Duration::from_millis(30)).await?;
                let time = time::now() + Duration::from_millis(30);
                step.sleep_until("a time", time).await?;
                step.sleep_until("the past", std::time::UNIX_EPOCH).await?;
                let end: u64 = step.run("end", || async { Ok(milliseconds()) }).await?;
                trip.numbers.push(i64::from(end >= start + 59));
            }
            Plan::Parallel => {
                let steps = [3, 2, 1].map(|wait| {
                    let name = format!("part {wait}");
                    let step = step.clone();
                    async move {
                        let work = || async move {
                            time::sleep(Duration::from_millis(20 * wait)).await;
                            Ok(wait as i64)
                        };
                        step.run(&name, work).await
                    }
                });
                trip.numbers = futures_util::future::try_join_all(steps).await?;
            }
            Plan::Long => {
                let day = Duration::from_secs(86_400);
                step.run("begin", || async { count(&env, &id).await })
                    .await?;
                step.sleep("for a day", day).await?;
                trip.numbers
                    .push(step.run("finish", || count(&env, &id)).await?);
            }
            Plan::Panics => panic!("lost"),
            Plan::Stops => {
                let instance = env.journeys.get(&id).await?;
                let stop = || async { instance.terminate().await };
                step.run("stop itself", stop).await?;
            }
        }
        Ok(trip)
    }
}

fn milliseconds() -> u64 {
    let since = time::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_millis() as u64
}

/// Creates an instance.
async fn start(env: &Env, plan: Plan, number: i64) -> Result<Instance<Journey>> {
    env.journeys.create(&Route { plan, number }).await
}

/// Waits for the end of an instance.
async fn end(instance: &Instance<Journey>) -> Result<Status<Trip>> {
    for _ in 0..1500 {
        let status = instance.status().await?;
        if status.is_over() {
            return Ok(status);
        }
        time::sleep(Duration::from_millis(10)).await;
    }
    instance.status().await
}

/// Waits until an instance has a status.
async fn reach(instance: &Instance<Journey>, state: &str) -> Outcome {
    for round in 0..1000 {
        let status = instance.status().await?;
        // The simulator of workerd reports an instance that waits as running.
        let waits = cfg!(target_arch = "wasm32") && state == "waiting" && round > 20;
        if status.state() == state || waits && status.state() == "running" {
            return Ok(());
        }
        time::sleep(Duration::from_millis(5)).await;
    }
    let status = instance.status().await?;
    Err(format!("the instance is {status:?} and not {state}").into())
}

/// Runs an instance to its output.
async fn run(env: &Env, plan: Plan, number: i64) -> Result<Trip> {
    let instance = start(env, plan, number).await?;
    let status = end(&instance).await?;
    let state = format!("{status:?}");
    status
        .output()
        .ok_or_else(|| Error::new(ErrorKind::Internal, state))
}

fn trip(numbers: &[i64], texts: &[&str]) -> Trip {
    Trip {
        numbers: numbers.to_vec(),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
    }
}

pub async fn steps(env: Env) -> Outcome {
    same!(run(&env, Plan::Steps, 7).await?, trip(&[7, 14, 28], &[]));
    Ok(())
}

pub async fn a_step_is_repeated_after_an_error(env: Env) -> Outcome {
    same!(run(&env, Plan::Retries, 1).await?, trip(&[1], &[]));
    same!(run(&env, Plan::Retries, 3).await?, trip(&[3], &[]));
    // There are two retries.
    let failed = run(&env, Plan::Retries, 4).await?;
    same!(failed, trip(&[3], &["unavailable", "not yet"]));
    same!(run(&env, Plan::Final, 0).await?.numbers, [1]);
    Ok(())
}

pub async fn an_instance_fails_with_its_error(env: Env) -> Outcome {
    let instance = start(&env, Plan::Gives, 0).await?;
    same!(end(&instance).await?, Status::Errored("no way".to_owned()));
    Ok(())
}

pub async fn events_arrive_before_and_after_a_wait(env: Env) -> Outcome {
    let instance = start(&env, Plan::Waits, 0).await?;
    let names = ["ann", "bob"].map(str::to_owned);
    instance.send_event("names", &names).await?;
    reach(&instance, "waiting").await?;
    instance.send_event("ticket", &5).await?;
    same!(
        end(&instance).await?,
        Status::Complete(trip(&[5, 1], &["ann", "bob"]))
    );
    Ok(())
}

pub async fn an_event_that_does_not_arrive_is_an_error(env: Env) -> Outcome {
    same!(run(&env, Plan::Late, 0).await?, trip(&[], &["timeout"]));
    Ok(())
}

pub async fn sleeping_steps(env: Env) -> Outcome {
    same!(run(&env, Plan::Times, 0).await?, trip(&[1], &[]));
    Ok(())
}

pub async fn steps_run_at_the_same_time(env: Env) -> Outcome {
    same!(run(&env, Plan::Parallel, 0).await?, trip(&[3, 2, 1], &[]));
    Ok(())
}

pub async fn instances_have_ids(env: Env) -> Outcome {
    let kind = |result: Result<Instance<Journey>>| result.err().map(|error| error.kind());
    let route = Route {
        plan: Plan::Steps,
        number: 1,
    };
    let id = bindery::random::id()?;
    let instance = env.journeys.create_with_id(&id, &route).await?;
    same!(instance.id(), id);
    // The simulator of workerd accepts it. The documentation of the platform says that it fails.
    if cfg!(not(target_arch = "wasm32")) {
        let again = env.journeys.create_with_id(&id, &route).await;
        same!(kind(again), Some(ErrorKind::InvalidArgument));
    }
    same!(env.journeys.get(&id).await?.id(), id);
    same!(
        kind(env.journeys.get("nobody").await),
        Some(ErrorKind::NotFound)
    );
    for id in ["", "-a", "a b", "é"] {
        let refused = env.journeys.create_with_id(id, &route).await;
        same!(kind(refused), Some(ErrorKind::InvalidArgument));
    }
    let long = "a".repeat(65);
    let refused = env.journeys.create_with_id(&long, &route).await;
    same!(kind(refused), Some(ErrorKind::TooLarge));
    end(&instance).await?;

    let (first, second) = (bindery::random::id()?, bindery::random::id()?);
    let batch = [(first.as_str(), &route), (second.as_str(), &route)];
    let created = env.journeys.create_batch(batch).await?;
    same!(created.len(), 2);
    for instance in created {
        same!(end(&instance).await?.state(), "complete");
    }
    Ok(())
}

pub async fn an_instance_can_be_controlled(env: Env) -> Outcome {
    let instance = start(&env, Plan::Long, 0).await?;
    reach(&instance, "waiting").await?;
    instance.pause().await?;
    reach(&instance, "paused").await?;
    instance.resume().await?;
    reach(&instance, "waiting").await?;
    instance.terminate().await?;
    same!(instance.status().await?, Status::Terminated);

    // A paused instance has not failed, and goes on where it was.
    let instance = start(&env, Plan::Waits, 0).await?;
    reach(&instance, "waiting").await?;
    instance.pause().await?;
    reach(&instance, "paused").await?;
    instance.resume().await?;
    instance.send_event("ticket", &1).await?;
    instance.send_event("names", &["ann"]).await?;
    same!(
        end(&instance).await?,
        Status::Complete(trip(&[1, 1], &["ann"]))
    );
    instance.restart().await?;
    reach(&instance, "waiting").await?;
    instance.send_event("ticket", &2).await?;
    instance.send_event("names", &["bob"]).await?;
    same!(
        end(&instance).await?,
        Status::Complete(trip(&[2, 1], &["bob"]))
    );
    Ok(())
}
