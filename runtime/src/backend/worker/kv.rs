//! KV on Workers.

use std::time::Duration;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::error::Failure;
use crate::kv::{List, ListOptions, ListedKey};

use super::js::{Handle, call_async, get, object, optional, parse, send, stringify};

#[derive(Debug, Clone)]
pub(crate) struct Kv(pub(super) Handle);

impl Kv {
    pub(crate) async fn get(
        &self,
        name: &str,
        cache_ttl: Option<Duration>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        send(async {
            let options = object(&[
                ("type", "arrayBuffer".into()),
                ("cacheTtl", seconds(cache_ttl)),
            ]);
            let arguments = [JsValue::from_str(name), options];
            let value = call_async(self.0.value(), "get", &arguments).await?;
            Ok((!value.is_null()).then(|| Uint8Array::new(&value).to_vec()))
        })
        .await
    }

    pub(crate) async fn put(
        &self,
        name: &str,
        value: &[u8],
        ttl: Option<Duration>,
        metadata: Option<&str>,
    ) -> Result<(), Failure> {
        send(async {
            let metadata = metadata.map_or(Ok(JsValue::UNDEFINED), parse)?;
            let options = object(&[("expirationTtl", seconds(ttl)), ("metadata", metadata)]);
            let value = Uint8Array::from(value).into();
            let arguments = [JsValue::from_str(name), value, options];
            call_async(self.0.value(), "put", &arguments)
                .await
                .map(drop)
        })
        .await
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<(), Failure> {
        send(async {
            call_async(self.0.value(), "delete", &[JsValue::from_str(name)])
                .await
                .map(drop)
        })
        .await
    }

    pub(crate) async fn list(&self, options: &ListOptions, limit: u32) -> Result<List, Failure> {
        send(async {
            let options = object(&[
                ("prefix", optional(options.prefix.as_deref())),
                ("cursor", optional(options.cursor.as_deref())),
                ("limit", limit.into()),
            ]);
            let result = call_async(self.0.value(), "list", &[options]).await?;

            let keys = get(&result, "keys");
            let keys = keys.dyn_ref::<Array>().map(Array::to_vec);
            let keys = keys.unwrap_or_default();
            let keys = keys.iter().filter_map(listed_key).collect();

            let is_complete = get(&result, "list_complete").is_truthy();
            let cursor = if is_complete {
                None
            } else {
                get(&result, "cursor").as_string()
            };
            Ok(List { keys, cursor })
        })
        .await
    }
}

fn seconds(duration: Option<Duration>) -> JsValue {
    duration.map_or(JsValue::UNDEFINED, |duration| {
        JsValue::from_f64(duration.as_secs() as f64)
    })
}

fn listed_key(key: &JsValue) -> Option<ListedKey> {
    let expiration = get(key, "expiration").as_f64();
    let metadata = stringify(&get(key, "metadata"))
        .and_then(|json| serde_json::from_str(&json).ok())
        .filter(|value: &serde_json::Value| !value.is_null());
    Some(ListedKey {
        name: get(key, "name").as_string()?,
        expiration: expiration.map(|seconds| seconds as u64),
        metadata,
    })
}
