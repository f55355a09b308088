//! Workers that are made of code at run time.
//!
//! <https://developers.cloudflare.com/workers/runtime-apis/bindings/worker-loader/>

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::connect_object;
use crate::backend;
use crate::error::Result;
use crate::fetcher::Fetcher;
use crate::observe::{Gate, Measures};
use crate::raw::encode;

/// Makes workers of code.
///
/// Covered: `get` of a worker's default entrypoint, from modules of JavaScript.
#[derive(Debug, Clone)]
pub struct WorkerLoader {
    gate: Gate,
    backend: backend::Object,
}

/// The code of a worker.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerCode {
    /// The date of the runtime that it is written for.
    pub compatibility_date: String,
    /// The module that exports its handlers.
    pub main_module: String,
    /// Its modules, by name: JavaScript.
    pub modules: BTreeMap<String, String>,
    /// What it sees as its environment.
    pub env: Value,
}

connect_object!(WorkerLoader, WorkerLoader);

impl WorkerLoader {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// The worker of a name: one that is still loaded, or one of this code.
    ///
    /// # Errors
    /// `Unsupported` natively. Code that is wrong is told when the worker is called.
    ///
    /// # Examples
    /// ```
    /// # async fn f(loader: &bindery::worker_loader::WorkerLoader, script: String) -> bindery::Result<()> {
    /// use bindery::worker_loader::WorkerCode;
    /// let code = WorkerCode {
    ///     compatibility_date: "2026-04-01".to_owned(),
    ///     main_module: "main.js".to_owned(),
    ///     modules: [("main.js".to_owned(), script)].into(),
    ///     ..WorkerCode::default()
    /// };
    /// let answer = loader.get("plugin-7", &code).await?.get("/").await?;
    /// # Ok(()) }
    /// ```
    pub async fn get(&self, name: &str, code: &WorkerCode) -> Result<Fetcher> {
        let work = async {
            let worker = self.backend.load(name, &encode(code)?).await?;
            Ok((Fetcher::new(self.gate.clone(), worker), Measures::default()))
        };
        self.gate.pass("get", None, work).await
    }
}
