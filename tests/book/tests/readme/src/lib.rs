use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use bindery::Result;
use bindings::db::NotesOf;

/// The bindings of `wrangler.toml`.
#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    fetch: router,
}

pub fn router(env: Env) -> Router {
    let routes = get(list).post(add);
    Router::new().route("/{owner}", routes).with_state(env)
}

async fn list(State(env): State<Env>, Path(owner): Path<String>) -> Result<Json<Vec<NotesOf>>> {
    Ok(Json(env.db.notes_of(&owner).await?))
}

async fn add(State(env): State<Env>, Path(owner): Path<String>, text: String) -> Result<String> {
    Ok(env.db.add_note(&owner, &text).await?.id.to_string())
}

#[cfg(test)]
mod tests {
    use super::Env;

    #[bindery::test]
    async fn a_note_is_listed(env: Env) -> bindery::Result<()> {
        env.db.add_note("ann", "buy milk").await?;
        let notes = env.db.notes_of("ann").await?;
        assert_eq!(notes[0].text, "buy milk");
        assert_eq!(notes[0].done_at, None);
        Ok(())
    }
}
