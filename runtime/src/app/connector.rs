//! Opens what a manifest binds, and reports every problem in one error.

use serde::de::DeserializeOwned;

use super::Secret;
use crate::backend::Backend;
use crate::bindings::Connect;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Gate;

/// Opens the bindings, variables and secrets of an environment, and collects every problem.
#[derive(Debug)]
pub struct Connector<'w> {
    backend: &'w Backend,
    problems: Vec<String>,
}

impl<'w> Connector<'w> {
    #[doc(hidden)]
    #[must_use]
    pub fn new(backend: &'w Backend) -> Self {
        Self {
            backend,
            problems: Vec::new(),
        }
    }

    /// Opens a binding.
    #[doc(hidden)]
    pub fn open<T: Connect>(&mut self, binding: &'static str) -> Result<T> {
        let gate = Gate::new(T::KIND.service(), binding, self.backend.observers());
        T::connect(self.backend, binding, gate).map_err(|problem| self.problem(problem))
    }

    /// Opens a binding that only some environments have.
    #[doc(hidden)]
    pub fn open_optional<T: Connect>(&mut self, binding: &'static str) -> Result<Option<T>> {
        if self.backend.has(binding) {
            self.open(binding).map(Some)
        } else {
            Ok(None)
        }
    }

    fn problem(&mut self, problem: String) -> Error {
        let error = Error::worker("start", ErrorKind::Misconfigured, problem.clone());
        self.problems.push(problem);
        error
    }

    /// A variable; `what` says what it is in errors.
    #[doc(hidden)]
    pub fn var<T: DeserializeOwned>(&mut self, name: &'static str, what: &str) -> Result<T> {
        match self.optional_var(name, what)? {
            Some(value) => Ok(value),
            None => Err(self.problem(format!("the variable {name} is missing"))),
        }
    }

    #[doc(hidden)]
    pub fn optional_var<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        what: &str,
    ) -> Result<Option<T>> {
        let Some(value) = self.backend.var(name) else {
            return Ok(None);
        };
        value
            .read()
            .map(Some)
            .map_err(|reason| self.problem(format!("the variable {name} is not {what}{reason}")))
    }

    #[doc(hidden)]
    pub fn optional_secret(&mut self, name: &'static str) -> Result<Option<Secret>> {
        Ok(self.backend.secret(name).map(Secret::new))
    }

    #[doc(hidden)]
    pub fn secret(&mut self, name: &'static str) -> Result<Secret> {
        match self.backend.secret(name) {
            Some(value) => Ok(Secret::new(value)),
            None => Err(self.problem(format!(
                "the secret {name} is missing ({})",
                self.backend.secret_place()
            ))),
        }
    }

    #[doc(hidden)]
    pub fn finish(&self) -> Result<()> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(Error::worker(
            "start",
            ErrorKind::Misconfigured,
            self.problems.join("; "),
        ))
    }
}
