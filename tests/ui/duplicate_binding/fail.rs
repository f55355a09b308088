#[bindery::bindings]
pub struct Env;

async fn read(env: &Env) -> bindery::Result<Option<String>> {
    env.cache.get_text("key").await
}

fn main() {
    let _ = read;
}
