#[bindery::bindings]
pub struct Env;

use bindings::db;

#[derive(bindery::Row)]
#[row(from = db::FileById)]
struct File {
    id: String,
    note: String,
    filenam: String,
}

async fn read(env: &Env) -> bindery::Result<String> {
    let file = env.db.file_by_id(1, "ann").await?;
    Ok(file.map(|file| file.note).unwrap_or_default())
}

fn main() {
    let _ = read;
}
