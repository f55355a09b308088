//! `Env` as a build script generates it, for two environments.

include!(concat!(env!("OUT_DIR"), "/bindery.rs"));

/// Returns the number of notes that contain a text. The inline query is checked against the schema
/// of every environment.
///
/// # Errors
/// When the query fails.
pub async fn notes_with(env: &Env, part: &str) -> bindery::Result<usize> {
    Ok(bindings::db::query!(
        env.db,
        "SELECT id FROM notes WHERE instr(text, :part) > 0",
        part
    )
    .await?
    .len())
}
