#[bindery::bindings]
pub struct Env;

use bindings::db;

async fn read(env: &Env) -> bindery::Result<()> {
    env.db.file_by_id("one", "ann").await?;
    env.db.file_by_id(1).await?;
    db::query!(env.db, "SELECT id FROM files WHERE id = :id", id = "one").await?;
    Ok(())
}

fn main() {
    let _ = read;
}
