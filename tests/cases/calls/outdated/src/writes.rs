async fn warned(env: &Env) -> bindery::Result<()> {
    env.db.rename("ann", 1).await?;
    let database = &env.db;
    database.add_user("bob").await?;
    tokio::try_join!(env.db.delete_user(1), env.db.visit())?;
    env.db.batch((env.db.visit(), env.db.add_note(1, "text"))).await?;
    Ok(())
}

async fn silent(env: &Env) -> bindery::Result<()> {
    env.db.rename("ann", 1).invalidating(&env.cache).await?;
    env.db.visit().await?;
    env.db
        .batch_invalidating(&env.cache, (env.db.visit(), env.db.add_note(1, "text")))
        .await?;
    env.renames.rename("of another binding").await?;
    Ok(())
}

async fn invalidated_later(env: &Env) -> bindery::Result<()> {
    let batch = env.db.add_note(1, "text");
    env.db.batch_invalidating(&env.cache, batch).await
}

async fn invalidated_by_name(env: &Env) -> bindery::Result<()> {
    env.db.rename("ann", 1).await?;
    env.db.invalidate(&env.cache, &["users"]).await?;
    env.db.add_note(1, "of another table").await
}

#[bindery::test]
async fn in_a_test(env: Env) -> bindery::Result<()> {
    env.db.rename("ann", 1).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    async fn fill(env: &Env) {
        env.db.add_user("ann").await.unwrap();
    }
}
