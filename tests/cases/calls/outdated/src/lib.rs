//! Calls of which some leave cached rows outdated.

mod writes;

async fn reads(env: &Env) -> bindery::Result<()> {
    let user = env.db.user(1).cached(&env.cache, MINUTE).await?;
    let notes = env.db
        .notes_of(1)
        .scalar()
        .cached(&env.cache, MINUTE)
        .await?;
    Ok(())
}
