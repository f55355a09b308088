//! The tests that `testing.md` shows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{Request, StatusCode};
use bindery::observe::Event;
use bindery::resilience::Retry;
use bindery::{Body, ErrorKind, TestWorld};
use book::{App, Env, Job, Note, NoteKey, ReportParams};

#[bindery::test]
async fn a_note_can_be_finished(env: Env) -> bindery::Result<()> {
    let id = env.db.add_note("ann", "buy milk").await?.id;
    assert_eq!(env.db.finish(id, "ann").await?.rows, 1);

    let notes = env.db.notes_of("ann").await?;
    assert!(notes[0].done_at.is_some());
    Ok(())
}

#[bindery::test]
async fn the_front_page_answers(env: Env, world: TestWorld) {
    let request = Request::new(Body::empty());
    let response = world.fetch::<App>(&env, request).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[bindery::test]
async fn a_job_finishes_a_note(env: Env) -> bindery::Result<()> {
    let note = env.db.add_note("ann", "buy milk").await?.id;
    let owner = "ann".to_owned();
    env.queue.send(&Job { note, owner }).await?;

    let deliveries = bindery::deliver_queues::<App>(&env).await?;
    assert_eq!(deliveries, 1);
    assert!(env.db.notes_of("ann").await?[0].done_at.is_some());
    Ok(())
}

#[bindery::test]
async fn visits_are_kept(env: Env, world: TestWorld) -> bindery::Result<()> {
    let site = env.counters.by_name("example.com");
    assert_eq!(site.visit("/").await?, 1);
    world.evict(&site).await;
    assert_eq!(site.visit("/").await?, 2);

    world.clock().advance(Duration::from_secs(86_400));
    assert_eq!(world.run_alarms().await, 1);
    Ok(())
}

#[bindery::test]
async fn names_are_unique(env: Env) -> bindery::Result<()> {
    env.db.add_user("ann").await?;
    let error = env.db.add_user("ann").await.err();
    assert!(error.is_some_and(|error| error.is_constraint_violation()));
    Ok(())
}

#[bindery::test]
async fn models_are_not_available(env: Env) {
    let input = serde_json::json!({ "prompt": "hello" });
    let answer: bindery::Result<serde_json::Value> = env.ai.run("model", &input).await;
    let kind = answer.err().map(|error| error.kind());
    assert_eq!(kind, Some(ErrorKind::Unsupported));
}

#[bindery::test]
async fn a_page_reads_few_rows(env: Env) -> bindery::Result<()> {
    let rows = Arc::new(AtomicU64::new(0));
    let total = Arc::clone(&rows);
    env.observe(move |event: &Event<'_>| {
        let read = event.measures.rows_read.unwrap_or_default();
        total.fetch_add(read, Ordering::Relaxed);
    });

    env.db.notes_of("ann").await?;
    assert!(rows.load(Ordering::Relaxed) <= 10);
    Ok(())
}

#[test]
fn two_environments_are_independent() -> bindery::Result<()> {
    let (first, second): (Env, Env) = (bindery::in_memory()?, bindery::in_memory()?);
    assert_eq!(first.vars.site_name, second.vars.site_name);
    Ok(())
}

#[bindery::test(vars(SITE_NAME = "Test", PAGE_SIZE = 2), secrets(API_TOKEN = "t"))]
async fn the_name_is_shown(env: Env) {
    assert_eq!(env.vars.site_name, "Test");
    assert_eq!(env.secrets.api_token.expose(), "t");
}

#[bindery::test]
async fn a_cached_note_expires(env: Env, world: TestWorld) -> bindery::Result<()> {
    let note = Note {
        owner: "ann".to_owned(),
        text: "buy milk".to_owned(),
    };
    env.cache.put(&NoteKey { id: 7 }, &note).await?;
    world.clock().advance(Duration::from_secs(3601));
    assert_eq!(env.cache.get(&NoteKey { id: 7 }).await?, None);
    Ok(())
}

#[bindery::test]
async fn the_rates_are_read(_env: Env, world: TestWorld) -> bindery::Result<()> {
    world.respond("https://api.example.com/*", |_| async { "1.08" });

    let request = Request::get("https://api.example.com/rates").body(Body::empty());
    let request = request.map_err(bindery::Error::other)?;
    let response = bindery::http::fetch(request).await?;
    assert!(response.status().is_success());
    Ok(())
}

#[bindery::test]
async fn a_note_is_read_from_the_database(env: Env, world: TestWorld) -> bindery::Result<()> {
    let faults = world.faults();
    faults.seed(7);
    // Every tenth call fails before anything happens, every twentieth after it was applied.
    faults.d1().fail(0.1).lose_response(0.05);
    // Nothing reads from KV, and a write is visible half a minute later.
    faults
        .kv()
        .operation("get")
        .fail(1.0)
        .stale_for(Duration::from_secs(30));

    let retry = Retry::new().attempts(10).base_delay(Duration::ZERO);
    let notes = retry.run(async || env.db.notes_of("ann").await).await?;
    assert!(notes.is_empty());
    assert!(env.cache.get(&NoteKey { id: 7 }).await.is_err());
    Ok(())
}

#[bindery::test]
async fn a_report_is_stored_at_night(env: Env, world: TestWorld) -> bindery::Result<()> {
    let params = ReportParams {
        owner: "ann".to_owned(),
    };
    let report = env.reports.create(&params).await?;
    world.run_workflows().await;
    assert_eq!(report.status().await?.state(), "waiting");

    world.clock().advance(Duration::from_secs(3600));
    world.run_workflows().await;
    let key = report.status().await?.output();
    assert!(key.is_some_and(|key| key.starts_with("reports/")));
    Ok(())
}
