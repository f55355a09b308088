//! What the platform hands to a request: every binding, in one object.

use std::sync::{Arc, OnceLock};

use wasm_bindgen::JsValue;

use crate::observe::{Observer, Observers};
use crate::vars::RawVar;

use super::js::{Handle, get, stringify};
use super::{D1, Kv, Other, Queue, R2};

/// The bindings of one request.
#[derive(Debug, Clone)]
pub struct World(Handle);

/// Observers outlive a request: they belong to the instance.
fn observers() -> &'static Arc<Observers> {
    static OBSERVERS: OnceLock<Arc<Observers>> = OnceLock::new();
    OBSERVERS.get_or_init(Arc::default)
}

impl World {
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

    /// A binding that has the method of its kind.
    fn binding(&self, name: &str, method: &str, kind: &str) -> Result<Handle, String> {
        let value = get(self.0.value(), name);
        if value.is_undefined() || value.is_null() {
            return Err(format!("the binding {name} is missing"));
        }
        if get(&value, method).is_function() {
            Ok(Handle::new(value))
        } else {
            Err(format!("the binding {name} is not {kind}"))
        }
    }

    pub(crate) fn kv(&self, binding: &str) -> Result<Kv, String> {
        self.binding(binding, "getWithMetadata", "a KV namespace")
            .map(Kv)
    }

    pub(crate) fn d1(&self, binding: &str) -> Result<D1, String> {
        self.binding(binding, "prepare", "a D1 database").map(D1)
    }

    pub(crate) fn r2(&self, binding: &str) -> Result<R2, String> {
        self.binding(binding, "createMultipartUpload", "an R2 bucket")
            .map(R2)
    }

    pub(crate) fn queue(&self, binding: &str) -> Result<Queue, String> {
        self.binding(binding, "sendBatch", "a queue").map(Queue)
    }

    /// A binding that has the property of its kind, if its kind has one.
    pub(crate) fn other(&self, binding: &str, what: &str, mark: &str) -> Result<Other, String> {
        let value = get(self.0.value(), binding);
        if value.is_undefined() || value.is_null() {
            return Err(format!("the binding {binding} is missing"));
        }
        if mark.is_empty() || !get(&value, mark).is_undefined() {
            Ok(Other(Handle::new(value)))
        } else {
            Err(format!("the binding {binding} is not {what}"))
        }
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
