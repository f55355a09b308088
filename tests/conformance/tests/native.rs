//! Runs every case on the native backend, each with a new environment.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::post;
use bindery::http::{self, FetchOptions, fetch, fetch_with};
use bindery::kv::{self, PutOptions};
use bindery::queue::SendOptions;
use bindery::{
    Body, Error, ErrorKind, LogFormat, Request, Server, ServerOptions, TestWorld, random, time,
};
use conformance::{App, Env, each_case, same};
use http_body_util::BodyExt;

macro_rules! native {
    ($($module:ident::$case:ident)*) => {
        $(mod $case {
            #[bindery::test]
            async fn $module(env: conformance::Env) -> conformance::Outcome {
                conformance::$module::$case(env).await
            }
        })*
    };
}

each_case!(native);

#[bindery::test]
async fn queue_delivery(env: Env) -> conformance::Outcome {
    conformance::queue::send(env.clone()).await?;
    let deliveries = bindery::deliver_queues::<App>(&env).await?;
    // Five messages. Three are delivered twice: one succeeds the second time, two never do.
    conformance::same!(deliveries, 8);
    conformance::queue::arrived(env).await
}

#[bindery::test]
async fn queue_settled(env: Env) -> conformance::Outcome {
    conformance::queue::send_undecided(env.clone()).await?;
    same!(bindery::deliver_queues::<App>(&env).await?, 1);
    conformance::queue::undecided_arrived(env.clone()).await?;
    conformance::queue::send_failing(env.clone()).await?;
    same!(bindery::deliver_queues::<App>(&env).await?, 3);
    conformance::queue::failing_arrived(env).await
}

#[bindery::test]
async fn queue_plain(env: Env) -> conformance::Outcome {
    conformance::queue::send_plain(env.clone()).await?;
    // The text that fails and the bytes that are not a text: twice, and once and four times as dead
    // letters. Four other messages.
    same!(bindery::deliver_queues::<App>(&env).await?, 13);
    conformance::queue::plain_arrived(env).await
}

#[bindery::test]
async fn queue_delayed(env: Env, world: TestWorld) -> conformance::Outcome {
    conformance::queue::send_delayed(env.clone()).await?;
    same!(bindery::deliver_queues::<App>(&env).await?, 1);
    world.clock().advance(Duration::from_secs(1));
    same!(bindery::deliver_queues::<App>(&env).await?, 3);
    conformance::queue::delayed_arrived(env).await
}

#[bindery::test]
async fn ttls_and_delays_follow_the_clock(env: Env, world: TestWorld) -> conformance::Outcome {
    let options = PutOptions::default().ttl(Duration::from_secs(3600));
    env.cache.put_with(&kv::text("a"), "1", options).await?;
    let options = SendOptions::default().delay(Duration::from_secs(60));
    env.queue.send_with(&serde_json::json!(1), options).await?;
    same!(bindery::deliver_queues::<App>(&env).await?, 0);

    world.clock().advance(Duration::from_secs(61));
    same!(bindery::deliver_queues::<App>(&env).await?, 2);
    same!(env.cache.get(&kv::text("a")).await?.as_deref(), Some("1"));

    world.clock().advance(Duration::from_secs(3600));
    same!(env.cache.get(&kv::text("a")).await?, None);
    same!(env.cache.list(kv::prefix("")).page().await?.keys.len(), 0);

    let millennium = UNIX_EPOCH + Duration::from_secs(946_684_800);
    world.clock().set(millennium);
    let since = time::now().duration_since(millennium)?;
    same!(since < Duration::from_secs(60), true);
    Ok(())
}

#[bindery::test]
async fn a_sleep_ends_when_the_clock_is_moved(_env: Env, world: TestWorld) -> conformance::Outcome {
    let sleep = tokio::spawn(time::sleep(Duration::from_secs(86_400)));
    tokio::task::yield_now().await;
    world.clock().advance(Duration::from_secs(86_400));
    sleep.await?;
    Ok(())
}

#[bindery::test]
async fn a_seed_makes_identifiers_the_same(_env: Env, world: TestWorld) -> conformance::Outcome {
    world.seed(7);
    let first = (random::id()?, random::uuid_v4()?);
    world.seed(7);
    same!((random::id()?, random::uuid_v4()?), first);
    same!(random::uuid_v4()? == first.1, false);
    Ok(())
}

#[bindery::test(vars(NAME = "test", COUNT = 7), secrets(TOKEN = "s"))]
async fn variables_and_secrets_can_be_set(env: Env) -> conformance::Outcome {
    same!((env.vars.name.as_str(), env.vars.count), ("test", 7));
    same!(env.secrets.token.expose(), "s");
    Ok(())
}

#[bindery::test]
async fn background_work_is_awaited(env: Env, world: TestWorld) -> conformance::Outcome {
    let database = env.clone();
    world.context().wait_until(async move {
        time::sleep(Duration::from_millis(20)).await;
        database.db.note("background", 1).await
    });
    same!(env.db.noted().await?.len(), 0);
    world.background_work().await;
    same!(env.db.noted().await?.len(), 1);
    Ok(())
}

#[bindery::test]
async fn caches_work_in_the_background(env: Env, world: TestWorld) -> conformance::Outcome {
    conformance::tiers::in_the_background(env.clone(), world.context()).await?;
    world.background_work().await;
    conformance::tiers::after_the_background(env).await
}

/// The last tier is another server, and its failure is hidden as long as there is a stale value.
#[bindery::test]
async fn the_last_tier_is_another_server(env: Env, world: TestWorld) -> conformance::Outcome {
    use bindery::cache::{Policy, TieredCache};
    use bindery::http::IntoResponse;

    let requests: Arc<AtomicU32> = Arc::default();
    let count = Arc::clone(&requests);
    world.respond("https://origin.example.com/*", move |request: Request| {
        let count = Arc::clone(&count);
        async move {
            let number = 1 + count.fetch_add(1, Ordering::Relaxed);
            match (request.uri().path(), number) {
                ("/missing", _) => StatusCode::NOT_FOUND.into_response(),
                (_, 1 | 2) => format!("page {number}").into_response(),
                _ => StatusCode::BAD_GATEWAY.into_response(),
            }
        }
    });
    let load = |path: &'static str| async move {
        let request = Request::get(format!("https://origin.example.com/{path}"));
        let request = request.body(Body::empty()).map_err(Error::other)?;
        let response = fetch(request).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => {
                let body = response.into_body().collect().await;
                let body = body.map_err(Error::other)?.to_bytes();
                Ok(Some(String::from_utf8_lossy(&body).into_owned()))
            }
            status => Err(Error::other(format!("the origin responds with {status}"))),
        }
    };

    let minute = Duration::from_secs(60);
    let policy = Policy::new(minute).stale(minute).negative(minute);
    let pages = TieredCache::new("pages", policy)
        .kv(&env.cache)
        .d1(&env.db, "cache");
    for _ in 0..2 {
        let page = pages.read_through("a", || load("a")).await?;
        same!(page.as_deref(), Some("page 1"));
        same!(
            pages.read_through("missing", || load("missing")).await?,
            None
        );
    }
    same!(requests.load(Ordering::Relaxed), 2);

    world.clock().advance(Duration::from_secs(61));
    let page = pages.read_through("a", || load("a")).await?;
    same!(page.as_deref(), Some("page 1"));
    same!(requests.load(Ordering::Relaxed), 3);
    world.clock().advance(minute);
    same!(pages.read_through("a", || load("a")).await.is_err(), true);
    Ok(())
}

/// The requests that purge the cache of a zone, and the errors of the API.
#[bindery::test(secrets(TOKEN = "t", LINK_SECRET = "wrong"))]
async fn the_cache_of_a_zone_is_purged(env: Env, world: TestWorld) -> conformance::Outcome {
    use bindery::cache::Zone;

    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    world.respond("https://api.cloudflare.com/*", move |request: Request| {
        let log = Arc::clone(&log);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes());
            let body = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
            let token = parts.headers.get("authorization");
            let token = token.and_then(|token| token.to_str().ok()).unwrap_or("");
            let line = format!("{} {} {token} {body}", parts.method, parts.uri.path());
            if let Ok(mut log) = log.lock() {
                log.push(line);
            }
            let too_many = r#"{"success":false,"errors":[{"code":1134,"message":"too many"}]}"#;
            match (token, body.contains("refused")) {
                ("Bearer t", false) => (StatusCode::OK, r#"{"success":true,"errors":[]}"#),
                ("Bearer t", true) => (StatusCode::TOO_MANY_REQUESTS, too_many),
                _ => (StatusCode::FORBIDDEN, "not JSON"),
            }
        }
    });
    let zone = Zone::new("z", &env.secrets.token);
    let urls: Vec<String> = (0..101)
        .map(|number| format!("https://a/{number}"))
        .collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    zone.purge_urls(&urls).await?;
    zone.purge_tags(&["a", "b"]).await?;
    zone.purge_prefixes(&["a/b"]).await?;
    zone.purge_everything().await?;
    zone.purge_tags(&[]).await?;
    let error = zone.purge_tags(&["refused"]).await.err().ok_or("refused")?;
    same!(error.kind(), ErrorKind::Overloaded);
    same!(
        error.message(),
        "the cache was not purged: HTTP 429; too many (1134)"
    );
    let wrong = env.secrets.link_secret.as_ref().ok_or("a secret")?;
    let error = Zone::new("z", wrong)
        .purge_tags(&["a"])
        .await
        .err()
        .ok_or("denied")?;
    same!(error.kind(), ErrorKind::Denied);

    let seen = seen.lock().map_err(|_| "the server panicked")?;
    same!(seen.len(), 7);
    same!(
        seen[1],
        "POST /client/v4/zones/z/purge_cache Bearer t {\"files\":[\"https://a/100\"]}"
    );
    same!(
        seen[2],
        "POST /client/v4/zones/z/purge_cache Bearer t {\"tags\":[\"a\",\"b\"]}"
    );
    same!(
        seen[3],
        "POST /client/v4/zones/z/purge_cache Bearer t {\"prefixes\":[\"a/b\"]}"
    );
    same!(
        seen[4],
        "POST /client/v4/zones/z/purge_cache Bearer t {\"purge_everything\":true}"
    );
    Ok(())
}

#[bindery::test]
async fn a_test_responds_for_other_servers(_env: Env, world: TestWorld) -> conformance::Outcome {
    world.respond("https://api.example.com/*", |request| async move {
        format!("{} {}", request.method(), request.uri().path())
    });
    world.respond("https://api.example.com/slow", |_| async {
        time::sleep(Duration::from_secs(3600)).await;
    });

    let get = |uri: &str| Request::get(uri).body(Body::empty());
    let response = fetch(get("https://api.example.com/a")?).await?;
    let body = axum::body::to_bytes(response.into_body(), 100).await?;
    same!(&*body, b"GET /a");

    let options = FetchOptions::default().timeout(Duration::from_millis(20));
    let error = fetch_with(get("https://api.example.com/slow")?, options)
        .await
        .err();
    same!(error.map(|error| error.kind()), Some(ErrorKind::Timeout));
    let error = fetch(get("https://example.com/?key=secret")?).await.err();
    let error = error.ok_or("the test has no response")?;
    same!(error.kind(), ErrorKind::Denied);
    same!(error.to_string().contains("`world.respond("), true);
    same!(error.to_string().contains("secret"), false);
    Ok(())
}

/// The same requests as `tests/e2e/conformance.mjs` sends on workerd.
#[bindery::test]
async fn requests_are_sent_to_other_servers(_env: Env, world: TestWorld) -> conformance::Outcome {
    world.allow_network();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let echo = async |request: Request| {
        let (method, path) = (request.method().clone(), request.uri().clone());
        let asked = request.headers().get("x-asked").cloned();
        let body = axum::body::to_bytes(request.into_body(), 100).await;
        let body = body.map(|body| String::from_utf8_lossy(&body).into_owned());
        format!(
            "{method} {path} {} {}",
            asked.is_some(),
            body.unwrap_or_default()
        )
    };
    let router = Router::new()
        .route("/redirect", post(async || Redirect::to("/other")))
        .route(
            "/slow",
            post(async || tokio::time::sleep(Duration::from_secs(3)).await),
        )
        .fallback(echo);
    tokio::spawn(async { axum::serve(listener, router).await });

    let send = async |uri: &str, options: FetchOptions| {
        let request = Request::post(uri)
            .header("x-asked", "yes")
            .body(Body::from("hello"));
        let response = fetch_with(request.map_err(bindery::Error::other)?, options).await?;
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 100).await;
        let body = body.map_err(bindery::Error::other)?;
        Ok::<_, bindery::Error>(format!("{status} {}", String::from_utf8_lossy(&body)))
    };
    let options = FetchOptions::default;
    let (echo, redirect) = (format!("{origin}/a?b=1"), format!("{origin}/redirect"));
    same!(send(&echo, options()).await?, "200 POST /a?b=1 true hello");
    same!(send(&redirect, options()).await?, "200 GET /other true ");
    let manual = options().redirect(http::Redirect::Manual);
    same!(send(&redirect, manual).await?, "303 ");
    let denied = send(&redirect, options().redirect(http::Redirect::Error)).await;
    same!(denied.map_err(|error| error.kind()), Err(ErrorKind::Denied));
    let short = options().timeout(Duration::from_millis(50));
    let late = send(&format!("{origin}/slow"), short).await;
    same!(late.map_err(|error| error.kind()), Err(ErrorKind::Timeout));
    let missing = send("http://127.0.0.1:1/", options()).await;
    same!(
        missing.map_err(|error| error.kind()),
        Err(ErrorKind::Unavailable)
    );
    let relative = send("/relative", options()).await;
    same!(
        relative.map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    Ok(())
}

/// The server of the worker accepts what the worker signs.
#[bindery::test]
async fn presigned_requests(_env: Env, world: TestWorld) -> conformance::Outcome {
    world.allow_network();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("presign");
    let _ = std::fs::remove_dir_all(&folder);
    let options = ServerOptions::default().state(&folder);
    let server = Server::<App>::start(options).await?;
    let env = server.env().clone();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!(
        "http://{}/cdn-cgi/local/r2/s3/conformance",
        listener.local_addr()?
    );
    let serving = tokio::spawn(server.serve_until(listener, std::future::pending()));
    let outcome = conformance::presign::requests(env, &url).await;
    serving.abort();
    outcome
}

/// A request is an event, with its status, and so is a batch. A panic is an error.
#[bindery::test]
async fn requests_and_batches_are_events(_env: Env) -> conformance::Outcome {
    use tower_service::Service as _;

    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("events");
    let _ = std::fs::remove_dir_all(&folder);
    let options = ServerOptions::default().state(&folder).log(LogFormat::Off);
    let server = Server::<App>::start(options).await?;
    let mut service = server.service();
    let mut send = async |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("host", "localhost").body(Body::empty())?;
        let response = service.call(request).await?;
        let body = response.into_body().collect().await?.to_bytes();
        Ok::<String, Box<dyn std::error::Error + Send + Sync>>(String::from_utf8(body.to_vec())?)
    };

    send("POST", "/observe").await?;
    send("GET", "/observed").await?;
    send("GET", "/no-such-route").await?;
    send("GET", "/panic").await?;
    send("POST", "/run/queue::send_undecided").await?;
    let expected = [
        "cloudflare.worker.fetch.success Some(404) None",
        "cloudflare.worker.fetch.error Some(500) None",
        "cloudflare.worker.queue.success None Some(1)",
    ];
    let mut seen: Vec<String> = Vec::new();
    while !expected
        .iter()
        .all(|line| seen.iter().any(|seen| seen == line))
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
        seen.extend(serde_json::from_str::<Vec<String>>(
            &send("GET", "/observed").await?,
        )?);
    }
    server.shutdown().await;
    Ok(())
}

/// A warning is due once in each period.
#[bindery::test]
async fn a_budget_warns_once_a_day(env: Env, world: TestWorld) -> conformance::Outcome {
    use bindery::observe::{Cost, Period, Prices, Resource};

    world
        .clock()
        .set(UNIX_EPOCH + Duration::from_secs(20_000 * 86_400));
    let warnings: Arc<Mutex<Vec<String>>> = Arc::default();
    let received = Arc::clone(&warnings);
    let cost = Cost::new(Prices::default()).warn_with(0.8, move |warning| {
        let is_write = warning.resource == Resource::KvWrites && warning.period == Period::Day;
        if let Ok(mut warnings) = received.lock() {
            warnings.push(format!("{is_write} {warning}"));
        }
    });
    env.observe(cost.clone());
    for _ in 0..900 {
        env.cache.put(&kv::text("a"), "1").await?;
    }
    world.clock().advance(Duration::from_secs(86_400));
    for _ in 0..801 {
        env.cache.put(&kv::text("a"), "1").await?;
    }

    let line = "true 800 KV writes are 80 % of the 1000 that the free plan allows in a day";
    same!(*warnings.lock().map_err(|_| "locked")?, [line, line]);
    same!(cost.amount(Resource::KvWrites), 1701);

    // 1,701 writes in a day are 51,030 in a month, and a million is included.
    let report = cost.report();
    let writes = report.lines.first().ok_or("the writes")?;
    same!((writes.resource, writes.amount), (Resource::KvWrites, 1701));
    same!((51_000..=51_030).contains(&writes.monthly_amount), true);
    same!((writes.free_ratio() * 10.0).round() as u8, 17);
    same!(
        format!("{:.6} {:.2}", report.dollars, report.dollars_per_month),
        "0.008505 5.00"
    );
    Ok(())
}

#[bindery::test]
async fn a_clock_that_is_set_back_stalls_nothing(
    env: Env,
    world: TestWorld,
) -> conformance::Outcome {
    let options = PutOptions::default().ttl(Duration::from_secs(3600));
    env.cache.put_with(&kv::text("a"), "1", options).await?;
    env.queue.send(&serde_json::json!(1)).await?;
    world.clock().set(time::now() - Duration::from_secs(86_400));
    // The first delivery and the retry, which is scheduled by the clock that was set back.
    same!(bindery::deliver_queues::<App>(&env).await?, 2);
    same!(env.cache.get(&kv::text("a")).await?.as_deref(), Some("1"));
    env.storage.put("b", "2").await?;
    same!(
        env.storage
            .get("b")
            .await?
            .ok_or("it is stored")?
            .text()
            .await?,
        "2"
    );
    Ok(())
}

/// A recorder of the `metrics` crate receives what each call measures.
#[bindery::test]
async fn calls_are_metrics(env: Env) -> conformance::Outcome {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    // Another test must not record into it, so it is the recorder of this thread.
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    env.observe(bindery::observe::metrics());
    env.db.note("metrics", 1).await?;
    env.db.noted().await?;
    let _ = env.db.the_user("nobody").await;
    env.queue
        .send_batch(&[1, 2, 3].map(serde_json::Value::from))
        .await?;
    env.storage.put("a", "1").await?;

    let lines = snapshotter.snapshot().into_vec().into_iter();
    let mut lines: Vec<String> = lines
        .map(|(key, _, _, value)| {
            let label = |label: &metrics::Label| match label.key() {
                "db.query.summary" | "error.type" | "operation" => label.value().to_owned() + " ",
                _ => String::new(),
            };
            let labels: String = key.key().labels().map(label).collect();
            let value = match value {
                DebugValue::Counter(count) => count.to_string(),
                DebugValue::Histogram(values) => format!("{} times", values.len()),
                DebugValue::Gauge(_) => "a gauge".to_owned(),
            };
            format!("{} {labels}{value}", key.key().name())
        })
        .collect();
    lines.sort();
    same!(
        lines,
        [
            "cloudflare.d1.rows_read note 0",
            "cloudflare.d1.rows_read noted 1",
            "cloudflare.d1.rows_read the_user not_found 0",
            "cloudflare.d1.rows_written note 1",
            "cloudflare.d1.rows_written noted 0",
            "cloudflare.d1.rows_written the_user not_found 0",
            "cloudflare.r2.operation.duration put 1 times",
            "db.client.operation.duration note 1 times",
            "db.client.operation.duration noted 1 times",
            "db.client.operation.duration the_user not_found 1 times",
            "db.client.response.returned_rows note 1 times",
            "db.client.response.returned_rows noted 1 times",
            "db.client.response.returned_rows the_user not_found 1 times",
            "messaging.client.operation.duration 1 times",
            "messaging.client.sent.messages 3",
        ]
    );
    Ok(())
}
