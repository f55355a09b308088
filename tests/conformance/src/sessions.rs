//! D1: sessions and their bookmarks.

use axum::http::HeaderMap;
use bindery::d1::{Bookmark, BookmarkCarrier, SessionStart};

use crate::{Env, Outcome, same};

/// A session sees its writes, and another one continues it.
pub async fn bookmarks(env: Env) -> Outcome {
    for start in [SessionStart::Unconstrained, SessionStart::Primary] {
        let session = env.db.with_session(&start)?;
        same!(session.bookmark(), None);
        session.note("a", 1).await?;
        let first = session.bookmark().ok_or("a query has run")?;
        session
            .batch((session.note("b", 1), session.noted()))
            .await?;
        let second = session.bookmark().ok_or("a query has run")?;
        same!(first <= second, true);

        let next = env
            .db
            .with_session(&SessionStart::Bookmark(second.clone()))?;
        same!(next.bookmark(), Some(second.clone()));
        same!(next.database().noted().await?.is_empty(), false);
        same!(next.bookmark() >= Some(second), true);
    }
    same!(env.db.noted().await?.len(), 4);
    same!(
        env.db
            .with_session(&SessionStart::default())?
            .note("", 1)
            .await?
            .rows,
        1
    );
    Ok(())
}

/// A bookmark travels in the headers of requests and responses.
pub async fn carriers(mut env: Env) -> Outcome {
    for (carrier, request, response) in [
        (
            BookmarkCarrier::header("x-bookmark"),
            "x-bookmark",
            "x-bookmark",
        ),
        (BookmarkCarrier::cookie("bookmark"), "cookie", "set-cookie"),
    ] {
        let session = env.db.with_session(&carrier.read(&HeaderMap::new()))?;
        let mut headers = HeaderMap::new();
        carrier.write(&session, &mut headers);
        same!(headers.is_empty(), true);

        env.db = session.database().clone();
        env.db.note("a", 1).await?;
        carrier.write(&session, &mut headers);
        let sent = headers.remove(response).ok_or("it has a bookmark")?;
        let returned = sent
            .to_str()?
            .split(';')
            .next()
            .unwrap_or_default()
            .parse()?;
        let mut headers = HeaderMap::new();
        headers.insert(request, returned);
        let start = carrier.read(&headers);
        same!(start, SessionStart::from(session.bookmark()));
        same!(matches!(start, SessionStart::Bookmark(_)), true);
    }
    same!(Bookmark::parse("first-primary"), None);
    Ok(())
}
