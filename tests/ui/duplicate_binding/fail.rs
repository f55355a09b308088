#[bindery::bindings]
pub struct Env;

async fn read(env: &Env) -> bindery::Result<Option<String>> {
    env.cache.get(&bindery::kv::text("key")).await
}

fn main() {
    let _ = read;
}
