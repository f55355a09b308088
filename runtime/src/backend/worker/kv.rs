//! KV on Workers.

use std::time::Duration;

use js_sys::{Array, Map, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::bindings::content::Upload;
use crate::error::{ErrorKind, Failure};
use crate::http::Body;
use crate::kv::{Expiration, Listing, Stored, StoredKey, seconds_of};

use super::js::{
    Handle, call_async, get, get_number, get_text, object, optional, outcome, parse, send,
    stringify,
};
use super::platform;
use super::stream::{Length, body_of};

#[derive(Debug, Clone)]
pub(crate) struct Kv(pub(super) Handle);

impl Kv {
    pub(crate) async fn get(
        &self,
        name: &str,
        cache_ttl: Option<Duration>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        send(async {
            let value = self.get_value(name, "arrayBuffer", cache_ttl).await?;
            Ok(value.map(|value| platform::bytes_of(&value)))
        })
        .await
    }

    pub(crate) async fn get_with_metadata(
        &self,
        name: &str,
        cache_ttl: Option<Duration>,
    ) -> Result<Option<Stored>, Failure> {
        send(async {
            let options = get_options("arrayBuffer", cache_ttl);
            let arguments = [JsValue::from_str(name), options];
            let found = call_async(self.0.value(), "getWithMetadata", &arguments).await?;
            let value = get(&found, "value");
            let stored = || Stored {
                value: platform::bytes_of(&value),
                metadata: metadata(&found),
            };
            Ok((!value.is_null()).then(stored))
        })
        .await
    }

    pub(crate) async fn get_many(
        &self,
        names: &[String],
        cache_ttl: Option<Duration>,
    ) -> Result<Vec<Option<Stored>>, Failure> {
        send(async {
            let keys: Array = names.iter().map(|name| JsValue::from_str(name)).collect();
            let options = get_options("text", cache_ttl);
            let arguments = [keys.into(), options];
            let found = call_async(self.0.value(), "get", &arguments).await;
            let found = found.map_err(|failure| {
                // The platform has no code for more than 25 MiB in one call.
                if failure.message.contains("413") {
                    failure.of_kind(ErrorKind::TooLarge)
                } else {
                    failure
                }
            })?;

            let found: Map = found.dyn_into().map_err(|_| {
                let message = "a get of several keys did not return a map";
                Failure::new(ErrorKind::Decode, message)
            })?;
            let stored = |name: &String| {
                let text = found.get(&JsValue::from_str(name)).as_string()?;
                Some(Stored {
                    value: text.into_bytes(),
                    metadata: None,
                })
            };
            Ok(names.iter().map(stored).collect())
        })
        .await
    }

    pub(crate) async fn get_body(
        &self,
        name: &str,
        cache_ttl: Option<Duration>,
    ) -> Result<Option<Body>, Failure> {
        send(async {
            let value = self.get_value(name, "stream", cache_ttl).await?;
            Ok(value.map(|stream| body_of(&stream, Length::Unknown)))
        })
        .await
    }

    /// Gets one value. Returns `None` for null.
    async fn get_value(
        &self,
        name: &str,
        kind: &str,
        cache_ttl: Option<Duration>,
    ) -> Result<Option<JsValue>, Failure> {
        let cache_ttl = cache_ttl.map(|ttl| ttl.as_secs() as f64);
        let value = platform::get_value(self.0.value(), name, kind, cache_ttl);
        let value = outcome(value).await?;
        Ok((!value.is_null()).then_some(value))
    }

    pub(crate) async fn put(
        &self,
        name: &str,
        value: &[u8],
        expiration: Expiration,
        metadata: Option<&str>,
    ) -> Result<(), Failure> {
        send(async {
            let value = Uint8Array::from(value).into();
            self.call_put(name, value, expiration, metadata).await
        })
        .await
    }

    pub(crate) async fn put_body(
        &self,
        name: &str,
        mut upload: Upload<'_>,
        expiration: Expiration,
        metadata: Option<&str>,
    ) -> Result<u64, Failure> {
        send(async {
            // KV takes the end of a stream that fails for the end of the value, so the value, of at
            // most 25 MiB, is collected first.
            let mut value = Vec::new();
            while let Some(chunk) = upload.chunk().await? {
                value.extend_from_slice(&chunk);
            }
            let stored = Uint8Array::from(&*value).into();
            self.call_put(name, stored, expiration, metadata).await?;
            Ok(value.len() as u64)
        })
        .await
    }

    async fn call_put(
        &self,
        name: &str,
        value: JsValue,
        expiration: Expiration,
        metadata: Option<&str>,
    ) -> Result<(), Failure> {
        let metadata = metadata.map_or(Ok(JsValue::UNDEFINED), parse)?;
        let expiration = match expiration {
            Expiration::Never => ("expirationTtl", JsValue::UNDEFINED),
            Expiration::After(ttl) => ("expirationTtl", seconds(ttl.as_secs())),
            Expiration::At(time) => ("expiration", seconds(seconds_of(time))),
        };
        let options = object(&[expiration, ("metadata", metadata)]);
        let arguments = [JsValue::from_str(name), value, options];
        let put = call_async(self.0.value(), "put", &arguments);
        put.await.map(drop)
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<(), Failure> {
        send(async {
            call_async(self.0.value(), "delete", &[JsValue::from_str(name)])
                .await
                .map(drop)
        })
        .await
    }

    pub(crate) async fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Listing, Failure> {
        send(async {
            let options = object(&[
                ("prefix", JsValue::from_str(prefix)),
                ("cursor", optional(cursor)),
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
                get_text(&result, "cursor")
            };
            Ok(Listing { keys, cursor })
        })
        .await
    }
}

fn get_options(kind: &str, cache_ttl: Option<Duration>) -> JsValue {
    let cache_ttl = cache_ttl.map(|ttl| seconds(ttl.as_secs()));
    object(&[
        ("type", kind.into()),
        ("cacheTtl", cache_ttl.unwrap_or(JsValue::UNDEFINED)),
    ])
}

fn seconds(seconds: u64) -> JsValue {
    JsValue::from_f64(seconds as f64)
}

fn listed_key(key: &JsValue) -> Option<StoredKey> {
    let expiration = get_number(key, "expiration");
    Some(StoredKey {
        name: get_text(key, "name")?,
        expiration: expiration.map(|seconds| seconds as u64),
        metadata: metadata(key),
    })
}

/// The metadata of a result, as JSON.
fn metadata(result: &JsValue) -> Option<String> {
    let metadata = get(result, "metadata");
    let metadata = (!metadata.is_null()).then_some(metadata)?;
    stringify(&metadata)
}
