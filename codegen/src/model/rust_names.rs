//! Checks that each name of the manifest becomes a name of its own in Rust.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::lower::RESERVED;
use crate::manifest::{Aliases, Environment, Manifest, is_rust_name, rust_name};
use crate::names::{Name, spelled};
use crate::report::{Code, Diagnostic, Errors};
use crate::source::Spanned;

/// Reports names that an environment uses twice.
pub(super) fn check_duplicates(errors: &mut Errors, environment: &Environment) {
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
    let mut seen: HashMap<&str, &Spanned<String>> = HashMap::new();

    for name in names {
        let Some(other) = seen.get(name.value.as_str()) else {
            seen.insert(&name.value, name);
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

/// Reports names that Rust cannot spell, that `Env` uses itself, or that become the same in Rust.
pub(super) fn check(errors: &mut Errors, manifest: &Manifest) {
    let merged = &manifest.merged;
    let bindings = merged.bindings.iter().map(|binding| &binding.name);
    let vars = merged.vars.iter().map(|var| &var.name);
    let secrets = merged.secrets.iter().map(|secret| &secret.name);

    // Variables and secrets have no types named after them.
    Checker::new(&manifest.aliases, true, bindings.clone()).check(errors, bindings);
    Checker::new(&manifest.aliases, false, vars.clone()).check(errors, vars);
    Checker::new(&manifest.aliases, false, secrets.clone()).check(errors, secrets);
}

/// The names of one struct.
struct Checker<'a> {
    aliases: &'a Aliases,
    are_bindings: bool,
    /// Every field and type of the struct.
    used: BTreeSet<String>,
    /// The first name with each field.
    fields: BTreeMap<String, &'a Spanned<String>>,
    /// The first name with each type.
    types: BTreeMap<String, &'a Spanned<String>>,
}

impl<'a> Checker<'a> {
    fn new(
        aliases: &'a Aliases,
        are_bindings: bool,
        names: impl Iterator<Item = &'a Spanned<String>>,
    ) -> Self {
        // A name that is not valid gets another one.
        let names = names.map(|name| name.value.as_str());
        let names = names.filter(|name| is_rust_name(name) || aliases.contains(name));
        let names = names.map(|name| aliases.name(name));
        let mut used: BTreeSet<String> = names.flat_map(|name| [name.field, name.ty]).collect();

        if are_bindings {
            let reserved = RESERVED.iter().flat_map(|(field, ty)| [*field, *ty]);
            used.extend(reserved.map(str::to_owned));
        }
        Self {
            aliases,
            are_bindings,
            used,
            fields: BTreeMap::new(),
            types: BTreeMap::new(),
        }
    }

    fn check(mut self, errors: &mut Errors, names: impl Iterator<Item = &'a Spanned<String>>) {
        for written in names {
            let diagnostic = self
                .check_spelling(written)
                .or_else(|| self.check_reserved(written))
                .or_else(|| self.check_collision(written));
            if let Some(diagnostic) = diagnostic {
                errors.push(diagnostic);
            }
        }
    }

    /// The settings' own names are checked when they are read.
    fn check_spelling(&self, written: &Spanned<String>) -> Option<Diagnostic> {
        let text = written.value.as_str();
        // The native backend names files after bindings.
        let breaks_paths = |character: char| character.is_control() || "/\\\"'".contains(character);
        if text.contains(breaks_paths) || text.trim_matches('.').is_empty() {
            let message = format!("`{}` is not a valid binding name", text.escape_debug());
            return Some(
                Diagnostic::new(Code::BindingName, message, written.span)
                    .label("no quotes, slashes and control characters"),
            );
        }
        if is_rust_name(text) || self.aliases.contains(text) {
            return None;
        }

        let message = format!("`{text}` is not a valid binding name");
        let alias = rust_name(text).unwrap_or_else(|| "binding".to_owned());
        Some(
            Diagnostic::new(Code::BindingName, message, written.span)
                .label("letters, digits and `_`, no digit at the start")
                .fix(self.aliases.fix(text, &self.unused(&alias), written.span)),
        )
    }

    fn check_reserved(&self, written: &Spanned<String>) -> Option<Diagnostic> {
        let name = self.aliases.name(&written.value);
        let mut reserved = RESERVED.iter();
        let (field, _) = reserved
            .find(|(field, ty)| self.are_bindings && (*field == name.field || *ty == name.ty))?;
        let content = if *field == "vars" {
            "variables"
        } else {
            "secrets"
        };

        let text = &written.value;
        let alias = self.unused(&format!("{field}_binding"));
        let message = format!("a binding cannot be named `{text}`");
        Some(
            Diagnostic::new(Code::BindingName, message, written.span)
                .label(format!("`env.{field}` holds the {content}"))
                .fix(self.aliases.fix(text, &alias, written.span)),
        )
    }

    /// Reports a name that differs from another one in the manifest but not in Rust.
    fn check_collision(&mut self, written: &'a Spanned<String>) -> Option<Diagnostic> {
        let Name { field, ty, .. } = self.aliases.name(&written.value);
        let field = spelled(&field);
        let same_field = self.fields.get(&field).copied();
        let same_type = self.types.get(&ty).copied().filter(|_| self.are_bindings);
        let (first, spelling) = match (same_field, same_type) {
            (Some(first), _) => (first, &field),
            (None, Some(first)) => (first, &ty),
            (None, None) => {
                self.fields.insert(field, written);
                self.types.insert(ty, written);
                return None;
            }
        };

        let text = &written.value;
        if first.value == *text {
            return None;
        }
        let message = format!("`{}` and `{text}` have the same name in Rust", first.value);
        let alias = self.unused(field.trim_start_matches("r#"));
        Some(
            Diagnostic::new(Code::DuplicateBinding, message, written.span)
                .label(format!("both are `{spelling}`"))
                .also(first.span, "the first one")
                .fix(self.aliases.fix(text, &alias, written.span)),
        )
    }

    /// A name like `base` whose field and type no other name has.
    fn unused(&self, base: &str) -> String {
        let numbered = (2..).map(|number| format!("{base}_{number}"));
        let mut names = std::iter::once(base.to_owned()).chain(numbered);
        let is_unused = |name: &String| {
            let name = Name::new(name);
            !self.used.contains(&name.field) && !self.used.contains(&name.ty)
        };
        names.find(is_unused).unwrap_or_default()
    }
}
