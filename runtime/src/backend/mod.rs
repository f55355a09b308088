//! The two backends, of which the target selects one: `worker` on `wasm32`, otherwise `native`.
//!
//! This is the only place that selects it, so the rest of the crate has almost no `cfg`. The
//! functions that use JavaScript do not exist natively, because a call into JavaScript would abort
//! the process there.
//!
//! Both backends define these items, with the same names and signatures:
//!
//! `Backend`, the open bindings of one environment:
//! - `kv`, `d1`, `r2` and `queue` return the handle of a binding; `object` returns that of any
//!   other kind. An error is a complete message, such as "the binding X is missing".
//! - `has` reports whether a binding exists.
//! - `var` and `secret` return a value, or `None` if it is not set.
//! - `secret_place` returns the advice in the error about a missing secret.
//! - `observe` installs an observer, and `observers` returns all of them.
//!
//! `D1`:
//! - `run` runs one statement and passes its rows to the sink of the call. If a row cannot be
//!   decoded, the changes of the statement are committed.
//! - `try_run` runs a statement that only reads without waiting, or returns `None`. Natively only:
//!   the platform answers later.
//! - `batch` runs several statements in one transaction. After an error of a statement nothing is
//!   stored. If a row cannot be decoded, the transaction is committed.
//! - Every number is bound as REAL, because that is how D1 binds a JavaScript number.
//!
//! `Kv`:
//! - `get` returns the bytes of a value, or `None` if the key does not exist or has expired;
//!   `get_with_metadata` returns its metadata too. `get_many` returns up to 100 texts, without
//!   their metadata, and fails with `TooLarge` above 25 MiB. `get_body` returns a stream.
//! - `put` stores the bytes of a value, and replaces a previous value with its metadata and
//!   expiration. `put_body` stores a stream, and nothing if it fails; it returns its length.
//! - `delete` deletes a key. Deleting a missing key is not an error.
//! - `list` returns up to `limit` keys in their order, and a cursor if there are more.
//!
//! `R2`:
//! - `put` stores a complete object or nothing: after an error the previous object is unchanged.
//! - `get` returns the properties of an object and its content as a stream; `head` returns the
//!   properties alone. Both return `None` if the key does not exist.
//! - `delete` deletes up to 1000 keys. Deleting a missing key is not an error.
//! - `list` returns up to `limit` objects in the order of their keys, and a cursor if there are
//!   more.
//!
//! `Queue`:
//! - `send` sends one message, or several messages as one batch.
//!
//! `Object`, a binding that is one object with methods:
//! - `call` calls a method and returns its result as JSON. The method can be a path: `videos.list`.
//! - `object` and `object_of` call a method that returns another object.
//! - `text` returns a property as text, and `bytes` returns the content of a blob.
//! - `fetch` sends a request.
//! - `send_records`, `load`, `image_info` and `image` are the methods of K2, Worker Loaders and
//!   Images whose arguments are not JSON.
//! - An operation that a backend does not have fails with `Unsupported`.
//!
//! `Objects`, the objects of a Durable Object class:
//! - `by_name` and `by_id` return an `ObjectStub`, which can `call` a method with JSON and `fetch`.
//!   Its reply is in `durable_object/wire.rs`. `new_id` returns an id that no object has.
//!
//! `ObjectState`, for the object itself:
//! - `get`, `put`, `delete` and `list` do not wait. All writes between two waits of a call are
//!   stored together. `database` applies pending migrations, and returns a `D1`.
//! - `block_concurrency_while` and `transaction` run a future during which no other call of the
//!   object makes progress.
//! - `set_alarm` fires the alarm once, and again after a failure.
//! - `accept` returns a `WebSocket`, and the response that connects it.
//!
//! `EdgeCache`:
//! - `get`, `put` and `delete` are those of the Cache API, for a URL.
//!
//! `Cells` is one row of D1, `send_request` sends a request to another server, and `read_body`
//! reads all of a body.
//!
//! `Context` is the context of a handler, with background work and the properties of a request.
//!
//! `Stopwatch` measures the duration of a call. `now`, `monotonic` and `sleep` are the clock, and
//! `http_date` formats a time as HTTP does. `fill_random` supplies the random numbers of a test,
//! and `log_line` writes a line to the log. `parse_number` parses a number of JSON.
//! `current_observers` returns the observers of the process or test.
//!
//! All methods that do I/O are async, and their futures are `Send`. Their callers have checked the
//! arguments against `limits`. They return a `Failure`, to which the `Gate` adds the location.
//!
//! The entry points differ: `native` exports `serve`, `deliver_queues`, `in_memory` and `test`, and
//! `worker` exports the functions behind the exports of the Wasm module.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod worker;

#[cfg(not(target_arch = "wasm32"))]
pub use native::*;
#[cfg(target_arch = "wasm32")]
pub use worker::*;
