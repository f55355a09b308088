//! What the platform hands to a request: every binding, in one object.

use std::sync::{Arc, OnceLock};

use wasm_bindgen::JsValue;

use crate::app::RawVar;
use crate::bindings::BindingKind;
use crate::observe::{Observer, Observers};

use super::js::{Handle, get, stringify};
use super::{D1, Kv, Object, Queue, R2};

/// The bindings of one request.
#[derive(Debug, Clone)]
pub struct Backend(Handle);

/// Observers outlive a request: they belong to the instance.
fn observers() -> &'static Arc<Observers> {
    static OBSERVERS: OnceLock<Arc<Observers>> = OnceLock::new();
    OBSERVERS.get_or_init(Arc::default)
}

impl Backend {
    pub(super) fn new(env: JsValue) -> Self {
        Self(Handle::new(env))
    }

    pub(crate) fn observers(&self) -> Arc<Observers> {
        Arc::clone(observers())
    }

    /// Tells `observer` of every call from now on, in this request and in later ones.
    pub fn observe(&self, observer: impl Observer + 'static) {
        observers().install(observer);
    }

    /// The object that the platform handed over.
    #[must_use]
    pub fn platform(&self) -> JsValue {
        self.0.value().clone()
    }

    /// The object of a binding, if it has the property of its kind.
    fn handle(&self, binding: &str, kind: BindingKind) -> Result<Handle, String> {
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
        self.handle(binding, BindingKind::D1).map(D1)
    }

    pub(crate) fn r2(&self, binding: &str) -> Result<R2, String> {
        self.handle(binding, BindingKind::R2).map(R2)
    }

    pub(crate) fn queue(&self, binding: &str) -> Result<Queue, String> {
        self.handle(binding, BindingKind::Queue).map(Queue)
    }

    /// A binding of any other kind.
    pub(crate) fn object(&self, binding: &str, kind: BindingKind) -> Result<Object, String> {
        self.handle(binding, kind).map(Object)
    }

    /// Whether the platform gives something of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        let value = get(self.0.value(), name);
        !value.is_undefined() && !value.is_null()
    }

    pub(crate) fn var(&self, name: &str) -> Option<RawVar> {
        let value = get(self.0.value(), name);
        if value.is_undefined() {
            return None;
        }
        match value.as_string() {
            Some(text) => Some(RawVar::Text(text)),
            None => stringify(&value)
                .and_then(|json| serde_json::from_str(&json).ok())
                .map(RawVar::Json),
        }
    }

    /// Where a secret that is missing could stand.
    pub(crate) fn secret_place(&self) -> String {
        "`wrangler secret put` sets it, `.dev.vars` locally".to_owned()
    }

    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        get(self.0.value(), name).as_string()
    }
}
