//! The cache of the data center: the Cache API.

use wasm_bindgen::JsValue;

use crate::cache::Lifetime;
use crate::error::Failure;
use crate::http::Response;

use super::http::{response_from_js, response_to_js};
use super::js::{call, call_async, get, send};

/// A cache.
pub(crate) struct EdgeCache {
    name: Option<String>,
}

impl EdgeCache {
    /// Returns the cache with a name, or the default one.
    pub(crate) fn open(name: Option<&str>) -> Self {
        Self {
            name: name.map(str::to_owned),
        }
    }

    async fn object(&self) -> Result<JsValue, Failure> {
        let caches = get(&js_sys::global(), "caches");
        match &self.name {
            None => Ok(get(&caches, "default")),
            Some(name) => call_async(&caches, "open", &[name.into()]).await,
        }
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Option<Response>, Failure> {
        send(async {
            let found = call_async(&self.object().await?, "match", &[url.into()]).await?;
            if found.is_undefined() {
                return Ok(None);
            }
            response_from_js(found).map(Some)
        })
        .await
    }

    pub(crate) async fn put(
        &self,
        url: &str,
        response: Response,
        _: Lifetime,
    ) -> Result<Response, Failure> {
        send(async {
            let response = response_to_js(response)?;
            let copy = call(&response, "clone", &[])?;
            call_async(&self.object().await?, "put", &[url.into(), copy]).await?;
            response_from_js(response)
        })
        .await
    }

    pub(crate) async fn delete(&self, url: &str) -> Result<bool, Failure> {
        send(async {
            let deleted = call_async(&self.object().await?, "delete", &[url.into()]).await?;
            Ok(deleted.is_truthy())
        })
        .await
    }
}
