//! The procedural macros of bindery.
//!
//! Each macro finds the manifest, calls the compiler in `bindery-codegen`, and reports its errors.
//! Use them through the crate `bindery`, which re-exports them.

mod attributes;
mod bindings;
mod column;
mod durable_object;
mod handlers;
mod key;
mod message;
mod project;
mod query;
mod row;
mod test;
mod workflow;

use proc_macro::TokenStream;

/// Generates a typed environment from the wrangler manifest.
///
/// The attribute goes on a unit struct, to which it adds one field per binding. It also generates a
/// module with the types of the fields and, for each D1 database, a module with the rows of its
/// queries.
///
/// ```text
/// #[bindery::bindings]
/// pub struct Env;
/// ```
///
/// # Arguments
///
/// All arguments are optional.
///
/// - **`"../wrangler.toml"`**
///
///   The path of the manifest, relative to the source file. By default, it is the nearest
///   `wrangler.json`, `wrangler.jsonc` or `wrangler.toml` in the folder of the source file or a
///   folder above it.
///
/// - **`environment = "staging"`**
///
///   Generates the fields of one environment of the manifest. By default, a binding that only some
///   environments define is an `Option`.
///
/// - **`module = env`**
///
///   The name of the generated module. The default is `bindings`. Two `#[bindings]` in one crate
///   need different names.
///
/// - **`crate = my_bindery`**
///
///   The path of the crate `bindery`, if it was renamed or is re-exported by another crate. The
///   default is `::bindery`.
///
/// # SQL files
///
/// - `migrations/*.sql` is the schema of a D1 database. The setting `migrations_dir` of the
///   database names another folder.
/// - `queries/<binding>/*.sql` contains its queries. A comment above each statement declares its
///   name and the shape of its result: `-- name: file_by_id :optional`. The shapes are `:one`,
///   `:optional`, `:many` and `:exec`. Each query is a method of the type of the database.
///
/// # Rebuilds
///
/// Cargo rebuilds the crate when a file changes that the attribute has read. It notices a *new*
/// file only if a build script names the folder:
///
/// ```text
/// println!("cargo::rerun-if-changed=migrations");
/// println!("cargo::rerun-if-changed=queries");
/// ```
#[proc_macro_attribute]
pub fn bindings(attribute: TokenStream, item: TokenStream) -> TokenStream {
    bindings::expand(attribute.into(), item.into()).into()
}

/// The implementation of `query!`, which the module of each database exports.
#[doc(hidden)]
#[proc_macro]
pub fn query(input: TokenStream) -> TokenStream {
    query::expand(input.into()).into()
}

/// Declares the handlers of the worker, for both backends.
///
/// The handlers are checked against the manifest: for example, each queue that the manifest
/// consumes needs a handler.
///
/// ```text
/// bindery::handlers! {
///     env: Env,
///     start: telemetry::install,
///     fetch: web::fetch,
///     queue "files-queue": jobs::process,
///     durable_object UserStats,
///     workflow Thumbnails,
/// }
/// ```
///
/// The macro generates `pub struct App`, which implements `Application`. Natively,
/// `bindery::serve::<App>()` runs it. On Workers, the generated exports are the entry points that
/// the platform calls.
///
/// # Arguments
///
/// - **`env: Env`** (required)
///
///   The struct with `#[bindings]`.
///
/// - **`start: path`**
///
///   Runs once per process, and on Workers once per instance, before the first request or batch: an
///   `fn(&Env)`, `fn(&Env) -> Result<()>`, or with a second argument `&Context`.
///
/// - **`fetch: path`**
///
///   The handler of HTTP requests: an `async fn(Request, Env)` or `async fn(Request, Env, Context)`
///   that returns any type that implements `IntoResponse`. Or an `fn(Env) -> Router` that builds a
///   service, such as the router of axum. It runs at the first request, once per server, and on
///   Workers once per instance.
///
/// - **`queue "name": path`**
///
///   The handler of a queue: an `async fn(Batch<'_, T>, Env) -> Result<()>`, or with a third
///   argument `Context`.
///
/// - **`durable_object path::Class`**
///
///   Exports a Durable Object class that the manifest binds: a type with
///   [`#[bindery::durable_object]`](macro@durable_object).
///
/// - **`workflow path::Class`**
///
///   Exports a Workflow class that the manifest binds: a type with
///   [`#[bindery::workflow]`](macro@workflow).
///
/// - **`crate = my_bindery`**
///
///   The path of the crate `bindery`. The default is `::bindery`.
#[proc_macro]
pub fn handlers(input: TokenStream) -> TokenStream {
    handlers::expand(input.into()).into()
}

/// Makes a type a Durable Object class.
///
/// ```text
/// pub struct UserStats { state: State }
///
/// #[bindery::durable_object]
/// impl UserStats {
///     fn new(state: State, env: Env) -> Self {
///         Self { state }
///     }
///
///     /// Adds an upload, and returns the bytes of all uploads.
///     pub async fn record_upload(&self, bytes: u64) -> bindery::Result<u64> { .. }
///
///     async fn alarm(&self) -> bindery::Result<()> { .. }
/// }
/// ```
///
/// The manifest binds the class, `handlers!` exports it, and the type is in scope where `Env` is
/// declared. Then each public `async` method is one of the client:
///
/// ```text
/// let total = env.user_stats.by_name("ann").record_upload(1024).await?;
/// ```
///
/// # Methods
///
/// - **`fn new(state: State, env: Env) -> Self`** (required)
///
///   Runs before the first call of an object, and again after it was evicted. It can return a
///   `Result`, whose error is that of the call.
///
/// - **`pub async fn name(&self, ..)`**
///
///   A method of the client. Its arguments and its result are sent as JSON, so their types
///   implement `Serialize` and `Deserialize`; an argument can be a reference. An error keeps its
///   kind.
///
/// - **`async fn fetch(&self, request: Request) -> Response`**
///
///   Responds to the requests of `Stub::fetch`, with any type that implements `IntoResponse`.
///
/// - **`async fn alarm(&self) -> bindery::Result<()>`**
///
///   Runs when the alarm of the object fires. It can have an argument `info: AlarmInfo`.
///
/// All other methods are private to the object.
///
/// # Arguments
///
/// - **`crate = my_bindery`**
///
///   The path of the crate `bindery`. The default is `::bindery`.
#[proc_macro_attribute]
pub fn durable_object(attribute: TokenStream, item: TokenStream) -> TokenStream {
    durable_object::expand(attribute.into(), item.into()).into()
}

/// Derives a key of a KV namespace.
///
/// ```text
/// #[derive(bindery::KvKey)]
/// #[kv(binding = CACHE, key = "file:{id}", value = FileMeta, ttl = "1h")]
/// struct FileKey { id: i64 }
/// ```
///
/// # Arguments of `#[kv(...)]`
///
/// - **`binding = CACHE`** (required)
///
///   The name of the KV namespace in the manifest.
///
/// - **`key = "file:{id}"`** (required)
///
///   The text of the key, with the fields of the struct in braces. It has to contain every field,
///   so that two different keys do not have the same text.
///
/// - **`value = FileMeta`**
///
///   The type of the value, which is stored as JSON. Either this or `codec` is required.
///
/// - **`codec = kv::Text`**
///
///   How the value is stored: a type that implements `Codec`, such as `kv::Text`, `kv::Bytes`, or
///   one of the application.
///
/// - **`metadata = Summary`**
///
///   The type of the metadata, which is stored as JSON. By default, `serde_json::Value`.
///
/// - **`ttl = "1h"`**
///
///   The time after which a value expires: `"90s"`, `"10m"`, `"1h"` or `"7d"`, and at least 60
///   seconds. By default, a value does not expire.
///
/// - **`cache_ttl = "5m"`**
///
///   The time for which a location may return its cached value: at least 30 seconds. The default of
///   the platform is 60 seconds.
///
/// - **`parse = false`**
///
///   Omits `ParseKey`, which reads the key from its name. It is derived for a struct without
///   lifetimes and type parameters, and requires `FromStr` of each field.
///
/// - **`crate = my_bindery`**
///
///   The path of the crate `bindery`. The default is `::bindery`.
///
/// # Functions
///
/// The derive adds `prefix()` to the struct, which returns the prefix of its keys for a list. A key
/// of several fields has a function for each leading field, too: `prefix_by_user(user)`.
#[proc_macro_derive(KvKey, attributes(kv))]
pub fn kv_key(input: TokenStream) -> TokenStream {
    key::expand_kv(input.into()).into()
}

/// Derives a key of an R2 bucket.
///
/// ```text
/// #[derive(bindery::R2Key)]
/// #[r2(binding = STORAGE, key = "{user}/{id}/{filename}", metadata = FileInfo)]
/// struct FileKey<'a> { user: &'a str, id: i64, filename: &'a str }
/// ```
///
/// # Arguments of `#[r2(...)]`
///
/// - **`binding = STORAGE`** (required)
///
///   The name of the R2 bucket in the manifest.
///
/// - **`key = "{user}/{id}"`** (required)
///
///   The text of the key, with the fields of the struct in braces. It has to contain every field,
///   so that two different keys do not have the same text.
///
/// - **`metadata = FileInfo`**
///
///   A struct with the metadata of the objects: its fields are the names, and their texts, numbers,
///   booleans and enums the values. By default, the metadata is a map of texts.
///
/// - **`parse = false`**
///
///   Omits `ParseKey`, which reads the key from its text. It is derived for a struct without
///   lifetimes and type parameters, and requires `FromStr` of each field.
///
/// - **`crate = my_bindery`**
///
///   The path of the crate `bindery`. The default is `::bindery`.
///
/// # Functions
///
/// The derive adds `prefix()` to the struct, which returns the prefix of its keys for a list. A key
/// of several fields has a function for each leading field, too: `prefix_by_user(user)`.
#[proc_macro_derive(R2Key, attributes(r2))]
pub fn r2_key(input: TokenStream) -> TokenStream {
    key::expand_r2(input.into()).into()
}

/// Derives a message of a queue.
///
/// ```text
/// #[derive(serde::Serialize, serde::Deserialize, bindery::Message)]
/// #[message(binding = JOBS)]
/// enum Job { Process { file: i64 }, Sweep }
/// ```
///
/// The type is sent as JSON, so it implements serde's `Serialize`. Only messages of a queue can be
/// sent to it, and its consumer must declare the type of the messages that this worker sends.
///
/// # Arguments of `#[message(...)]`
///
/// - **`binding = JOBS`** (required)
///
///   The name of the queue's producer in the manifest, or several of them: `[JOBS, SLOW_JOBS]`.
///
/// - **`crate = my_bindery`**
///
///   The path of the crate `bindery`. The default is `::bindery`.
#[proc_macro_derive(Message, attributes(message))]
pub fn message(input: TokenStream) -> TokenStream {
    message::expand(input.into()).into()
}

/// Derives a row type: from a row of a query, or for statements that are not checked at compile
/// time.
///
/// ```text
/// #[derive(bindery::Row)]
/// #[row(from = bindings::db::FileById)]
/// struct FileMeta { id: i64, filename: String }
/// ```
///
/// The derive implements `From<bindings::db::FileById>`. Each field is the column of the same name,
/// and other columns are ignored. The types are checked against the query: a column that can be
/// NULL requires an `Option`.
///
/// ```text
/// #[derive(bindery::Row)]
/// struct Found { id: i64, filename: String }
/// ```
///
/// Without `from`, the derive implements `d1::NamedRow`: the struct can be the row type of
/// `D1::unchecked`. The result must have exactly the columns with the names of the fields.
///
/// # Arguments of `#[row(...)]`
///
/// - **`from = path`**
///
///   The row type of the query, in the module that `#[bindings]` generates.
///
/// - **`crate = my_bindery`**
///
///   The path of the crate `bindery`. The default is `::bindery`.
#[proc_macro_derive(Row, attributes(row))]
pub fn row(input: TokenStream) -> TokenStream {
    row::expand(input.into()).into()
}

/// Derives the conversions of a newtype that is the type of a column.
///
/// ```text
/// #[derive(Clone, Copy, Debug, PartialEq, bindery::Column, serde::Serialize)]
/// #[serde(transparent)]
/// pub struct UserId(pub i64);
/// ```
///
/// The struct needs exactly one unnamed field. It can then be the type of a result column and of a
/// parameter. Name it in one query with `AS "id: UserId"`, or for all queries in `Cargo.toml`:
///
/// ```toml
/// [package.metadata.bindery.DB]
/// types = { "users.id" = "crate::UserId", "posts.user_id" = "crate::UserId" }
/// ```
///
/// # Arguments of `#[column(...)]`
///
/// - **`crate = my_bindery`**
///
///   The path of the crate `bindery`. The default is `::bindery`.
#[proc_macro_derive(Column, attributes(column))]
pub fn column(input: TokenStream) -> TokenStream {
    column::expand(input.into()).into()
}

/// Makes a type the class of a [Workflow](https://developers.cloudflare.com/workflows/).
///
/// ```text
/// pub struct Orders;
///
/// #[bindery::workflow]
/// impl Orders {
///     async fn run(event: Event<Order>, step: Step, env: Env) -> bindery::Result<Receipt> {
///         let order = event.payload;
///         let receipt = step.run("charge the card", || charge(&env, &order)).await?;
///         step.sleep("wait for the goods", Duration::from_secs(3600)).await?;
///         step.run("send a mail", || send(&env, &receipt)).await?;
///         Ok(receipt)
///     }
/// }
/// ```
///
/// The name of the type is the `class_name` of a Workflow of the manifest, and an entry
/// `workflow path::to::Orders` of [`handlers!`](macro@handlers) exports it. The type must be in
/// scope where `Env` is. The field of `Env` is then a `Workflow<Orders>`, with the types of `run`:
/// the parameters, which its event has, and the output. Both are sent as JSON, and so are the
/// results of steps.
///
/// # Arguments
///
/// - **`crate = my_bindery`**
///
///   The path of the crate `bindery`. The default is `::bindery`.
#[proc_macro_attribute]
pub fn workflow(attribute: TokenStream, item: TokenStream) -> TokenStream {
    workflow::expand(attribute.into(), item.into()).into()
}

/// Declares a test that receives an environment with empty state in memory.
///
/// ```text
/// #[bindery::test]
/// async fn the_owner_can_read_a_file(env: Env) -> bindery::Result<()> { .. }
/// ```
///
/// The migrations have been applied. The test is an `async fn` with the environment as its
/// argument, or with a second argument `TestWorld`, and returns `()` or a `Result`. Tests run
/// natively, and on workerd with `cargo bindery test --workerd`.
///
/// ```text
/// #[bindery::test(vars(ENVIRONMENT = "test"), secrets(JWT_SECRET = "s"))]
/// async fn a_greeting_expires(env: Env, world: TestWorld) -> bindery::Result<()> { .. }
/// ```
///
/// # Arguments
///
/// - **`vars(NAME = value, ...)`**
///
///   The values of variables of the manifest: anything that `serde_json::json!` accepts.
///
/// - **`secrets(NAME = value, ...)`**
///
///   The values of secrets: anything that converts to a `String`.
///
/// - **`crate = my_bindery`**
///
///   The path of the crate `bindery`. The default is `::bindery`.
#[proc_macro_attribute]
pub fn test(attribute: TokenStream, item: TokenStream) -> TokenStream {
    test::expand(attribute.into(), item.into()).into()
}
