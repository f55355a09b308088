//! Retries, timeouts and circuit breakers.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use bindery::resilience::{CircuitBreaker, Retry, timeout};
use bindery::{Error, ErrorKind, Result, kv};

use crate::{Env, Outcome, same};

/// The errors of these tests are those of the application, which do not show what was called.
const RETRY: Retry = Retry::new()
    .base_delay(Duration::from_millis(4))
    .idempotent();

fn failed(kind: ErrorKind) -> Error {
    Error::new(kind, "an error of the test")
}

/// A call is repeated until it succeeds or the attempts are used up.
pub async fn retries_of_transient_errors(env: Env) -> Outcome {
    env.cache.put(&kv::text("retried"), "1").await?;
    let calls = AtomicU32::new(0);
    let read = async || match calls.fetch_add(1, Ordering::Relaxed) {
        2 => env.cache.get(&kv::text("retried")).await,
        _ => Err(failed(ErrorKind::Unavailable)),
    };
    same!(RETRY.run(read).await?.as_deref(), Some("1"));
    same!(calls.load(Ordering::Relaxed), 3);

    let result = RETRY.run(read).await;
    same!(
        result.map_err(|error| error.kind()),
        Err(ErrorKind::Unavailable)
    );
    same!(calls.load(Ordering::Relaxed), 6);
    Ok(())
}

/// An error of the application can hide a write.
pub async fn unknown_calls_are_not_repeated(_: Env) -> Outcome {
    let retry = Retry::new().base_delay(Duration::ZERO);
    let mut calls = 0;
    let call = || {
        calls += 1;
        async { Err::<(), _>(failed(ErrorKind::Unavailable)) }
    };
    same!(retry.run(call).await.is_err(), true);
    same!(calls, 1);
    Ok(())
}

/// Other errors fail at once.
pub async fn errors_that_are_not_retried(_: Env) -> Outcome {
    let kinds = [
        ErrorKind::Overloaded,
        ErrorKind::Timeout,
        ErrorKind::Internal,
        ErrorKind::InvalidArgument,
        ErrorKind::Decode,
    ];
    for kind in kinds {
        let mut calls = 0;
        let call = || {
            calls += 1;
            async move { Err::<(), _>(failed(kind)) }
        };
        same!(
            RETRY.run(call).await.map_err(|error| error.kind()),
            Err(kind)
        );
        same!(calls, 1);
    }
    Ok(())
}

/// A query is a call too.
pub async fn queries_are_repeated(env: Env) -> Outcome {
    let breaker = CircuitBreaker::new(1, Duration::from_secs(60));
    let users = RETRY.run(|| env.db.users()).await?;
    same!(breaker.run(|| env.db.users()).await?.len(), users.len());
    let limit = Duration::from_secs(60);
    same!(timeout(limit, env.db.users()).await?.len(), users.len());
    Ok(())
}

/// A call that does not end in time fails.
pub async fn timeouts(_: Env) -> Outcome {
    let limit = Duration::from_millis(5);
    let error = timeout(limit, pending::<Result<()>>()).await.err();
    same!(error.as_ref().map(Error::kind), Some(ErrorKind::Timeout));
    same!(
        error.map(|error| error.to_string()),
        Some("worker timeout: the call has not ended after 5ms".to_owned())
    );
    same!(timeout(Duration::from_secs(60), async { Ok(1) }).await?, 1);
    Ok(())
}

/// A breaker opens after failures, and closes after a success.
pub async fn a_breaker_opens_and_closes(_: Env) -> Outcome {
    let pause = Duration::from_millis(30);
    let breaker = CircuitBreaker::new(2, pause);
    let call = async |result: Result<u32, ErrorKind>| {
        let call = async move || result.map_err(failed);
        breaker.run(call).await.map_err(|error| error.kind())
    };

    // A success ends a row of failures, and so does an error of the caller.
    let missing = Err(ErrorKind::NotFound);
    let unavailable = Err(ErrorKind::Unavailable);
    same!(call(unavailable).await, unavailable);
    same!(call(missing).await, missing);
    same!(call(unavailable).await, unavailable);
    same!(call(Ok(1)).await, Ok(1));
    same!(call(unavailable).await, unavailable);
    same!(breaker.is_open(), false);

    same!(call(Err(ErrorKind::Timeout)).await, Err(ErrorKind::Timeout));
    same!(breaker.is_open(), true);
    same!(call(Ok(2)).await, unavailable);

    bindery::time::sleep(pause * 2).await;
    same!(breaker.is_open(), false);
    same!(call(unavailable).await, unavailable);
    same!(breaker.is_open(), true);
    bindery::time::sleep(pause * 2).await;
    same!(call(missing).await, missing);
    same!(call(Ok(4)).await, Ok(4));
    Ok(())
}

/// The result of a call that started before the breaker opened or closed does not count.
pub async fn a_breaker_ignores_late_results(_: Env) -> Outcome {
    let pause = Duration::from_millis(30);
    let breaker = CircuitBreaker::new(1, pause);
    let (success, failure) = (Mutex::default(), Mutex::default());
    let late = async |result: &Mutex<Option<Result<(), ErrorKind>>>| {
        let ended = poll_fn(
            |_| match result.lock().ok().and_then(|mut result| result.take()) {
                Some(result) => Poll::Ready(result.map_err(failed)),
                None => Poll::Pending,
            },
        );
        breaker.run(|| ended).await.is_ok()
    };
    let end = |call: &Mutex<_>, result| call.lock().map(|mut call| *call = Some(result)).is_ok();
    let open = async || {
        let call = async || Err::<(), _>(failed(ErrorKind::Unavailable));
        let _ = breaker.run(call).await;
    };

    let (mut succeeding, mut failing) = (pin!(late(&success)), pin!(late(&failure)));
    poll_fn(|context| {
        let _ = succeeding.as_mut().poll(context);
        let _ = failing.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
    open().await;

    // A late success does not close the breaker.
    same!(end(&success, Ok(())), true);
    same!(succeeding.await, true);
    same!(breaker.is_open(), true);

    // A late failure does not open it.
    bindery::time::sleep(pause * 2).await;
    same!(breaker.run(async || Ok(())).await.is_ok(), true);
    same!(end(&failure, Err(ErrorKind::Unavailable)), true);
    same!(failing.await, false);
    same!(breaker.is_open(), false);
    Ok(())
}
