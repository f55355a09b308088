//! Queues on the platform: sending, and the batch that a consumer gets.

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};

use crate::error::Failure;
use crate::queue::{RawBatch, RawMessage, Verdict};

use super::clock::at;
use super::js::{Handle, call, call_async, get, object, parse, send, stringify};

#[derive(Debug, Clone)]
pub(crate) struct Queue(pub(super) Handle);

impl Queue {
    pub(crate) async fn send(
        &self,
        bodies: &[String],
        delay_seconds: u32,
        batch: bool,
    ) -> Result<(), Failure> {
        send(async {
            let json = || ("contentType", JsValue::from_str("json"));
            if let ([body], false) = (bodies, batch) {
                let options = object(&[json(), ("delaySeconds", delay_seconds.into())]);
                return call_async(self.0.value(), "send", &[parse(body)?, options])
                    .await
                    .map(drop);
            }
            let messages = bodies
                .iter()
                .map(|body| Ok(object(&[("body", parse(body)?), json()])))
                .collect::<Result<Array, Failure>>()?;
            call_async(self.0.value(), "sendBatch", &[messages.into()])
                .await
                .map(drop)
        })
        .await
    }
}

fn messages(batch: &JsValue) -> Vec<JsValue> {
    get(batch, "messages")
        .dyn_ref::<Array>()
        .map(Array::to_vec)
        .unwrap_or_default()
}

/// The batch that the platform hands over.
pub(super) fn received(batch: &JsValue) -> RawBatch {
    let read = |message: &JsValue| RawMessage {
        id: get(message, "id").as_string().unwrap_or_default(),
        timestamp: at(&get(message, "timestamp")),
        attempts: get(message, "attempts")
            .as_f64()
            .map_or(1, |attempts| attempts as u32),
        body: stringify(&get(message, "body")).ok_or_else(|| "the body is no JSON".to_owned()),
    };
    RawBatch::new(
        get(batch, "queue").as_string().unwrap_or_default(),
        messages(batch).iter().map(read).collect(),
    )
}

/// Tells the platform what becomes of each message.
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
