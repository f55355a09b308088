//! Queues on Workers: sending messages, and converting the batch of a consumer.

use js_sys::{Array, ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::error::Failure;
use crate::queue::{Body, RawBatch, RawMessage, Verdict};

use super::clock::at;
use super::js::{
    Handle, call, call_async, get, get_number, get_text, object, parse, send, stringify,
};

#[derive(Debug, Clone)]
pub(crate) struct Queue(pub(super) Handle);

impl Queue {
    pub(crate) async fn send(
        &self,
        bodies: &[Body],
        delay_seconds: u32,
        batch: bool,
    ) -> Result<(), Failure> {
        send(async {
            if let ([body], false) = (bodies, batch) {
                let options = object(&[
                    ("contentType", content_type(body)),
                    ("delaySeconds", delay_seconds.into()),
                ]);
                let arguments = [value(body)?, options];
                return call_async(self.0.value(), "send", &arguments)
                    .await
                    .map(drop);
            }

            let messages = Array::new();
            for body in bodies {
                let content_type = ("contentType", content_type(body));
                messages.push(&object(&[("body", value(body)?), content_type]));
            }
            let options = object(&[("delaySeconds", delay_seconds.into())]);
            call_async(self.0.value(), "sendBatch", &[messages.into(), options])
                .await
                .map(drop)
        })
        .await
    }
}

fn content_type(body: &Body) -> JsValue {
    JsValue::from_str(match body {
        Body::Json(_) => "json",
        Body::Text(_) => "text",
        Body::Bytes(_) => "bytes",
    })
}

fn value(body: &Body) -> Result<JsValue, Failure> {
    match body {
        Body::Json(json) => parse(json),
        Body::Text(text) => Ok(JsValue::from_str(text)),
        Body::Bytes(bytes) => Ok(Uint8Array::from(bytes.as_slice()).into()),
    }
}

/// Converts the batch that the platform delivers.
pub(super) fn received(batch: &JsValue) -> RawBatch {
    let queue = get_text(batch, "queue").unwrap_or_default();
    RawBatch::new(queue, messages(batch).iter().map(message).collect())
}

fn messages(batch: &JsValue) -> Vec<JsValue> {
    let messages = get(batch, "messages");
    let messages = messages.dyn_ref::<Array>().map(Array::to_vec);
    messages.unwrap_or_default()
}

fn message(message: &JsValue) -> RawMessage {
    let attempts = get_number(message, "attempts");
    let body = get(message, "body");
    let (body, length) = match body.dyn_ref::<ArrayBuffer>() {
        Some(buffer) => {
            let numbers = Array::from(&Uint8Array::new(buffer));
            (stringify(&numbers), Some(buffer.byte_length() as usize))
        }
        None => (stringify(&body), None),
    };
    RawMessage {
        length: length.unwrap_or_else(|| body.as_ref().map_or(0, String::len)),
        id: get_text(message, "id").unwrap_or_default(),
        timestamp: at(&get(message, "timestamp")),
        attempts: attempts.map_or(1, |attempts| attempts as u32),
        body: body.ok_or_else(|| "the body is not valid JSON".to_owned()),
    }
}

/// Acknowledges or retries each message of the batch.
pub(super) fn settle(batch: &JsValue, settled: &RawBatch) -> Result<(), Failure> {
    for (message, verdict) in messages(batch).iter().zip(&settled.verdicts) {
        match verdict {
            Verdict::Retry(delay) => {
                let delay = delay.map_or(JsValue::UNDEFINED, JsValue::from);
                call(message, "retry", &[object(&[("delaySeconds", delay)])])?;
            }
            Verdict::Ack | Verdict::Undecided => {
                call(message, "ack", &[])?;
            }
        }
    }
    Ok(())
}
