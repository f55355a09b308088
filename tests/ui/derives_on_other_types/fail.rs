//! A derive on a type that it does not support: one error for each, and none where it is used.

#[bindery::bindings]
pub struct Env;

#[derive(Debug, Clone, PartialEq, serde::Serialize, bindery::Column)]
pub enum State {
    Active,
    Blocked,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, bindery::Column)]
pub struct UserId {
    id: i64,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, bindery::Column)]
pub struct Level<T>(T);

#[derive(bindery::Row)]
#[row(from = bindings::db::Users)]
pub enum User {
    Known(i64),
}

#[derive(bindery::Row)]
pub struct Pair(i64, String);

#[derive(bindery::Row)]
#[row(form = bindings::db::Users)]
pub struct Misspelt {
    pub id: i64,
}

pub async fn read(env: &Env) -> bindery::Result<Vec<User>> {
    if let Some(user) = env.db.user(1).await? {
        let _ = user.state == State::Active && user.id.id > 1 && user.level.0 > 2;
    }
    let insert = env.db.unchecked("INSERT INTO users VALUES (?1, ?2)");
    insert.bind(UserId { id: 1 }).bind(State::Blocked).bind(Level(3_i64)).execute().await?;

    let pairs = env.db.unchecked("SELECT id, state FROM users").all::<Pair>().await?;
    let _ = pairs.iter().map(|pair| pair.0).max();
    let misspelt = env.db.unchecked("SELECT id FROM users").all::<Misspelt>().await?;
    let _ = misspelt.first().map(|row| row.id);
    Ok(env.db.users().await?.into_iter().map(User::from).collect())
}

fn main() {}
