//! Durable Objects on Workers.
//!
//! A call is a request to the object. Its property `cf` names the method: a client of the worker
//! cannot set it, so a request that the worker forwards is never a call.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use js_sys::{Array, Promise};
use wasm_bindgen::{JsCast, JsValue};
use worker::send::SendWrapper;

use crate::app::{Application, Content, Context, Environment};
use crate::bindings::BindingKind;
use crate::durable_object::{AlarmInfo, DurableObject, List, State, error_reply, unknown_method};
use crate::error::{Error, ErrorKind, Failure, Result, Service};
use crate::http::Response;
use crate::http::{Request, make_absolute};
use crate::observe::{Gate, Measures, RequestLine, Scope};

use super::bindings::observers;
use super::entry::{connect, error_response, exception};
use super::http::{request_from_js, request_to_js, response_from_js, response_to_js};
use super::js::{
    Handle, call, call_async, failure, get, get_number, get_text, object, optional, parse, send,
    stringify,
};
use super::panic::promise;
use super::task::Settled;
#[cfg(feature = "web-sockets")]
use super::web_socket::message_from_js;
use super::{Backend, D1, log_line, platform};
#[cfg(feature = "web-sockets")]
use crate::web_socket::{Close, WebSocket};

/// The objects of a class.
#[derive(Debug, Clone)]
pub(crate) struct Objects(Handle);

impl Backend {
    #[expect(
        clippy::extra_unused_type_parameters,
        reason = "the native backend creates the objects itself"
    )]
    pub(crate) fn objects<T: DurableObject>(&self, binding: &str) -> Result<Objects, String> {
        self.handle(binding, BindingKind::DurableObject)
            .map(Objects)
    }
}

impl Objects {
    pub(crate) fn by_name(&self, name: &str, location: Option<&str>) -> ObjectStub {
        let id = call(self.0.value(), "idFromName", &[JsValue::from_str(name)]);
        let stub = id.and_then(|id| self.stub(id, location));
        stub.unwrap_or_else(|failure| ObjectStub(Err(failure.message.clone())))
    }

    pub(crate) fn by_id(&self, id: &str) -> Result<ObjectStub, Failure> {
        let id = call(self.0.value(), "idFromString", &[JsValue::from_str(id)]);
        let id = id.map_err(|failure| failure.of_kind(ErrorKind::InvalidArgument))?;
        self.stub(id, None)
    }

    pub(crate) fn new_id(&self) -> Result<String, Failure> {
        Ok(text_of(&call(self.0.value(), "newUniqueId", &[])?))
    }

    pub(crate) fn in_jurisdiction(&self, jurisdiction: &str) -> Result<Self, Failure> {
        let arguments = [JsValue::from_str(jurisdiction)];
        let objects = call(self.0.value(), "jurisdiction", &arguments)?;
        Ok(Self(Handle::new(objects)))
    }

    fn stub(&self, id: JsValue, location: Option<&str>) -> Result<ObjectStub, Failure> {
        let get = [id, object(&[("locationHint", optional(location))])];
        let current = call(self.0.value(), "get", &get)?;
        let stub = PlatformStub {
            objects: self.0.clone(),
            get,
            current: RefCell::new(current),
        };
        Ok(ObjectStub(Ok(SendWrapper(Rc::new(stub)))))
    }
}

/// The text of an id.
fn text_of(id: &JsValue) -> String {
    let text = call(id, "toString", &[]).ok();
    text.and_then(|text| text.as_string()).unwrap_or_default()
}

/// One object, for its callers. The error is that of a name that the platform refuses.
pub(crate) struct ObjectStub(Result<SendWrapper<Rc<PlatformStub>>, String>);

/// The stub of the platform.
pub(crate) struct PlatformStub {
    objects: Handle,
    /// The arguments that get the stub.
    get: [JsValue; 2],
    current: RefCell<JsValue>,
}

impl Clone for ObjectStub {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Ok(SendWrapper(stub)) => Ok(SendWrapper(Rc::clone(stub))),
            Err(message) => Err(message.clone()),
        })
    }
}

impl fmt::Debug for ObjectStub {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("ObjectStub")
            .field(&self.id())
            .finish()
    }
}

impl ObjectStub {
    pub(crate) fn id(&self) -> String {
        let stub = self.0.as_ref().ok();
        stub.map(|stub| text_of(&stub.0.get[0])).unwrap_or_default()
    }

    fn stub(&self) -> Result<&PlatformStub, Failure> {
        match &self.0 {
            Ok(SendWrapper(stub)) => Ok(stub),
            Err(message) => Err(Failure::new(ErrorKind::InvalidArgument, message.clone())),
        }
    }

    pub(crate) async fn call(
        &self,
        method: &'static str,
        arguments: String,
    ) -> Result<String, Failure> {
        send(async {
            let stub = self.stub()?;
            let current = stub.current.borrow().clone();
            let reply = platform::call_object(&current, method, &arguments);
            let reply = reply.map_err(|error| failure(&error))?;
            let reply = stub.settled(&reply).await?;
            Ok(reply.as_string().unwrap_or_default())
        })
        .await
    }

    pub(crate) async fn fetch(&self, mut request: Request) -> Result<Response, Failure> {
        send(async {
            make_absolute(&mut request)?;
            let request = request_to_js(request)?;
            let stub = self.stub()?;
            let current = stub.current.borrow().clone();
            let response = call(&current, "fetch", &[request])?;
            response_from_js(stub.settled(&response).await?)
        })
        .await
    }
}

impl PlatformStub {
    /// Awaits the response of the object. After an exception the platform accepts no further calls
    /// through the stub, so the next call gets another one.
    ///
    /// <https://developers.cloudflare.com/durable-objects/best-practices/error-handling/>
    async fn settled(&self, promise: &JsValue) -> Result<JsValue, Failure> {
        let error = match Settled::new(promise).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if let Ok(stub) = call(self.objects.value(), "get", &self.get) {
            *self.current.borrow_mut() = stub;
        }

        let failure = failure(&error);
        let is_set = |name| get(&error, name).is_truthy();
        if is_set("overloaded") {
            return Err(failure.of_kind(ErrorKind::Overloaded));
        }
        if is_set("retryable") || is_set("durableObjectReset") {
            return Err(failure.of_kind(ErrorKind::Unavailable));
        }
        Err(failure)
    }
}

/// An object that the platform has created.
#[doc(hidden)]
pub struct ExportedObject<A, T> {
    parts: Rc<Parts<A, T>>,
}

impl<A, T> fmt::Debug for ExportedObject<A, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ExportedObject")
            .finish_non_exhaustive()
    }
}

struct Parts<A, T> {
    class: &'static str,
    state: JsValue,
    env: JsValue,
    object: RefCell<Option<Rc<T>>>,
    application: std::marker::PhantomData<fn() -> A>,
}

impl<A: Application, T: DurableObject<Env = A::Env>> ExportedObject<A, T> {
    /// The object of a state. Its first call creates it in the memory of the Wasm.
    #[must_use]
    pub fn new(class: &'static str, state: JsValue, env: JsValue) -> Self {
        Self {
            parts: Rc::new(Parts {
                class,
                state,
                env,
                object: RefCell::default(),
                application: std::marker::PhantomData,
            }),
        }
    }

    /// Responds to a request, or to a call of a method.
    pub fn fetch(&self, request: web_sys::Request) -> Promise {
        let parts = Rc::clone(&self.parts);
        promise("fetch", async move {
            let responded = match platform::method_of_call(&request) {
                Some(method) if T::HAS_METHODS => parts.call(&method, &request).await,
                Some(method) => reply_to_js(unknown_method(&method)),
                None => parts.fetch(&request).await,
            };
            responded.map_err(|failure| exception(&failure.message))
        })
    }

    /// Runs the alarm handler.
    pub fn alarm(&self, info: JsValue) -> Promise {
        if !T::HAS_ALARM {
            return Promise::resolve(&JsValue::UNDEFINED);
        }
        let parts = Rc::clone(&self.parts);
        promise("alarm", async move {
            let retry_count = get_number(&info, "retryCount").unwrap_or_default();
            let info = AlarmInfo::new(retry_count as u32);
            let outcome = parts.alarm(info).await;
            outcome.map_err(|error| {
                log_line(&format!(
                    "the alarm of an object of {} failed: {error}",
                    parts.class
                ));
                exception(&error.to_string())
            })?;
            Ok(JsValue::UNDEFINED)
        })
    }
}

#[cfg(feature = "web-sockets")]
impl<A: Application, T: DurableObject<Env = A::Env>> ExportedObject<A, T> {
    /// Receives a message of a client.
    pub fn web_socket_message(&self, socket: JsValue, message: JsValue) -> Promise {
        if !T::HAS_WEB_SOCKETS {
            return Promise::resolve(&JsValue::UNDEFINED);
        }
        let parts = Rc::clone(&self.parts);
        self.web_socket("web_socket_message", move || async move {
            let (object, context) = parts.load()?;
            let socket = parts.socket(socket);
            let handled = object.web_socket_message(socket, message_from_js(&message));
            parts.handle("web_socket_message", &context, handled).await
        })
    }

    /// Learns that a connection is closed, and completes the close.
    pub fn web_socket_close(&self, socket: JsValue, code: u16, reason: String) -> Promise {
        if !T::HAS_WEB_SOCKETS {
            return Promise::resolve(&JsValue::UNDEFINED);
        }
        let parts = Rc::clone(&self.parts);
        self.web_socket("web_socket_close", move || async move {
            let (object, context) = parts.load()?;
            // The answer has the code of the client, unless that one cannot be sent. A connection
            // that was lost cannot be closed.
            let is_sendable = code == 1000 || (3000..5000).contains(&code);
            let answer = [JsValue::from(code), JsValue::from_str(&reason)];
            let answer = if is_sendable { &answer[..] } else { &[] };
            let _ = call(&socket, "close", answer);
            let handled = object.web_socket_close(parts.socket(socket), Close::new(code, reason));
            parts.handle("web_socket_close", &context, handled).await
        })
    }

    /// Runs a handler, whose error is logged.
    fn web_socket<F: Future<Output = Result<()>> + 'static>(
        &self,
        operation: &'static str,
        handle: impl FnOnce() -> F + 'static,
    ) -> Promise {
        let class = self.parts.class;
        promise(operation, async move {
            if let Err(error) = handle().await {
                log_line(&format!(
                    "error: the {operation} of an object of {class} failed: {error}"
                ));
            }
            Ok(JsValue::UNDEFINED)
        })
    }
}

/// Without the feature an object accepts no sockets.
#[cfg(not(feature = "web-sockets"))]
impl<A, T> ExportedObject<A, T> {
    pub fn web_socket_message(&self, _: JsValue, _: JsValue) -> Promise {
        Promise::resolve(&JsValue::UNDEFINED)
    }

    pub fn web_socket_close(&self, _: JsValue, _: u16, _: String) -> Promise {
        Promise::resolve(&JsValue::UNDEFINED)
    }
}

#[cfg(feature = "web-sockets")]
impl<A: Application, T: DurableObject<Env = A::Env>> Parts<A, T> {
    fn socket(&self, socket: JsValue) -> WebSocket {
        WebSocket::new(super::WebSocket::new(socket, &self.state))
    }

    async fn handle(
        &self,
        operation: &'static str,
        context: &Context,
        handled: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let scope = Scope::new(context, RequestLine::default());
        let gate = self.gate();
        let handled = gate.handle(operation, handled, |outcome| {
            (outcome.as_ref().err(), Measures::default())
        });
        scope.run(handled).await
    }
}

impl<A: Application, T: DurableObject<Env = A::Env>> Parts<A, T> {
    /// Returns the object, and the context of a call.
    fn load(&self) -> Result<(Rc<T>, Context)> {
        let context = super::Context::new(self.state.clone(), &JsValue::UNDEFINED);
        let context = Context::new(context);
        let created = self.object.borrow().clone();
        if let Some(object) = created {
            return Ok((object, context));
        }

        let env = connect::<A>(self.env.clone(), &context)?;
        let state = ObjectState {
            state: Handle::new(self.state.clone()),
            has_alarm: T::HAS_ALARM,
        };
        let gate = Gate::new(
            Service::DurableObject,
            self.class,
            env.backend().observers(),
        );
        let object = Rc::new(T::create(State::new(state, gate), env)?);
        *self.object.borrow_mut() = Some(Rc::clone(&object));
        Ok((object, context))
    }

    fn gate(&self) -> Gate {
        Gate::of_handler(self.class, observers())
    }

    async fn call(&self, method: &str, request: &JsValue) -> Result<JsValue, Failure> {
        let arguments = call_async(request, "text", &[]).await?;
        let arguments = arguments.as_string().unwrap_or_default();
        let outcome = match self.load() {
            Ok((object, context)) => {
                let scope = Scope::new(&context, RequestLine::default());
                let gate = self.gate();
                let call = gate.handle("object_call", object.call(method, arguments), |outcome| {
                    (outcome.as_ref().err(), Measures::default())
                });
                scope.run(call).await
            }
            Err(error) => Err(error),
        };
        reply_to_js(outcome)
    }

    async fn fetch(&self, request: &web_sys::Request) -> Result<JsValue, Failure> {
        let (object, context) = match self.load() {
            Ok(loaded) => loaded,
            Err(error) => return error_response(&error),
        };
        let request = request_from_js(request)?;
        let scope = Scope::new(&context, RequestLine::default());
        let gate = self.gate();
        let respond = gate.handle("object_fetch", object.fetch(request), |response| {
            let measures = Measures {
                status: Some(response.status().as_u16()),
                ..Measures::default()
            };
            (None, measures)
        });
        response_to_js(scope.run(respond).await)
    }

    async fn alarm(&self, info: AlarmInfo) -> Result<()> {
        let (object, context) = self.load()?;
        let scope = Scope::new(&context, RequestLine::default());
        let gate = self.gate();
        let alarm = gate.handle("alarm", object.alarm(info), |outcome| {
            (outcome.as_ref().err(), Measures::default())
        });
        scope.run(alarm).await
    }
}

/// The response to a call.
fn reply_to_js(outcome: Result<String>) -> Result<JsValue, Failure> {
    let reply = outcome.unwrap_or_else(|error| error_reply(&error));
    let reply = JsValue::from_str(&reply);
    let response = platform::create_response(&reply, 200, "", &JsValue::UNDEFINED);
    response.map_err(|error| failure(&error))
}

/// The state of an object.
#[derive(Clone)]
pub(crate) struct ObjectState {
    state: Handle,
    has_alarm: bool,
}

impl ObjectState {
    pub(crate) fn id(&self) -> String {
        text_of(&get(self.state.value(), "id"))
    }

    pub(crate) fn name(&self) -> Option<String> {
        get_text(&get(self.state.value(), "id"), "name")
    }

    fn storage(&self) -> JsValue {
        get(self.state.value(), "storage")
    }

    /// The values by key.
    fn values(&self) -> Result<JsValue, Failure> {
        let values = get(&self.storage(), "kv");
        if values.is_undefined() {
            return Err(without_sqlite());
        }
        Ok(values)
    }

    pub(crate) fn wait_until(&self, future: impl Future<Output = ()> + 'static) {
        let promise = promise("wait_until", async move {
            future.await;
            Ok(JsValue::UNDEFINED)
        });
        let called = call(self.state.value(), "waitUntil", &[promise.into()]);
        if let Err(failure) = called {
            let message = &failure.message;
            log_line(&format!(
                "error: background work cannot be registered: {message}"
            ));
        }
    }

    pub(crate) fn abort(&self, reason: &str) {
        platform::abort_object(self.state.value(), reason);
    }

    #[cfg(feature = "web-sockets")]
    pub(crate) fn accept(&self, tags: &[&str]) -> Result<(super::WebSocket, Response), Failure> {
        super::WebSocket::accept(self.state.value(), tags)
    }

    #[cfg(feature = "web-sockets")]
    pub(crate) fn web_sockets(&self, tag: Option<&str>) -> Vec<super::WebSocket> {
        let state = self.state.value();
        let sockets = call(state, "getWebSockets", &[optional(tag)]).unwrap_or_default();
        let sockets = Array::from(&sockets);
        sockets
            .iter()
            .map(|socket| super::WebSocket::new(socket, state))
            .collect()
    }

    #[cfg(feature = "web-sockets")]
    pub(crate) fn set_auto_response(&self, request: &str, response: &str) -> Result<(), Failure> {
        let set = platform::set_auto_response(self.state.value(), request, response);
        set.map_err(|error| failure(&error))?;
        Ok(())
    }

    pub(crate) async fn block_concurrency_while<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        section(self.state.value(), "blockConcurrencyWhile", work).await
    }

    /// Opens the database, and applies pending migrations.
    pub(crate) fn database(&self, content: &Content) -> Result<D1, Failure> {
        let database = platform::object_database(&self.storage());
        let database = database.map_err(|_| without_sqlite())?;
        if let Content::Database {
            migrations_table,
            migrations,
            ..
        } = content
        {
            let files = migrations.iter().flat_map(|(name, sql)| [*name, *sql]);
            let files: Array = files.map(JsValue::from_str).collect();
            let migrated = platform::migrate_object(&self.storage(), migrations_table, &files);
            migrated.map_err(|error| failure(&error).of_kind(ErrorKind::Misconfigured))?;
        }

        Ok(D1::new(Handle::new(database)))
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<String>, Failure> {
        let value = call(&self.values()?, "get", &[JsValue::from_str(key)])?;
        Ok(stringify(&value))
    }

    pub(crate) fn put(&self, key: &str, json: &str) -> Result<(), Failure> {
        let arguments = [JsValue::from_str(key), parse(json)?];
        call(&self.values()?, "put", &arguments)?;
        Ok(())
    }

    pub(crate) fn delete(&self, key: &str) -> Result<bool, Failure> {
        let deleted = call(&self.values()?, "delete", &[JsValue::from_str(key)])?;
        Ok(deleted.is_truthy())
    }

    pub(crate) fn list(&self, list: &List) -> Result<Vec<(String, String)>, Failure> {
        let options = object(&[
            ("prefix", optional(list.prefix.as_deref())),
            ("start", optional(list.start.as_deref())),
            ("end", optional(list.end.as_deref())),
            (
                "limit",
                list.limit.map_or(JsValue::UNDEFINED, JsValue::from),
            ),
            ("reverse", JsValue::from_bool(list.is_reverse)),
        ]);
        let found = call(&self.values()?, "list", &[options])?;
        let found = Array::from(&found);
        let pairs = found.iter().map(|pair| {
            let pair: Array = pair.unchecked_into();
            let key = pair.get(0).as_string().unwrap_or_default();
            (key, stringify(&pair.get(1)).unwrap_or_default())
        });
        Ok(pairs.collect())
    }

    pub(crate) async fn delete_all(&self) -> Result<(), Failure> {
        let storage = self.storage();
        call_async(&storage, "deleteAlarm", &[]).await?;
        call_async(&storage, "deleteAll", &[]).await?;
        Ok(())
    }

    pub(crate) async fn transaction<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        section(&self.storage(), "transaction", work).await
    }

    pub(crate) fn size(&self) -> Result<u64, Failure> {
        let sql = get(&self.storage(), "sql");
        let size = get_number(&sql, "databaseSize");
        size.map(|size| size as u64).ok_or_else(without_sqlite)
    }

    pub(crate) async fn alarm(&self) -> Result<Option<SystemTime>, Failure> {
        let time = call_async(&self.storage(), "getAlarm", &[]).await?;
        let since_epoch = time.as_f64().map(|milliseconds| milliseconds as u64);
        Ok(since_epoch.map(|since| SystemTime::UNIX_EPOCH + Duration::from_millis(since)))
    }

    pub(crate) async fn set_alarm(&self, milliseconds: i64) -> Result<(), Failure> {
        if !self.has_alarm {
            let message = "the class has no `async fn alarm(&self) -> bindery::Result<()>`";
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }
        let arguments = [JsValue::from_f64(milliseconds as f64)];
        call_async(&self.storage(), "setAlarm", &arguments).await?;
        Ok(())
    }

    pub(crate) async fn delete_alarm(&self) -> Result<(), Failure> {
        call_async(&self.storage(), "deleteAlarm", &[]).await?;
        Ok(())
    }
}

fn without_sqlite() -> Failure {
    let message = "the class has no SQLite storage: name it in `new_sqlite_classes` of a migration \
                   of the manifest";
    Failure::new(ErrorKind::Misconfigured, message)
}

/// Runs a future as the callback of a method of the platform, which waits for it. The method sees a
/// rejection if the future fails.
async fn section<T>(
    owner: &JsValue,
    method: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let located = |failure| Error::of_worker("transaction", failure);
    let entered = platform::enter_section(owner, method);
    let section = entered.map_err(|error| located(failure(&error)))?;
    // The future is polled first in the callback, so that its I/O belongs to the callback.
    let started = Settled::new(&get(&section, "started")).await;
    started.map_err(|error| located(failure(&error)))?;

    let canceled = Canceled(&section);
    let outcome = work.await;
    std::mem::forget(canceled);

    let ended = match &outcome {
        Ok(_) => call(&section, "resolve", &[]),
        Err(error) => call(&section, "reject", &[exception(&error.to_string())]),
    };
    ended.map_err(located)?;
    let finished = Settled::new(&get(&section, "finished")).await;
    let value = outcome?;
    finished.map_err(|error| located(failure(&error)))?;
    Ok(value)
}

/// Ends a section whose future is dropped.
struct Canceled<'a>(&'a JsValue);

impl Drop for Canceled<'_> {
    fn drop(&mut self) {
        let _ = call(self.0, "reject", &[exception("the call was canceled")]);
    }
}
