//! Panics on Workers.
//!
//! A panic ends the instance of the Wasm module, and the next request gets a new one. Nothing polls
//! the futures of the old instance anymore, so their promises would never settle: the platform
//! would report that the worker hung. Therefore the panic hook settles all of them.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::PanicHookInfo;
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

use futures_util::future::LocalBoxFuture;
use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;

use crate::error::{Error, ErrorKind};

use super::entry::unlogged_error_response;
use super::log_line;
use super::task;

/// A promise that has not settled, and how to settle it.
struct Pending {
    id: u64,
    operation: &'static str,
    resolve: Function,
    reject: Function,
}

thread_local! {
    static PENDING: RefCell<Vec<Pending>> = const { RefCell::new(Vec::new()) };
    /// The promise whose future is being polled.
    static CURRENT: Cell<u64> = const { Cell::new(0) };
}

/// Runs a future and returns a promise for its result. The promise settles even if this or another
/// future panics: the one of `fetch` with a response, any other with an exception.
pub(super) fn promise<F>(operation: &'static str, future: F) -> Promise
where
    F: Future<Output = Result<JsValue, JsValue>> + 'static,
{
    promise_of(operation, Box::pin(future))
}

/// Not generic: each kind of event has a future of its own.
fn promise_of(
    operation: &'static str,
    future: LocalBoxFuture<'static, Result<JsValue, JsValue>>,
) -> Promise {
    static INSTALL: Once = Once::new();
    thread_local! {
        static NEXT: Cell<u64> = const { Cell::new(1) };
    }
    INSTALL.call_once(install);
    let id = NEXT.get();
    NEXT.set(id + 1);

    let promise = Promise::new(&mut |resolve, reject| {
        let pending = Pending {
            id,
            operation,
            resolve,
            reject,
        };
        PENDING.with(|all| all.borrow_mut().push(pending));
    });
    task::spawn(async move {
        let result = Tracked { id, future }.await;
        if let Some(pending) = PENDING.with(|all| take(&mut all.borrow_mut(), id)) {
            pending.settle(result);
        }
    });
    promise
}

/// Takes the promise with an id. There are few at a time.
fn take(all: &mut Vec<Pending>, id: u64) -> Option<Pending> {
    let index = all.iter().position(|pending| pending.id == id)?;
    Some(all.swap_remove(index))
}

/// A future during whose polls its promise is the current one.
struct Tracked {
    id: u64,
    future: LocalBoxFuture<'static, Result<JsValue, JsValue>>,
}

impl Future for Tracked {
    type Output = Result<JsValue, JsValue>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outer = CURRENT.replace(self.id);
        let result = self.future.as_mut().poll(context);
        CURRENT.set(outer);
        result
    }
}

impl Pending {
    fn settle(&self, result: Result<JsValue, JsValue>) {
        // Settling a promise does not throw.
        let _ = match result {
            Ok(value) => self.resolve.call1(&JsValue::UNDEFINED, &value),
            Err(error) => self.reject.call1(&JsValue::UNDEFINED, &error),
        };
    }

    /// Settles the promise of a future that will not end.
    fn fail(&self, error: Error) {
        let exception = |message: &str| js_sys::Error::new(message).into();
        if self.operation != "fetch" {
            return self.settle(Err(exception(&error.to_string())));
        }
        let response = unlogged_error_response(&error);
        self.settle(response.map_err(|failure| exception(&failure.message)));
    }
}

/// Adds the settling of promises to the panic hook.
#[cold]
#[inline(never)]
fn install() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        settle_all(info);
        previous(info);
    }));
}

fn settle_all(info: &PanicHookInfo<'_>) {
    let current = CURRENT.get();
    let text = info.payload_as_str().unwrap_or("a value that is not text");
    // A panic in this function would end the process before it settles anything.
    let Some(mut all) = PENDING.with(|all| {
        all.try_borrow_mut()
            .ok()
            .map(|mut all| std::mem::take(&mut *all))
    }) else {
        return;
    };

    if let Some(pending) = take(&mut all, current) {
        let what = match pending.operation {
            "test" => "the test",
            "wait_until" => "background work",
            _ => "the handler",
        };
        let message = format!("{what} panicked: {text}");
        let error = Error::worker(pending.operation, ErrorKind::Internal, message);
        log_line(&format!("error: {error}"));
        pending.fail(error);
    }
    if cfg!(panic = "unwind") {
        // The instance lives on, and with it the other futures.
        PENDING.with(|pending| pending.borrow_mut().append(&mut all));
        return;
    }
    for pending in all {
        let message = "the instance of the worker ended, because something else panicked";
        pending.fail(Error::worker(
            pending.operation,
            ErrorKind::Unavailable,
            message,
        ));
    }
}
