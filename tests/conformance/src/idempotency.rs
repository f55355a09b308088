//! Work that is done once although it is asked for several times.

use std::time::Duration;

use bindery::resilience::{IdempotencyKeys, Run};
use bindery::{Error, ErrorKind, time};

use crate::{Env, Outcome, same};

/// Work is skipped once it is done, and repeated after an error.
pub async fn runs_once(env: Env) -> Outcome {
    let table = include_str!("../migrations/0010_idempotency_keys.sql");
    same!(table.trim(), IdempotencyKeys::TABLE);

    let by_table = IdempotencyKeys::d1(&env.db);
    let by_kv = IdempotencyKeys::kv(&env.cache);
    for keys in [by_table, by_kv] {
        let refused = || async { Err(Error::new(ErrorKind::Unavailable, "not now")) };
        let failed: Result<Run<u8>, Error> = keys.run("a", refused).await;
        same!(
            failed.map_err(|error| error.kind()),
            Err(ErrorKind::Unavailable)
        );
        same!(keys.run("a", || async { Ok(7) }).await?, Run::Done(7));
        same!(keys.run("a", || async { Ok(8) }).await?, Run::AlreadyDone);
        same!(keys.run("b", || async { Ok(9) }).await?, Run::Done(9));
    }
    Ok(())
}

/// While an attempt runs, no other one starts, until its lease is over.
pub async fn leases(env: Env) -> Outcome {
    let keys = IdempotencyKeys::d1(&env.db);
    let second = || keys.run("a", || async { Ok("second") });
    let first = keys.run("a", second).await?;
    same!(first, Run::Done(Run::InProgress));

    let short = IdempotencyKeys::d1(&env.db).lease(Duration::from_millis(20));
    let late = || async {
        time::sleep(Duration::from_millis(100)).await;
        // The late attempt must not release the key of this one when it fails.
        let taken = keys.run("b", || async { Ok("second") }).await?;
        Err::<(), Error>(Error::new(ErrorKind::Internal, format!("{taken:?}")))
    };
    let late = short.run("b", late).await.err();
    let text = late.map(|error| error.to_string()).unwrap_or_default();
    same!(text.contains(r#"Done("second")"#), true);
    same!(keys.run("b", || async { Ok(()) }).await?, Run::AlreadyDone);
    Ok(())
}

/// A key in the batch of its writes: a second batch writes nothing.
pub async fn a_key_of_a_batch(env: Env) -> Outcome {
    let pay = || async {
        let key = IdempotencyKeys::insert(&env.db, "payment:7");
        env.db.batch((env.db.note("paid", 1), key)).await
    };
    pay().await?;
    let error = pay().await.err();
    same!(error.as_ref().map(IdempotencyKeys::is_repeated), Some(true));
    same!(env.db.noted().await?.len(), 1);

    let other = env
        .db
        .batch((env.db.note("x", 1), env.db.note("x", 1)))
        .await;
    let other = other
        .err()
        .map(|error| IdempotencyKeys::is_repeated(&error));
    same!(other.unwrap_or(false), false);
    Ok(())
}

/// Keys are deleted when their time is over.
pub async fn clean_up(env: Env) -> Outcome {
    let keys = IdempotencyKeys::d1(&env.db);
    let short = keys
        .clone()
        .ttl(Duration::from_millis(1))
        .lease(Duration::from_millis(1));
    keys.run("a", || async { Ok(()) }).await?;
    short.run("b", || async { Ok(()) }).await?;
    time::sleep(Duration::from_millis(20)).await;
    // A key whose time is over is free, also before it is deleted.
    same!(short.run("b", || async { Ok(()) }).await?, Run::Done(()));
    time::sleep(Duration::from_millis(20)).await;
    same!(keys.clean_up().await?, 1);
    same!(keys.run("a", || async { Ok(()) }).await?, Run::AlreadyDone);
    Ok(())
}
