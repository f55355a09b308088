//! R2 on Workers.

use std::collections::BTreeMap;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::error::{ErrorKind, Failure};
use crate::http::Body;
use crate::r2::{List, ListOptions, ObjectInfo, PutOptions, Upload};

use super::clock::at;
use super::js::{Handle, call, call_async, get, object, optional, send, stringify};
use super::stream::body_of;

/// The size of each part but the last: the minimum that R2 accepts, to limit the memory.
const PART_BYTES: usize = 5 * 1024 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct R2(pub(super) Handle);

impl R2 {
    /// Stores an object: with one call if it fits into one part, otherwise as a multipart upload.
    pub(crate) async fn put(
        &self,
        key: &str,
        mut upload: Upload<'_>,
        options: &PutOptions,
    ) -> Result<ObjectInfo, Failure> {
        send(async {
            let key = JsValue::from_str(key);
            let options = put_options(options);
            let mut buffer: Vec<u8> = Vec::new();
            let mut multipart: Option<Multipart> = None;

            while let Some(chunk) = upload.chunk().await? {
                buffer.extend_from_slice(&chunk);
                // The last part may be shorter, so a full buffer waits for the next chunk.
                while buffer.len() > PART_BYTES {
                    let multipart = match &mut multipart {
                        Some(multipart) => multipart,
                        None => multipart.insert(self.start_multipart(&key, &options).await?),
                    };
                    multipart.upload_part(&buffer[..PART_BYTES]).await?;
                    buffer.drain(..PART_BYTES);
                }
            }

            let stored = if let Some(multipart) = multipart {
                multipart.upload_part(&buffer).await?;
                multipart.complete().await?
            } else {
                let content = Uint8Array::from(&*buffer).into();
                call_async(self.0.value(), "put", &[key, content, options]).await?
            };
            info(&stored)
        })
        .await
    }

    async fn start_multipart(
        &self,
        key: &JsValue,
        options: &JsValue,
    ) -> Result<Multipart, Failure> {
        let arguments = [key.clone(), options.clone()];
        let upload = call_async(self.0.value(), "createMultipartUpload", &arguments).await?;
        Ok(Multipart {
            upload,
            parts: Array::new(),
            is_complete: false,
        })
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<(ObjectInfo, Body)>, Failure> {
        send(async {
            let found = call_async(self.0.value(), "get", &[JsValue::from_str(key)]).await?;
            if found.is_null() {
                return Ok(None);
            }

            let info = info(&found)?;
            Ok(Some((info, body_of(&get(&found, "body")))))
        })
        .await
    }

    pub(crate) async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Failure> {
        send(async {
            let found = call_async(self.0.value(), "head", &[JsValue::from_str(key)]).await?;
            if found.is_null() {
                Ok(None)
            } else {
                info(&found).map(Some)
            }
        })
        .await
    }

    pub(crate) async fn delete(&self, keys: &[&str]) -> Result<(), Failure> {
        send(async {
            let keys: Array = keys.iter().map(|key| JsValue::from_str(key)).collect();
            call_async(self.0.value(), "delete", &[keys.into()])
                .await
                .map(drop)
        })
        .await
    }

    pub(crate) async fn list(&self, options: &ListOptions, limit: u32) -> Result<List, Failure> {
        send(async {
            let include: Array = ["httpMetadata", "customMetadata"]
                .iter()
                .map(|property| JsValue::from_str(property))
                .collect();
            let options = object(&[
                ("prefix", optional(options.prefix.as_deref())),
                ("cursor", optional(options.cursor.as_deref())),
                ("limit", limit.into()),
                ("include", include.into()),
            ]);
            let result = call_async(self.0.value(), "list", &[options]).await?;

            let objects = get(&result, "objects");
            let objects = objects.dyn_ref::<Array>().map(Array::to_vec);
            let objects = objects.unwrap_or_default();
            Ok(List {
                objects: objects.iter().map(info).collect::<Result<_, _>>()?,
                cursor: get(&result, "cursor").as_string(),
            })
        })
        .await
    }
}

/// A multipart upload. It is aborted if it is dropped before it is complete.
struct Multipart {
    upload: JsValue,
    parts: Array,
    is_complete: bool,
}

impl Multipart {
    async fn upload_part(&self, bytes: &[u8]) -> Result<(), Failure> {
        let number = JsValue::from(self.parts.length() + 1);
        let content = Uint8Array::from(bytes).into();
        let part = call_async(&self.upload, "uploadPart", &[number, content]).await?;
        self.parts.push(&part);
        Ok(())
    }

    async fn complete(mut self) -> Result<JsValue, Failure> {
        let object = call_async(&self.upload, "complete", &[self.parts.clone().into()]).await?;
        self.is_complete = true;
        Ok(object)
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        if !self.is_complete {
            // R2 aborts an incomplete upload itself after a week, so an error can be ignored.
            let _ = call(&self.upload, "abort", &[]);
        }
    }
}

fn put_options(options: &PutOptions) -> JsValue {
    let disposition = options.content_disposition.as_deref();
    let http = object(&[
        ("contentType", optional(options.content_type.as_deref())),
        ("contentDisposition", optional(disposition)),
    ]);
    let custom = options.custom_metadata.iter();
    let custom: Vec<(&str, JsValue)> = custom
        .map(|(name, value)| (name.as_str(), JsValue::from_str(value)))
        .collect();
    object(&[("httpMetadata", http), ("customMetadata", object(&custom))])
}

/// Reads the properties of an `R2Object`.
fn info(found: &JsValue) -> Result<ObjectInfo, Failure> {
    let missing = || Failure::new(ErrorKind::Decode, "the result is not an R2 object");
    let http = get(found, "httpMetadata");
    let custom = stringify(&get(found, "customMetadata"))
        .and_then(|json| serde_json::from_str::<BTreeMap<String, String>>(&json).ok());

    Ok(ObjectInfo {
        key: get(found, "key").as_string().ok_or_else(missing)?,
        size: get(found, "size").as_f64().ok_or_else(missing)? as u64,
        etag: get(found, "etag").as_string().ok_or_else(missing)?,
        uploaded: at(&get(found, "uploaded")),
        content_type: get(&http, "contentType").as_string(),
        content_disposition: get(&http, "contentDisposition").as_string(),
        custom_metadata: custom.unwrap_or_default(),
    })
}
