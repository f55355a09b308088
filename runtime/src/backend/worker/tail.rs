//! Tail handlers on Workers.

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::app::tail::run_tail;
use crate::app::{Application, Context};
use crate::json;

use super::entry::{connect, exception};
use super::js::message;
use super::log_line;
use super::panic::promise;

#[wasm_bindgen(module = "/src/backend/worker/tail.js")]
extern "C" {
    fn environment() -> JsValue;

    #[wasm_bindgen(js_name = tailContext)]
    fn tail_context() -> JsValue;

    #[wasm_bindgen(catch, js_name = tracesOf)]
    fn traces_of(items: &JsValue) -> Result<String, JsValue>;
}

/// Passes traces of other workers to the handler.
pub fn tail<A: Application>(items: JsValue) -> Promise {
    promise("tail", async move {
        let context = Context::new(super::Context::new(tail_context(), &JsValue::UNDEFINED));
        let env = connect::<A>(environment(), &context);
        let env = env.map_err(|error| exception(&error.to_string()))?;

        let failed = |problem: String| {
            log_line(&format!("tail: the handler failed: {problem}"));
            exception(&problem)
        };
        let traces = traces_of(&items).map_err(|error| failed(message(&error)))?;
        let traces = json::parse(&traces).map_err(|error| failed(error.describe()))?;
        let outcome = run_tail::<A>(traces, env, context).await;
        outcome.map_err(|error| failed(error.to_string()))?;
        Ok(JsValue::UNDEFINED)
    })
}
