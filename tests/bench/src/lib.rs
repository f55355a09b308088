//! The benchmark on workerd. `GET /bindery?rows=1000&rounds=10` reads rows through a generated
//! query, `GET /worker?...` reads the same rows through `all()` and `results::<T>()` of the
//! `worker` crate. Both respond with the number of rows.

use axum::Json;
use axum::extract::{Query, State};
use axum::routing::{Router, get, post};
use bindery::{Request, Response};
use serde::Deserialize;

use bindings::db::{AddLinesParams, FileById};

/// The bindings of `wrangler.toml`.
#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    fetch: fetch,
}

#[derive(Deserialize)]
struct Rounds {
    rows: i64,
    rounds: u32,
}

/// Responds to the benchmark.
pub async fn fetch(request: Request, env: Env) -> Response {
    let router = Router::new()
        .route("/bindery", get(through_bindery))
        .route("/observed", get(observed))
        .route("/file", get(file))
        .route("/lines", post(lines));
    #[cfg(target_arch = "wasm32")]
    let router = router
        .route("/worker", get(through_worker))
        .route("/undecoded", get(undecoded));
    bindery::http::route(router.with_state(env), request).await
}

async fn through_bindery(
    State(env): State<Env>,
    Query(rounds): Query<Rounds>,
) -> Result<String, bindery::Error> {
    let mut count = 0;
    for _ in 0..rounds.rounds {
        let files = env.db.all_files(rounds.rows).await?;
        count += files.iter().filter(|file| file.size_bytes > 0).count();
    }
    Ok(count.to_string())
}

#[derive(Deserialize)]
struct Id {
    id: i64,
}

/// Reads one row.
async fn file(
    State(env): State<Env>,
    Query(Id { id }): Query<Id>,
) -> Result<Json<Option<FileById>>, bindery::Error> {
    Ok(Json(env.db.file_by_id(id).await?))
}

/// The rows of the benchmark of inserts.
#[must_use]
pub fn rows() -> Vec<AddLinesParams<'static>> {
    let row = |number: i64| AddLinesParams {
        owner: "ann",
        text: "a line of a file with some words",
        bytes: number,
        rating: Some(number as f64 / 7.0),
    };
    (0..1000).map(row).collect()
}

/// Replaces 1,000 rows in one transaction.
async fn lines(State(env): State<Env>) -> Result<String, bindery::Error> {
    let rows = rows();
    let replaced = (env.db.clear_lines(), env.db.add_lines(&rows));
    let (_, added) = env.db.batch(replaced).await?;
    Ok(added.rows.to_string())
}

/// Reads the rows with an observer, which receives an event after each query.
async fn observed(State(env): State<Env>, rounds: Query<Rounds>) -> Result<String, bindery::Error> {
    env.observe(|event: &bindery::observe::Event<'_>| {
        std::hint::black_box(event.duration);
    });
    through_bindery(State(env), rounds).await
}

/// Reads the rows with the `worker` crate.
#[cfg(target_arch = "wasm32")]
#[worker::send]
async fn through_worker(
    State(env): State<Env>,
    Query(rounds): Query<Rounds>,
) -> Result<String, String> {
    #[derive(Deserialize)]
    struct File {
        #[serde(rename = "id")]
        _id: i64,
        #[serde(rename = "user_id")]
        _user_id: String,
        #[serde(rename = "filename")]
        _filename: String,
        #[serde(rename = "content_type")]
        _content_type: String,
        size_bytes: i64,
        #[serde(rename = "rating")]
        _rating: Option<f64>,
        #[serde(rename = "note")]
        _note: Option<String>,
        #[serde(rename = "uploaded_at")]
        _uploaded_at: String,
    }

    let mut count = 0;
    for _ in 0..rounds.rounds {
        let result = all(&env, rounds.rows).await?;
        let files: Vec<File> = result.results().map_err(|error| error.to_string())?;
        count += files.iter().filter(|file| file.size_bytes > 0).count();
    }
    Ok(count.to_string())
}

/// Runs the query without decoding its rows.
#[cfg(target_arch = "wasm32")]
#[worker::send]
async fn undecoded(State(env): State<Env>, Query(rounds): Query<Rounds>) -> Result<String, String> {
    for _ in 0..rounds.rounds {
        all(&env, rounds.rows).await?;
    }
    Ok(rounds.rounds.to_string())
}

#[cfg(target_arch = "wasm32")]
async fn all(env: &Env, rows: i64) -> Result<worker::D1Result, String> {
    let platform: worker::Env = env.platform().into();
    let database = platform.d1("DB").map_err(|error| error.to_string())?;
    let statement = database
        .prepare(env.db.all_files(rows).sql())
        .bind(&[(rows as f64).into()])
        .map_err(|error| error.to_string())?;
    statement.all().await.map_err(|error| error.to_string())
}
