use axum::Json;
use bindery::{Request, Result};

/// The bindings of `wrangler.toml`.
#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    fetch: notes,
}

/// Returns the notes of the owner that the path names.
pub async fn notes(request: Request, env: Env) -> Result<Json<Vec<bindings::db::NotesOf>>> {
    let owner = request.uri().path().trim_start_matches('/');
    Ok(Json(env.db.notes_of(owner).await?))
}

#[bindery::test]
async fn a_note_is_listed(env: Env) -> Result<()> {
    env.db.add_note("ann", "buy milk").await?;
    assert_eq!(env.db.notes_of("ann").await?[0].text, "buy milk");
    Ok(())
}
