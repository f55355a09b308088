//! `Env` as a build script makes it, over two environments.

include!(concat!(env!("OUT_DIR"), "/bindery.rs"));

/// Notes that have a text in them: an inline query is held against the schema of every environment, too.
///
/// # Errors
/// When the database fails.
pub async fn notes_with(env: &Env, part: &str) -> bindery::Result<usize> {
    Ok(bindings::db::query!(
        env.db,
        "SELECT id FROM notes WHERE instr(text, :part) > 0",
        part
    )
    .await?
    .len())
}
