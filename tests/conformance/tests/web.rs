//! What sessions and rate limits do as time passes. Only the native clock can be moved.

use std::time::Duration;

use bindery::TestWorld;
use bindery::web::{KvLimit, RateLimit, Session, Sessions};
use conformance::{Env, Outcome, same};
use http::{HeaderMap, header};

const DAY: Duration = Duration::from_secs(86_400);

fn headers(sessions: &Sessions<u32>, session: &Session<u32>) -> Result<HeaderMap, bindery::Error> {
    let cookie = sessions.cookie(session);
    let cookie = cookie.to_str().unwrap_or_default();
    let cookie = cookie.split(';').next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    headers.insert(
        header::COOKIE,
        cookie.parse().map_err(bindery::Error::other)?,
    );
    Ok(headers)
}

/// A session ends after its idle time, and after its lifetime even if it is used.
#[bindery::test]
async fn sessions_expire(env: Env, world: TestWorld) -> Outcome {
    let sessions = Sessions::<u32>::new(&env.cache);
    let session = sessions.create("ann", 1).await?;
    let headers = headers(&sessions, &session)?;
    // Used each six days, it lives for thirty.
    for _ in 0..4 {
        world.clock().advance(DAY * 6);
        same!(sessions.load(&headers).await?.is_some(), true);
    }
    world.clock().advance(DAY * 6);
    same!(sessions.load(&headers).await?.is_none(), true);

    let session = sessions.create("ann", 1).await?;
    let headers = self::headers(&sessions, &session)?;
    world.clock().advance(DAY * 7 + Duration::from_secs(1));
    same!(sessions.load(&headers).await?.is_none(), true);
    Ok(())
}

/// Another location sees the end of a session up to a minute late, and not later.
#[bindery::test]
async fn a_revoked_session_is_stale_for_a_minute(env: Env, world: TestWorld) -> Outcome {
    let sessions = Sessions::<u32>::new(&env.cache);
    let (one, two) = (
        sessions.create("ann", 1).await?,
        sessions.create("ann", 2).await?,
    );
    let (first, second) = (headers(&sessions, &one)?, headers(&sessions, &two)?);
    world.faults().kv().stale_for(Duration::from_secs(60));
    sessions.revoke(&one).await?;
    same!(sessions.load(&first).await?.is_some(), true);
    world.clock().advance(Duration::from_secs(30));
    sessions.revoke_all("ann").await?;
    same!(sessions.load(&second).await?.is_some(), true);

    world.clock().advance(Duration::from_secs(31));
    same!(sessions.load(&first).await?.is_none(), true);
    world.clock().advance(Duration::from_secs(30));
    same!(sessions.load(&second).await?.is_none(), true);
    Ok(())
}

/// A window ends.
#[bindery::test]
async fn a_limit_counts_again_in_the_next_window(env: Env, world: TestWorld) -> Outcome {
    let limit = KvLimit::new(&env.cache, "calls", 1, DAY);
    same!(limit.count("ann").await?.is_allowed, true);
    let decision = limit.count("ann").await?;
    same!((decision.is_allowed, decision.reset <= DAY), (false, true));
    world.clock().advance(decision.reset);
    same!(limit.count("ann").await?.is_allowed, true);
    Ok(())
}
