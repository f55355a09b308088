//! Durable Objects.

#![expect(missing_docs, reason = "the methods of the class belong to the cases")]

use std::cell::{Cell, RefCell};
use std::time::Duration;

use axum::response::IntoResponse;
use bindery::durable_object::{AlarmInfo, List, State};
use bindery::web_socket::{Close, Message, WebSocket};
use bindery::{Body, Error, ErrorKind, Request, Response, Result, kv, time};
use serde::{Deserialize, Serialize};

use crate::bindings::RoomsDb;
use crate::{Env, Outcome, same};

/// A room: an object with everything that an object can have.
#[derive(Debug)]
pub struct Room {
    state: State,
    env: Env,
    database: RoomsDb,
    /// The calls since the object was created.
    calls: Cell<u32>,
    log: RefCell<Vec<String>>,
}

/// A value that calls pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub text: String,
    pub number: i64,
    pub parts: Vec<Option<f64>>,
}

#[bindery::durable_object]
impl Room {
    #[expect(clippy::panic, reason = "it is what a test is about")]
    fn new(state: State, env: Env) -> Result<Self> {
        match state.name().as_deref() {
            Some("refused") => return Err(Error::new(ErrorKind::Forbidden, "this room is closed")),
            Some("a panic at once") => panic!("no room"),
            _ => {}
        }
        Ok(Self {
            database: state.database()?,
            state,
            env,
            calls: Cell::new(0),
            log: RefCell::default(),
        })
    }

    /// Returns how often this was called since the object was created.
    pub async fn calls(&self) -> u32 {
        self.calls.set(self.calls.get() + 1);
        self.calls.get()
    }

    pub async fn identity(&self) -> (String, Option<String>) {
        (self.state.id().to_string(), self.state.name())
    }

    pub async fn echo(&self, note: &Note, text: &str, wide: u64, list: &[u8]) -> (Note, String) {
        (note.clone(), format!("{text} {wide} {list:?}"))
    }

    pub async fn nothing(&self) {}

    /// Writes a value, which is stored although the method panics.
    #[expect(clippy::panic, reason = "it is what the case is about")]
    pub async fn panics(&self) -> Result<()> {
        self.state.storage().put("before the panic", &1)?;
        panic!("no such luck")
    }

    pub async fn fails(&self, kind: String) -> Result<()> {
        match &*kind {
            "own" => Err(Error::new(ErrorKind::NotFound, "there is no such message")),
            "constraint" => {
                self.database.add_message("ann", "same", None).await?;
                self.database.add_message("ann", "same", None).await?;
                Ok(())
            }
            "binding" => self.env.cache.put(&kv::text(""), "x").await,
            _ => {
                self.state.abort("it was told to");
                time::sleep(Duration::from_millis(50)).await;
                Ok(())
            }
        }
    }

    /// Adds to a counter in storage.
    pub async fn add(&self, key: &str, number: i64) -> Result<i64> {
        let storage = self.state.storage();
        let sum = storage.get::<i64>(key)?.unwrap_or(0) + number;
        storage.put(key, &sum)?;
        Ok(sum)
    }

    /// Adds to a counter, and waits between the read and the write.
    pub async fn add_slowly(&self, key: &str, blocks: bool) -> Result<i64> {
        let work = async {
            let storage = self.state.storage();
            let sum = storage.get::<i64>(key)?.unwrap_or(0) + 1;
            time::sleep(Duration::from_millis(20)).await;
            storage.put(key, &sum)?;
            Ok(sum)
        };
        if blocks {
            self.state.block_concurrency_while(work).await
        } else {
            work.await
        }
    }

    pub async fn store(&self, pairs: Vec<(String, Note)>) -> Result<()> {
        for (key, note) in &pairs {
            self.state.storage().put(key, note)?;
        }
        Ok(())
    }

    pub async fn keys(
        &self,
        prefix: String,
        start: Option<String>,
        end: Option<String>,
        limit: Option<u32>,
        is_reverse: bool,
    ) -> Result<Vec<String>> {
        let mut list = List::prefix(prefix);
        if let Some(start) = start {
            list = list.start(start);
        }
        if let Some(end) = end {
            list = list.end(end);
        }
        if let Some(limit) = limit {
            list = list.limit(limit);
        }
        if is_reverse {
            list = list.reverse();
        }
        let found: Vec<(String, Note)> = self.state.storage().list(&list)?;
        Ok(found.into_iter().map(|(key, _)| key).collect())
    }

    pub async fn remove(&self, key: &str) -> Result<(bool, bool)> {
        let storage = self.state.storage();
        Ok((storage.delete(key)?, storage.get::<Note>(key)?.is_some()))
    }

    pub async fn remove_all(&self) -> Result<usize> {
        let storage = self.state.storage();
        storage.delete_all().await?;
        Ok(storage.list::<Note>(&List::all())?.len())
    }

    /// Writes in a transaction, which fails if it is told to.
    pub async fn transact(&self, fails: bool) -> Result<()> {
        let storage = self.state.storage();
        let work = async {
            storage.put("first", &1)?;
            self.database
                .add_message("ann", "in a transaction", None)
                .await?;
            time::sleep(Duration::from_millis(1)).await;
            storage.put("second", &2)?;
            if fails {
                return Err(Error::new(ErrorKind::Forbidden, "not today"));
            }
            Ok(())
        };
        storage.transaction(work).await
    }

    /// Resets the object in a transaction.
    pub async fn transact_and_reset(&self) -> Result<()> {
        let storage = self.state.storage();
        let work = async {
            storage.put("first", &1)?;
            self.state.abort("it was told to");
            time::sleep(Duration::from_millis(50)).await;
            storage.put("second", &2)
        };
        storage.transaction(work).await
    }

    /// Keeps all other calls waiting, for ever.
    pub async fn block(&self) -> Result<()> {
        let forever = std::future::pending();
        self.state.block_concurrency_while(forever).await
    }

    /// The values and the messages that are stored.
    pub async fn stored(&self) -> Result<(usize, i64)> {
        let values: Vec<(String, i64)> = self.state.storage().list(&List::all())?;
        let messages = self.database.count_messages().await?;
        Ok((values.len(), messages.count))
    }

    pub async fn post(&self, author: &str, body: &str, picture: Option<Vec<u8>>) -> Result<i64> {
        let picture = picture.as_deref();
        let posted = self.database.add_message(author, body, picture).await?;
        Ok(posted.last_row_id)
    }

    pub async fn messages(&self) -> Result<Vec<(i64, String, Option<Vec<u8>>, i64)>> {
        let messages = self.database.messages().await?.into_iter();
        let message = messages.map(|message| {
            let crate::bindings::rooms::Messages {
                id,
                body,
                picture,
                likes,
                ..
            } = message;
            (id, body, picture, likes)
        });
        Ok(message.collect())
    }

    /// Runs a batch, of which the last query fails if it is told to.
    pub async fn batch(&self, message: i64) -> Result<(u64, u64)> {
        let database = &self.database;
        let (liked, seen) = database
            .batch((database.like("ann"), database.see("ann", Some(message))))
            .await?;
        Ok((liked.rows, seen.rows))
    }

    pub async fn wake(&self, milliseconds: u64) -> Result<bool> {
        let storage = self.state.storage();
        let time = time::now() + Duration::from_millis(milliseconds);
        storage.set_alarm(time).await?;
        let set = storage
            .alarm()
            .await?
            .ok_or("no alarm")
            .map_err(Error::other)?;
        Ok(set.duration_since(time).unwrap_or_default() < Duration::from_millis(2))
    }

    pub async fn sleep_in(&self) -> Result<bool> {
        let storage = self.state.storage();
        storage.delete_alarm().await?;
        Ok(storage.alarm().await?.is_none())
    }

    pub async fn woken(&self) -> Result<Vec<String>> {
        Ok(self.state.storage().get("woken")?.unwrap_or_default())
    }

    /// Works in the background.
    pub async fn work_later(&self) {
        let state = self.state.clone();
        self.state.wait_until(async move {
            time::sleep(Duration::from_millis(10)).await;
            state.storage().put("worked", &true)
        });
    }

    pub async fn has_worked(&self) -> Result<bool> {
        Ok(self.state.storage().get("worked")?.unwrap_or(false))
    }

    pub async fn uses_bindings(&self) -> Result<Option<String>> {
        self.env
            .cache
            .put(&kv::text("from an object"), "yes")
            .await?;
        self.env.cache.get(&kv::text("from an object")).await
    }

    /// Calls another object of the class.
    pub async fn ask(&self, name: &str) -> Result<u32> {
        self.env.rooms.by_name(name).calls().await
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        if let Some(user) = request.uri().path().strip_prefix("/rooms/") {
            return self.join(&request, user);
        }
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        self.log.borrow_mut().push(path.clone());
        let content = axum::body::to_bytes(request.into_body(), 1000).await;
        let content = content.map_err(Error::other)?;
        if path == "/missing" {
            return Err(Error::new(ErrorKind::NotFound, "there is no such page"));
        }
        let content = String::from_utf8_lossy(&content);
        let calls = self.log.borrow().len();
        Ok(format!("{method} {path} {content} {calls}").into_response())
    }

    /// Accepts the socket of a user.
    fn join(&self, request: &Request, path: &str) -> Result<Response> {
        let user = path.split('/').next_back().unwrap_or_default();
        let (socket, response) = self.state.accept_web_socket(request, &["user", user])?;
        socket.set_attachment(user)?;
        self.state.set_auto_response("ping", "pong")?;
        socket.send(format!("welcome {user}"))?;
        Ok(response)
    }

    async fn web_socket_message(&self, socket: WebSocket, message: Message) -> Result<()> {
        let user: String = socket.attachment()?.unwrap_or_default();
        let calls = self.calls().await;
        match message {
            Message::Binary(bytes) => socket.send(bytes.iter().rev().copied().collect::<Vec<u8>>()),
            Message::Text(text) => match &*text {
                "who" => {
                    let mut users = Vec::new();
                    for socket in self.state.web_sockets() {
                        users.extend(socket.attachment::<String>()?);
                    }
                    users.sort();
                    socket.send_json(&(users, socket.tags()?, calls))
                }
                "reset" => {
                    self.state.abort("it was told to");
                    Ok(())
                }
                "leave" => socket.close(4000, "goodbye"),
                "fail" => Err(Error::new(ErrorKind::Internal, "no such message")),
                text => match text.strip_prefix("@") {
                    Some(rest) => {
                        let (to, text) = rest.split_once(' ').unwrap_or((rest, ""));
                        for other in self.state.web_sockets_with(to) {
                            other.send(format!("{user} to {to}: {text}"))?;
                        }
                        Ok(())
                    }
                    None => {
                        self.state.broadcast(format!("{user}: {text}"));
                        Ok(())
                    }
                },
            },
        }
    }

    async fn web_socket_close(&self, socket: WebSocket, close: Close) -> Result<()> {
        let user: String = socket.attachment()?.unwrap_or_default();
        self.state
            .storage()
            .put(&format!("left {user}"), &close.code)?;
        self.state.broadcast(format!("{user} left"));
        Ok(())
    }

    pub async fn left(&self, user: &str) -> Result<Option<u16>> {
        self.state.storage().get(&format!("left {user}"))
    }

    async fn alarm(&self, info: AlarmInfo) -> Result<()> {
        let storage = self.state.storage();
        let is_set = storage.alarm().await?.is_some();
        let mut woken: Vec<String> = storage.get("woken")?.unwrap_or_default();
        woken.push(format!("retry {}, set {is_set}", info.retry_count));
        storage.put("woken", &woken)?;
        if woken.len() == 1 && storage.get::<i64>("fails")?.is_some() {
            return Err(Error::new(ErrorKind::Unavailable, "not yet"));
        }
        Ok(())
    }
}

fn note(number: i64) -> Note {
    Note {
        text: "\"ü\"\n\u{1F600}".to_owned(),
        number,
        parts: vec![Some(0.1), None],
    }
}

/// One name is one object, which keeps what it has in memory.
pub async fn one_object_of_a_name(env: Env) -> Outcome {
    let (lobby, other) = (env.rooms.by_name("lobby"), env.rooms.by_name("other"));
    same!(lobby.calls().await?, 1);
    same!(env.rooms.by_name("lobby").calls().await?, 2);
    same!(other.calls().await?, 1);

    let id = lobby.id();
    same!(id.len(), 64);
    same!(env.rooms.id_of("lobby"), id);
    let by_id = env.rooms.by_id(&id)?;
    same!(by_id.calls().await?, 3);
    same!(
        lobby.identity().await?,
        (id.to_string(), Some("lobby".to_owned()))
    );

    let unique = env.rooms.new_id()?;
    same!(env.rooms.by_id(&unique)?.calls().await?, 1);
    same!(
        env.rooms.by_id(&unique)?.identity().await?.0,
        unique.to_string()
    );
    for invalid in ["", "lobby", &"0".repeat(64)] {
        let error = env.rooms.by_id(invalid).err().ok_or("it is an id")?;
        same!(error.kind(), ErrorKind::InvalidArgument);
    }
    Ok(())
}

/// Arguments and results are sent as they are.
pub async fn values_of_calls(env: Env) -> Outcome {
    let room = env.rooms.by_name("values");
    let note = note(-9_007_199_254_740_993);
    let echoed = room.echo(&note, "a 'text'", u64::MAX, &[0, 255]).await?;
    same!(echoed, (note, format!("a 'text' {} [0, 255]", u64::MAX)));
    room.nothing().await?;
    same!(room.uses_bindings().await?.as_deref(), Some("yes"));
    same!(room.ask("the values of another").await?, 1);
    Ok(())
}

/// An error of a method keeps its kind and its text.
pub async fn errors_of_calls(env: Env) -> Outcome {
    let room = env.rooms.by_name("errors");
    let fails = async |kind: &str| {
        let outcome = room.fails(kind.to_owned()).await;
        outcome.err().ok_or("it succeeds")
    };
    let own = fails("own").await?;
    same!(own.kind(), ErrorKind::NotFound);
    same!(
        own.to_string(),
        "durable_object ROOMS fails: there is no such message"
    );
    same!(own.query(), Some("fails"));

    let constraint = fails("constraint").await?;
    same!(constraint.kind().name(), "unique_violation");
    same!(
        constraint.message(),
        "UNIQUE constraint failed: messages.body"
    );
    same!(fails("binding").await?.kind(), ErrorKind::InvalidArgument);

    let refused = env.rooms.by_name("refused").calls().await;
    same!(
        refused.err().map(|error| error.kind()),
        Some(ErrorKind::Forbidden)
    );
    Ok(())
}

/// A reset fails the calls of the object, and the next call creates it again.
pub async fn reset_objects(env: Env) -> Outcome {
    let room = env.rooms.by_name("reset");
    same!(room.calls().await?, 1);
    same!(room.add("kept", 1).await?, 1);
    let reset = room.fails("reset".to_owned()).await;
    same!(reset.is_err(), true);
    same!(room.calls().await?, 1);
    same!(room.add("kept", 1).await?, 2);
    Ok(())
}

/// A reset rolls a transaction back.
pub async fn reset_transactions(env: Env) -> Outcome {
    let room = env.rooms.by_name("reset transaction");
    same!(room.transact_and_reset().await.is_err(), true);
    same!(room.stored().await?, (0, 0));
    room.transact(false).await?;
    same!(room.stored().await?, (2, 1));
    Ok(())
}

/// Values by key, which are listed in the order of the UTF-8 of their keys.
pub async fn values_by_key(env: Env) -> Outcome {
    let room = env.rooms.by_name("keys");
    let keys = ["a", "a:1", "a:2", "b", "ü", "\u{FFFD}", "\u{1F600}"];
    let pairs = keys.map(|key| (key.to_owned(), note(1)));
    room.store(pairs.to_vec()).await?;

    let text = |text: &str| Some(text.to_owned());
    let all = room.keys(String::new(), None, None, None, false).await?;
    same!(all, keys.map(str::to_owned).to_vec());
    let prefixed = room.keys("a:".to_owned(), None, None, None, true).await?;
    same!(prefixed, ["a:2", "a:1"].map(str::to_owned).to_vec());
    let range = room
        .keys(String::new(), text("a:1"), text("ü"), Some(2), false)
        .await?;
    same!(range, ["a:1", "a:2"].map(str::to_owned).to_vec());

    same!(room.remove("b").await?, (true, false));
    same!(room.remove("b").await?, (false, false));
    same!(room.remove_all().await?, 0);
    Ok(())
}

/// Values that cannot be stored are refused before anything is.
pub async fn refused_values(env: Env) -> Outcome {
    let room = env.rooms.by_name("refused values");
    let stored = room.store(vec![("wide".to_owned(), note(i64::MAX))]).await;
    same!(
        stored.err().map(|error| error.kind()),
        Some(ErrorKind::InvalidArgument)
    );
    let long = Note {
        text: "x".repeat(2_000_001),
        ..note(1)
    };
    let stored = room.store(vec![("long".to_owned(), long)]).await;
    same!(
        stored.err().map(|error| error.kind()),
        Some(ErrorKind::TooLarge)
    );
    let empty = room.store(vec![(String::new(), note(1))]).await;
    same!(
        empty.err().map(|error| error.kind()),
        Some(ErrorKind::InvalidArgument)
    );
    same!(
        room.keys(String::new(), None, None, None, false)
            .await?
            .len(),
        0
    );

    room.add("number", 1).await?;
    let other_type = room
        .keys("number".to_owned(), None, None, None, false)
        .await;
    same!(
        other_type.err().map(|error| error.kind()),
        Some(ErrorKind::Decode)
    );
    Ok(())
}

/// Checked queries run in the database of the object, whose migrations were applied.
pub async fn queries_of_objects(env: Env) -> Outcome {
    let room = env.rooms.by_name("queries");
    same!(room.post("ann", "hello", Some(vec![0, 1, 255])).await?, 1);
    same!(room.post("bob", "hi", None).await?, 2);
    same!(room.batch(1).await?, (1, 1));
    let messages = room.messages().await?;
    let expected = [
        (1, "hello".to_owned(), Some(vec![0, 1, 255]), 1),
        (2, "hi".to_owned(), None, 0),
    ];
    same!(messages, expected.to_vec());

    // The second query of the batch violates a constraint, so the first one is rolled back.
    let error = room.batch(7).await.err().ok_or("it has no such message")?;
    same!(error.is_constraint_violation(), true);
    same!(room.messages().await?[0].3, 1);
    let other = env.rooms.by_name("other queries");
    same!(other.messages().await?.len(), 0);
    Ok(())
}

/// A transaction is stored as a whole, or not at all.
pub async fn transactions_of_objects(env: Env) -> Outcome {
    let room = env.rooms.by_name("transactions");
    let failed = room.transact(true).await;
    same!(
        failed.err().map(|error| error.kind()),
        Some(ErrorKind::Forbidden)
    );
    same!(room.stored().await?, (0, 0));
    room.transact(false).await?;
    same!(room.stored().await?, (2, 1));
    Ok(())
}

/// Calls take turns where they wait, unless one blocks the others.
pub async fn turns_of_calls(env: Env) -> Outcome {
    let room = env.rooms.by_name("turns");
    let slow = |key: &'static str, blocks| {
        let room = room.clone();
        async move { room.add_slowly(key, blocks).await }
    };
    let free = futures_util::future::try_join3(
        slow("free", false),
        slow("free", false),
        slow("free", false),
    );
    same!(free.await?, (1, 1, 1));
    let blocked = futures_util::future::try_join3(
        slow("blocked", true),
        slow("blocked", true),
        slow("blocked", true),
    );
    let (first, second, third) = blocked.await?;
    same!(first + second + third, 1 + 2 + 3);
    Ok(())
}

/// An object responds to requests, whose method and content it receives.
pub async fn requests_to_objects(env: Env) -> Outcome {
    let room = env.rooms.by_name("requests");
    let request = |method: &str, path: &str, content: &str| {
        let request = axum::http::Request::builder().method(method).uri(path);
        request.body(Body::from(content.to_owned()))
    };
    let text = async |response: bindery::Response| {
        let content = axum::body::to_bytes(response.into_body(), 1000).await?;
        Ok::<_, axum::Error>(String::from_utf8_lossy(&content).into_owned())
    };
    let response = room.fetch(request("PUT", "/a?b", "c")?).await?;
    same!(response.status(), 200);
    same!(text(response).await?, "PUT /a c 1");
    let response = room.fetch(request("GET", "/missing", "")?).await?;
    same!(response.status(), 404);
    same!(
        text(response).await?.contains("there is no such page"),
        true
    );
    same!(
        text(room.fetch(request("GET", "/", "")?).await?).await?,
        "GET /  3"
    );
    Ok(())
}

/// Requests that are no ones for a WebSocket are refused, and so are its limits.
pub async fn refused_sockets(env: Env) -> Outcome {
    let room = env.rooms.by_name("refused sockets");
    let request = axum::http::Request::builder().uri("/rooms/a/ann");
    let response = room.fetch(request.body(Body::empty())?).await?;
    same!(response.status(), 400);

    let long = "x".repeat(257);
    let request = axum::http::Request::builder()
        .uri(format!("/rooms/a/{long}"))
        .header("upgrade", "websocket");
    let response = room.fetch(request.body(Body::empty())?).await?;
    same!(response.status(), 400);
    Ok(())
}

/// Work in the background goes on after the call.
pub async fn background_work_of_objects(env: Env) -> Outcome {
    let room = env.rooms.by_name("background");
    room.work_later().await?;
    for _ in 0..100 {
        if room.has_worked().await? {
            return Ok(());
        }
        time::sleep(Duration::from_millis(10)).await;
    }
    Err("nothing was done".into())
}

/// An alarm is set, and is removed.
pub async fn alarms_that_are_set(env: Env) -> Outcome {
    let room = env.rooms.by_name("alarms");
    same!(room.wake(3_600_000).await?, true);
    same!(room.sleep_in().await?, true);
    Ok(())
}

/// Sets an alarm whose first attempt fails.
pub async fn set_failing_alarm(env: Env) -> Outcome {
    let room = env.rooms.by_name("failing alarm");
    room.add("fails", 1).await?;
    same!(room.wake(1).await?, true);
    Ok(())
}

/// The alarm has fired twice. It is not set while it fires.
pub async fn failing_alarm_fired(env: Env) -> Outcome {
    let woken = env.rooms.by_name("failing alarm").woken().await?;
    same!(
        woken,
        ["retry 0, set false", "retry 1, set false"]
            .map(str::to_owned)
            .to_vec()
    );
    Ok(())
}
