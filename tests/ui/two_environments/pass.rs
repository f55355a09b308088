//! A crate with two environments: each has a module with a name that the user wrote.

#[bindery::bindings(module = first)]
pub struct First;

#[bindery::bindings("second/wrangler.toml", module = second)]
pub struct Second;

#[derive(bindery::KvKey)]
#[kv(binding = CACHE, key = "note:{id}", value = String)]
struct NoteKey {
    id: i64,
}

#[derive(bindery::KvKey)]
#[kv(binding = SESSIONS, key = "session:{id}", value = String)]
struct SessionKey {
    id: i64,
}

#[derive(bindery::Row)]
#[row(from = first::db::Note)]
struct Note {
    text: String,
}

#[derive(bindery::Row)]
#[row(from = second::log::Entry)]
struct Entry {
    level: i64,
}

async fn use_both(one: &First, two: &Second) -> bindery::Result<()> {
    let note = Note::from(one.db.note(1).await?);
    let entry = Entry::from(two.log.entry(1).await?);
    let _ = (note.text, entry.level);
    let _ = one.cache.get(&NoteKey { id: 1 }).await?;
    let _ = two.sessions.get(&SessionKey { id: 1 }).await?;
    let _ = first::db::query!(one.db, "SELECT text FROM notes WHERE id = :id", id = 1).await?;
    let _ = second::log::query!(two.log, "SELECT level FROM entries WHERE id = :id", id = 1).await?;
    Ok(())
}

fn main() {
    let _ = use_both;
}
