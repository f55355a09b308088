//! The help for a migration that uses a table which no migration creates.

use bindery_sqlite::token::{Kind, tokenize};

use crate::report::nearest;
use crate::source::{Sources, Spanned};

use super::Inputs;
use super::declared::unquoted;

/// Returns the help if a message of SQLite is about a table that the files do not create: the table
/// with a similar name, or the setting for a schema that is older than the migrations.
pub(super) fn help(
    sources: &Sources,
    inputs: &Inputs,
    files: &[Spanned<String>],
    message: &str,
) -> Option<String> {
    let (_, name) = message.split_once("no such table: ")?;
    let name = name.strip_prefix("main.").unwrap_or(name);
    let created: Vec<String> = files
        .iter()
        .flat_map(|file| created(&sources.file(file.span.file).text))
        .collect();
    if created.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return None;
    }
    if let Some(meant) = nearest(name, created.iter().map(String::as_str)) {
        return Some(format!("did you mean `{meant}`?"));
    }
    if inputs.baseline.is_some() || inputs.binding.is_empty() {
        return None;
    }

    let binding = &inputs.binding;
    let setting = if inputs.has_settings {
        format!("in `[package.metadata.bindery.{binding}]`")
    } else {
        "in `Cargo.toml`".to_owned()
    };
    let header = if inputs.has_settings {
        String::new()
    } else {
        format!("[package.metadata.bindery.{binding}]\n")
    };
    Some(format!(
        "no migration creates `{name}`; if it is older than the migrations, run `wrangler d1 export \
         {binding} --remote --no-data --output schema.sql` and name the file {setting}:\n\
         {header}schema = \"schema.sql\""
    ))
}

/// The names of the tables and views that a file creates, and the new names of tables.
fn created(sql: &str) -> Vec<String> {
    let tokens = tokenize(sql).into_iter();
    let tokens: Vec<_> = tokens.filter(|token| token.kind != Kind::Comment).collect();
    let is_word = |index: usize, words: &[&str]| {
        let token = tokens.get(index);
        token.is_some_and(|token| words.iter().any(|word| token.is(sql, word)))
    };

    let mut names = Vec::new();
    for index in 0..tokens.len() {
        let mut at = if is_word(index, &["table", "view"])
            && index > 0
            && is_word(index - 1, &["create", "temp", "temporary", "virtual"])
        {
            index + 1
        } else if is_word(index, &["rename"]) && is_word(index + 1, &["to"]) {
            index + 2
        } else {
            continue;
        };
        if is_word(at, &["if"]) {
            at += 3;
        }
        let is_qualified = tokens
            .get(at + 1)
            .is_some_and(|dot| &sql[dot.span.clone()] == ".");
        let name = tokens.get(if is_qualified { at + 2 } else { at });
        names.extend(name.map(|name| unquoted(sql, name).to_owned()));
    }
    names
}
