//! Locks, counters and presence.

use std::time::Duration;

use bindery::coordination::ShardedCounter;
use bindery::{ErrorKind, time};
use futures_util::future::try_join_all;

use crate::{Env, Outcome, same};

const MINUTE: Duration = Duration::from_secs(60);

/// One of many holders gets the lock, and each new holder has a larger token.
pub async fn one_holder_at_a_time(env: Env) -> Outcome {
    let lock = env.leases.by_name(bindery::random::id()?);
    same!(lock.holder().await?, None);
    let names: Vec<String> = (0..20).map(|number| format!("worker {number}")).collect();
    let attempts = names.iter().map(|name| lock.acquire(name, MINUTE));
    let attempts = try_join_all(attempts).await?;
    let (won, lost): (Vec<_>, Vec<_>) = attempts.into_iter().partition(Result::is_ok);
    let [Ok(first)] = won.as_slice() else {
        return Err(format!("one holder, not {won:?}").into());
    };
    same!(lost.len(), 19);
    same!(lost.iter().all(|other| other.as_ref() == Err(first)), true);
    same!(lock.holder().await?.as_ref(), Some(first));

    // The holder renews its lease, with the same token.
    let renewed = lock.acquire(&first.holder, 2 * MINUTE).await?;
    let renewed = renewed.map_err(|other| format!("{other:?} has it"))?;
    same!(
        (renewed.token, renewed.until > first.until),
        (first.token, true)
    );

    same!(lock.release(&renewed).await?, true);
    same!(lock.release(&renewed).await?, false);
    let next = lock.acquire("next", MINUTE).await?;
    let next = next.map_err(|other| format!("{other:?} has it"))?;
    same!(next.token > first.token, true);
    // A holder whose lease has ended does not release that of another one.
    same!(lock.release(first).await?, false);
    same!(lock.holder().await?, Some(next));
    Ok(())
}

/// A lease ends by itself.
pub async fn leases_end(env: Env) -> Outcome {
    let lock = env.leases.by_name(bindery::random::id()?);
    let first = lock.acquire("ann", Duration::from_millis(50)).await?;
    let first = first.map_err(|other| format!("{other:?} has it"))?;
    time::sleep(Duration::from_millis(150)).await;
    same!(lock.holder().await?, None);
    let second = lock.acquire("bob", MINUTE).await?;
    let second = second.map_err(|other| format!("{other:?} has it"))?;
    same!(second.token, first.token + 1);
    let late = lock.acquire("ann", MINUTE).await?;
    same!(late.map_err(|other| other.holder), Err("bob".to_owned()));
    Ok(())
}

/// Additions at the same time are all counted.
pub async fn sharded_counters(env: Env) -> Outcome {
    let name = bindery::random::id()?;
    let counter = ShardedCounter::new(&env.tallies, &*name, 4);
    same!(counter.sum().await?, 0);
    try_join_all((1..=50).map(|number| counter.add(number))).await?;
    counter.add(-75).await?;
    same!(counter.sum().await?, 1200);
    // More shards than before.
    same!(
        ShardedCounter::new(&env.tallies, &*name, 8).sum().await?,
        1200
    );

    let one = ShardedCounter::new(&env.tallies, format!("{name} one"), 0);
    one.add((1 << 53) - 1).await?;
    let full = one.add(1).await.err();
    same!(
        full.map(|error| error.kind()),
        Some(ErrorKind::InvalidArgument)
    );
    same!(one.sum().await?, (1 << 53) - 1);
    Ok(())
}

/// Members are there until they leave, or show no sign for a while.
pub async fn members_of_a_place(env: Env) -> Outcome {
    let place = env.places.by_name(bindery::random::id()?);
    same!(place.members().await?.len(), 0);
    same!(place.touch("ann", MINUTE).await?, ["ann"]);
    same!(place.touch("bob", MINUTE).await?, ["ann", "bob"]);
    place.touch("carl", Duration::from_millis(1)).await?;
    time::sleep(Duration::from_millis(50)).await;
    same!(place.members().await?, ["ann", "bob"]);
    same!(place.leave("ann").await?, true);
    same!(place.leave("ann").await?, false);
    same!(place.members().await?, ["bob"]);
    Ok(())
}
