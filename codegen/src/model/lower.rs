//! Rust names for everything, and errors where two meet.

use std::collections::BTreeMap;

use super::{Bound, Database, Project};
use crate::manifest::{Layer, Manifest, MergedVar};
use crate::names::{Name, spelled};
use crate::report::{Diagnostic, Errors, code};
use crate::source::Spanned;

/// Gives everything its Rust name, and refuses names that meet.
pub fn lower(
    errors: &mut Errors,
    manifest: Manifest,
    mut databases: BTreeMap<String, Database>,
) -> Project {
    for layer in &manifest.layers {
        duplicates(errors, layer);
        twice(
            errors,
            "consumers take the queue",
            layer.consumers.iter().map(|consumer| &consumer.queue),
        );
        twice(errors, "Workflows are named", layer.workflows.iter());
    }
    collisions(errors, &manifest);
    let mut bindings: Vec<Bound> = Vec::new();
    for binding in &manifest.merged.bindings {
        let name = Name::new(&binding.name.value);
        // The first of two that meet stands; the other was reported.
        if bindings.iter().all(|bound| bound.name.field != name.field)
            && RESERVED.iter().all(|(field, _)| *field != name.field)
        {
            let database = databases.remove(&binding.name.value);
            bindings.push(Bound {
                name,
                kind: binding.kind.clone(),
                optional: binding.optional,
                database,
            });
        }
    }
    let mut vars: Vec<(Name, MergedVar)> = Vec::new();
    for var in &manifest.merged.vars {
        let name = Name::new(&var.name.value);
        if vars.iter().all(|(known, _)| known.field != name.field) {
            vars.push((name, var.clone()));
        }
    }
    let mut secrets: Vec<(Name, bool)> = Vec::new();
    for secret in &manifest.merged.secrets {
        let name = Name::new(&secret.name.value);
        if secrets.iter().all(|(known, _)| known.field != name.field) {
            secrets.push((name, secret.optional));
        }
    }
    Project {
        bindings,
        vars,
        secrets,
        manifest,
    }
}

/// The fields of `Env` that are not bindings, and their types.
const RESERVED: [(&str, &str); 2] = [("vars", "Vars"), ("secrets", "Secrets")];

/// A name that one environment gives twice, whatever to.
fn duplicates(errors: &mut Errors, layer: &Layer) {
    let bindings = layer.bindings.iter().map(|binding| &binding.name);
    let names = bindings
        .chain(layer.vars.iter().map(|var| &var.name))
        .chain(layer.secrets.iter().flatten());
    let mut seen: Vec<&Spanned<String>> = Vec::new();
    for name in names {
        match seen.iter().find(|first| first.value == name.value) {
            Some(first) => {
                let (first, second) = if first.span.start < name.span.start {
                    (first.span, name.span)
                } else {
                    (name.span, first.span)
                };
                errors.push(
                    Diagnostic::new(code::DUPLICATE_BINDING, format!("two bindings are named `{}`", name.value), second)
                        .label("the second one")
                        .also(first, "the first one")
                        .help("a Worker sees every binding, variable and secret under one name of its own: rename one"),
                );
            }
            None => seen.push(name),
        }
    }
}

/// What an environment may have once.
fn twice<'a>(errors: &mut Errors, what: &str, names: impl Iterator<Item = &'a Spanned<String>>) {
    let mut seen: Vec<&Spanned<String>> = Vec::new();
    for name in names {
        match seen.iter().find(|first| first.value == name.value) {
            Some(first) => errors.push(
                Diagnostic::new(
                    code::DUPLICATE_BINDING,
                    format!("two {what} `{}`", name.value),
                    name.span,
                )
                .label("the second one")
                .also(first.span, "the first one")
                .help("take one of them out, or rename it"),
            ),
            None => seen.push(name),
        }
    }
}

/// Names that differ in the manifest and not in Rust.
fn collisions(errors: &mut Errors, manifest: &Manifest) {
    let groups: [Vec<&Spanned<String>>; 3] = [
        manifest
            .merged
            .bindings
            .iter()
            .map(|binding| &binding.name)
            .collect(),
        manifest.merged.vars.iter().map(|var| &var.name).collect(),
        manifest
            .merged
            .secrets
            .iter()
            .map(|secret| &secret.name)
            .collect(),
    ];
    for (index, group) in groups.iter().enumerate() {
        let mut seen: Vec<(String, String, &Spanned<String>)> = Vec::new();
        for name in group {
            let own = Name::new(&name.value);
            let field = spelled(&own.field);
            let reserved = RESERVED
                .iter()
                .find(|(reserved, ty)| *reserved == field || *ty == own.ty);
            if let Some((field, _)) = reserved.filter(|_| index == 0) {
                errors.push(
                    Diagnostic::new(
                        code::BINDING_NAME,
                        format!("a binding cannot be named `{}`", name.value),
                        name.span,
                    )
                    .label(format!(
                        "`env.{field}` holds the {}",
                        if *field == "vars" {
                            "variables"
                        } else {
                            "secrets"
                        }
                    ))
                    .help(format!(
                        "rename it, for instance to `{}_BINDING`",
                        name.value
                    )),
                );
            }
            // Variables and secrets have no type of their name.
            let meets = |other: &str, ty: &str| other == field || (index == 0 && ty == own.ty);
            match seen
                .iter()
                .find(|(other, ty, first)| meets(other, ty) && first.value != name.value)
            {
                Some((other, _, first)) => errors.push(
                    Diagnostic::new(
                        code::DUPLICATE_BINDING,
                        format!(
                            "`{}` and `{}` have one name in Rust",
                            first.value, name.value
                        ),
                        name.span,
                    )
                    .label(format!(
                        "both are `{}`",
                        if *other == field { &field } else { &own.ty }
                    ))
                    .also(first.span, "the first one")
                    .help("rename one of them"),
                ),
                None => seen.push((field, own.ty, name)),
            }
        }
    }
}
