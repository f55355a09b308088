//! Worker Loaders: workers that are created from code at run time.
//!
//! <https://developers.cloudflare.com/workers/runtime-apis/bindings/worker-loader/>

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::connect_object;
use crate::backend;
use crate::error::Result;
use crate::fetcher::Fetcher;
use crate::observe::{Counts, Gate};
use crate::raw::encode;

/// A Worker Loader, which creates workers from code.
///
/// Covered: `get` of a worker's default entrypoint, from JavaScript modules.
#[derive(Debug, Clone)]
pub struct WorkerLoader {
    gate: Gate,
    backend: backend::Object,
}

/// The code of a worker.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerCode {
    /// The compatibility date, such as `2026-04-01`.
    pub compatibility_date: String,
    /// The name of the module that exports the handlers.
    pub main_module: String,
    /// The JavaScript modules, by name.
    pub modules: BTreeMap<String, String>,
    /// The environment of the worker.
    pub env: Value,
}

connect_object!(WorkerLoader, WorkerLoader);

impl WorkerLoader {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Returns the worker with a name, and creates it from `code` if it is not loaded.
    ///
    /// # Errors
    /// `Unsupported` natively. An error in the code is reported when the worker is called.
    ///
    /// # Examples
    /// ```
    /// # async fn f(
    /// #     loader: &bindery::worker_loader::WorkerLoader,
    /// #     script: String,
    /// # ) -> bindery::Result<()> {
    /// use bindery::worker_loader::WorkerCode;
    ///
    /// let code = WorkerCode {
    ///     compatibility_date: "2026-04-01".to_owned(),
    ///     main_module: "main.js".to_owned(),
    ///     modules: [("main.js".to_owned(), script)].into(),
    ///     ..WorkerCode::default()
    /// };
    /// let plugin = loader.get("plugin-7", &code).await?;
    /// let response = plugin.get("/").await?;
    /// # Ok(()) }
    /// ```
    pub async fn get(&self, name: &str, code: &WorkerCode) -> Result<Fetcher> {
        let work = async {
            let worker = self.backend.load(name, &encode(code)?).await?;
            Ok((Fetcher::new(self.gate.clone(), worker), Counts::default()))
        };
        self.gate.pass("get", None, work).await
    }
}
