#[bindery::bindings]
pub struct Env;

#[derive(bindery::KvKey)]
#[kv(binding = CAHCE, key = "file:{id}", value = String)]
struct FileKey {
    id: i64,
}

#[derive(bindery::KvKey)]
#[kv(binding = DB, key = "file:{di}", value = String)]
struct OtherKey {
    di: i64,
}

#[derive(bindery::KvKey)]
#[kv(binding = CACHE, key = "file:{di}", value = String, ttl = "30s")]
struct SlipKey {
    id: i64,
}

fn main() {
    let key = FileKey { id: 1 };
    let _ = key.id;
}
