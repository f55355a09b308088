#[bindery::bindings]
pub struct Env;

#[derive(bindery::Row)]
struct Nothing {}

#[derive(bindery::Row)]
struct Unnamed(i64);

#[derive(bindery::Row)]
struct Wrong {
    id: std::time::Duration,
}

async fn read(env: &Env) -> bindery::Result<()> {
    let of_query = env.db.unchecked("SELECT id, filename, note FROM files");
    of_query.all::<bindings::db::FileById>().await?;
    env.db.unchecked("SELECT ?1").bind(std::time::Duration::ZERO).execute().await?;
    Ok(())
}

fn main() {
    let _ = read;
}
