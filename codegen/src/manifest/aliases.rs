//! The Rust names that the settings give to bindings, variables and secrets:
//! `[package.metadata.bindery.names]`.
//!
//! The platform knows a deployed binding by its name, so a name that Rust cannot spell, or that is
//! already used, gets another one in Rust only.

use std::collections::{BTreeMap, BTreeSet};

use super::Merged;
use super::node::Value;
use super::table::Table;
use crate::names::Name;
use crate::report::{Code, Diagnostic, Errors, Fix, Literal, Rename, Setting, nearest, suggestion};
use crate::source::{Span, Spanned};

/// The table of the settings.
pub(super) const NAMES: &str = "names";

/// The Rust names by the names in the manifest.
#[derive(Debug, Clone, Default)]
pub struct Aliases {
    names: BTreeMap<String, Spanned<String>>,
    /// The table of the settings, if it exists.
    table: Option<Span>,
}

impl Aliases {
    /// Reads the table, and reports names that the manifest does not have.
    pub(super) fn read(errors: &mut Errors, table: &Table<'_>, merged: &Merged) -> Self {
        let bindings = merged.bindings.iter().map(|binding| &binding.name);
        let vars = merged.vars.iter().map(|var| &var.name);
        let secrets = merged.secrets.iter().map(|secret| &secret.name);
        let known = bindings.chain(vars).chain(secrets);
        let known: BTreeSet<&str> = known.map(|name| name.value.as_str()).collect();

        let mut names = BTreeMap::new();
        for (name, node) in table.entries {
            let Value::String(alias) = &node.value else {
                let place = format!("`{}`", name.value);
                errors.push(super::check::mismatch(
                    &place,
                    "a name",
                    &node.value,
                    node.span,
                ));
                continue;
            };
            let mut source = name.value.as_str();
            if !known.contains(source) {
                let near = nearest(source, known.iter().copied());
                let near = near.filter(|near| table.get(near).is_none());
                errors.push(unknown(name, near, &known));
                // Use the alias for the name that is meant, so that the name causes no error.
                let Some(near) = near else { continue };
                source = near;
            }
            if !is_rust_name(alias) {
                errors.push(invalid(name, alias, node.span));
            }
            let alias = Spanned {
                value: alias.clone(),
                span: node.span,
            };
            names.insert(source.to_owned(), alias);
        }
        Self {
            names,
            table: Some(table.span),
        }
    }

    /// The spellings of a name of the manifest.
    #[must_use]
    pub fn name(&self, source: &str) -> Name {
        match self.names.get(source) {
            Some(alias) => Name::with_alias(source, &alias.value),
            None => Name::new(source),
        }
    }

    /// Whether the settings give a name another one.
    pub(crate) fn contains(&self, source: &str) -> bool {
        self.names.contains_key(source)
    }

    /// The fix that gives a name of the manifest another one in Rust.
    pub(crate) fn fix(&self, source: &str, alias: &str, manifest: Span) -> Fix {
        Fix::Setting(Setting {
            manifest,
            existing: self.table,
            replaced: self.names.get(source).map(|alias| alias.span),
            table: NAMES,
            key: source.to_owned(),
            value: alias.to_owned(),
        })
    }
}

fn unknown(name: &Spanned<String>, near: Option<&str>, known: &BTreeSet<&str>) -> Diagnostic {
    let message = format!("the manifest has no name `{}`", name.value);
    let diagnostic = Diagnostic::new(Code::UnknownKey, message, name.span)
        .label("expected the name of a binding, a variable or a secret");
    match near {
        Some(near) => diagnostic.fix(Fix::Rename(Rename {
            key: name.span,
            inside: Vec::new(),
            taken: None,
            to: near.to_owned(),
        })),
        None => {
            let known: Vec<&str> = known.iter().copied().collect();
            diagnostic.help(suggestion(&name.value, "names", &known))
        }
    }
}

fn invalid(name: &Spanned<String>, alias: &str, span: Span) -> Diagnostic {
    let message = format!("`{alias}` is not a valid name in Rust");
    let diagnostic = Diagnostic::new(Code::BindingName, message, span)
        .label("letters, digits and `_`, no digit at the start");
    let valid = rust_name(alias).or_else(|| rust_name(&name.value));
    diagnostic.fix(valid.map(|valid| Fix::Guess(span, Literal::Text(valid.to_lowercase()))))
}

/// Whether Rust can spell a name.
pub(crate) fn is_rust_name(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts_with_digit = name.starts_with(|first: char| first.is_ascii_digit());
    let has_letter_or_digit = name.bytes().any(|byte| byte != b'_');
    has_letter_or_digit && !starts_with_digit && name.bytes().all(is_word)
}

/// A valid name that reads like an invalid one, in lower case, if there is one.
pub(crate) fn rust_name(name: &str) -> Option<String> {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let mut valid = words.join("_").to_lowercase();
    if valid.starts_with(|first: char| first.is_ascii_digit()) {
        valid.insert(0, 'n');
    }
    is_rust_name(&valid).then_some(valid)
}
