//! `wrangler.toml`, `wrangler.json` or `wrangler.jsonc`: text in, a [`Manifest`] out.
//!
//! `node` is the manifest as written, [`grammar`] what wrangler lets it be, `layer` what one environment
//! binds, and `unite` all of them in one.

mod check;
pub mod grammar;
mod kind;
mod layer;
mod node;
pub(crate) mod pattern;
mod settings;
mod table;
mod merge;
mod vars;

use crate::report::{Diagnostic, Errors, code, suggestion};
use crate::source::{FileId, Sources, Spanned};
use grammar::{KEYS, Scope};
pub use kind::{D1, Form, Kind, Kv, Other, Queue, R2, ROWS, Row, Service};
pub(crate) use layer::check_name;
pub use layer::{Binding, Consumer, Layer};
pub use merge::{Merged, MergedBinding, MergedSecret, MergedVar};
pub use settings::{DatabaseSettings, settings};
use table::Table;
pub use vars::{Var, VarField, VarType};

/// A manifest as understood.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The file it was read from.
    pub file: FileId,
    /// The worker's name.
    pub name: Option<String>,
    /// Its environments: the top level first, or the one that was asked for alone.
    pub layers: Vec<Layer>,
    /// All of them in one.
    pub merged: Merged,
    /// Whether it says anywhere which secrets are required.
    pub(crate) names_secrets: bool,
}

impl Manifest {
    /// The classes of a kind that this worker itself must export.
    pub fn classes(&self, key: &'static str) -> impl Iterator<Item = &Spanned<String>> {
        self.merged
            .bindings
            .iter()
            .filter_map(move |binding| match &binding.kind {
                Kind::Other(other) if other.row.key == key => other.class_name.as_ref(),
                _ => None,
            })
    }

    /// Gives every environment these secrets.
    pub(crate) fn infer_secrets(&mut self, errors: &mut Errors, names: Vec<Spanned<String>>) {
        if !names.is_empty() {
            self.layers
                .iter_mut()
                .for_each(|layer| layer.secrets = Some(names.clone()));
            self.merged = merge::merge(errors, &self.layers);
        }
    }
}

/// Reads the manifest, for every environment or for the one of a name. `None` when it is not TOML or JSON at all;
/// other mistakes are reported and the rest of the manifest is still given.
pub fn parse(
    errors: &mut Errors,
    sources: &Sources,
    file: FileId,
    environment: Option<&str>,
) -> Option<Manifest> {
    let source = sources.file(file);
    let tree = if source.name.ends_with(".toml") {
        node::from_toml(file, &source.text)
    } else {
        node::from_json(file, &source.text)
    };
    let root = match tree {
        Ok(root) => root,
        Err(diagnostic) => {
            errors.push(*diagnostic);
            return None;
        }
    };
    check::manifest(errors, &root);
    let top = Table::new(&root, "")?;
    let nested: Vec<(&Spanned<String>, Table<'_>)> = top
        .table("env")
        .iter()
        .flat_map(|table| table.entries)
        .filter_map(|(name, node)| Some((name, Table::new(node, format!("env.{}", name.value))?)))
        .collect();
    // Who asked for one environment knows what it has.
    for (name, table) in nested.iter().filter(|_| environment.is_none()) {
        lacking(errors, &top, name, table);
    }
    let layers = match environment {
        None => std::iter::once(None)
            .chain(nested.iter().map(Some))
            .collect::<Vec<_>>(),
        Some(wanted) => match nested.iter().find(|(name, _)| name.value == wanted) {
            Some(found) => vec![Some(found)],
            None => {
                unknown_environment(errors, &root, &nested, wanted);
                return None;
            }
        },
    };
    let layers: Vec<Layer> = layers
        .into_iter()
        .map(|environment| {
            layer::read(
                errors,
                &top,
                environment.map(|(name, table)| (*name, table)),
            )
        })
        .collect();
    if let Some((top, environments)) = layers.split_first().filter(|_| environment.is_none()) {
        environments
            .iter()
            .for_each(|layer| lacking_names(errors, top, layer));
    }
    let merged = merge::merge(errors, &layers);
    let name = layers.first().and_then(|layer| layer.worker.clone());
    let names_secrets = top.get("secrets").is_some()
        || nested
            .iter()
            .any(|(_, table)| table.get("secrets").is_some());
    Some(Manifest {
        file,
        name,
        layers,
        merged,
        names_secrets,
    })
}

fn unknown_environment(
    errors: &mut Errors,
    root: &node::Node,
    nested: &[(&Spanned<String>, Table<'_>)],
    wanted: &str,
) {
    let names: Vec<&str> = nested.iter().map(|(name, _)| name.value.as_str()).collect();
    errors.push(
        Diagnostic::new(
            code::ENVIRONMENT,
            format!("the manifest has no environment `{wanted}`"),
            root.span.part(&(0..0)),
        )
        .label("in this manifest")
        .help(suggestion(wanted, "environments", &names)),
    );
}

/// The names that an environment lacks of a key that it has.
fn lacking_names(errors: &mut Errors, top: &Layer, own: &Layer) {
    let Some(environment) = &own.environment else {
        return;
    };
    let names = |layer: &Layer| -> Vec<(&'static str, String)> {
        let bindings = layer
            .bindings
            .iter()
            .map(|binding| (binding.kind.key(), binding.name.value.clone()));
        let vars = layer
            .vars
            .iter()
            .map(|var| ("vars", var.name.value.clone()));
        let secrets = layer
            .secrets
            .iter()
            .flatten()
            .map(|secret| ("secrets", secret.value.clone()));
        bindings.chain(vars).chain(secrets).collect()
    };
    let known = names(own);
    let lacks = names(top)
        .into_iter()
        .filter(|(key, name)| {
            known.iter().any(|(own, _)| own == key) && known.iter().all(|(_, own)| own != name)
        })
        .map(|(_, name)| format!("`{name}`"));
    let lacks: Vec<String> = lacks.collect();
    if !lacks.is_empty() {
        errors.push(
            Diagnostic::new(
                code::ENVIRONMENT,
                format!(
                    "the environment `{}` has no {}",
                    environment.value,
                    lacks.join(", ")
                ),
                environment.span,
            )
            .label("the top level has, and a key is inherited whole or not at all")
            .help(format!(
                "write what it needs below `env.{}`; what it lacks is an `Option` in `Env`",
                environment.value
            ))
            .warning(),
        );
    }
}

/// What an environment lacks of the top level: nothing of it is inherited.
fn lacking(errors: &mut Errors, top: &Table<'_>, name: &Spanned<String>, own: &Table<'_>) {
    let lacks = |key: &&grammar::Key| {
        key.scope == Scope::Own
            && top.get(key.field.key).is_some()
            && own.get(key.field.key).is_none()
    };
    let keys: Vec<String> = KEYS
        .iter()
        .filter(lacks)
        .map(|key| format!("`{}`", key.field.key))
        .collect();
    if !keys.is_empty() {
        errors.push(
            Diagnostic::new(
                code::ENVIRONMENT,
                format!(
                    "the environment `{}` has no {}",
                    name.value,
                    keys.join(", ")
                ),
                name.span,
            )
            .label("the top level has, and it is not inherited")
            .help(format!(
                "write what it needs below `env.{}`; what it lacks is an `Option` in `Env`",
                name.value
            ))
            .warning(),
        );
    }
}
