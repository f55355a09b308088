#[bindery::bindings]
pub struct Env;

#[derive(bindery::KvKey)]
#[kv(binding = SESSIONS, key = "session:{id}", value = String)]
struct SessionKey {
    id: i64,
}

async fn read(env: &Env) -> bindery::Result<Option<String>> {
    env.cache.get(&SessionKey { id: 1 }).await
}

fn main() {
    let _ = read;
}
