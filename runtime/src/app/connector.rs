//! Opens the bindings of a manifest, and reports all problems in one error.

use serde::de::DeserializeOwned;

use super::Secret;
use crate::backend::Backend;
use crate::bindings::Connect;
use crate::d1::{D1, Database, Node, Shards};
use crate::error::{Error, ErrorKind};
use crate::observe::Gate;

/// Opens the bindings of an environment, reads its variables and secrets, and collects problems.
///
/// Generated code calls one method per field of `Env`, and [`error`](Self::error) if one of them
/// returned `None`.
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

    /// Opens a binding. Returns `None` after a problem.
    #[doc(hidden)]
    pub fn open<T: Connect>(&mut self, binding: &'static str) -> Option<T> {
        let gate = Gate::new(T::KIND.service(), binding, self.backend.observers());
        let opened = T::connect(self.backend, binding, gate);
        opened.map_err(|problem| self.problem(problem)).ok()
    }

    /// Opens a binding that only some environments define. Returns `None` after a problem.
    #[doc(hidden)]
    pub fn open_optional<T: Connect>(&mut self, binding: &'static str) -> Option<Option<T>> {
        if self.backend.has(binding) {
            self.open(binding).map(Some)
        } else {
            Some(None)
        }
    }

    /// Opens the databases of a set that this environment has. Returns `None` after a problem.
    #[doc(hidden)]
    pub fn open_optional_shards<D: Database>(
        &mut self,
        members: &[&'static str],
        joining: &[&'static str],
        key: &'static [(&'static str, &'static str)],
    ) -> Option<Option<Shards<D>>> {
        let nodes = members.iter().map(|name| Node::new(name, false));
        let nodes = nodes.chain(joining.iter().map(|name| Node::new(name, true)));
        let mut databases = Vec::new();
        for node in nodes {
            let database = self.open_optional::<D1>(node.name())?;
            databases.extend(database.map(|database| (node, D::of(database))));
        }
        Some((!databases.is_empty()).then(|| Shards::new(databases, key)))
    }

    /// Opens the databases of a set, at least one. Returns `None` after a problem.
    #[doc(hidden)]
    pub fn open_shards<D: Database>(
        &mut self,
        members: &[&'static str],
        joining: &[&'static str],
        key: &'static [(&'static str, &'static str)],
    ) -> Option<Shards<D>> {
        let shards = self.open_optional_shards(members, joining, key)?;
        if shards.is_none() {
            let names = members.join(", ");
            self.problem(format!("none of the databases {names} is bound"));
        }
        shards
    }

    #[cold]
    #[inline(never)]
    fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Reads a variable. `what` is its type in errors, with an article. Returns `None` after a
    /// problem.
    #[doc(hidden)]
    pub fn var<T: DeserializeOwned>(&mut self, name: &'static str, what: &str) -> Option<T> {
        let value = self.optional_var(name, what)?;
        if value.is_none() {
            self.problem(format!("the variable {name} is missing"));
        }
        value
    }

    /// Reads a variable that only some environments define. Returns `None` after a problem.
    #[doc(hidden)]
    pub fn optional_var<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        what: &str,
    ) -> Option<Option<T>> {
        let Some(value) = self.backend.var(name) else {
            return Some(None);
        };
        let value = value.read().map(Some);
        value
            .map_err(|reason| self.problem(format!("the variable {name} is not {what}{reason}")))
            .ok()
    }

    /// Reads a secret that only some environments require.
    #[doc(hidden)]
    pub fn optional_secret(&mut self, name: &'static str) -> Option<Option<Secret>> {
        Some(self.backend.secret(name).map(Secret::new))
    }

    /// Reads a secret. Returns `None` after a problem.
    #[doc(hidden)]
    pub fn secret(&mut self, name: &'static str) -> Option<Secret> {
        let value = self.backend.secret(name);
        if value.is_none() {
            let place = self.backend.secret_place();
            self.problem(format!("the secret {name} is missing ({place})"));
        }
        value.map(Secret::new)
    }

    /// Returns all problems in one error.
    #[doc(hidden)]
    #[must_use]
    pub fn error(&self) -> Error {
        let problems = self.problems.join("; ");
        Error::worker("start", ErrorKind::Misconfigured, problems)
    }
}
