//! The settings of bindery itself: `[package.metadata.bindery]` in a `Cargo.toml`.
//!
//! They are not in the manifest, because its format belongs to wrangler. A table has the name of
//! its binding:
//!
//! ```toml
//! [package.metadata.bindery.DB]
//! schema = "schema.sql"
//! types = { "users.id" = "crate::UserId", DATETIME = "jiff::civil::DateTime" }
//! nullable-keys = true
//!
//! [package.metadata.bindery.vars]
//! LOG_LEVEL = "crate::LogLevel"
//!
//! # Values that exist only in the dashboard, or only in some deployments.
//! [package.metadata.bindery]
//! required-vars = { REGION = "String" }
//! optional-vars = { SAMPLE_RATE = "f64" }
//! optional-secrets = ["SENTRY_DSN"]
//!
//! # The fields of bindings whose names Rust cannot spell, or that would be equal in Rust.
//! [package.metadata.bindery.names]
//! "my-kv" = "my_kv"
//!
//! # The database of each object of a class.
//! [package.metadata.bindery.ROOMS]
//! migrations = "migrations/rooms"
//!
//! # Databases with one schema, as one field.
//! [package.metadata.bindery.shards]
//! USERS = ["USERS_0", "USERS_1"]
//! ```

use crate::report::{Code, Diagnostic, Errors, nearest, suggestion};
use crate::source::{FileId, Sources, Spanned};

use super::aliases::{Aliases, NAMES};
use super::check::mismatch;
use super::kind::{BindingKind, D1, Details, Resource};
use super::node::{self, Node, Value};
use super::shards::{self, SHARDS};
use super::table::Table;
use super::{Manifest, Merged, MergedSecret, MergedVar, VarType};

/// The types of variables of the manifest.
const VARS: &str = "vars";
/// The variables that the manifest does not have and the worker needs.
const REQUIRED_VARS: &str = "required-vars";
/// The variables that the manifest does not have and that can be missing.
const OPTIONAL_VARS: &str = "optional-vars";
/// The secrets that can be missing.
const OPTIONAL_SECRETS: &str = "optional-secrets";

/// The folder of the migrations of the objects of a class.
const MIGRATIONS: &str = "migrations";

/// The keys that are not the name of a database.
const OWN_KEYS: [&str; 6] = [
    VARS,
    REQUIRED_VARS,
    OPTIONAL_VARS,
    OPTIONAL_SECRETS,
    NAMES,
    SHARDS,
];

/// The settings of one database.
#[derive(Debug, Clone, Default)]
pub struct DatabaseSettings {
    /// A schema that existed before the first migration: a file, relative to the manifest.
    pub schema: Option<Spanned<String>>,
    /// Rust types by column (`table.column`) or by declared type.
    pub types: Vec<(Spanned<String>, Spanned<String>)>,
    /// Whether a primary key without NOT NULL can contain NULL, as it can in SQLite.
    pub nullable_keys: bool,
}

/// Reads the settings of the databases by binding, and applies those of the variables.
pub fn settings(
    errors: &mut Errors,
    sources: &Sources,
    file: FileId,
    manifest: &mut Manifest,
) -> Vec<(String, DatabaseSettings)> {
    // Cargo itself reports an invalid `Cargo.toml`.
    let mut ignored = Errors::default();
    let Ok(root) = node::from_toml(&mut ignored, file, &sources.file(file).text) else {
        return Vec::new();
    };
    let node = ["package", "metadata", "bindery"]
        .iter()
        .try_fold(&root, |node, key| child(node, key));
    let Some(table) = node.and_then(|node| expect(errors, node, "package.metadata.bindery")) else {
        return Vec::new();
    };

    let merged = &mut manifest.merged;
    if let Some(vars) = subtable(errors, &table, VARS) {
        var_types(errors, &vars, merged);
    }
    for (key, optional) in [(REQUIRED_VARS, false), (OPTIONAL_VARS, true)] {
        if let Some(vars) = subtable(errors, &table, key) {
            more_vars(errors, &vars, merged, optional);
        }
    }
    if let Some(node) = table.get(OPTIONAL_SECRETS) {
        optional_secrets(errors, node, merged);
    }

    if let Some(table) = subtable(errors, &table, SHARDS) {
        shards::apply(errors, &table, manifest);
    }

    // After the settings that add variables, secrets and sets of shards.
    if let Some(names) = subtable(errors, &table, NAMES) {
        manifest.aliases = Aliases::read(errors, &names, &manifest.merged);
    }

    let mut settings = Vec::new();
    let others = table.entries.iter();
    for (binding, node) in others.filter(|(key, _)| !OWN_KEYS.contains(&key.value.as_str())) {
        let mut bindings = manifest.merged.bindings.iter();
        let found = bindings.find(|candidate| candidate.name.value == binding.value);
        let is_class = match found.map(|found| &found.resource) {
            Some(resource) if resource.kind == BindingKind::D1Database => false,
            Some(resource) if is_own_class(resource) => true,
            _ => {
                report_unknown_key(errors, binding, &with_settings(manifest));
                continue;
            }
        };
        let Some(table) = expect(errors, node, &binding.value) else {
            continue;
        };
        if is_class {
            class_migrations(errors, &table, &binding.value, manifest);
        }
        settings.push((binding.value.clone(), database(errors, &table, is_class)));
    }
    settings
}

fn is_own_class(resource: &Resource) -> bool {
    resource.kind == BindingKind::DurableObjectNamespace && resource.class().is_some()
}

/// The bindings that can have settings: those with a database.
fn with_settings(manifest: &Manifest) -> Vec<&str> {
    let bindings = manifest.merged.bindings.iter();
    let with_settings = bindings.filter(|binding| {
        let resource = &binding.resource;
        resource.kind == BindingKind::D1Database || is_own_class(resource)
    });
    with_settings
        .map(|binding| binding.name.value.as_str())
        .collect()
}

/// Adds the database of each object of a class, in every environment.
fn class_migrations(
    errors: &mut Errors,
    table: &Table<'_>,
    binding: &str,
    manifest: &mut Manifest,
) {
    let Some(folder) = text(errors, table, MIGRATIONS) else {
        return;
    };
    let environments = manifest.environments.iter_mut();
    let own = environments.flat_map(|environment| &mut environment.bindings);
    let own = own.map(|binding| (&binding.name.value, &mut binding.resource));
    let merged = manifest.merged.bindings.iter_mut();
    let merged = merged.map(|binding| (&binding.name.value, &mut binding.resource));
    for (name, resource) in own.chain(merged) {
        if let (true, Details::Class { database, .. }) = (name == binding, &mut resource.details) {
            *database = Some(D1::of_objects(folder.clone()));
        }
    }
}

/// Adds the variables that the manifest does not have.
fn more_vars(errors: &mut Errors, table: &Table<'_>, merged: &mut Merged, optional: bool) {
    for (name, _) in table.entries {
        let Some(ty) = rust_type(errors, table, name) else {
            continue;
        };

        let mut vars = merged.vars.iter();
        if let Some(known) = vars.find(|var| var.name.value == name.value) {
            errors.push(
                Diagnostic::new(
                    Code::DuplicateBinding,
                    format!("the manifest has the variable `{}`", name.value),
                    name.span,
                )
                .label("declared again")
                .also(known.name.span, "here")
                .help("to give it a type of your own, use the key `vars`"),
            );
            continue;
        }
        merged.vars.push(MergedVar {
            name: name.clone(),
            ty: VarType::String,
            as_type: Some(ty.value),
            optional,
        });
    }
}

/// Adds the secrets that can be missing, or makes them optional.
fn optional_secrets(errors: &mut Errors, node: &Node, merged: &mut Merged) {
    let Value::Array(items) = &node.value else {
        let place = format!("`{OPTIONAL_SECRETS}`");
        return errors.push(mismatch(&place, "a list of names", &node.value, node.span));
    };

    for item in items {
        let Value::String(name) = &item.value else {
            let place = format!("an item of `{OPTIONAL_SECRETS}`");
            errors.push(mismatch(&place, "a name", &item.value, item.span));
            continue;
        };
        let name = Spanned {
            value: name.clone(),
            span: item.span,
        };
        let mut secrets = merged.secrets.iter_mut();
        match secrets.find(|secret| secret.name.value == name.value) {
            Some(secret) => secret.optional = true,
            None => merged.secrets.push(MergedSecret {
                name,
                optional: true,
            }),
        }
    }
}

/// The table at a key of the settings.
fn subtable<'n>(errors: &mut Errors, table: &Table<'n>, key: &str) -> Option<Table<'n>> {
    table.get(key).and_then(|node| expect(errors, node, key))
}

/// Reports a key that is neither a setting nor a database.
fn report_unknown_key(errors: &mut Errors, key: &Spanned<String>, databases: &[&str]) {
    let (message, help) = match nearest(&key.value, OWN_KEYS) {
        Some(near) => (
            format!("unknown setting `{}`", key.value),
            format!("did you mean `{near}`?"),
        ),
        None => (
            format!("the manifest has no database `{}`", key.value),
            suggestion(&key.value, "databases", databases),
        ),
    };
    errors.push(
        Diagnostic::new(Code::UnknownKey, message, key.span)
            .label("neither a setting nor the name of a database binding")
            .help(help),
    );
}

/// Reads the settings of one database and reports unknown keys.
fn database(errors: &mut Errors, table: &Table<'_>, is_class: bool) -> DatabaseSettings {
    const KEYS: [&str; 4] = ["nullable-keys", "types", "schema", MIGRATIONS];
    // A new object has no schema before its first migration. The folder of a D1 database is in the
    // manifest.
    let keys = if is_class {
        [KEYS[0], KEYS[1], MIGRATIONS]
    } else {
        [KEYS[0], KEYS[1], KEYS[2]]
    };
    for (key, _) in table.entries {
        if keys.contains(&key.value.as_str()) {
            continue;
        }
        errors.push(
            Diagnostic::new(
                Code::UnknownKey,
                format!("unknown key `{}`", key.value),
                key.span,
            )
            .label("not a setting of a database")
            .help(suggestion(&key.value, "settings", &keys)),
        );
    }

    let mut settings = DatabaseSettings {
        schema: text(errors, table, "schema").filter(|_| !is_class),
        types: Vec::new(),
        nullable_keys: flag(errors, table, "nullable-keys"),
    };
    let types = table.get("types");
    if let Some(types) = types.and_then(|node| expect(errors, node, "types")) {
        for (name, _) in types.entries {
            let ty = rust_type(errors, &types, name);
            settings.types.extend(ty.map(|ty| (name.clone(), ty)));
        }
    }
    settings
}

/// The value of a setting that is off unless it is `true`.
fn flag(errors: &mut Errors, table: &Table<'_>, key: &str) -> bool {
    let Some(node) = table.get(key) else {
        return false;
    };
    if let Value::Boolean(value) = node.value {
        return value;
    }
    let place = format!("`{key}`");
    errors.push(mismatch(&place, "a boolean", &node.value, node.span));
    false
}

/// Assigns Rust types to the variables that the table names.
fn var_types(errors: &mut Errors, table: &Table<'_>, merged: &mut Merged) {
    for (name, _) in table.entries {
        let Some(ty) = rust_type(errors, table, name) else {
            continue;
        };

        let mut vars = merged.vars.iter_mut();
        if let Some(var) = vars.find(|var| var.name.value == name.value) {
            var.as_type = Some(ty.value);
            continue;
        }

        let vars = merged.vars.iter();
        let known: Vec<&str> = vars.map(|var| var.name.value.as_str()).collect();
        errors.push(
            Diagnostic::new(
                Code::UnknownKey,
                format!("the manifest has no variable `{}`", name.value),
                name.span,
            )
            .label("expected the name of a variable")
            .help(suggestion(&name.value, "variables", &known)),
        );
    }
}

/// Parses the Rust type at a key.
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

/// Returns the node as a table, or reports that it is not one.
pub(super) fn expect<'n>(errors: &mut Errors, node: &'n Node, path: &str) -> Option<Table<'n>> {
    let table = Table::new(node, path);
    if table.is_none() {
        let place = format!("`{path}`");
        errors.push(mismatch(&place, "a table", &node.value, node.span));
    }
    table
}

/// Returns the string at a key, or reports that it is not one.
pub(super) fn text(errors: &mut Errors, table: &Table<'_>, key: &str) -> Option<Spanned<String>> {
    let node = table.get(key)?;
    let text = table.string(key);
    if text.is_none() {
        let place = format!("`{key}`");
        errors.push(mismatch(&place, "a string", &node.value, node.span));
    }
    text
}

fn child<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Value::Table(entries) = &node.value else {
        return None;
    };
    entries
        .iter()
        .find(|(name, _)| name.value == key)
        .map(|(_, node)| node)
}
