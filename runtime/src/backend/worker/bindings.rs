//! The `env` object that the platform passes with each request: its properties are the bindings.

use std::sync::{Arc, OnceLock};

use wasm_bindgen::JsValue;

use crate::app::RawVar;
use crate::bindings::BindingKind;
use crate::observe::{Observer, Observers};

use super::js::{Handle, get, get_text, stringify};
use super::{D1, Kv, Object, Queue, R2};

/// The bindings of one request.
#[derive(Debug, Clone)]
pub struct Backend(Handle);

/// The observers of this instance of the worker, which all of its requests share.
pub(crate) fn observers() -> Arc<Observers> {
    static OBSERVERS: OnceLock<Arc<Observers>> = OnceLock::new();
    Arc::clone(OBSERVERS.get_or_init(Arc::default))
}

impl Backend {
    pub(super) fn new(env: JsValue) -> Self {
        Self(Handle::new(env))
    }

    pub(crate) fn observers(&self) -> Arc<Observers> {
        observers()
    }

    /// Sends `observer` an event after each call from now on, in this and in later requests.
    pub fn observe(&self, observer: impl Observer + 'static) {
        observers().install(observer);
    }

    /// Returns the `env` object of the platform.
    #[must_use]
    pub fn platform(&self) -> JsValue {
        self.0.value().clone()
    }

    /// Returns a property of the `env` object, or undefined.
    #[must_use]
    pub fn raw(&self, name: &str) -> JsValue {
        get(self.0.value(), name)
    }

    /// Returns the object of a binding, if it has the property that identifies its kind.
    pub(super) fn handle(&self, binding: &str, kind: BindingKind) -> Result<Handle, String> {
        let value = get(self.0.value(), binding);
        if value.is_undefined() || value.is_null() {
            return Err(format!("the binding {binding} is missing"));
        }

        let property = kind.property();
        if property.is_empty() || !get(&value, property).is_undefined() {
            Ok(Handle::new(value))
        } else {
            Err(format!("the binding {binding} is not {}", kind.title()))
        }
    }

    pub(crate) fn kv(&self, binding: &str) -> Result<Kv, String> {
        self.handle(binding, BindingKind::Kv).map(Kv)
    }

    pub(crate) fn d1(&self, binding: &str) -> Result<D1, String> {
        self.handle(binding, BindingKind::D1).map(D1::new)
    }

    pub(crate) fn r2(&self, binding: &str) -> Result<R2, String> {
        self.handle(binding, BindingKind::R2).map(R2)
    }

    pub(crate) fn queue(&self, binding: &str) -> Result<Queue, String> {
        self.handle(binding, BindingKind::Queue).map(Queue)
    }

    /// Returns a binding of any other kind.
    pub(crate) fn object(&self, binding: &str, kind: BindingKind) -> Result<Object, String> {
        self.handle(binding, kind).map(Object)
    }

    /// Whether the platform defines a binding.
    pub(crate) fn has(&self, name: &str) -> bool {
        let value = get(self.0.value(), name);
        !value.is_undefined() && !value.is_null()
    }

    /// Returns the value of a variable.
    pub(crate) fn var(&self, name: &str) -> Option<RawVar> {
        let value = get(self.0.value(), name);
        if value.is_undefined() {
            return None;
        }
        if let Some(text) = value.as_string() {
            return Some(RawVar::Text(text));
        }

        stringify(&value).map(RawVar::Json)
    }

    /// Where a missing secret can be set.
    pub(crate) fn secret_place(&self) -> String {
        "set it with `wrangler secret put`, and for local development in `.dev.vars`".to_owned()
    }

    /// Returns the value of a secret.
    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        get_text(self.0.value(), name)
    }
}
