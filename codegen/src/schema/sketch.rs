//! The schema that the migrations probably mean after one of them failed. Only the placeholders of
//! queries use it, so that the code around them has no errors of its own.

use std::ops::Range;

use bindery_sqlite::Database;
use bindery_sqlite::migrations::{self, Migration};
use bindery_sqlite::replay::Replay;
use bindery_sqlite::token::{Kind, Token, statements, tokenize};

use crate::source::{Sources, Spanned};

/// The declared type of a column whose definition has an error.
pub(crate) const UNKNOWN: &str = "BINDERY_UNKNOWN";

/// How often the definition of one table is corrected.
const MAX_CORRECTIONS: usize = 8;

/// Applies every statement of some migrations that SQLite accepts, and parts of the others.
pub(super) fn apply(
    sources: &Sources,
    migrations_table: &str,
    database: &Database,
    replay: &mut Replay<'_>,
    files: &[Spanned<String>],
) {
    for file in files {
        let sql = &sources.file(file.span.file).text;
        let migration = Migration {
            name: &file.value,
            sql,
        };
        if replay.apply(migrations_table, migration).is_ok() {
            continue;
        }
        for range in statements(sql) {
            apply_statement(database, &sql[range]);
        }
    }
}

fn apply_statement(database: &Database, statement: &str) {
    let Some(place) = failure(database, statement) else {
        return;
    };

    let tokens = tokens(statement);
    let mut words = tokens.iter();
    if words
        .next()
        .is_some_and(|first| first.is(statement, "alter"))
    {
        for corrected in added_column(statement, &tokens) {
            if failure(database, &corrected).is_none() {
                return;
            }
        }
        return;
    }

    let (mut statement, mut place) = (statement.to_owned(), place);
    for _ in 0..MAX_CORRECTIONS {
        match corrected_table(database, &statement, &place) {
            Correction::Applied | Correction::Impossible => return,
            Correction::Next(next, at) => (statement, place) = (next, at),
        }
    }
}

/// Runs a statement, and returns where it fails.
fn failure(database: &Database, statement: &str) -> Option<Range<usize>> {
    let failures = migrations::baseline(database, statement);
    failures.into_iter().next().map(|failure| failure.span)
}

fn tokens(statement: &str) -> Vec<Token> {
    let tokens = tokenize(statement).into_iter();
    tokens.filter(|token| token.kind != Kind::Comment).collect()
}

/// `ALTER TABLE name ADD COLUMN ...` in forms that SQLite may accept.
fn added_column(statement: &str, tokens: &[Token]) -> Vec<String> {
    let Some(add) = tokens.iter().position(|token| token.is(statement, "add")) else {
        return Vec::new();
    };
    let is_column = |token: &&Token| !token.is(statement, "column");
    let Some(name) = tokens[add + 1..].iter().find(is_column) else {
        return Vec::new();
    };
    vec![
        // A column that is NOT NULL needs a default.
        format!("{statement} DEFAULT 0"),
        format!("{} {UNKNOWN}", &statement[..name.span.end]),
    ]
}

/// The result of correcting the definition of a table.
enum Correction {
    Applied,
    Impossible,
    /// SQLite reports another error, at this place.
    Next(String, Range<usize>),
}

/// Replaces the column or constraint of a CREATE TABLE in which SQLite reports an error.
fn corrected_table(database: &Database, statement: &str, place: &Range<usize>) -> Correction {
    let items = items(statement);
    // Some errors belong to the whole statement. Then each item can be the cause.
    let is_meant = |item: &&Range<usize>| {
        place.len() == statement.len() || item.start <= place.start && place.start <= item.end
    };
    let mut next = None;
    for item in items.iter().filter(is_meant).rev() {
        for definition in definitions(&statement[item.clone()]) {
            let corrected = replaced(statement, &items, item, definition);
            let Some(place) = failure(database, &corrected) else {
                return Correction::Applied;
            };
            let is_later = place.len() < corrected.len() && place.start > item.start;
            if is_later && next.is_none() {
                next = Some(Correction::Next(corrected, place));
            }
        }
    }
    next.unwrap_or(Correction::Impossible)
}

/// A CREATE TABLE with another definition in place of an item, or without the item.
fn replaced(
    statement: &str,
    items: &[Range<usize>],
    item: &Range<usize>,
    definition: Option<String>,
) -> String {
    let kept = items.iter().filter_map(|other| {
        if other == item {
            definition.clone()
        } else {
            Some(statement[other.clone()].to_owned())
        }
    });
    let kept: Vec<String> = kept.collect();
    let (first, last) = (items.first(), items.last());
    let before = first.map_or("", |first| &statement[..first.start]);
    let after = last.map_or("", |last| &statement[last.end..]);
    format!("{before}{}{after}", kept.join(","))
}

/// The columns and constraints in the parentheses of a CREATE TABLE.
fn items(statement: &str) -> Vec<Range<usize>> {
    let tokens = tokens(statement);
    let starts = ["create", "table"].iter();
    let mut words = tokens.iter().filter(|token| !token.is(statement, "temp"));
    if !starts
        .clone()
        .all(|word| words.next().is_some_and(|token| token.is(statement, word)))
    {
        return Vec::new();
    }

    let (mut items, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for token in &tokens {
        match &statement[token.span.clone()] {
            "(" => {
                depth += 1;
                if depth == 1 {
                    start = token.span.end;
                }
            }
            "," if depth == 1 => {
                items.push(start..token.span.start);
                start = token.span.end;
            }
            ")" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    items.push(start..token.span.start);
                    return items;
                }
            }
            _ => {}
        }
    }
    Vec::new()
}

/// Definitions of a column that SQLite may accept in place of one with an error. `None` omits it.
fn definitions(item: &str) -> Vec<Option<String>> {
    let tokens = tokens(item);
    let Some(name) = tokens.first().map(|token| &item[token.span.clone()]) else {
        return vec![None];
    };

    let mut definitions = Vec::new();
    // The texts of a CHECK are an enum that the code around the queries names.
    let check = tokens.iter().position(|token| token.is(item, "check"));
    if let Some(check) = check.filter(|check| *check > 0) {
        let is_required = tokens.iter().any(|token| token.is(item, "not"));
        let required = if is_required { " NOT NULL" } else { "" };
        if let Some(condition) = parenthesized(item, &tokens[check + 1..]) {
            definitions.push(Some(format!("{name} TEXT{required} CHECK {condition}")));
        }
    }
    definitions.extend([Some(format!("{name} {UNKNOWN}")), None]);
    definitions
}

/// The text from an opening parenthesis to the one that closes it.
fn parenthesized<'t>(text: &'t str, tokens: &[Token]) -> Option<&'t str> {
    let start = tokens.first()?.span.start;
    let mut depth = 0_usize;
    for token in tokens {
        match &text[token.span.clone()] {
            "(" => depth += 1,
            ")" => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return text.get(start..token.span.end);
        }
    }
    None
}
