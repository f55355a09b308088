//! The routes on bindery.

use serde::{Deserialize, Serialize};

#[cfg(feature = "axum")]
mod axum;
#[cfg(not(feature = "axum"))]
mod minimal;

#[cfg(feature = "axum")]
use crate::axum::fetch;
#[cfg(not(feature = "axum"))]
use crate::minimal::fetch;

/// The bindings of `wrangler.toml`.
#[bindery::bindings]
pub struct Env;

#[cfg(not(feature = "observer"))]
bindery::handlers! {
    env: Env,
    fetch: fetch,
}

#[cfg(feature = "observer")]
bindery::handlers! {
    env: Env,
    start: observe,
    fetch: fetch,
}

#[cfg(feature = "observer")]
fn observe(env: &Env) {
    use std::sync::atomic::{AtomicU64, Ordering};

    static MICROSECONDS: AtomicU64 = AtomicU64::new(0);
    env.observe(|event: &bindery::observe::Event<'_>| {
        let micros = event.duration.as_micros();
        MICROSECONDS.fetch_add(micros.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    });
}

#[derive(Deserialize, Serialize)]
pub struct Meta {
    id: i64,
    filename: String,
    content_type: String,
    size_bytes: i64,
    uploaded_at: String,
    processed: bool,
    processed_at: Option<String>,
}

#[derive(bindery::KvKey)]
#[kv(binding = CACHE, key = "{name}", value = Meta)]
pub struct MetaKey {
    pub name: String,
}
