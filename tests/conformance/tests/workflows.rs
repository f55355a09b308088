//! Workflows natively: the clock of a test, panics, and an end of the process between steps.

use std::path::PathBuf;
use std::time::Duration;

use bindery::workflow::{Instance, Status};
use bindery::{Server, ServerOptions, TestWorld, kv};
use conformance::workflows::{Journey, Plan, Route};
use conformance::{App, Env, Outcome, same};

const DAY: Duration = Duration::from_secs(86_400);

async fn create(env: &Env, plan: Plan, number: i64) -> bindery::Result<Instance<Journey>> {
    env.journeys.create(&Route { plan, number }).await
}

/// How often the steps of an instance have counted.
async fn counted(env: &Env, instance: &Instance<Journey>) -> bindery::Result<Option<i64>> {
    let name = format!("attempts:{}", instance.id());
    env.cache.get(&kv::json::<i64>(&name)).await
}

#[bindery::test]
async fn sleeps_follow_the_clock(env: Env, world: TestWorld) -> Outcome {
    let instance = create(&env, Plan::Long, 0).await?;
    world.run_workflows().await;
    same!(instance.status().await?, Status::Waiting);
    same!(counted(&env, &instance).await?, Some(1));

    world.clock().advance(DAY / 2);
    world.run_workflows().await;
    same!(instance.status().await?, Status::Waiting);
    world.clock().advance(DAY / 2);
    world.run_workflows().await;
    let trip = instance.status().await?.output().ok_or("it goes on")?;
    same!(trip.numbers, [2]);
    Ok(())
}

#[bindery::test]
async fn waits_for_events_end_by_the_clock(env: Env, world: TestWorld) -> Outcome {
    let instance = create(&env, Plan::Waits, 0).await?;
    world.run_workflows().await;
    instance.send_event("ticket", &1).await?;
    world.run_workflows().await;
    same!(instance.status().await?, Status::Waiting);
    world.clock().advance(Duration::from_secs(60));
    world.run_workflows().await;
    let status = instance.status().await?;
    same!(
        status,
        Status::Errored("no event `names` arrived in time".to_owned())
    );
    same!(instance.send_event("names", &["ann"]).await.is_err(), true);
    Ok(())
}

#[bindery::test]
async fn a_panic_fails_the_instance(env: Env, world: TestWorld) -> Outcome {
    let instance = create(&env, Plan::Panics, 0).await?;
    world.run_workflows().await;
    same!(
        instance.status().await?,
        Status::Errored("the Workflow panicked: lost".to_owned())
    );
    Ok(())
}

#[bindery::test]
async fn an_instance_can_terminate_itself(env: Env, world: TestWorld) -> Outcome {
    let instance = create(&env, Plan::Stops, 0).await?;
    world.run_workflows().await;
    same!(instance.status().await?, Status::Terminated);
    Ok(())
}

#[bindery::test]
async fn an_ended_instance_cannot_be_controlled(env: Env, world: TestWorld) -> Outcome {
    let instance = create(&env, Plan::Steps, 1).await?;
    world.run_workflows().await;
    same!(instance.pause().await.is_err(), true);
    same!(instance.resume().await.is_err(), true);
    same!(instance.terminate().await.is_err(), true);
    instance.restart().await?;
    world.run_workflows().await;
    same!(instance.status().await?.is_over(), true);
    Ok(())
}

/// A folder that is deleted at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts a server, and runs a future with its environment. Then everything stops at once, as if the
/// process was killed: no task runs to its end.
fn run_and_kill<F: Future<Output = Outcome>>(
    folder: &Folder,
    work: impl FnOnce(Env) -> F,
) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let server = Server::<App>::start(ServerOptions::default().state(&folder.0)).await?;
        work(server.env().clone()).await
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    outcome
}

#[test]
fn an_instance_goes_on_after_a_kill() -> Outcome {
    let folder = std::env::temp_dir().join(format!("bindery-workflows-{}", std::process::id()));
    let folder = Folder(folder);
    let mut id = String::new();

    run_and_kill(&folder, async |env| {
        let instance = create(&env, Plan::Waits, 0).await?;
        id = instance.id();
        instance.send_event("ticket", &7).await?;
        for _ in 0..500 {
            if instance.status().await? == Status::Waiting {
                return Ok(());
            }
            bindery::time::sleep(Duration::from_millis(5)).await;
        }
        Err("the instance does not wait".into())
    })?;

    run_and_kill(&folder, async |env| {
        let instance = env.journeys.get(&id).await?;
        instance.send_event("names", &["ann"]).await?;
        for _ in 0..500 {
            let status = instance.status().await?;
            if status.is_over() {
                // The first event was received before the kill.
                let trip = status.output().ok_or("it is complete")?;
                same!(
                    (&trip.numbers[..], trip.texts),
                    (&[7, 1][..], vec!["ann".to_owned()])
                );
                return Ok(());
            }
            bindery::time::sleep(Duration::from_millis(5)).await;
        }
        Err("the instance does not end".into())
    })
}
