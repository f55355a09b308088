#[bindery::bindings]
pub struct Env;

use bindings::db;

async fn read(env: &Env) -> bindery::Result<()> {
    db::query!(env.db, "SELECT id FROM files WHERE id = :id AND user_id = :user", id = 1).await?;
    db::query!(env.db, "SELECT id FROM files WHERE id = :id", di = 1).await?;
    db::query!(env.db, "SELECT id FROM files WHERE id = ?", 1, 2).await?;
    db::query!(
        env.db,
        r#"
        SELECT id, nott
        FROM files
        "#
    )
    .await?;
    Ok(())
}

fn main() {
    let _ = read;
}
