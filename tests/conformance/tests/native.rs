//! Runs every case on the native backend, each with a new environment.

use std::time::{Duration, UNIX_EPOCH};

use bindery::kv::{ListOptions, PutOptions};
use bindery::queue::SendOptions;
use bindery::{TestWorld, random, time};
use conformance::{App, Env, each_case, same};

macro_rules! native {
    ($($module:ident::$case:ident)*) => {
        $(mod $case {
            #[bindery::test]
            async fn $module(env: conformance::Env) -> conformance::Outcome {
                conformance::$module::$case(env).await
            }
        })*
    };
}

each_case!(native);

#[bindery::test]
async fn queue_delivery(env: Env) -> conformance::Outcome {
    conformance::queue::send(env.clone()).await?;
    let deliveries = bindery::deliver_queues::<App>(&env).await?;
    // Five messages. Three are delivered twice: one succeeds the second time, two never do.
    conformance::same!(deliveries, 8);
    conformance::queue::arrived(env).await
}

#[bindery::test]
async fn ttls_and_delays_follow_the_clock(env: Env, world: TestWorld) -> conformance::Outcome {
    let options = PutOptions::default().ttl(Duration::from_secs(3600));
    env.cache.put_bytes_with("a", "1", options).await?;
    let options = SendOptions::default().delay(Duration::from_secs(60));
    env.queue.send_with(&1, options).await?;
    same!(bindery::deliver_queues::<App>(&env).await?, 0);

    world.clock().advance(Duration::from_secs(61));
    same!(bindery::deliver_queues::<App>(&env).await?, 2);
    same!(env.cache.get_text("a").await?.as_deref(), Some("1"));

    world.clock().advance(Duration::from_secs(3600));
    same!(env.cache.get_text("a").await?, None);
    same!(
        env.cache
            .list_with(ListOptions::default())
            .await?
            .keys
            .len(),
        0
    );

    let millennium = UNIX_EPOCH + Duration::from_secs(946_684_800);
    world.clock().set(millennium);
    let since = time::now().duration_since(millennium)?;
    same!(since < Duration::from_secs(60), true);
    Ok(())
}

#[bindery::test]
async fn a_sleep_ends_when_the_clock_is_moved(_env: Env, world: TestWorld) -> conformance::Outcome {
    let sleep = tokio::spawn(time::sleep(Duration::from_secs(86_400)));
    tokio::task::yield_now().await;
    world.clock().advance(Duration::from_secs(86_400));
    sleep.await?;
    Ok(())
}

#[bindery::test]
async fn a_seed_makes_identifiers_the_same(_env: Env, world: TestWorld) -> conformance::Outcome {
    world.seed(7);
    let first = (random::id()?, random::uuid_v4()?);
    world.seed(7);
    same!((random::id()?, random::uuid_v4()?), first);
    same!(random::uuid_v4()? == first.1, false);
    Ok(())
}

#[bindery::test(vars(NAME = "test", COUNT = 7), secrets(TOKEN = "s"))]
async fn variables_and_secrets_can_be_set(env: Env) -> conformance::Outcome {
    same!((env.vars.name.as_str(), env.vars.count), ("test", 7));
    same!(env.secrets.token.expose(), "s");
    Ok(())
}

#[bindery::test]
async fn background_work_is_awaited(env: Env, world: TestWorld) -> conformance::Outcome {
    let database = env.clone();
    world.context().wait_until(async move {
        time::sleep(Duration::from_millis(20)).await;
        database.db.note("background", 1).await
    });
    same!(env.db.noted().await?.len(), 0);
    world.background_work().await;
    same!(env.db.noted().await?.len(), 1);
    Ok(())
}
