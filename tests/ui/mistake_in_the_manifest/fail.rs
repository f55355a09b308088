//! An error in the manifest is not repeated for the code that uses the environment.

#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    fetch: fetch,
}

#[derive(bindery::KvKey)]
#[kv(binding = CACHE, key = "note:{id}", value = String)]
struct NoteKey {
    id: i64,
}

async fn fetch(_: bindery::Request, env: Env) -> bindery::Result<String> {
    let notes: Vec<bindings::db::Notes> = env.db.notes().await?;
    let cached = env.cache.get(&NoteKey { id: env.vars.max_items }).await?;
    Ok(format!("{} {cached:?}", notes.len()))
}

fn main() {}
