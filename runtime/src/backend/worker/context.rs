//! The context that the platform passes to a handler.

use std::future::Future;

use wasm_bindgen::JsValue;

use crate::app::Cf;

use super::js::{Handle, call, get, stringify};
use super::log_line;
use super::panic;

/// The context of a request or a batch.
#[derive(Clone)]
pub(crate) struct Context {
    /// The object of the platform.
    platform: Handle,
    /// `request.cf`, or undefined.
    cf: Handle,
}

impl Context {
    /// `request` is undefined for a batch.
    pub(super) fn new(platform: JsValue, request: &JsValue) -> Self {
        let cf = if request.is_undefined() {
            JsValue::UNDEFINED
        } else {
            get(request, "cf")
        };
        Self {
            platform: Handle::new(platform),
            cf: Handle::new(cf),
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

    pub(crate) fn cf(&self) -> Cf {
        let json = stringify(self.cf.value()).unwrap_or_default();
        crate::json::parse(&json).unwrap_or_default()
    }
}
