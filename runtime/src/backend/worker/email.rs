//! Emails that the worker receives, on Workers.

use bytes::Bytes;
use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::app::{Application, Context};
use crate::email::{EmailOutcome, IncomingEmail, run_email};
use crate::error::{Error, ErrorKind, Failure, Result};

use super::entry::{connect, exception};
use super::js::{Handle, call, call_async, failure, get, get_number, get_text, send};
use super::log_line;
use super::panic::promise;

#[wasm_bindgen(module = "/src/backend/worker/email.js")]
extern "C" {
    #[wasm_bindgen(js_name = readEmail)]
    fn read_email(message: &JsValue) -> Promise;

    #[wasm_bindgen(catch, js_name = replyToEmail)]
    fn reply_to_email(
        message: &JsValue,
        from: &str,
        to: &str,
        raw: &str,
    ) -> std::result::Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_name = createEmail)]
    fn create_email(from: &str, to: &str, raw: &[u8]) -> std::result::Result<JsValue, JsValue>;
}

/// An email of the platform.
#[derive(Debug)]
pub(crate) struct ReceivedEmail(Handle);

impl ReceivedEmail {
    pub(crate) fn size(&self) -> u64 {
        get_number(self.0.value(), "rawSize").unwrap_or_default() as u64
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let headers = get(self.0.value(), "headers");
        let value = call(&headers, "get", &[name.into()]).ok()?;
        value.as_string()
    }

    pub(crate) async fn read(&self) -> Result<Bytes, Failure> {
        send(async {
            let bytes = JsFuture::from(read_email(self.0.value())).await;
            let bytes: Uint8Array = bytes.map_err(|error| failure(&error))?.unchecked_into();
            Ok(Bytes::from(bytes.to_vec()))
        })
        .await
    }

    pub(crate) fn reject(&self, reason: &str) {
        // It cannot fail.
        let _ = call(self.0.value(), "setReject", &[reason.into()]);
    }

    pub(crate) async fn forward(&self, to: &str) -> Result<(), Failure> {
        send(call_async(self.0.value(), "forward", &[to.into()])).await?;
        Ok(())
    }

    pub(crate) async fn reply(&self, from: &str, to: &str, raw: &str) -> Result<(), Failure> {
        send(async {
            let sent = reply_to_email(self.0.value(), from, to, raw);
            let sent = sent.map_err(|error| failure(&error))?;
            JsFuture::from(sent)
                .await
                .map_err(|error| failure(&error))?;
            Ok(())
        })
        .await
    }
}

/// Passes an email of a test to the handler. Returns what it has decided.
pub(super) async fn receive<A: Application>(
    from: &str,
    to: &str,
    raw: Bytes,
    env: &A::Env,
    context: Context,
) -> Result<EmailOutcome> {
    let message = create_email(from, to, &raw).map_err(|error| {
        let failure = failure(&error);
        Error::worker("email", ErrorKind::InvalidArgument, failure.message.clone())
    })?;
    let received = ReceivedEmail(Handle::new(message.clone()));
    let email = IncomingEmail::new(from.to_owned(), to.to_owned(), received);
    run_email::<A>(email, env.clone(), context).await?;

    let outcome = get(&message, "outcome");
    let texts = |name| {
        let list: Array = get(&outcome, name).unchecked_into();
        list.iter().filter_map(|text| text.as_string()).collect()
    };
    Ok(EmailOutcome {
        rejected: get_text(&outcome, "rejected"),
        forwarded: texts("forwarded"),
        replies: texts("replies"),
    })
}

/// Receives an email.
pub fn email<A: Application>(message: JsValue, env: JsValue, context: JsValue) -> Promise {
    promise("email", async move {
        let context = Context::new(super::Context::new(context, &JsValue::UNDEFINED));
        let env = connect::<A>(env, &context).map_err(|error| exception(&error.to_string()))?;

        let address = |name| get_text(&message, name).unwrap_or_default();
        let (from, to) = (address("from"), address("to"));
        let email = IncomingEmail::new(from, to, ReceivedEmail(Handle::new(message)));
        run_email::<A>(email, env, context).await.map_err(|error| {
            log_line(&format!("email: the handler failed: {error}"));
            exception(&error.to_string())
        })?;
        Ok(JsValue::UNDEFINED)
    })
}
