//! Faults that a test injects. Only the native backend has them.

use std::time::Duration;

use bindery::resilience::{Faults, Retry};
use bindery::{ErrorKind, LogFormat, Server, ServerOptions, TestWorld, kv};
use conformance::{App, Env, Outcome, same};

/// Calls that fail are retried until they succeed.
#[bindery::test]
async fn a_part_of_the_calls_fails(env: Env, world: TestWorld) -> Outcome {
    let faults = world.faults();
    faults.seed(1);
    faults.d1().fail(0.3);

    let retry = Retry::new().attempts(20).base_delay(Duration::ZERO);
    let mut failures = 0;
    for _ in 0..100 {
        failures += u32::from(env.db.noted().await.is_err());
        retry.run(async || env.db.noted().await).await?;
    }
    same!((15..45).contains(&failures), true);
    same!(faults.injected() > u64::from(failures), true);

    // Other services have none, and later no service has any.
    env.cache.put(&kv::text("a"), "1").await?;
    faults.clear();
    env.db.noted().await?;
    Ok(())
}

/// A rule is for a binding and an operation, and its error has a kind.
#[bindery::test]
async fn a_rule_is_for_an_operation(env: Env, world: TestWorld) -> Outcome {
    world.faults().r2().operation("put").overload(1.0);
    world.faults().kv().binding("NO_SUCH_BINDING").fail(1.0);
    let error = env.storage.put("a", "1").await.err();
    same!(error.map(|error| error.kind()), Some(ErrorKind::Overloaded));
    same!(env.storage.get("a").await?.is_none(), true);
    same!(env.cache.get(&kv::text("a")).await?, None);
    Ok(())
}

/// A call is applied, although its caller sees an error.
#[bindery::test]
async fn a_response_is_lost(env: Env, world: TestWorld) -> Outcome {
    world.faults().d1().lose_response(1.0);
    let error = env.db.note("lost", 1).await.err();
    same!(
        error.map(|error| error.kind()),
        Some(ErrorKind::Unavailable)
    );
    world.faults().clear();
    same!(env.db.noted().await?.len(), 1);
    Ok(())
}

/// A write that may have been applied is only repeated if the application says that it can be.
#[bindery::test]
async fn a_write_is_not_repeated(env: Env, world: TestWorld) -> Outcome {
    let retry = Retry::new().base_delay(Duration::ZERO);
    world.faults().d1().lose_response(1.0);
    let note = || env.db.note("lost", 1);
    let attempts = async |retry: Retry| {
        let error = retry.run(note).await.err();
        same!(error.map(|error| error.is_safe_to_repeat()), Some(false));
        let batch = async || env.db.batch((note(),)).await;
        same!(retry.run(batch).await.is_err(), true);
        Outcome::Ok(())
    };
    attempts(retry).await?;
    same!(world.faults().injected(), 2);
    attempts(retry.idempotent()).await?;
    same!(world.faults().injected(), 2 + 2 * 3);

    world.faults().clear();
    same!(env.db.noted().await?.len(), 2 + 2 * 3);
    Ok(())
}

/// A write to KV is not visible for a while.
#[bindery::test]
async fn values_are_stale(env: Env, world: TestWorld) -> Outcome {
    let (first, second) = (kv::text("first"), kv::text("second"));
    env.cache.put(&first, "old").await?;
    world.faults().kv().stale_for(Duration::from_secs(30));
    env.cache.put(&first, "new").await?;
    env.cache.put(&second, "2").await?;
    let read = async || {
        let one = env.cache.get(&first).await?;
        let many = env
            .cache
            .get_many(&[kv::text("first"), kv::text("second")])
            .await?;
        Ok::<_, bindery::Error>((one, many))
    };
    same!(
        read().await?,
        (Some("old".to_owned()), vec![Some("old".to_owned()), None])
    );

    world.clock().advance(Duration::from_secs(20));
    env.cache.delete(&first).await?;
    world.clock().advance(Duration::from_secs(11));
    // The first change is visible, the second is not.
    same!(
        read().await?,
        (
            Some("new".to_owned()),
            vec![Some("new".to_owned()), Some("2".to_owned())]
        )
    );
    world.clock().advance(Duration::from_secs(20));
    same!(read().await?, (None, vec![None, Some("2".to_owned())]));
    Ok(())
}

/// A message that was acknowledged arrives again.
#[bindery::test]
async fn messages_are_delivered_again(env: Env, world: TestWorld) -> Outcome {
    conformance::queue::send_undecided(env.clone()).await?;
    world.faults().queue().redeliver(1.0);
    // At most as often as a message is retried.
    same!(bindery::deliver_queues::<App>(&env).await?, 2);
    same!(world.faults().injected(), 2);
    Ok(())
}

/// A delay follows the clock of the test.
#[bindery::test]
async fn a_delay_follows_the_clock(env: Env, world: TestWorld) -> Outcome {
    world.faults().d1().delay(Duration::from_secs(3600));
    let start = std::time::Instant::now();
    let later = async {
        tokio::task::yield_now().await;
        world.clock().advance(Duration::from_secs(3601));
    };
    let (rows, ()) = futures_util::future::join(env.db.noted().into_future(), later).await;
    rows?;
    same!(start.elapsed() < Duration::from_secs(60), true);
    Ok(())
}

/// A server has the faults of its options.
#[bindery::test]
async fn a_server_has_faults(_: Env) -> Outcome {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults");
    let _ = std::fs::remove_dir_all(&folder);
    let faults: Faults = "seed=3 d1.query:fail=1".parse()?;
    let options = ServerOptions::default().state(&folder).log(LogFormat::Off);
    let server = Server::<App>::start(options.faults(faults.clone())).await?;
    let error = server.env().db.noted().await.err();
    same!(
        error.map(|error| error.kind()),
        Some(ErrorKind::Unavailable)
    );
    faults.clear();
    server.env().db.noted().await?;
    server.shutdown().await;
    Ok(())
}
