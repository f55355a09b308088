//! The five queries of `examples/files` in sqlx, behind one route: what `run` builds next to it.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::SqlitePool;

#[derive(Serialize)]
struct FileById {
    id: i64,
    filename: String,
    object_key: String,
    content_type: String,
    size_bytes: i64,
    uploaded_at: String,
    processed: bool,
    processed_at: Option<String>,
}

#[derive(Serialize)]
struct FilesOfUser {
    id: i64,
    filename: String,
    content_type: String,
    size_bytes: i64,
    uploaded_at: String,
    processed: bool,
}

#[derive(Serialize)]
struct AddFile {
    id: i64,
    filename: String,
    content_type: String,
    size_bytes: i64,
    uploaded_at: String,
}

// `run` edits the first `FROM files` of this file.
async fn file_by_id(pool: &SqlitePool, id: i64, user_id: &str) -> sqlx::Result<Option<FileById>> {
    sqlx::query_as!(
        FileById,
        r#"SELECT id, filename, object_key, content_type, size_bytes, uploaded_at,
                  processed AS "processed: bool", processed_at
           FROM files
           WHERE id = ? AND user_id = ?"#,
        id,
        user_id,
    )
    .fetch_optional(pool)
    .await
}

async fn files_of_user(pool: &SqlitePool, user_id: &str, limit: i64) -> sqlx::Result<Vec<FilesOfUser>> {
    sqlx::query_as!(
        FilesOfUser,
        r#"SELECT id, filename, content_type, size_bytes, uploaded_at, processed AS "processed: bool"
           FROM files
           WHERE user_id = ?
           ORDER BY id DESC
           LIMIT ?"#,
        user_id,
        limit,
    )
    .fetch_all(pool)
    .await
}

async fn add_file(pool: &SqlitePool, user_id: &str, file: &NewFile) -> sqlx::Result<AddFile> {
    sqlx::query_as!(
        AddFile,
        "INSERT INTO files (user_id, filename, object_key, content_type, size_bytes)
         VALUES (?, ?, ?, ?, ?)
         RETURNING id, filename, content_type, size_bytes, uploaded_at",
        user_id,
        file.filename,
        file.object_key,
        file.content_type,
        file.size_bytes,
    )
    .fetch_one(pool)
    .await
}

async fn delete_file(pool: &SqlitePool, id: i64, user_id: &str) -> sqlx::Result<Option<String>> {
    let deleted = sqlx::query!("DELETE FROM files WHERE id = ? AND user_id = ? RETURNING object_key", id, user_id);
    Ok(deleted.fetch_optional(pool).await?.map(|row| row.object_key))
}

async fn mark_processed(pool: &SqlitePool, id: i64) -> sqlx::Result<u64> {
    let marked = sqlx::query!(
        "UPDATE files SET processed = 1, processed_at = CURRENT_TIMESTAMP WHERE id = ? AND processed = 0",
        id,
    );
    Ok(marked.execute(pool).await?.rows_affected())
}

#[derive(Deserialize)]
struct User {
    user: String,
}

#[derive(Deserialize)]
struct One {
    user: String,
    id: i64,
}

#[derive(Deserialize)]
struct NewFile {
    filename: String,
    object_key: String,
    content_type: String,
    size_bytes: i64,
}

type Answer = Result<Json<Value>, StatusCode>;

fn failed(_: sqlx::Error) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn list(State(pool): State<SqlitePool>, Query(User { user }): Query<User>) -> Answer {
    let files = files_of_user(&pool, &user, 100).await.map_err(failed)?;
    Ok(Json(json!({ "files": files })))
}

async fn add(State(pool): State<SqlitePool>, Query(User { user }): Query<User>, Json(file): Json<NewFile>) -> Answer {
    let row = add_file(&pool, &user, &file).await.map_err(failed)?;
    Ok(Json(json!(row)))
}

async fn process(State(pool): State<SqlitePool>, Query(One { user, id }): Query<One>) -> Answer {
    mark_processed(&pool, id).await.map_err(failed)?;
    let file = file_by_id(&pool, id, &user).await.map_err(failed)?.ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!(file)))
}

async fn remove(State(pool): State<SqlitePool>, Query(One { user, id }): Query<One>) -> Answer {
    let object_key = delete_file(&pool, id, &user).await.map_err(failed)?.ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({ "deleted": object_key })))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let pool = SqlitePool::connect(&std::env::var("DATABASE_URL")?).await?;
        sqlx::migrate!().run(&pool).await?;
        let files = get(list).post(add).patch(process).delete(remove);
        let router = Router::new().route("/api/files", files).with_state(pool);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:8787").await?;
        axum::serve(listener, router).await?;
        Ok(())
    })
}
