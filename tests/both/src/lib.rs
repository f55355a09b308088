//! A worker whose tests run natively with `cargo test`, and on workerd with
//! `cargo bindery test --workerd`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use bindery::Request;

/// The bindings of `wrangler.toml`.
#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    fetch: router,
}

fn router(env: Env) -> Router {
    let requests = Arc::<AtomicU32>::default();
    let count = async move || (requests.fetch_add(1, Ordering::Relaxed) + 1).to_string();
    Router::new()
        .route("/", get(greeting))
        .route("/count", get(count))
        .route("/request", get(describe))
        .with_state(env)
}

async fn describe(request: Request) -> String {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let (host, client) = (header("host"), header("cf-connecting-ip"));
    format!("{} {host} {client}", request.uri())
}

async fn greeting(State(env): State<Env>) -> String {
    env.vars.greeting
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use axum::body::to_bytes;
    use bindery::kv::{self, PutOptions};
    use bindery::observe::Event;
    use bindery::{Body, Request, TestWorld, time};

    use crate::{App, Env};

    #[bindery::test]
    async fn each_test_has_an_empty_database(env: Env) -> bindery::Result<()> {
        assert!(env.db.notes().await?.is_empty());
        assert_eq!(env.db.add_note("one").await?.id, 1);
        Ok(())
    }

    #[bindery::test]
    async fn no_test_sees_the_rows_of_another(env: Env) -> bindery::Result<()> {
        assert!(env.db.notes().await?.is_empty());
        assert_eq!(env.db.add_note("one").await?.id, 1);
        assert_eq!(env.secrets.token.expose(), "of the tests");
        Ok(())
    }

    #[bindery::test(vars(GREETING = "moin"), secrets(TOKEN = "t"))]
    async fn values_can_be_set(env: Env) {
        assert_eq!(env.vars.greeting, "moin");
        assert_eq!(env.secrets.token.expose(), "t");
    }

    #[bindery::test]
    async fn background_work_is_awaited(env: Env, world: TestWorld) -> bindery::Result<()> {
        let cache = env.cache.clone();
        world.context().wait_until(async move {
            time::sleep(Duration::from_millis(10)).await;
            cache.put(&kv::text("a"), "1").await
        });
        world.background_work().await;
        assert_eq!(env.cache.get(&kv::text("a")).await?.as_deref(), Some("1"));
        Ok(())
    }

    async fn get(env: &Env, world: &TestWorld, path: &str) -> String {
        let request = Request::get(format!("http://localhost{path}")).body(Body::empty());
        let response = world.fetch::<App>(env, request.expect("a request")).await;
        let content = to_bytes(response.into_body(), 1024).await.expect("content");
        String::from_utf8_lossy(&content).into_owned()
    }

    #[bindery::test(vars(GREETING = "moin"))]
    async fn a_router_is_built_once(env: Env, world: TestWorld) {
        assert_eq!(get(&env, &world, "/").await, "moin");
        assert_eq!(get(&env, &world, "/count").await, "1");
        assert_eq!(get(&env, &world, "/count").await, "2");
    }

    /// Observers receive an event after a request of a test, and after its calls.
    #[bindery::test]
    async fn requests_of_a_test_are_observed(env: Env, world: TestWorld) {
        let events: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&events);
        env.observe(move |event: &Event<'_>| {
            if let Ok(mut seen) = seen.lock() {
                seen.push(event.name());
            }
        });
        get(&env, &world, "/count").await;
        let seen = events.lock().map(|seen| seen.join(" "));
        let seen = seen.unwrap_or_default();
        assert!(seen.ends_with("cloudflare.worker.fetch.success"), "{seen}");
    }

    /// Each environment of a test has a router.
    #[cfg(not(target_arch = "wasm32"))]
    #[bindery::test(vars(GREETING = "moin"))]
    async fn each_environment_has_a_router(env: Env, world: TestWorld) -> bindery::Result<()> {
        let other: Env = bindery::in_memory()?;
        assert_eq!(get(&env, &world, "/count").await, "1");
        assert_eq!(get(&other, &world, "/count").await, "1");
        assert_eq!(get(&env, &world, "/count").await, "2");
        assert_eq!(get(&env, &world, "/").await, "moin");
        assert_eq!(get(&other, &world, "/").await, "hello");
        Ok(())
    }

    /// A request of a test has what a server adds.
    #[bindery::test]
    async fn requests_have_a_host_and_a_client(env: Env, world: TestWorld) {
        let request = Request::get("/request").body(Body::empty());
        let response = world.fetch::<App>(&env, request.expect("a request")).await;
        let content = to_bytes(response.into_body(), 1024).await.expect("content");
        assert_eq!(content, "http://localhost/request localhost 127.0.0.1");
    }

    #[bindery::test(vars(GREETING = "hello"))]
    async fn a_router_has_the_environment_of_its_test(env: Env, world: TestWorld) {
        assert_eq!(get(&env, &world, "/").await, "hello");
        assert_eq!(get(&env, &world, "/count").await, "1");
    }

    /// Only natively the clock can be moved.
    #[bindery::test]
    async fn a_value_expires(env: Env, world: TestWorld) -> bindery::Result<()> {
        let options = PutOptions::default().ttl(Duration::from_secs(60));
        env.cache.put_with(&kv::text("a"), "1", options).await?;
        world.clock().advance(Duration::from_secs(61));
        assert_eq!(env.cache.get(&kv::text("a")).await?, None);
        Ok(())
    }

    /// A plain test does not disturb the others.
    #[test]
    fn plain_tests_run_natively() {
        assert_eq!(1 + 1, 2);
    }
}
