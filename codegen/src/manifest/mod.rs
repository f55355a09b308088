//! Reads `wrangler.toml`, `wrangler.json` or `wrangler.jsonc` into a [`Manifest`].
//!
//! `node` is the manifest as written, [`grammar`] and [`kind`] are the keys that wrangler accepts,
//! `environment` is what one environment binds, and `merge` merges all of them into one.

mod aliases;
mod check;
mod classes;
mod compatibility;
pub mod cron;
mod deploy;
mod environment;
pub mod grammar;
pub mod kind;
mod merge;
mod node;
pub(crate) mod pattern;
mod plain_secrets;
mod settings;
mod shards;
mod table;
mod unknown;
mod vars;

use std::collections::{BTreeSet, HashSet};

use crate::report::{Code, Diagnostic, Errors, suggestion};
use crate::source::{FileId, Sources, Span, Spanned};
use grammar::Scope;
use node::Node;
use table::Table;

pub use aliases::Aliases;
pub(crate) use aliases::{is_rust_name, rust_name};
pub use compatibility::Compatibility;
pub(crate) use environment::FILE;
pub use environment::{Binding, Consumer, Environment};
pub use kind::{BindingKind, D1, Details, Resource};
pub use merge::{Merged, MergedBinding, MergedSecret, MergedVar};
pub use settings::{DatabaseSettings, settings};
pub use shards::Shards;
pub use vars::{Var, VarField, VarType};

/// A manifest that was read.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The file it was read from.
    pub file: FileId,
    /// The span of its table.
    pub(crate) root: Span,
    /// The worker's name.
    pub name: Option<String>,
    /// The top level and then every environment, or only the one that was requested.
    pub environments: Vec<Environment>,
    /// All environments merged into one.
    pub merged: Merged,
    /// The Rust names that the settings give.
    pub aliases: Aliases,
    /// The parts of variables that look like secrets, which diagnostics do not show.
    pub(crate) hidden: Vec<Span>,
    /// Whether any environment lists the required secrets.
    pub(crate) lists_secrets: bool,
}

impl Manifest {
    /// The classes of a kind that this worker itself must export.
    pub fn classes(&self, kind: BindingKind) -> impl Iterator<Item = &Spanned<String>> {
        let bindings = self.merged.bindings.iter();
        let of_kind = bindings.filter(move |binding| binding.resource.kind == kind);
        of_kind.filter_map(|binding| binding.resource.class())
    }

    /// Adds secrets to every environment.
    pub(crate) fn infer_secrets(&mut self, errors: &mut Errors, names: Vec<Spanned<String>>) {
        if names.is_empty() {
            return;
        }
        for environment in &mut self.environments {
            environment.secrets = Some(names.clone());
        }
        self.merged = merge::merge(errors, &self.environments);
    }
}

/// An entry of `env`: its name and its table.
type Entry<'n> = (&'n Spanned<String>, Table<'n>);

/// Reads the manifest, for all environments or only for `environment`.
///
/// Returns `None` if it is not valid TOML or JSON, or has no such environment. After any other
/// error the rest of the manifest is still read.
pub fn parse(
    errors: &mut Errors,
    sources: &Sources,
    file: FileId,
    environment: Option<&str>,
) -> Option<Manifest> {
    let root = match parse_syntax(errors, sources, file) {
        Ok(root) => root,
        Err(diagnostic) => {
            errors.push(*diagnostic);
            return None;
        }
    };
    check::manifest(errors, &root);

    let top = Table::new(&root, "")?;
    let entries = entries(&top);
    let requested = requested(errors, &root, &entries, environment)?;
    let environments: Vec<Environment> = requested
        .into_iter()
        .map(|entry| environment::read(errors, &top, entry.map(|(name, table)| (*name, table))))
        .collect();

    // A user who requests one environment does not compare it with the others.
    if environment.is_none() {
        warn_of_missing_keys(errors, &top, &entries);
    }
    let has_secrets = |table: &Table<'_>| table.get("secrets").is_some();
    Some(Manifest {
        file,
        root: root.span,
        name: environments
            .first()
            .and_then(|environment| environment.worker.clone()),
        merged: merge::merge(errors, &environments),
        aliases: Aliases::default(),
        hidden: hidden(&top, &entries),
        environments,
        lists_secrets: has_secrets(&top) || entries.iter().any(|(_, table)| has_secrets(table)),
    })
}

/// The parts of all variables that look like secrets, also of environments that were not requested.
fn hidden(top: &Table<'_>, entries: &[Entry<'_>]) -> Vec<Span> {
    let tables = std::iter::once(top).chain(entries.iter().map(|(_, table)| table));
    let vars: Vec<Table<'_>> = tables.filter_map(|table| table.table("vars")).collect();
    let entries = vars.iter().flat_map(|vars| vars.entries);
    entries
        .flat_map(|(name, node)| vars::secrets(&name.value, node))
        .collect()
}

fn parse_syntax(
    errors: &mut Errors,
    sources: &Sources,
    file: FileId,
) -> Result<Node, Box<Diagnostic>> {
    let source = sources.file(file);
    if source.name.ends_with(".toml") {
        node::from_toml(errors, file, &source.text)
    } else {
        node::from_json(errors, file, &source.text)
    }
}

/// The entries of `env`.
fn entries<'n>(top: &Table<'n>) -> Vec<Entry<'n>> {
    let env = top.table("env");
    let entries = env.iter().flat_map(|env| env.entries);
    let tables = entries.filter_map(|(name, node)| {
        let path = format!("env.{}", name.value);
        Some((name, Table::new(node, path)?))
    });
    tables.collect()
}

/// The environments to read: all of them, or the requested one. The top level is `None`.
fn requested<'e, 'n>(
    errors: &mut Errors,
    root: &Node,
    entries: &'e [Entry<'n>],
    environment: Option<&str>,
) -> Option<Vec<Option<&'e Entry<'n>>>> {
    let Some(requested) = environment else {
        return Some(
            std::iter::once(None)
                .chain(entries.iter().map(Some))
                .collect(),
        );
    };
    if let Some(entry) = entries.iter().find(|(name, _)| name.value == requested) {
        return Some(vec![Some(entry)]);
    }

    let names: Vec<&str> = entries
        .iter()
        .map(|(name, _)| name.value.as_str())
        .collect();
    let message = format!("the manifest has no environment `{requested}`");
    errors.push(
        Diagnostic::new(Code::Environment, message, root.span.part(&(0..0)))
            .label("in this manifest")
            .help(suggestion(requested, "environments", &names)),
    );
    None
}

/// Warns of top-level keys that an environment lacks and does not inherit.
fn warn_of_missing_keys(errors: &mut Errors, top: &Table<'_>, entries: &[Entry<'_>]) {
    for (name, own) in entries {
        let missing = grammar::keys().filter(|key| {
            let key_name = key.field.key;
            key.scope == Scope::Own && top.get(key_name).is_some() && own.get(key_name).is_none()
        });
        let missing: Vec<String> = missing.map(|key| format!("`{}`", key.field.key)).collect();
        if !missing.is_empty() {
            let label = "the top level has it, and environments do not inherit it";
            errors.push(missing_in_environment(name, &missing, label));
        }
    }
}

/// Warns of names that an environment lacks under a key that it has, apart from some of the
/// databases of a set.
pub(crate) fn warn_of_missing_names(errors: &mut Errors, manifest: &Manifest) {
    let Some((top, others)) = manifest.environments.split_first() else {
        return;
    };
    let is_optional_shard = |name: &str, own: &HashSet<&str>| {
        let mut sets = manifest.merged.bindings.iter();
        let of_name = sets.find_map(|set| set.shards.as_ref().filter(|set| set.contains(name)));
        of_name.is_some_and(|set| set.all().any(|member| own.contains(member.value.as_str())))
    };
    let names_of_top = names(top);

    for environment in others {
        let Some(name) = &environment.name else {
            continue;
        };
        let own = names(environment);
        let own_keys: BTreeSet<&str> = own.iter().map(|(key, _)| *key).collect();
        let own_names: HashSet<&str> = own.iter().map(|(_, name)| *name).collect();
        let missing = names_of_top
            .iter()
            .filter(|(key, name)| own_keys.contains(key) && !own_names.contains(name))
            .filter(|(_, name)| !is_optional_shard(name, &own_names));
        let missing: Vec<String> = missing.map(|(_, name)| format!("`{name}`")).collect();
        if !missing.is_empty() {
            let label = "the top level has it; environments do not merge keys with the top level";
            errors.push(missing_in_environment(name, &missing, label));
        }
    }
}

/// The key and the name of everything that an environment binds.
fn names(environment: &Environment) -> Vec<(&'static str, &str)> {
    let bindings = environment.bindings.iter();
    let bindings = bindings.map(|binding| (binding.resource.kind.definition().key, &binding.name));
    let vars = environment.vars.iter().map(|var| ("vars", &var.name));
    let secrets = environment
        .secrets
        .iter()
        .flatten()
        .map(|secret| ("secrets", secret));
    let names = bindings.chain(vars).chain(secrets);
    names
        .map(|(key, name)| (key, name.value.as_str()))
        .collect()
}

fn missing_in_environment(name: &Spanned<String>, missing: &[String], label: &str) -> Diagnostic {
    let message = format!(
        "the environment `{}` has no {}",
        name.value,
        missing.join(", ")
    );
    let help = format!(
        "add what is missing below `env.{}`; otherwise it is an `Option` in `Env`",
        name.value
    );
    Diagnostic::new(Code::Environment, message, name.span)
        .label(label)
        .help(help)
        .warning()
}
