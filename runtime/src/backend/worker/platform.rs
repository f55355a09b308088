//! The functions of `platform.js`.

use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;

type Thrown<T> = Result<T, JsValue>;

#[wasm_bindgen(module = "/src/backend/worker/platform.js")]
extern "C" {
    pub(super) fn schedule(run: &Closure<dyn FnMut()>);

    pub(super) fn settled(
        promise: &JsValue,
        settle: &Closure<dyn FnMut(u32, bool, JsValue)>,
        id: u32,
    );

    #[wasm_bindgen(catch, js_name = requestParts)]
    pub(super) fn request_parts(request: &JsValue) -> Thrown<String>;

    #[wasm_bindgen(catch, js_name = responseParts)]
    pub(super) fn response_parts(response: &JsValue) -> Thrown<String>;

    #[wasm_bindgen(catch, js_name = createRequest)]
    pub(super) fn create_request(
        url: &str,
        method: &str,
        headers: &str,
        content: &JsValue,
        origin: &JsValue,
    ) -> Thrown<JsValue>;

    #[wasm_bindgen(catch, js_name = createResponse)]
    pub(super) fn create_response(
        content: &JsValue,
        status: u16,
        headers: &str,
        others: &JsValue,
    ) -> Thrown<JsValue>;

    #[wasm_bindgen(catch, js_name = createResponseOfBytes)]
    pub(super) fn create_response_of_bytes(
        bytes: &[u8],
        status: u16,
        headers: &str,
        others: &JsValue,
    ) -> Thrown<JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn discard(request: &JsValue, milliseconds: f64) -> Thrown<JsValue>;

    #[wasm_bindgen(catch, js_name = contentOf)]
    pub(super) fn content_of(stream: &JsValue) -> Thrown<JsValue>;

    #[wasm_bindgen(catch, js_name = streamOf)]
    pub(super) fn stream_of(bytes: &[u8]) -> Thrown<JsValue>;

    #[wasm_bindgen(catch, js_name = fixedLengthStream)]
    pub(super) fn fixed_length_stream(length: f64) -> Thrown<JsValue>;

    #[wasm_bindgen(catch, js_name = withLength)]
    pub(super) fn with_length(stream: &JsValue, length: f64) -> Thrown<JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn stringify(value: &JsValue) -> Thrown<Option<String>>;

    #[wasm_bindgen(js_name = bytesOf)]
    pub(super) fn bytes_of(buffer: &JsValue) -> Vec<u8>;

    #[wasm_bindgen(catch)]
    pub(super) fn prepare(
        database: &JsValue,
        sql: &str,
        parameters: Vec<JsValue>,
    ) -> Thrown<JsValue>;

    #[wasm_bindgen(catch, js_name = queryRaw)]
    pub(super) fn query_raw(
        database: &JsValue,
        sql: &str,
        parameters: Vec<JsValue>,
        names: bool,
    ) -> Thrown<JsValue>;

    #[wasm_bindgen(catch, js_name = getValue)]
    pub(super) fn get_value(
        namespace: &JsValue,
        name: &str,
        kind: &str,
        cache_ttl: Option<f64>,
    ) -> Thrown<JsValue>;

    #[wasm_bindgen(catch, js_name = getObject)]
    pub(super) fn get_object(bucket: &JsValue, key: &str, options: &JsValue) -> Thrown<JsValue>;

    #[wasm_bindgen(catch, js_name = objectInfo)]
    pub(super) fn object_info(object: &JsValue) -> Thrown<Option<String>>;

    #[wasm_bindgen(catch, js_name = callObject)]
    pub(super) fn call_object(stub: &JsValue, method: &str, body: &str) -> Thrown<JsValue>;

    #[wasm_bindgen(js_name = methodOfCall)]
    pub(super) fn method_of_call(request: &JsValue) -> Option<String>;

    #[wasm_bindgen(js_name = abortObject)]
    pub(super) fn abort_object(state: &JsValue, reason: &str);

    #[wasm_bindgen(catch, js_name = objectDatabase)]
    pub(super) fn object_database(storage: &JsValue) -> Thrown<JsValue>;

    #[wasm_bindgen(catch, js_name = migrateObject)]
    pub(super) fn migrate_object(
        storage: &JsValue,
        table: &str,
        files: &JsValue,
    ) -> Thrown<JsValue>;

    #[wasm_bindgen(js_name = startTimer)]
    pub(super) fn start_timer(milliseconds: f64) -> JsValue;

    #[cfg(feature = "web-sockets")]
    #[wasm_bindgen(catch, js_name = acceptSocket)]
    pub(super) fn accept_socket(state: &JsValue, tags: &JsValue) -> Thrown<js_sys::Array>;

    #[cfg(feature = "web-sockets")]
    #[wasm_bindgen(catch, js_name = setAutoResponse)]
    pub(super) fn set_auto_response(
        state: &JsValue,
        request: &str,
        response: &str,
    ) -> Thrown<JsValue>;

    #[wasm_bindgen(catch, js_name = enterSection)]
    pub(super) fn enter_section(owner: &JsValue, method: &str) -> Thrown<JsValue>;
}
