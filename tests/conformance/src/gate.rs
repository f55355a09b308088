//! The gate: observers receive an event after every call.

use std::sync::{Arc, Mutex};

use bindery::kv;
use bindery::observe::Event;

use crate::{Env, Outcome, same};

/// Events contain the name, outcome and attributes of a call.
pub async fn observers_receive_every_call(env: Env) -> Outcome {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let observed = Arc::clone(&lines);
    let compared = [
        "db.query.summary",
        "cache.hit",
        "error.type",
        "db.system.name",
    ];
    env.observe(move |event: &Event<'_>| {
        let mut line = format!("{} {}", event.name(), event.binding);
        for (name, value) in event.attributes() {
            if compared.contains(&name) {
                line.push_str(&format!(" {name}={value}"));
            }
        }
        if let Ok(mut lines) = observed.lock() {
            lines.push(line);
        }
    });

    env.db.users().await?;
    let _ = env.db.the_user("nobody").await;
    env.cache.put(&kv::text("k"), "v").await?;
    env.cache.get(&kv::text("k")).await?;
    env.cache.get(&kv::text("nothing")).await?;
    let _ = env.cache.get(&kv::text("")).await;
    let _ = env.db.batch((env.db.users(), env.db.users())).await?;

    let lines = lines.lock().map_err(|_| "the observer panicked")?;
    let expected = [
        "cloudflare.d1.query.success DB db.system.name=cloudflare-d1 db.query.summary=users",
        "cloudflare.d1.query.error DB db.system.name=cloudflare-d1 db.query.summary=the_user error.type=not_found",
        "cloudflare.kv.put.success CACHE db.system.name=cloudflare-kv",
        "cloudflare.kv.get.success CACHE db.system.name=cloudflare-kv cache.hit=true",
        "cloudflare.kv.get.success CACHE db.system.name=cloudflare-kv cache.hit=false",
        "cloudflare.kv.get.error CACHE db.system.name=cloudflare-kv error.type=invalid_argument",
        "cloudflare.d1.batch.success DB db.system.name=cloudflare-d1",
    ];
    same!(*lines, expected);
    Ok(())
}
