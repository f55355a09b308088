//! What a project says to bindery alone: `[package.metadata.bindery]` of its `Cargo.toml`.
//!
//! The manifest stays wrangler's. A table is named after its binding:
//!
//! ```toml
//! [package.metadata.bindery.DB]
//! schema = "schema.sql"
//! types = { "users.id" = "crate::UserId", DATETIME = "jiff::civil::DateTime" }
//!
//! [package.metadata.bindery.vars]
//! LOG_LEVEL = "crate::LogLevel"
//! ```

use crate::report::{Code, Diagnostic, Errors, suggestion};
use crate::source::{FileId, Sources, Spanned};

use super::check::mismatch;
use super::kind::BindingKind;
use super::node::{self, Node};
use super::table::Table;
use super::{Manifest, Merged, node::Value};

/// What is said of one database.
#[derive(Debug, Clone, Default)]
pub struct DatabaseSettings {
    /// A schema that was there before the first migration: a file, from the manifest's folder.
    pub schema: Option<Spanned<String>>,
    /// Rust types by column (`table.column`) or by declared type.
    pub types: Vec<(Spanned<String>, Spanned<String>)>,
}

/// Reads the settings of a `Cargo.toml`, by binding, and gives variables the types that it names. One without them
/// says nothing.
pub fn settings(
    errors: &mut Errors,
    sources: &Sources,
    file: FileId,
    manifest: &mut Manifest,
) -> Vec<(String, DatabaseSettings)> {
    // What is wrong with Cargo.toml itself is Cargo's to say.
    let Ok(root) = node::from_toml(file, &sources.file(file).text) else {
        return Vec::new();
    };
    let Some(table) = ["package", "metadata", "bindery"]
        .iter()
        .try_fold(&root, |node, key| child(node, key))
    else {
        return Vec::new();
    };
    let Some(table) = expect(errors, table, "package.metadata.bindery") else {
        return Vec::new();
    };
    if let Some(vars) = table
        .get("vars")
        .and_then(|node| expect(errors, node, "vars"))
    {
        var_types(errors, &vars, &mut manifest.merged);
    }
    let databases: Vec<&str> = manifest
        .merged
        .bindings
        .iter()
        .filter(|binding| binding.resource.kind == BindingKind::D1Database)
        .map(|binding| binding.name.value.as_str())
        .collect();
    let mut settings = Vec::new();
    for (binding, node) in table.entries.iter().filter(|(key, _)| key.value != "vars") {
        if !databases.contains(&binding.value.as_str()) {
            errors.push(
                Diagnostic::new(
                    Code::UnknownKey,
                    format!("the manifest binds no database `{}`", binding.value),
                    binding.span,
                )
                .label("a table here is named after its binding")
                .help(suggestion(&binding.value, "databases", &databases)),
            );
            continue;
        }
        let Some(table) = expect(errors, node, &binding.value) else {
            continue;
        };
        for (key, _) in table
            .entries
            .iter()
            .filter(|(key, _)| key.value != "schema" && key.value != "types")
        {
            errors.push(
                Diagnostic::new(
                    Code::UnknownKey,
                    format!("`{}` is no setting of a database", key.value),
                    key.span,
                )
                .label("not known")
                .help(suggestion(&key.value, "settings", &["schema", "types"])),
            );
        }
        settings.push((binding.value.clone(), database(errors, &table)));
    }
    settings
}

/// A table that must be one.
fn expect<'n>(errors: &mut Errors, node: &'n Node, path: &str) -> Option<Table<'n>> {
    let table = Table::new(node, path);
    if table.is_none() {
        mismatch(
            errors,
            &format!("`{path}`"),
            "a table",
            &node.value,
            node.span,
        );
    }
    table
}

/// A string that must be one.
fn text(errors: &mut Errors, table: &Table<'_>, key: &str) -> Option<Spanned<String>> {
    let node = table.get(key)?;
    let text = table.string(key);
    if text.is_none() {
        mismatch(
            errors,
            &format!("`{key}`"),
            "a string",
            &node.value,
            node.span,
        );
    }
    text
}

fn child<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Table(entries) => entries
            .iter()
            .find(|(name, _)| name.value == key)
            .map(|(_, node)| node),
        _ => None,
    }
}

fn database(errors: &mut Errors, table: &Table<'_>) -> DatabaseSettings {
    let mut settings = DatabaseSettings {
        schema: text(errors, table, "schema"),
        types: Vec::new(),
    };
    let Some(types) = table
        .get("types")
        .and_then(|node| expect(errors, node, "types"))
    else {
        return settings;
    };
    for (name, _) in types.entries {
        settings
            .types
            .extend(rust_type(errors, &types, name).map(|ty| (name.clone(), ty)));
    }
    settings
}

/// A Rust type under a key.
fn rust_type(
    errors: &mut Errors,
    table: &Table<'_>,
    key: &Spanned<String>,
) -> Option<Spanned<String>> {
    let ty = text(errors, table, &key.value)?;
    if let Err(error) = syn::parse_str::<syn::Type>(&ty.value) {
        errors.push(
            Diagnostic::new(
                Code::Override,
                format!("`{}` is not a Rust type: {error}", ty.value),
                ty.span,
            )
            .label("here")
            .help("write a type with its whole path, for instance `crate::UserId`"),
        );
        return None;
    }
    Some(ty)
}

/// Gives variables the types of the user's own.
fn var_types(errors: &mut Errors, table: &Table<'_>, merged: &mut Merged) {
    for (name, _) in table.entries {
        let Some(ty) = rust_type(errors, table, name) else {
            continue;
        };
        match merged
            .vars
            .iter_mut()
            .find(|var| var.name.value == name.value)
        {
            Some(var) => var.as_type = Some(ty.value),
            None => {
                let known: Vec<&str> = merged
                    .vars
                    .iter()
                    .map(|var| var.name.value.as_str())
                    .collect();
                errors.push(
                    Diagnostic::new(
                        Code::UnknownKey,
                        format!("the manifest has no variable `{}`", name.value),
                        name.span,
                    )
                    .label("a key here is named after its variable")
                    .help(suggestion(&name.value, "variables", &known)),
                );
            }
        }
    }
}
