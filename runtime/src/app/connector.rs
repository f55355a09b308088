//! Opens the bindings of a manifest, and reports all problems in one error.

use serde::de::DeserializeOwned;

use super::Secret;
use crate::backend::Backend;
use crate::bindings::Connect;
use crate::d1::{D1, Database, Node, Shards};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Gate;

/// Opens the bindings of an environment, reads its variables and secrets, and collects problems.
///
/// Generated code calls one method per field of `Env`, and then [`finish`](Self::finish).
#[derive(Debug)]
pub struct Connector<'w> {
    backend: &'w Backend,
    problems: Vec<String>,
}

impl<'w> Connector<'w> {
    /// A connector without problems so far.
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

    /// Opens a binding that only some environments define.
    #[doc(hidden)]
    pub fn open_optional<T: Connect>(&mut self, binding: &'static str) -> Result<Option<T>> {
        if self.backend.has(binding) {
            self.open(binding).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Opens the databases of a set that this environment has.
    #[doc(hidden)]
    pub fn open_optional_shards<D: Database>(
        &mut self,
        members: &[&'static str],
        joining: &[&'static str],
        key: &'static [(&'static str, &'static str)],
    ) -> Result<Option<Shards<D>>> {
        let nodes = members.iter().map(|name| Node::new(name, false));
        let nodes = nodes.chain(joining.iter().map(|name| Node::new(name, true)));
        let mut databases = Vec::new();
        for node in nodes {
            let database = self.open_optional::<D1>(node.name())?;
            databases.extend(database.map(|database| (node, D::of(database))));
        }
        Ok((!databases.is_empty()).then(|| Shards::new(databases, key)))
    }

    /// Opens the databases of a set, at least one.
    #[doc(hidden)]
    pub fn open_shards<D: Database>(
        &mut self,
        members: &[&'static str],
        joining: &[&'static str],
        key: &'static [(&'static str, &'static str)],
    ) -> Result<Shards<D>> {
        match self.open_optional_shards(members, joining, key)? {
            Some(shards) => Ok(shards),
            None => {
                let names = members.join(", ");
                Err(self.problem(format!("none of the databases {names} is bound")))
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn problem(&mut self, problem: String) -> Error {
        let error = Error::worker("start", ErrorKind::Misconfigured, problem.clone());
        self.problems.push(problem);
        error
    }

    /// Reads a variable. `what` is its type in errors, with an article.
    #[doc(hidden)]
    pub fn var<T: DeserializeOwned>(&mut self, name: &'static str, what: &str) -> Result<T> {
        match self.optional_var(name, what)? {
            Some(value) => Ok(value),
            None => Err(self.problem(format!("the variable {name} is missing"))),
        }
    }

    /// Reads a variable that only some environments define.
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

    /// Reads a secret that only some environments require.
    #[doc(hidden)]
    pub fn optional_secret(&mut self, name: &'static str) -> Result<Option<Secret>> {
        Ok(self.backend.secret(name).map(Secret::new))
    }

    /// Reads a secret.
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

    /// Reports all problems so far in one error.
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
