//! Assigns the Rust names, and reports names that collide.

use std::collections::BTreeMap;

use super::{Bound, Database, Project};
use crate::manifest::{Environment, Manifest};
use crate::names::{Name, spelled};
use crate::report::{Code, Diagnostic, Errors};
use crate::source::Spanned;

/// Assigns the Rust names of a project. Of two names that collide, the first is used.
pub fn lower(
    errors: &mut Errors,
    manifest: Manifest,
    mut databases: BTreeMap<String, Database>,
) -> Project {
    for environment in &manifest.environments {
        check_duplicates(errors, environment);
    }
    check_collisions(errors, &manifest);

    let mut bindings: Vec<Bound> = Vec::new();
    for binding in &manifest.merged.bindings {
        let name = Name::new(&binding.name.value);
        let is_reserved = RESERVED.iter().any(|(field, _)| *field == name.field);
        if is_reserved || bindings.iter().any(|bound| bound.name.field == name.field) {
            continue;
        }
        bindings.push(Bound {
            database: databases.remove(&binding.name.value),
            resource: binding.resource.clone(),
            optional: binding.optional,
            name,
        });
    }

    let vars = manifest.merged.vars.iter();
    let vars = vars.map(|var| (Name::new(&var.name.value), var.clone()));
    let secrets = manifest.merged.secrets.iter();
    let secrets = secrets.map(|secret| (Name::new(&secret.name.value), secret.optional));
    Project {
        bindings,
        vars: first_of_each(vars),
        secrets: first_of_each(secrets),
        manifest,
    }
}

/// The first item of each field name.
fn first_of_each<T>(items: impl Iterator<Item = (Name, T)>) -> Vec<(Name, T)> {
    let mut first: Vec<(Name, T)> = Vec::new();
    for (name, item) in items {
        if first.iter().all(|(known, _)| known.field != name.field) {
            first.push((name, item));
        }
    }
    first
}

/// The fields of `Env` that are not bindings, and their types.
const RESERVED: [(&str, &str); 2] = [("vars", "Vars"), ("secrets", "Secrets")];

/// Reports names that an environment uses twice.
fn check_duplicates(errors: &mut Errors, environment: &Environment) {
    let bindings = environment.bindings.iter().map(|binding| &binding.name);
    let vars = environment.vars.iter().map(|var| &var.name);
    let secrets = environment.secrets.iter().flatten();
    let help = "each binding, variable and secret needs a unique name: rename one of them";
    check_unique(
        errors,
        "bindings are named",
        help,
        bindings.chain(vars).chain(secrets),
    );

    let help = "remove or rename one of them";
    let queues = environment.consumers.iter().map(|consumer| &consumer.queue);
    check_unique(errors, "consumers read the queue", help, queues);
    check_unique(
        errors,
        "Workflows are named",
        help,
        environment.workflows.iter(),
    );
}

fn check_unique<'a>(
    errors: &mut Errors,
    what: &str,
    help: &str,
    names: impl Iterator<Item = &'a Spanned<String>>,
) {
    let mut seen: Vec<&Spanned<String>> = Vec::new();

    for name in names {
        let Some(other) = seen.iter().find(|other| other.value == name.value) else {
            seen.push(name);
            continue;
        };
        // In the order of the file, which is not the order in which names are read.
        let first = other.span.min(name.span);
        let second = other.span.max(name.span);
        errors.push(
            Diagnostic::new(
                Code::DuplicateBinding,
                format!("two {what} `{}`", name.value),
                second,
            )
            .label("the second one")
            .also(first, "the first one")
            .help(help),
        );
    }
}

/// Reports names that differ in the manifest but not in Rust.
fn check_collisions(errors: &mut Errors, manifest: &Manifest) {
    let merged = &manifest.merged;
    let mut bindings: Vec<RustName<'_>> = Vec::new();
    for binding in &merged.bindings {
        let name = RustName::new(&binding.name);
        check_reserved(errors, &name);
        check_collision(errors, &mut bindings, name, true);
    }

    // Variables and secrets have no types named after them.
    let mut vars: Vec<RustName<'_>> = Vec::new();
    for var in &merged.vars {
        check_collision(errors, &mut vars, RustName::new(&var.name), false);
    }
    let mut secrets: Vec<RustName<'_>> = Vec::new();
    for secret in &merged.secrets {
        check_collision(errors, &mut secrets, RustName::new(&secret.name), false);
    }
}

/// A name of the manifest and its Rust spellings.
struct RustName<'a> {
    written: &'a Spanned<String>,
    field: String,
    ty: String,
}

impl<'a> RustName<'a> {
    fn new(written: &'a Spanned<String>) -> Self {
        let name = Name::new(&written.value);
        Self {
            written,
            field: spelled(&name.field),
            ty: name.ty,
        }
    }
}

fn check_reserved(errors: &mut Errors, name: &RustName<'_>) {
    let reserved = RESERVED
        .iter()
        .find(|(field, ty)| *field == name.field || *ty == name.ty);
    let Some((field, _)) = reserved else {
        return;
    };
    let content = if *field == "vars" {
        "variables"
    } else {
        "secrets"
    };
    let written = &name.written.value;

    errors.push(
        Diagnostic::new(
            Code::BindingName,
            format!("a binding cannot be named `{written}`"),
            name.written.span,
        )
        .label(format!("`env.{field}` holds the {content}"))
        .help(format!("rename it, for instance to `{written}_BINDING`")),
    );
}

fn check_collision<'a>(
    errors: &mut Errors,
    known: &mut Vec<RustName<'a>>,
    name: RustName<'a>,
    has_type: bool,
) {
    let collides = |other: &&RustName<'_>| {
        let same = other.field == name.field || (has_type && other.ty == name.ty);
        same && other.written.value != name.written.value
    };
    let Some(first) = known.iter().find(collides) else {
        known.push(name);
        return;
    };

    let spelling = if first.field == name.field {
        &name.field
    } else {
        &name.ty
    };
    errors.push(
        Diagnostic::new(
            Code::DuplicateBinding,
            format!(
                "`{}` and `{}` have the same name in Rust",
                first.written.value, name.written.value
            ),
            name.written.span,
        )
        .label(format!("both are `{spelling}`"))
        .also(first.written.span, "the first one")
        .help("rename one of them"),
    );
}
