//! The context that the platform passes to a handler.

use std::any::TypeId;
use std::cell::RefCell;
use std::future::Future;

use js_sys::Object;
use wasm_bindgen::JsValue;

use crate::app::{Cf, Environment, Router};

use super::js::{Handle, call, get, stringify};
use super::log_line;
use super::panic;

/// The router of a function.
struct Built {
    key: TypeId,
    /// The object with the bindings of the router.
    env: JsValue,
    router: Router,
}

thread_local! {
    static ROUTERS: RefCell<Vec<Built>> = const { RefCell::new(Vec::new()) };
}

/// Keeps a router instead of one with the bindings of another object.
fn remember(key: TypeId, env: JsValue, router: Router) {
    let mut routers = ROUTERS.take();
    routers.retain(|known| known.key != key);
    routers.push(Built { key, env, router });
    ROUTERS.set(routers);
}

/// The context of a request or a batch.
#[derive(Clone)]
pub(crate) struct Context {
    /// The object of the platform.
    platform: Handle,
    /// The request, or undefined for a batch.
    request: Handle,
}

impl Context {
    /// `request` is undefined for a batch.
    pub(super) fn new(platform: JsValue, request: &JsValue) -> Self {
        Self {
            platform: Handle::new(platform),
            request: Handle::new(request.clone()),
        }
    }

    pub(crate) fn wait_until(&self, future: impl Future<Output = ()> + Send + 'static) {
        let promise = panic::promise("wait_until", async move {
            future.await;
            Ok(JsValue::UNDEFINED)
        });
        let called = call(self.platform.value(), "waitUntil", &[promise.into()]);
        if let Err(failure) = called {
            log_line(&format!(
                "error: background work cannot be registered: {}",
                failure.message
            ));
        }
    }

    pub(crate) fn pass_through_on_exception(&self) {
        let called = call(self.platform.value(), "passThroughOnException", &[]);
        if let Err(failure) = called {
            log_line(&format!(
                "error: passThroughOnException failed: {}",
                failure.message
            ));
        }
    }

    pub(crate) fn router<E: Environment>(
        &self,
        key: TypeId,
        env: E,
        build: impl FnOnce(E) -> Router,
    ) -> Router {
        let object = env.backend().platform();
        let built = ROUTERS.with_borrow(|routers| {
            let found = routers.iter().find(|known| known.key == key)?;
            Object::is(&found.env, &object).then(|| Router::clone(&found.router))
        });
        built.unwrap_or_else(|| {
            let router = build(env);
            remember(key, object, Router::clone(&router));
            router
        })
    }

    /// Reads `request.cf`, which costs more than a small response: the platform creates the object
    /// when it is read first.
    pub(crate) fn cf(&self) -> Cf {
        let cf = get(self.request.value(), "cf");
        let json = stringify(&cf).unwrap_or_default();
        crate::json::parse(&json).unwrap_or_default()
    }
}
