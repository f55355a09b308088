//! The gate: every call is told to whoever wants to know, with its outcome.

use std::sync::{Arc, Mutex};

use bindery::observe::Event;

use crate::{Env, Outcome, same};

/// Names, outcomes and attributes of a few calls.
pub async fn every_call_is_told(env: Env) -> Outcome {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let notes = Arc::clone(&told);
    env.observe(move |event: &Event<'_>| {
        let mut line = format!("{} {}", event.name(), event.binding);
        for (name, value) in event.attributes() {
            if [
                "db.query.summary",
                "cache.hit",
                "error.type",
                "db.system.name",
            ]
            .contains(&name)
            {
                line.push_str(&format!(" {name}={value}"));
            }
        }
        if let Ok(mut notes) = notes.lock() {
            notes.push(line);
        }
    });
    env.db.users().await?;
    let _ = env.db.the_user("nobody").await;
    env.cache.put_bytes("k", "v").await?;
    env.cache.get_text("k").await?;
    env.cache.get_text("nothing").await?;
    let _ = env.cache.get_text("").await;
    let _ = env.db.batch((env.db.users(), env.db.users())).await?;
    let told = told.lock().map_err(|_| "the notes are lost")?;
    let expected = [
        "cloudflare.d1.query.success DB db.system.name=cloudflare-d1 db.query.summary=users",
        "cloudflare.d1.query.error DB db.system.name=cloudflare-d1 db.query.summary=the_user error.type=not_found",
        "cloudflare.kv.put.success CACHE db.system.name=cloudflare-kv",
        "cloudflare.kv.get.success CACHE db.system.name=cloudflare-kv cache.hit=true",
        "cloudflare.kv.get.success CACHE db.system.name=cloudflare-kv cache.hit=false",
        "cloudflare.kv.get.error CACHE db.system.name=cloudflare-kv error.type=invalid_argument",
        "cloudflare.d1.batch.success DB db.system.name=cloudflare-d1",
    ];
    same!(*told, expected);
    Ok(())
}
