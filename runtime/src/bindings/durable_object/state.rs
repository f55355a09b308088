//! The state of an object, as the object itself sees it.

use std::fmt;
use std::future::Future;

#[cfg(feature = "web-sockets")]
use serde::Serialize;

use super::{ObjectId, Storage};
use crate::app::{Content, TaskOutput};
use crate::backend;
use crate::d1::Database;
use crate::error::{Error, Result};
#[cfg(feature = "web-sockets")]
use crate::error::{ErrorKind, Failure};
#[cfg(feature = "web-sockets")]
use crate::http::{Request, Response};
#[cfg(feature = "web-sockets")]
use crate::json;
use crate::observe::{Gate, Scope};
#[cfg(feature = "web-sockets")]
use crate::web_socket::{Message, WebSocket};

/// The state of an object. The constructor of its class receives it.
///
/// Clones are the same state.
#[derive(Clone)]
pub struct State {
    backend: backend::ObjectState,
    gate: Gate,
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("State")
            .field("id", &self.backend.id())
            .finish_non_exhaustive()
    }
}

impl State {
    pub(crate) fn new(backend: backend::ObjectState, gate: Gate) -> Self {
        Self { backend, gate }
    }

    /// Returns the id of the object.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        ObjectId(self.backend.id())
    }

    /// Returns the name of the object, if it was found by its name.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.backend.name()
    }

    /// Returns the storage of the object.
    #[must_use]
    pub fn storage(&self) -> Storage {
        Storage::new(self.backend.clone(), self.gate.clone())
    }

    /// Opens the database of the object with the checked queries of its class, and applies pending
    /// migrations.
    ///
    /// The settings of the class name its migrations:
    ///
    /// ```toml
    /// [package.metadata.bindery.ROOMS]
    /// migrations = "migrations/rooms"
    /// ```
    ///
    /// # Errors
    /// `Misconfigured` if a migration fails, or the class does not have SQLite storage.
    ///
    /// # Examples
    /// ```ignore
    /// fn new(state: State, env: Env) -> bindery::Result<Self> {
    ///     let database: bindings::RoomsDb = state.database()?;
    ///     Ok(Self { database })
    /// }
    /// ```
    pub fn database<D: ObjectDatabase>(&self) -> Result<D> {
        let database = self.backend.database(&D::CONTENT);
        let database = database.map_err(|failure| Error::of_worker("start", failure))?;
        Ok(D::of(crate::d1::D1::of_object(self.gate.clone(), database)))
    }

    /// Accepts the WebSocket of a request to the object. Returns the socket, and the response that
    /// `fetch` has to return. From now on the class receives its messages.
    ///
    /// [`web_sockets_with`](Self::web_sockets_with) finds the socket by its tags.
    ///
    /// # Errors
    /// `InvalidArgument` if the request does not ask for a WebSocket, or there are more than 10
    /// tags, or longer ones than 256 characters.
    ///
    /// # Examples
    /// ```ignore
    /// async fn fetch(&self, request: Request) -> bindery::Result<Response> {
    ///     let (socket, response) = self.state.accept_web_socket(&request, &[])?;
    ///     socket.send("welcome")?;
    ///     Ok(response)
    /// }
    /// ```
    #[cfg(feature = "web-sockets")]
    pub fn accept_web_socket(
        &self,
        request: &Request,
        tags: &[&str],
    ) -> Result<(WebSocket, Response)> {
        let accepted = check_upgrade(request, tags).and_then(|()| self.backend.accept(tags));
        let (socket, response) =
            accepted.map_err(|failure| Error::of_worker("accept_web_socket", failure))?;
        Ok((WebSocket::new(socket), response))
    }

    /// Returns all sockets that are open.
    #[cfg(feature = "web-sockets")]
    #[must_use]
    pub fn web_sockets(&self) -> Vec<WebSocket> {
        let sockets = self.backend.web_sockets(None).into_iter();
        sockets.map(WebSocket::new).collect()
    }

    /// Returns the open sockets with a tag.
    #[cfg(feature = "web-sockets")]
    #[must_use]
    pub fn web_sockets_with(&self, tag: &str) -> Vec<WebSocket> {
        let sockets = self.backend.web_sockets(Some(tag)).into_iter();
        sockets.map(WebSocket::new).collect()
    }

    /// Sends a message to all sockets that are open. Returns to how many.
    ///
    /// # Examples
    /// ```
    /// # fn f(state: bindery::durable_object::State) {
    /// state.broadcast("ann has joined");
    /// # }
    /// ```
    #[cfg(feature = "web-sockets")]
    pub fn broadcast(&self, message: impl Into<Message>) -> usize {
        let message = message.into();
        let sockets = self.web_sockets().into_iter();
        // A client that goes away meanwhile is closed by the platform.
        sockets
            .filter(|socket| socket.send(message.clone()).is_ok())
            .count()
    }

    /// Sends a value as JSON to all sockets that are open. Returns to how many.
    ///
    /// # Errors
    /// `InvalidArgument` if the value cannot be serialized as JSON, or contains an integer beyond
    /// ±(2^53 − 1), which JavaScript would round.
    #[cfg(feature = "web-sockets")]
    pub fn broadcast_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<usize> {
        let message = json::encode("the message", value);
        let located = |failure| Error::of_worker("web_socket", failure);
        Ok(self.broadcast(message.map_err(located)?))
    }

    /// Answers each message `request` with `response`, without creating an object that was evicted.
    /// Clients use it to see whether the connection is alive.
    ///
    /// # Errors
    /// Any error of the platform.
    #[cfg(feature = "web-sockets")]
    pub fn set_auto_response(&self, request: &str, response: &str) -> Result<()> {
        let set = self.backend.set_auto_response(request, response);
        set.map_err(|failure| Error::of_worker("set_auto_response", failure))
    }

    /// Runs a future to its end, while the caller already has its response. If the future returns
    /// an error, the error is logged.
    ///
    /// <https://developers.cloudflare.com/durable-objects/api/state/#waituntil>
    pub fn wait_until<F>(&self, future: F)
    where
        F: Future<Output: TaskOutput> + 'static,
    {
        let future = async move {
            if let Some(problem) = future.await.problem() {
                backend::log_line(&format!("error: background work failed: {problem}"));
            }
        };
        let scope = Scope::current().unwrap_or_default();
        self.backend.wait_until(scope.run(future));
    }

    /// Runs a future during which no other call of the object makes progress. If it fails, the
    /// object is reset: the next call creates it again.
    ///
    /// Storage needs no such protection: nothing runs between its operations.
    ///
    /// <https://developers.cloudflare.com/durable-objects/api/state/#blockconcurrencywhile>
    ///
    /// # Errors
    /// The error of the future.
    ///
    /// # Examples
    /// ```ignore
    /// let rate = self.state.block_concurrency_while(async { self.read_rate().await }).await?;
    /// ```
    pub async fn block_concurrency_while<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.backend.block_concurrency_while(work).await
    }

    /// Resets the object: its calls fail, what it has in memory is dropped, and the next call
    /// creates it again. Its storage is unchanged.
    ///
    /// <https://developers.cloudflare.com/durable-objects/api/state/#abort>
    pub fn abort(&self, reason: &str) {
        self.backend.abort(reason);
    }
}

/// Fails if a request does not ask for a WebSocket, or the tags exceed the limits.
#[cfg(feature = "web-sockets")]
fn check_upgrade(request: &Request, tags: &[&str]) -> Result<(), Failure> {
    use crate::limits::durable_object as limits;

    let upgrade = request.headers().get(http::header::UPGRADE);
    let is_upgrade =
        upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if !is_upgrade {
        let message = "the request does not ask for a WebSocket";
        return Err(Failure::new(ErrorKind::InvalidArgument, message));
    }
    let is_long = |tag: &&str| tag.chars().count() > limits::TAG_CHARACTERS;
    if tags.len() > limits::TAGS || tags.iter().any(is_long) {
        let message = "a socket has at most 10 tags, of 256 characters each";
        return Err(Failure::new(ErrorKind::InvalidArgument, message));
    }
    Ok(())
}

/// The generated type of the database of each object of a class.
pub trait ObjectDatabase: Database {
    /// The migrations.
    #[doc(hidden)]
    const CONTENT: Content;
}
