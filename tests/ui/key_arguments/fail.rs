#[bindery::bindings]
pub struct Env;

#[derive(bindery::KvKey)]
#[kv(binding = CACHE, key = "a:{id}", value = String, codec = bindery::kv::Text)]
struct Both {
    id: i64,
}

#[derive(bindery::KvKey)]
#[kv(binding = CACHE, key = "b:{id}", value = String, ttl = "59s", cache_ttl = "29s")]
struct Short {
    id: i64,
}

#[derive(bindery::KvKey)]
#[kv(binding = CACHE, key = "c:{id}")]
struct NoValue {
    id: i64,
}

#[derive(bindery::KvKey)]
#[kv(binding = CACHE, key = "d:{id}", value = String, cache = "60s")]
struct Unknown {
    id: i64,
}

struct UserId(i64);

impl std::fmt::Display for UserId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

#[derive(bindery::KvKey)]
#[kv(binding = CACHE, key = "e:{id}", value = String)]
struct NotRead {
    id: UserId,
}

#[derive(bindery::KvKey)]
#[kv(binding = CACHE, key = "f:{id}", value = String, parse = false)]
struct Written {
    id: UserId,
}

#[derive(bindery::KvKey)]
#[kv(binding = CACHE, key = "g:{id}", value = String)]
struct Borrowed<'a> {
    id: &'a str,
}

#[derive(bindery::R2Key)]
#[r2(binding = CACHE, key = "h/{id}")]
struct Misplaced {
    id: i64,
}

#[derive(bindery::R2Key)]
#[r2(binding = STORAGE, key = "{id}{name}", ttl = "1h")]
struct Unseparated {
    id: i64,
    name: String,
}

async fn store(env: &Env, path: std::path::PathBuf) -> bindery::Result<()> {
    env.storage.delete(&path).await?;
    env.storage.put(7, "x").await.map(drop)
}

async fn list(env: &Env) -> bindery::Result<()> {
    for key in env.cache.list(Borrowed::prefix()).page().await?.keys {
        let _ = key.key();
    }
    env.cache.put(&bindery::kv::text("x"), &7).await
}

fn main() {
    let _ = (list, store);
}
