//! A migration fails: one report, and none for the code that uses the queries.

use bindings::db::{BeginUploadParams, UploadsState, UsersRole};

#[bindery::bindings]
pub struct Env;

/// A row of the application.
#[derive(bindery::Row)]
#[row(from = bindings::db::User)]
pub struct Account {
    pub id: i64,
    pub email: String,
}

#[derive(Debug)]
pub struct Summary {
    pub name: String,
    pub size: i64,
    pub note: Option<String>,
    pub is_done: bool,
}

fn describe(upload: bindings::db::Upload) -> Summary {
    let is_done = match upload.state {
        UploadsState::Open => false,
        UploadsState::Done => true,
    };
    let shown = format!("{} of {}", upload.name.trim(), upload.email);
    Summary {
        name: shown,
        size: upload.size + 1,
        note: upload.note.map(|note| note.to_uppercase()),
        is_done,
    }
}

pub async fn begin(env: &Env, user: i64, name: &str) -> bindery::Result<i64> {
    let begun = env
        .db
        .begin_upload(BeginUploadParams {
            user_id: user,
            name,
            size: 1,
            state: UploadsState::Open,
            note: None,
        })
        .await?;
    let parts = env.db.parts(begun.id).await?;
    let bytes: i64 = parts.iter().map(|part| part.bytes).sum();
    let last = parts.last().map(|part| part.number.max(1));
    Ok(bytes + last.unwrap_or_default())
}

pub async fn work(env: &Env) -> bindery::Result<Vec<Summary>> {
    let admins = env.db.users_of(UsersRole::Admin).await?;
    let ids: Vec<i64> = admins.iter().map(|user| user.id).collect();
    let emails: Vec<String> = env.db.emails(&ids).await?;
    let total: f64 = env.db.total(ids[0]).await?;
    env.db.finish(ids[0]).await?;

    let found = bindings::db::query!(env.db, "SELECT id, state FROM uploads WHERE size > :size", size = 3);
    for row in found.await? {
        let _ = (row.id, row.state);
    }
    let account: Option<Account> = env.db.user(1).await?.map(Account::from);
    let mut summaries = Vec::new();
    for id in ids {
        if let Some(upload) = env.db.upload(id).await? {
            summaries.push(describe(upload));
        }
    }
    let _ = (emails.len(), total.abs(), account.map(|account| account.email));
    Ok(summaries)
}

mod admin {
    use crate::bindings::db::{UsersPlan, query};

    pub async fn paying(env: &crate::Env) -> bindery::Result<i64> {
        let plans = env.db.plans().await?;
        let paid = plans.iter().filter(|row| row.plan == UsersPlan::Paid && row.limited > 0);
        let count = query!(env.db, "SELECT count(*) AS n FROM parts WHERE bytes > ?1", 5);
        Ok(count.one().await?.n + i64::try_from(paid.count()).unwrap_or_default())
    }
}

fn main() {}
