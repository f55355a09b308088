//! A worker with every observer. `tests/e2e/observers.mjs` compares what they report on both
//! backends.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use bindery::cache::{Policy, TieredCache};
use bindery::http::fetch;
use bindery::observe::{self, Aggregate, Cost, Otlp, Prices, ServerTiming};
use bindery::queue::Batch;
use bindery::{Body, Request, Result};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use serde_json::{Value, json};
use tracing_subscriber::fmt::format::FmtSpan;

/// The bindings of `wrangler.toml`.
#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    start: start,
    fetch: router,
    queue "observers-jobs": process,
}

/// What the observers have seen.
struct Seen {
    aggregate: Aggregate,
    cost: Cost,
}

static SEEN: OnceLock<Seen> = OnceLock::new();

/// The spans of `tracing`, as text.
static SPANS: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The names of the metrics, with the query.
static METRICS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

struct MetricNames;

impl MetricNames {
    fn add(key: &Key) {
        let query = key.labels().find(|label| label.key() == "db.query.summary");
        let query = query.map(|query| query.value()).unwrap_or_default();
        if let Ok(mut metrics) = METRICS.lock() {
            metrics.insert(format!("{} {query}", key.name()).trim_end().to_owned());
        }
    }
}

impl Recorder for MetricNames {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Self::add(key);
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Self::add(key);
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Self::add(key);
        Histogram::noop()
    }
}

struct SpanWriter;

impl Write for SpanWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut spans = SPANS.lock().map_err(|_| io::Error::other("poisoned"))?;
        spans.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn start(env: &Env) -> Result<()> {
    let seen = Seen {
        aggregate: Aggregate::default(),
        cost: Cost::new(Prices::default()).warn_at(0.8),
    };
    metrics::set_global_recorder(MetricNames).map_err(bindery::Error::other)?;
    let spans = tracing_subscriber::fmt()
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(|| SpanWriter)
        .with_ansi(false)
        .without_time();
    tracing::subscriber::set_global_default(spans.finish()).map_err(bindery::Error::other)?;

    env.observe(seen.aggregate.clone());
    env.observe(seen.cost.clone());
    env.observe(observe::json());
    env.observe(observe::metrics());
    env.observe(observe::tracing());
    env.observe(observe::analytics_engine(&env.events));
    env.observe(ServerTiming);
    let exporter = Otlp::new(env.secrets.collector.expose(), "observers")?;
    env.observe(exporter.header("x-key", env.secrets.collector_key.expose())?);
    let _ = SEEN.set(seen);
    Ok(())
}

fn router(env: Env) -> Router {
    Router::new()
        .route("/work", get(work))
        .route("/report", get(report))
        .layer(ServerTiming)
        .with_state(env)
}

/// Uses each service once or twice.
async fn work(State(env): State<Env>) -> Result<String> {
    let policy = Policy::new(Duration::from_secs(60));
    let cache = TieredCache::new("notes", policy).kv(&env.cache);
    let load = async || Ok::<_, bindery::Error>(Some(env.db.note(1).await?.text));
    let note: Option<String> = cache.read_through("1", load).await?;

    // Fails, because the text exists.
    let failed = env.db.add_note("second").await.is_err();
    env.files.put("note", "a text").await?;
    env.files.get("note").await?;
    env.jobs.send("note").await?;

    let uri = format!("{}/hello", env.secrets.collector.expose());
    let request = Request::get(uri).body(Body::empty());
    fetch(request.map_err(bindery::Error::other)?).await?;
    Ok(format!("{} {failed}", note.unwrap_or_default()))
}

async fn process(batch: Batch<'_, String>, env: Env) -> Result<()> {
    for _ in batch {
        env.db.note(2).await?;
    }
    Ok(())
}

/// Responds with what the observers of this instance have seen, without durations.
async fn report() -> Json<Value> {
    let Some(seen) = SEEN.get() else {
        return Json(Value::Null);
    };
    let summaries = seen.aggregate.summaries();
    let aggregate: Vec<Value> = summaries
        .iter()
        .map(|summary| {
            json!([
                summary.service,
                summary.operation,
                summary.query,
                summary.calls,
                summary.errors,
            ])
        })
        .collect();
    let metrics = METRICS.lock().map(|metrics| metrics.clone());
    let report = seen.cost.report();
    let cost: Vec<Value> = report
        .lines
        .iter()
        .map(|line| json!([line.resource.name(), line.amount, line.dollars]))
        .collect();
    let spans = SPANS
        .lock()
        .map(|spans| String::from_utf8_lossy(&spans).into_owned());
    Json(json!({
        "aggregate": aggregate,
        "metrics": metrics.unwrap_or_default(),
        "cost": cost,
        "spans": spans.unwrap_or_default(),
    }))
}
