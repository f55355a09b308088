//! R2 on the platform.

use std::collections::BTreeMap;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::error::{ErrorKind, Failure};
use crate::http::Body;
use crate::r2::{List, ListOptions, ObjectInfo, PutOptions, Upload};

use super::clock::at;
use super::js::{Handle, call, call_async, get, object, optional, send, stringify};

/// Bytes of a part but the last: the least that R2 takes.
const PART: usize = 5 * 1024 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct R2(pub(super) Handle);

/// A multipart upload. Dropped before it is complete, it is aborted: nothing of it stays.
struct Multipart {
    upload: JsValue,
    parts: Array,
    complete: bool,
}

impl Multipart {
    async fn part(&self, bytes: &[u8]) -> Result<(), Failure> {
        let number = JsValue::from(self.parts.length() + 1);
        let part = call_async(
            &self.upload,
            "uploadPart",
            &[number, Uint8Array::from(bytes).into()],
        )
        .await?;
        self.parts.push(&part);
        Ok(())
    }

    async fn finish(mut self) -> Result<JsValue, Failure> {
        let object = call_async(&self.upload, "complete", &[self.parts.clone().into()]).await?;
        self.complete = true;
        Ok(object)
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        if !self.complete {
            // What cannot be aborted now, R2 aborts by itself after a week.
            let _ = call(&self.upload, "abort", &[]);
        }
    }
}

impl R2 {
    pub(crate) async fn put(
        &self,
        key: &str,
        mut upload: Upload<'_>,
        options: &PutOptions,
    ) -> Result<ObjectInfo, Failure> {
        send(async {
            let key = JsValue::from_str(key);
            let options = put_options(options);
            let mut held: Vec<u8> = Vec::new();
            let mut multipart: Option<Multipart> = None;
            while let Some(chunk) = upload.chunk().await? {
                held.extend_from_slice(&chunk);
                while held.len() > PART {
                    let parts = match &mut multipart {
                        Some(parts) => parts,
                        None => {
                            let upload = call_async(
                                self.0.value(),
                                "createMultipartUpload",
                                &[key.clone(), options.clone()],
                            )
                            .await?;
                            multipart.insert(Multipart {
                                upload,
                                parts: Array::new(),
                                complete: false,
                            })
                        }
                    };
                    parts.part(&held[..PART]).await?;
                    held.drain(..PART);
                }
            }
            let stored = match multipart {
                Some(parts) => {
                    parts.part(&held).await?;
                    parts.finish().await?
                }
                None => {
                    call_async(
                        self.0.value(),
                        "put",
                        &[key, Uint8Array::from(&*held).into(), options],
                    )
                    .await?
                }
            };
            info(&stored)
        })
        .await
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<(ObjectInfo, Body)>, Failure> {
        send(async {
            let found = call_async(self.0.value(), "get", &[JsValue::from_str(key)]).await?;
            if found.is_null() {
                return Ok(None);
            }
            let info = info(&found)?;
            let body = match get(&found, "body").dyn_into::<web_sys::ReadableStream>() {
                Ok(stream) => Body::new(worker::Body::new(stream)),
                Err(_) => Body::empty(),
            };
            Ok(Some((info, body)))
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
                .map(|word| JsValue::from_str(word))
                .collect();
            let options = object(&[
                ("prefix", optional(options.prefix.as_deref())),
                ("cursor", optional(options.cursor.as_deref())),
                ("limit", limit.into()),
                ("include", include.into()),
            ]);
            let result = call_async(self.0.value(), "list", &[options]).await?;
            let objects = get(&result, "objects");
            let objects = objects
                .dyn_ref::<Array>()
                .map(Array::to_vec)
                .unwrap_or_default();
            Ok(List {
                objects: objects.iter().map(info).collect::<Result<_, _>>()?,
                cursor: get(&result, "cursor").as_string(),
            })
        })
        .await
    }
}

fn put_options(options: &PutOptions) -> JsValue {
    let http = object(&[
        ("contentType", optional(options.content_type.as_deref())),
        (
            "contentDisposition",
            optional(options.content_disposition.as_deref()),
        ),
    ]);
    let custom: Vec<(&str, JsValue)> = options
        .custom_metadata
        .iter()
        .map(|(name, value)| (name.as_str(), JsValue::from_str(value)))
        .collect();
    object(&[("httpMetadata", http), ("customMetadata", object(&custom))])
}

fn info(found: &JsValue) -> Result<ObjectInfo, Failure> {
    let missing = || Failure::new(ErrorKind::Decode, "R2 gave no object");
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
