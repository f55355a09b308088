#[bindery::bindings]
pub struct Env;

async fn batches(env: &Env) -> bindery::Result<()> {
    let f = || env.db.file_by_id(1, "ann");
    // 27 queries.
    env.db
        .batch((
            f(), f(), f(), f(), f(), f(), f(), f(), f(),
            f(), f(), f(), f(), f(), f(), f(), f(), f(),
            f(), f(), f(), f(), f(), f(), f(), f(), f(),
        ))
        .await?;
    env.db.batch((f(), f().await?)).await?;
    env.db.batch((f(), env.cache.get(&bindery::kv::text("a")))).await?;
    env.db.batch(&[f(), f()]).await?;
    env.db.transaction(|transaction| async move { transaction });
    Ok(())
}

fn main() {
    let _ = batches;
}
