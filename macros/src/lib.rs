//! The macros of bindery. Each is a door: it finds the manifest, calls the compiler, and prints.

mod attributes;
mod bindings;
mod column;
mod handlers;
mod kv_key;
mod project;
mod query;
mod row;
mod test;

use proc_macro::TokenStream;

/// Makes a typed environment of the wrangler manifest.
///
/// Stands on a unit struct; the manifest is the nearest `wrangler.json`, `wrangler.jsonc` or
/// `wrangler.toml` at or above the source file, or the one named: `#[bindings("../wrangler.toml")]`,
/// relative to the source file. Emits the struct with one field a binding, and a module `bindings`
/// with their types and, for each D1 database, a module of its rows.
///
/// - `migrations/*.sql` (or the database's `migrations_dir`) is the schema.
/// - `queries/<binding>/*.sql` become methods of the database's type: `-- name: file_by_id :optional`
///   above a statement, with `:one`, `:optional`, `:many` or `:exec`.
/// - `crate = path` names the runtime when it was renamed: `#[bindings(crate = my_bindery)]`.
///
/// Every file that is read is tracked, so an edit builds anew. A file that is *new* is noticed when
/// the package has a build script that names the folders: `println!("cargo::rerun-if-changed=migrations")`.
#[proc_macro_attribute]
pub fn bindings(attribute: TokenStream, item: TokenStream) -> TokenStream {
    bindings::expand(attribute.into(), item.into()).into()
}

/// What the module of a database exports as `query!`.
#[doc(hidden)]
#[proc_macro]
pub fn query(input: TokenStream) -> TokenStream {
    query::expand(input.into()).into()
}

/// Declares the worker's handlers, once for both backends, checked against the manifest.
///
/// ```text
/// bindery::handlers! {
///     env: Env,
///     fetch: web::fetch,
///     queue "files-queue": jobs::process,
///     durable_object UserStats,
/// }
/// ```
///
/// - `fetch` is an `async fn(Request, Env)` that gives anything that is a response.
/// - `queue` is an `async fn(Batch<'_, T>, Env) -> Result<()>`, one for each consumer of the manifest.
/// - `durable_object` exports a class that the manifest binds. Its requests are answered with 501
///   until bindery serves Durable Objects.
///
/// Emits `pub struct App`, which is an `Application`: `bindery::serve::<App>()` runs it natively, and
/// on Workers its exports are what the platform calls.
#[proc_macro]
pub fn handlers(input: TokenStream) -> TokenStream {
    handlers::expand(input.into()).into()
}

/// Makes a struct a key of a KV namespace.
///
/// ```text
/// #[derive(bindery::KvKey)]
/// #[kv(binding = CACHE, key = "file:{id}", value = FileMeta, ttl = "1h")]
/// struct FileKey { id: i64 }
/// ```
///
/// Every field belongs into the key, so that two keys never share a name. `ttl` is optional and at
/// least 60 seconds: `"90s"`, `"10m"`, `"1h"`, `"7d"`.
#[proc_macro_derive(KvKey, attributes(kv))]
pub fn kv_key(input: TokenStream) -> TokenStream {
    kv_key::expand(input.into()).into()
}

/// Fills a struct from the rows of a query, checked against that query.
///
/// ```text
/// #[derive(bindery::Row)]
/// #[row(from = bindings::db::FileById)]
/// struct FileMeta { id: i64, filename: String }
/// ```
///
/// Emits `From<bindings::db::FileById>`: each field is the column of its name. A column that may be
/// NULL wants an `Option`.
#[proc_macro_derive(Row, attributes(row))]
pub fn row(input: TokenStream) -> TokenStream {
    row::expand(input.into()).into()
}

/// Makes a struct around one value a type of a column, and of a parameter.
///
/// ```text
/// #[derive(Clone, Copy, Debug, PartialEq, bindery::Column, serde::Serialize)]
/// #[serde(transparent)]
/// pub struct UserId(pub i64);
/// ```
///
/// Name it in a query, `AS "id: UserId"`, or for every query in `Cargo.toml`:
///
/// ```toml
/// [package.metadata.bindery.DB]
/// types = { "users.id" = "crate::UserId", "posts.user_id" = "crate::UserId" }
/// ```
#[proc_macro_derive(Column, attributes(column))]
pub fn column(input: TokenStream) -> TokenStream {
    column::expand(input.into()).into()
}

/// A test with a fresh environment in memory, its migrations applied.
///
/// ```text
/// #[bindery::test]
/// async fn owner_sees_the_file(env: Env) { .. }
/// ```
#[proc_macro_attribute]
pub fn test(attribute: TokenStream, item: TokenStream) -> TokenStream {
    test::expand(attribute.into(), item.into()).into()
}
