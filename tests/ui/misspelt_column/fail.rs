#[bindery::bindings]
pub struct Env;

use bindings::db;

// The error in the query is reported once: its callers and its row type do not repeat it.
async fn read(env: &Env) -> bindery::Result<()> {
    let file = env.db.file_by_id(1, "ann").await?;
    let _ = file.map(|file| file.filename);
    let _ = db::query!(env.db, "SELECT id FROM files WHERE usr_id = :user", user = "ann").await?;
    Ok(())
}

#[derive(bindery::Row)]
#[row(from = db::FileById)]
struct File {
    id: i64,
}

fn main() {
    let _ = read;
}
