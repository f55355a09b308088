//! The HTTP interface on workerd: `GET /cases` lists the cases, `POST /run/<name>` runs one.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bindery::http::{FetchOptions, Redirect, fetch_with};
use bindery::observe::{Event, Measures};
use bindery::web::{KvLimit, ObjectLimit, RateLimitLayer};
use bindery::{Context, Request, Response};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;

use crate::{Env, Outcome, each_case, streams};

macro_rules! table {
    ($($module:ident::$case:ident)*) => {
        const NAMES: &[&str] = &[$(concat!(stringify!($module), "::", stringify!($case))),*];

        async fn run(name: &str, env: Env) -> Outcome {
            let case = match name {
                $(concat!(stringify!($module), "::", stringify!($case)) => {
                    start_case(crate::$module::$case, env)
                })*
                "queue::send" => start_case(crate::queue::send, env),
                "queue::arrived" => start_case(crate::queue::arrived, env),
                "queue::send_undecided" => start_case(crate::queue::send_undecided, env),
                "queue::undecided_arrived" => start_case(crate::queue::undecided_arrived, env),
                "queue::send_failing" => start_case(crate::queue::send_failing, env),
                "queue::failing_arrived" => start_case(crate::queue::failing_arrived, env),
                "queue::send_plain" => start_case(crate::queue::send_plain, env),
                "queue::plain_arrived" => start_case(crate::queue::plain_arrived, env),
                "queue::send_delayed" => start_case(crate::queue::send_delayed, env),
                "queue::delayed_arrived" => start_case(crate::queue::delayed_arrived, env),
                "objects::set_failing_alarm" => start_case(crate::objects::set_failing_alarm, env),
                "objects::failing_alarm_fired" => {
                    start_case(crate::objects::failing_alarm_fired, env)
                }
                _ => return Err("there is no such case".into()),
            };
            case.await
        }
    };
}
each_case!(table);

/// Calls a case. Without optimization, the futures of all cases in one function would fill the
/// stack.
fn start_case<F: Future<Output = Outcome> + Send + 'static>(
    case: impl FnOnce(Env) -> F,
    env: Env,
) -> BoxFuture<'static, Outcome> {
    Box::pin(case(env))
}

/// The number of calls of the start hook.
static STARTS: AtomicU32 = AtomicU32::new(0);

pub(crate) fn start(_: &Env) {
    STARTS.fetch_add(1, Ordering::Relaxed);
}

/// Responds to the test runner.
pub(crate) async fn fetch(request: Request, env: Env, context: Context) -> Response {
    if request.uri().path() == "/background" {
        let env = env.clone();
        context.wait_until(async move { env.db.note("background", 1).await });
    }
    let router = Router::new()
        .route("/cases", get(async || Json(NAMES)))
        .route("/run/{name}", post(answer))
        .route(
            "/starts",
            get(async || STARTS.load(Ordering::Relaxed).to_string()),
        )
        .route("/observe", post(observe))
        .route("/observed", get(observed))
        .route("/background", post(async || "started"))
        .route("/tiers", post(tiers).get(after_tiers))
        .route("/noted", get(noted))
        .route("/request", get(describe))
        .route("/panic", get(panic))
        .route("/log", get(log))
        .route("/fetch", post(fetch_other))
        .route("/slow", get(slow))
        .route("/objects/{key}", put(put_object).get(object))
        .route("/echo", post(echo))
        .route("/forwarded", get(pass_on))
        .route("/presign", post(presigned))
        .route("/memory", get(memory))
        .route("/rooms/{room}/{user}", get(join))
        .route("/socket", get(streams::socket))
        .route("/events", get(streams::events))
        .nest("/limited", limited(&env))
        .with_state(env);
    bindery::http::route(router, request).await
}

/// Connects a client to a room.
async fn join(
    State(env): State<Env>,
    Path((room, _)): Path<(String, String)>,
    request: Request,
) -> bindery::Result<Response> {
    env.rooms.by_name(&room).fetch(request).await
}

/// Routes with a rate limit, one for each engine. The limit is two requests.
fn limited(env: &Env) -> Router<Env> {
    let by_kv = KvLimit::new(&env.cache, "limited", 2, Duration::from_secs(3600));
    let by_object = ObjectLimit::new(&env.limits, "limited", 2, Duration::from_secs(3600));
    let handler = || get(async || "allowed");
    Router::new()
        .route("/kv", handler().layer(RateLimitLayer::new(by_kv)))
        .route("/object", handler().layer(RateLimitLayer::new(by_object)))
        .route(
            "/binding",
            handler().layer(RateLimitLayer::new(env.limiter.clone())),
        )
}

/// The requests and batches that handlers have processed.
static HANDLED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Starts to record the events of handlers, and the calls inside of them.
async fn observe(State(env): State<Env>) {
    env.observe(|event: &Event<'_>| {
        let Ok(mut handled) = HANDLED.lock() else {
            return;
        };
        if event.service == bindery::Service::Worker {
            let Measures { status, count, .. } = event.measures;
            handled.push(format!("{} {status:?} {count:?}", event.name()));
        }
    });
}

/// Returns what was recorded, and forgets it.
async fn observed() -> Json<Vec<String>> {
    let handled = HANDLED
        .lock()
        .map(|mut handled| std::mem::take(&mut *handled));
    Json(handled.unwrap_or_default())
}

fn outcome(outcome: Outcome) -> (StatusCode, String) {
    match outcome {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// Uses caches whose work continues in the background.
async fn tiers(State(env): State<Env>, context: Context) -> (StatusCode, String) {
    outcome(crate::tiers::in_the_background(env, context).await)
}

async fn after_tiers(State(env): State<Env>) -> (StatusCode, String) {
    outcome(crate::tiers::after_the_background(env).await)
}

/// Stores the body of the request, which the platform can pass on.
async fn put_object(
    State(env): State<Env>,
    key: Path<String>,
    body: bindery::Body,
) -> Result<String, bindery::Error> {
    Ok(env.storage.put(&*key, body).await?.size.to_string())
}

/// Whether the worker reads the start of a body before it responds with the rest.
#[derive(serde::Deserialize)]
struct Start {
    #[serde(default)]
    is_read: bool,
}

/// Responds with an object, or with the rest of it and the number of bytes before that.
async fn object(
    State(env): State<Env>,
    key: Path<String>,
    Query(start): Query<Start>,
) -> Result<Response, bindery::Error> {
    let object = env.storage.get(&*key).await?;
    let object = object.ok_or_else(|| bindery::Error::other("there is no object"))?;
    let mut response = Response::new(object.body);
    if start.is_read {
        let first = response.body_mut().frame().await.transpose();
        let first = first.map_err(bindery::Error::other)?;
        let read = first.and_then(|frame| Some(frame.into_data().ok()?.len()));
        let read = HeaderValue::from(read.unwrap_or_default());
        response.headers_mut().insert("x-read", read);
    }
    Ok(response)
}

/// Responds with the request: its body, and the header that each header asks for.
async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = Response::new(body);
    for (name, value) in &parts.headers {
        if let Some(name) = name.as_str().strip_prefix("x-echo-")
            && let Ok(name) = name.parse::<HeaderName>()
        {
            response.headers_mut().append(name, value.clone());
        }
    }
    // The bytes of the value that arrived.
    if let Some(value) = parts.headers.get("x-echo-bytes") {
        let digits = value.as_bytes().iter().map(|byte| format!("{byte:02x}"));
        if let Ok(value) = digits.collect::<String>().parse() {
            response.headers_mut().insert("x-digits", value);
        }
    }
    for cookie in ["a=1", "b=2"] {
        let cookie = HeaderValue::from_static(cookie);
        response.headers_mut().append("set-cookie", cookie);
    }
    response
}

/// Forwards the request to another worker.
async fn pass_on(State(env): State<Env>, request: Request) -> Result<Response, bindery::Error> {
    env.service.fetch(request).await
}

/// Responds with the memory of the Wasm module, in MiB.
async fn memory() -> String {
    #[cfg(target_arch = "wasm32")]
    let pages = core::arch::wasm32::memory_size::<0>();
    #[cfg(not(target_arch = "wasm32"))]
    let pages = 0_usize;
    (pages * 64 / 1024).to_string()
}

async fn presigned(State(env): State<Env>, bucket_url: String) -> (StatusCode, String) {
    crate::presign::answer(env, bucket_url).await
}

async fn noted(State(env): State<Env>) -> Result<String, bindery::Error> {
    let rows = env.db.noted().await?;
    Ok(rows.into_iter().map(|row| row.body).collect())
}

/// Describes the request as the handler sees it.
async fn describe(context: Context, request: Request) -> String {
    let scheme = request.uri().scheme_str().unwrap_or("none");
    let host = request.uri().host().unwrap_or("none");
    let ip = request.headers().contains_key("cf-connecting-ip");
    let colo = context.cf().colo;
    format!(
        "{scheme} {host} {} {ip} {}",
        request.uri().path(),
        colo.is_some()
    )
}

/// The request that the test wants to be sent.
#[derive(serde::Deserialize)]
struct Wanted {
    url: String,
    redirect: Option<String>,
    timeout: Option<u64>,
}

/// Sends the body to another server, and responds with its status, a header and its body, or with
/// the kind of the error.
async fn fetch_other(wanted: axum::extract::Query<Wanted>, body: bindery::Body) -> String {
    let mut options = FetchOptions::default().redirect(match wanted.redirect.as_deref() {
        Some("manual") => Redirect::Manual,
        Some("error") => Redirect::Error,
        _ => Redirect::Follow,
    });
    if let Some(timeout) = wanted.timeout {
        options = options.timeout(Duration::from_millis(timeout));
    }
    match forward(&wanted.url, body, options).await {
        Ok(text) => text,
        Err(error) => format!("error {}", error.kind().name()),
    }
}

async fn forward(
    url: &str,
    body: bindery::Body,
    options: FetchOptions,
) -> Result<String, bindery::Error> {
    let request = Request::post(url).header("x-asked", "yes").body(body);
    let request = request.map_err(bindery::Error::other)?;
    let response = fetch_with(request, options).await?;
    let (status, header) = (
        response.status().as_u16(),
        response.headers().get("x-answer"),
    );
    let header = header
        .and_then(|value| value.to_str().ok())
        .unwrap_or("none")
        .to_owned();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
    let body = body.map_err(bindery::Error::other)?;
    Ok(format!(
        "{status} {header} {}",
        String::from_utf8_lossy(&body)
    ))
}

#[expect(clippy::panic, reason = "the test needs a panic in a handler")]
async fn panic() -> String {
    panic!("a handler")
}

async fn log() -> &'static str {
    let span = tracing::info_span!("upload", file = 7);
    span.in_scope(|| tracing::info!(answer = 42, "an event"));
    tracing::debug!("hidden");
    bindery::println!("a printed {}", "line");
    "logged"
}

async fn slow() -> &'static str {
    bindery::time::sleep(Duration::from_millis(500)).await;
    "slow"
}

async fn answer(State(env): State<Env>, Path(name): Path<String>) -> (StatusCode, String) {
    match run(&name, env).await {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
