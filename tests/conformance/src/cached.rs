//! D1: queries whose rows KV keeps.

use std::future::{IntoFuture, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bindery::ErrorKind;
use bindery::d1::{SessionStart, Value};
use bindery::error::Constraint;
use bindery::observe::Event;

use crate::bindings::db;
use crate::{Env, Outcome, same};

const MINUTE: Duration = Duration::from_secs(60);

async fn add(env: &Env, email: &str) -> bindery::Result<()> {
    let user = db::AddUserParams {
        name: Some("a \"name\"\n\u{1f600}"),
        age: Some(7),
        score: Some(0.1),
        avatar: Some(&[0, 255]),
        anything: Some(Value::Real(1.0)),
        ..db::AddUserParams::new(email, true)
    };
    env.db.add_user(user).await?;
    Ok(())
}

/// A write of which the cache is not told.
async fn rename(env: &Env, name: &str) -> bindery::Result<()> {
    let rename = env.db.unchecked("UPDATE users SET name = ?1").bind(name);
    rename.execute().await?;
    Ok(())
}

/// Rows come from KV with all of their values, until a write of their tables.
pub async fn cached_rows(env: Env) -> Outcome {
    add(&env, "a").await?;
    add(&env, "b").await?;
    let users = env.db.users().await?;
    same!(env.db.users().cached(&env.cache, MINUTE).await?, users);
    rename(&env, "other").await?;
    same!(env.db.users().cached(&env.cache, MINUTE).await?, users);
    same!(env.db.users().await? == users, false);

    // The arguments, the shape and the text of a query are part of its name.
    let found = |email| env.db.user_by_email(email).cached(&env.cache, MINUTE);
    same!(
        found("a").await?.and_then(|user| user.name).as_deref(),
        Some("other")
    );
    same!(found("c").await?, None);
    let one = env.db.the_user("a").cached(&env.cache, MINUTE).await?;
    same!(one.email, "a");
    let missing = env.db.the_user("c").cached(&env.cache, MINUTE).await;
    same!(
        missing.err().map(|error| error.kind()),
        Some(ErrorKind::NotFound)
    );
    let missing = env.db.the_user("c").cached(&env.cache, MINUTE).await;
    same!(
        missing.err().map(|error| error.kind()),
        Some(ErrorKind::NotFound)
    );
    same!(env.db.count_users().cached(&env.cache, MINUTE).await?, 2);

    // So is the number of rows that it reads.
    let all = || env.db.users();
    same!(
        all().optional().cached(&env.cache, MINUTE).await?.is_some(),
        true
    );
    same!(all().cached(&env.cache, MINUTE).await?.len(), 2);
    let first = all().one().cached(&env.cache, MINUTE).await?;
    same!(first.email, "a");

    // Each kind of write makes them outdated.
    env.db
        .rename(Some("new"), "a")
        .invalidating(&env.cache)
        .await?;
    same!(
        found("a").await?.and_then(|user| user.name).as_deref(),
        Some("new")
    );
    rename(&env, "again").await?;
    same!(
        found("a").await?.and_then(|user| user.name).as_deref(),
        Some("new")
    );
    env.db.invalidate(&env.cache, &["users"]).await?;
    same!(
        found("a").await?.and_then(|user| user.name).as_deref(),
        Some("again")
    );
    let batch = (env.db.users(), env.db.rename(Some("batch"), "a"));
    env.db.batch_invalidating(&env.cache, batch).await?;
    same!(
        found("a").await?.and_then(|user| user.name).as_deref(),
        Some("batch")
    );

    // A write of another table does not.
    rename(&env, "unseen").await?;
    env.db.note("a", 1).invalidating(&env.cache).await?;
    same!(
        found("a").await?.and_then(|user| user.name).as_deref(),
        Some("batch")
    );
    Ok(())
}

/// A foreign key action of a write makes the rows of its table outdated.
pub async fn cached_rows_of_other_tables(env: Env) -> Outcome {
    add(&env, "a").await?;
    let user = env.db.the_user("a").await?;
    env.db.add_post(user.id, "a post").await?;
    let posts = || env.db.posts_with_authors().cached(&env.cache, MINUTE);
    same!(posts().await?.len(), 1);
    env.db.delete_user("a").invalidating(&env.cache).await?;
    same!(posts().await?.len(), 0);
    Ok(())
}

/// Rows that were read before a write are not used after it, even if they are stored later.
pub async fn rows_stored_after_a_write(env: Env) -> Outcome {
    add(&env, "a").await?;
    let has_read = Arc::new(AtomicBool::new(false));
    let observed = Arc::clone(&has_read);
    env.observe(move |event: &Event<'_>| {
        if event.operation == "query" {
            observed.store(true, Ordering::Relaxed);
        }
    });

    // On Workers the write runs between the query and the put. Natively both are done at once.
    let cached = env.db.users().cached(&env.cache, MINUTE);
    let mut reading = cached.into_future();
    let read = poll_fn(|context| match reading.as_mut().poll(context) {
        Poll::Ready(users) => Poll::Ready(Some(users)),
        Poll::Pending if has_read.load(Ordering::Relaxed) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    let read = read.await;
    let write = env.db.rename(Some("new"), "a").invalidating(&env.cache);
    write.await?;
    let read = match read {
        Some(read) => read?,
        None => reading.await?,
    };
    same!(read[0].name.as_deref() == Some("new"), false);
    let users = env.db.users().cached(&env.cache, MINUTE).await?;
    same!(users[0].name.as_deref(), Some("new"));
    Ok(())
}

/// A write that fails changes nothing, and neither does what cannot be cached.
pub async fn errors_of_cached_queries(env: Env) -> Outcome {
    add(&env, "a").await?;
    let users = env.db.users().cached(&env.cache, MINUTE).await?;
    rename(&env, "other").await?;
    let user = db::AddUserParams::new("a", true);
    let error = env.db.add_user(user).invalidating(&env.cache).await;
    let error = error.err().ok_or("a duplicate")?;
    same!(error.kind(), ErrorKind::Constraint(Constraint::Unique));
    same!(env.db.users().cached(&env.cache, MINUTE).await?, users);

    // A replica can be behind, so a session runs the query.
    let session = env.db.with_session(&SessionStart::Unconstrained)?;
    let current = session.users().cached(&env.cache, MINUTE).await?;
    same!(current == users, false);
    same!(env.db.users().cached(&env.cache, MINUTE).await?, users);

    let write = env
        .db
        .rename(Some("a"), "a")
        .cached(&env.cache, MINUTE)
        .await;
    same!(
        write.err().map(|error| error.kind()),
        Some(ErrorKind::Unsupported)
    );
    let unchecked = || env.db.unchecked("DELETE FROM users").execute();
    let outcomes = [
        unchecked().cached(&env.cache, MINUTE).await.err(),
        unchecked().invalidating(&env.cache).await.err(),
        env.db
            .batch_invalidating(&env.cache, unchecked())
            .await
            .err(),
    ];
    for error in outcomes {
        same!(
            error.map(|error| error.kind()),
            Some(ErrorKind::Unsupported)
        );
    }
    same!(env.db.count_users().await?, 1);
    Ok(())
}

/// Each lookup is measured.
pub async fn measured_lookups(env: Env) -> Outcome {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let observed = Arc::clone(&lines);
    env.observe(move |event: &Event<'_>| {
        let (hit, tier) = (event.measures.hit, event.measures.tier);
        let line = format!("{} {:?} {hit:?} {tier:?}", event.name(), event.query);
        if let Ok(mut lines) = observed.lock() {
            lines.push(line);
        }
    });
    for _ in 0..2 {
        env.db.count_users().cached(&env.cache, MINUTE).await?;
    }
    let lines = lines.lock().map_err(|_| "the observer panicked")?;
    let expected = [
        "cloudflare.kv.get_many.success None None None",
        "cloudflare.cache.lookup.success Some(\"count_users\") Some(false) None",
        "cloudflare.d1.query.success Some(\"count_users\") None None",
        "cloudflare.kv.put.success None None None",
        "cloudflare.kv.get_many.success None None None",
        "cloudflare.cache.lookup.success Some(\"count_users\") Some(true) Some(\"kv\")",
    ];
    same!(*lines, expected);
    Ok(())
}
