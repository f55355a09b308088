//! The observers: spans, costs, counts and samples.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bindery::cache::{Policy, TieredCache};
use bindery::kv;
use bindery::observe::{self, Aggregate, Call, Cost, Event, Observer, Prices, Resource, Span};
use bindery::r2::Content;
use bindery::{Error, ErrorKind, Service};
use bytes::Bytes;
use futures_util::stream;
use tracing::instrument::WithSubscriber;

use crate::{Env, Outcome, same};

/// What an observer has seen.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Records the spans.
struct Spans(Lines);

struct NamedSpan {
    name: String,
    lines: Lines,
    is_entered: bool,
}

impl Observer for Spans {
    fn record(&self, _: &Event<'_>) {}

    fn has_spans(&self) -> bool {
        true
    }

    fn start(&self, call: &Call<'_>) -> Option<Box<dyn Span>> {
        // A handler has spans too, where there is one.
        if call.service == Service::Worker {
            return None;
        }
        let name = format!("{} ({})", call.span_name(), call.span_kind());
        self.0.push(format!("start {name}"));
        let span = NamedSpan {
            name,
            lines: self.0.clone(),
            is_entered: false,
        };
        let span: Box<dyn Span> = Box::new(span);
        Some(span)
    }
}

impl Span for NamedSpan {
    fn enter(&mut self) {
        self.is_entered = true;
    }

    fn exit(&mut self) {
        self.is_entered = false;
    }

    fn end(self: Box<Self>, event: &Event<'_>) {
        let problem = if self.is_entered {
            " while it runs"
        } else {
            ""
        };
        let error = if event.is_error() {
            " with an error"
        } else {
            ""
        };
        self.lines
            .push(format!("end {}{error}{problem}", self.name));
    }
}

/// A call during another one has its span inside.
pub async fn spans_nest(env: Env) -> Outcome {
    let lines = Lines::default();
    env.observe(Spans(lines.clone()));

    let cache = TieredCache::new("spans", Policy::new(Duration::from_secs(60))).kv(&env.cache);
    cache.get::<String>("a").await?;
    env.db.users().await?;
    let _ = env.db.the_user("nobody").await;
    env.queue.send(&serde_json::json!(1)).await?;
    let found = lines.take();
    // Observers belong to the instance on Workers.
    env.observe(Spans(Lines::default()));

    let expected = [
        "start lookup spans (client)",
        "start get CACHE (client)",
        "end get CACHE (client)",
        "end lookup spans (client)",
        "start users (client)",
        "end users (client)",
        "start the_user (client)",
        "end the_user (client) with an error",
        "start send QUEUE (producer)",
        "end send QUEUE (producer)",
    ];
    same!(found, expected);
    Ok(())
}

/// What the platform bills is counted, and what a check refuses is not.
pub async fn costs(env: Env) -> Outcome {
    let cost = Cost::new(Prices::default());
    env.observe(cost.clone());

    env.cache.put(&kv::text("a"), "1").await?;
    env.cache.get(&kv::text("a")).await?;
    env.cache.get(&kv::text("missing")).await?;
    let keys = ["a", "b", "c"].map(kv::text);
    env.cache.get_many(&keys).await?;
    env.cache.list(kv::prefix("")).page().await?;
    env.cache.delete(&kv::text("a")).await?;
    let refused = env.cache.get(&kv::text("")).await;
    same!(
        refused.err().map(|error| error.kind()),
        Some(ErrorKind::InvalidArgument)
    );

    env.storage.put("one", "1").await?;
    env.storage.get("one").await?;
    env.storage.head("one").await?;
    env.storage.copy("one", "two").await?;
    let copied = env.storage.copy("missing", "other").await?;
    same!(copied.is_none(), true);
    env.storage.delete("one").await?;
    // Three parts, the start and the end.
    let chunk = || Ok::<_, Error>(Bytes::from(vec![b'x'; 1024 * 1024]));
    let content = Content::stream(stream::iter((0..11).map(move |_| chunk())));
    env.storage.put("large", content).await?;

    env.queue.send("short").await?;
    env.queue.send(&"x".repeat(100_000)).await?;
    env.db.note("cost", 1).await?;
    env.db.noted().await?;

    // On Workers the observer remains for later cases.
    env.observe(Cost::new(Prices::default()));
    let amount = |resource| cost.amount(resource);
    same!(amount(Resource::KvWrites), 1);
    same!(amount(Resource::KvReads), 5);
    same!(amount(Resource::KvLists), 1);
    same!(amount(Resource::KvDeletes), 1);
    same!(amount(Resource::R2ClassA), 2 + 5);
    same!(amount(Resource::R2ClassB), 4);
    same!(amount(Resource::QueueOperations), 3);
    same!(amount(Resource::D1RowsWritten), 1);
    same!(amount(Resource::D1RowsRead) > 0, true);

    let report = cost.report();
    let writes = report
        .lines
        .iter()
        .find(|line| line.resource == Resource::KvWrites);
    let writes = writes.ok_or("the writes")?;
    same!(format!("{:.6}", writes.dollars), "0.000005");
    let dollars: f64 = report.lines.iter().map(|line| line.dollars).sum();
    same!(report.dollars.to_bits(), dollars.to_bits());
    same!(report.to_string().contains("KV writes"), true);
    Ok(())
}

/// Calls are counted by service, binding, operation and query.
pub async fn summaries(env: Env) -> Outcome {
    let aggregate = Aggregate::default();
    env.observe(aggregate.clone());
    for _ in 0..3 {
        env.db.users().await?;
    }
    let _ = env.db.the_user("nobody").await;
    env.cache.put(&kv::text("a"), "text").await?;
    env.cache.get(&kv::text("a")).await?;
    env.cache.get(&kv::text("missing")).await?;
    // The clock of Workers has whole milliseconds, and this one takes several.
    env.storage.put("a", vec![0; 5_000_000]).await?;
    env.observe(Aggregate::default());

    let summaries = aggregate.summaries();
    let lines = summaries
        .iter()
        .filter(|summary| summary.service != "worker");
    let lines = lines.map(|summary| {
        let name = summary.query.unwrap_or(summary.operation);
        let errors: Vec<_> = summary.errors.iter().collect();
        let (hits, misses) = (summary.hits, summary.misses);
        format!(
            "{} {name} {} {errors:?} {hits} {misses}",
            summary.binding, summary.calls
        )
    });
    let expected = [
        "DB the_user 1 [(\"not_found\", 1)] 0 0",
        "DB users 3 [] 0 0",
        "CACHE get 2 [] 1 1",
        "CACHE put 1 [] 0 0",
        "STORAGE put 1 [] 0 0",
    ];
    same!(lines.collect::<Vec<_>>(), expected);
    for summary in &summaries {
        let order = [summary.p50, summary.p95, summary.p99, summary.max];
        same!(order.is_sorted(), true);
        // Percentiles are exact to 1 %, and to whole microseconds.
        let difference = summary.max.saturating_sub(summary.p50);
        let allowed = summary.max / 50 + Duration::from_micros(1);
        same!(summary.calls > 1 || difference <= allowed, true);
    }
    same!(aggregate.to_string().lines().count(), summaries.len() + 1);
    aggregate.reset();
    same!(aggregate.summaries(), []);
    Ok(())
}

/// A sample has all errors.
pub async fn samples(env: Env) -> Outcome {
    let lines = Lines::default();
    for part in [0.0, 1.0] {
        let lines = lines.clone();
        let record = move |event: &Event<'_>| {
            if event.service != Service::Worker {
                lines.push(format!("{part} {}", event.name()));
            }
        };
        env.observe(observe::sampled(part, record));
        env.db.users().await?;
        let _ = env.db.the_user("nobody").await;
    }

    env.observe(observe::sampled(0.0, |_: &Event<'_>| {}));
    let expected = [
        "0 cloudflare.d1.query.error",
        "1 cloudflare.d1.query.success",
        "1 cloudflare.d1.query.error",
    ];
    same!(lines.take(), expected);
    Ok(())
}

/// Collects the spans of `tracing`.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Collected>>);

type Fields = Vec<(&'static str, String)>;

#[derive(Default)]
struct Collected {
    /// The parent and the fields of each span.
    spans: Vec<(Option<u64>, Fields)>,
    /// The spans that the thread is in.
    entered: Vec<u64>,
}

impl Collector {
    fn locked(&self) -> MutexGuard<'_, Collected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each span with its parent, and the fields that were recorded.
    fn lines(&self) -> Vec<String> {
        let collected = self.locked();
        let name = |id: u64| collected.spans[id as usize - 1].1[0].1.clone();
        let lines = collected.spans.iter().map(|(parent, fields)| {
            let parent = parent.map_or("-".to_owned(), name);
            let fields = fields.iter().map(|(name, value)| format!("{name}={value}"));
            format!("{parent} > {}", fields.collect::<Vec<_>>().join(" "))
        });
        lines.collect()
    }
}

/// Adds the fields whose values are the same on both backends.
impl tracing::field::Visit for Collected {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        let compared = [
            "otel.name",
            "otel.kind",
            "otel.status_code",
            "cache.hit",
            "error.type",
        ];
        if let Some((_, fields)) = self.spans.last_mut()
            && compared.contains(&field.name())
        {
            fields.push((field.name(), format!("{value:?}").replace('"', "")));
        }
    }
}

impl tracing::Subscriber for Collector {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "bindery"
    }

    fn new_span(&self, attributes: &tracing::span::Attributes<'_>) -> tracing::Id {
        let mut collected = self.locked();
        let parent = collected.entered.last().copied();
        collected.spans.push((parent, Vec::new()));
        attributes.record(&mut *collected);
        tracing::Id::from_u64(collected.spans.len() as u64)
    }

    fn record(&self, id: &tracing::Id, values: &tracing::span::Record<'_>) {
        let mut collected = self.locked();
        // The visitor adds to the last span.
        let mut later = collected.spans.split_off(id.into_u64() as usize);
        values.record(&mut *collected);
        collected.spans.append(&mut later);
    }

    fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, id: &tracing::Id) {
        self.locked().entered.push(id.into_u64());
    }

    fn exit(&self, _: &tracing::Id) {
        self.locked().entered.pop();
    }
}

/// Calls are spans of `tracing` with the names of OpenTelemetry.
pub async fn spans_of_tracing(env: Env) -> Outcome {
    let collector = Collector::default();
    env.observe(observe::sampled(1.0, observe::tracing()));
    let calls = async {
        let cache = TieredCache::new("tracing", Policy::new(Duration::from_secs(60)));
        let cache = cache.kv(&env.cache);
        cache.get::<String>("a").await?;
        env.db.users().await?;
        let _ = env.db.the_user("nobody").await;
        env.queue.send(&serde_json::json!(1)).await
    };
    calls.with_subscriber(collector.clone()).await?;
    // On Workers the observer remains for later cases.
    env.observe(observe::sampled(0.0, observe::tracing()));

    let expected = [
        "- > otel.name=lookup tracing otel.kind=client cache.hit=false",
        "lookup tracing > otel.name=get CACHE otel.kind=client cache.hit=false",
        "- > otel.name=users otel.kind=client",
        "- > otel.name=the_user otel.kind=client error.type=not_found otel.status_code=ERROR",
        "- > otel.name=send QUEUE otel.kind=producer",
    ];
    same!(collector.lines(), expected);
    Ok(())
}
