// The expansion does not depend on the user's crate: on its prelude, its names or its imports.
#![no_implicit_prelude]
#![deny(warnings, unused_qualifications, missing_debug_implementations, non_snake_case)]

extern crate bindery as renamed;

mod nested {
    #[crate::renamed::bindings(crate = crate::renamed)]
    #[allow(missing_docs)]
    pub struct Backend;

    // Names that an expansion could use by accident.
    #[allow(dead_code)]
    pub struct Vec;
    #[allow(dead_code)]
    pub struct Result;
    #[allow(dead_code)]
    pub trait Clone {}
}

#[derive(::serde::Serialize, ::serde::Deserialize, renamed::Message)]
#[message(crate = crate::renamed, binding = QUEUE)]
struct Job {
    r#type: u8,
}

async fn consume(_: renamed::queue::Batch<'_, Job>, _: nested::Backend) -> renamed::Result<()> {
    ::std::result::Result::Ok(())
}

async fn fetch(_: renamed::Request, _: nested::Backend) -> &'static str {
    ""
}

renamed::handlers! {
    crate = crate::renamed,
    env: nested::Backend,
    fetch: fetch,
    queue "q": consume,
}

#[derive(renamed::KvKey)]
#[kv(crate = crate::renamed, binding = CACHE, key = "{id}", value = ::std::string::String)]
struct Key {
    id: u8,
}

#[derive(renamed::Row)]
#[row(crate = crate::renamed)]
struct Found {
    r#type: i64,
}

async fn use_everything(env: &nested::Backend) -> renamed::Result<()> {
    let _ = env.db.file_by_id(&[1], "user").await?;
    let _ = env.cache.get(&Key { id: 1 }).await?;
    let _ = nested::bindings::db::query!(env.db, "SELECT id FROM files WHERE id = :id", id = 1).await?;
    env.queue.send(&Job { r#type: 1 }).await?;
    let found = env.db.unchecked("SELECT 1 AS type").one::<Found>().await?;
    let _ = found.r#type;
    ::std::result::Result::Ok(())
}

fn main() {
    let _ = use_everything;
    let _ = App;
}
