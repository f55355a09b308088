//! The inference of types: walks the statement until the type of every parameter is known.

use std::collections::BTreeSet;

use crate::report::{Code, Diagnostic, Errors, nearest};
use crate::schema::Catalog;
use crate::source::Span;
use crate::syntax;
use crate::syntax::ast::{Bytes, Parameter, Statement};

use super::analyzer::{Analyzer, Named, Output};
use super::parameters::{Parts, SLICE, Unresolved};

/// The result of walking a statement.
#[derive(Default)]
pub(super) struct Inferred {
    pub(super) outputs: Vec<Output>,
    pub(super) parts: Parts,
    pub(super) tables: Vec<String>,
    pub(super) relations: Vec<Named>,
}

/// Walks the statement until the types of the parameters no longer change.
pub(super) fn infer(
    errors: &mut Errors,
    catalog: &Catalog,
    text: &str,
    place: Span,
    statement: &Statement,
    declared: &[Parameter],
) -> Inferred {
    let mut analyzer = Analyzer::new(catalog, text, Some(place), declared);

    // The type of a parameter can depend on another's; each walk resolves at least one more.
    for _ in 0..=declared.len() {
        let outputs = walk(&mut analyzer, statement);
        let (stable, problems) = analyzer.parameters.resolve();
        if !stable && !declared.is_empty() {
            continue;
        }

        // An unknown name leaves its parameter untyped: the unknown name is the only error.
        if analyzer.diagnostics.is_empty() {
            let mut reported = BTreeSet::new();
            for problem in problems {
                // Parameters that are compared with each other share their places.
                if reported.insert(places(&problem)) {
                    errors.push(unresolved(catalog, (text, place), declared, problem));
                }
            }
        }
        analyzer.report(errors);

        return Inferred {
            outputs,
            parts: analyzer.parameters.into_resolved(),
            tables: analyzer.tables.into_iter().collect(),
            relations: analyzer.relations,
        };
    }

    errors.push(
        Diagnostic::new(
            Code::UntypedParameter,
            "the types of the parameters cannot be inferred",
            place,
        )
        .label("each depends on another")
        .help("give one of them a type with `CAST(:name AS INTEGER)`"),
    );
    Inferred::default()
}

/// Walks the statement once, from a clean state.
fn walk(analyzer: &mut Analyzer<'_>, statement: &Statement) -> Vec<Output> {
    analyzer.diagnostics.clear();
    analyzer.scopes.clear();
    analyzer.ctes.clear();
    analyzer.json_columns.clear();
    analyzer.retries = 0;
    match statement {
        Statement::Select(select) => analyzer.select(select),
        Statement::Insert(insert) => analyzer.insert(insert),
        Statement::Update(update) => analyzer.update(update),
        Statement::Delete(delete) => analyzer.delete(delete),
        Statement::Other => Vec::new(),
    }
}

/// Where each place of a problem starts, sorted. A problem without places has its own number.
fn places(problem: &Unresolved) -> (Option<usize>, [usize; 2]) {
    match problem {
        Unresolved::Untyped { index } => (Some(*index), [0, 0]),
        Unresolved::Conflict { first, second, .. } => {
            let mut starts = [first.1.start, second.1.start];
            starts.sort_unstable();
            (None, starts)
        }
    }
}

/// The diagnostic for a parameter without a single type.
fn unresolved(
    catalog: &Catalog,
    (text, place): (&str, Span),
    declared: &[Parameter],
    problem: Unresolved,
) -> Diagnostic {
    match problem {
        Unresolved::Untyped { index } => untyped(place, index, declared),
        Unresolved::Conflict {
            index,
            first,
            second,
        } => {
            let help = conflict_help(catalog, (text, place), &first, &second);
            conflict(place, (index, &declared[index]), first, second).help(help)
        }
    }
}

/// A CAST that removes a conflict, if there is one: the statement is analyzed with it.
fn conflict_help(
    catalog: &Catalog,
    (text, place): (&str, Span),
    first: &(String, Bytes),
    second: &(String, Bytes),
) -> String {
    if first.0 == SLICE {
        let slice = &text[first.1.clone()];
        return format!("write `IN ({slice})` in both places, or use two parameters");
    }

    for (at, which) in [(&second.1, "second"), (&first.1, "first")] {
        for ty in ["TEXT", "INTEGER", "REAL", "BLOB"] {
            let cast = format!("CAST({} AS {ty})", &text[at.clone()]);
            let changed = format!("{}{cast}{}", &text[..at.start], &text[at.end..]);
            if has_types(catalog, &changed, place) {
                return format!("use two parameters, or write `{cast}` in the {which} place");
            }
        }
    }
    "use two parameters".to_owned()
}

/// Whether each parameter of a statement has one type.
fn has_types(catalog: &Catalog, text: &str, place: Span) -> bool {
    let Ok((statement, declared)) = syntax::parse(text) else {
        return false;
    };

    let mut analyzer = Analyzer::new(catalog, text, Some(place), &declared);
    for _ in 0..=declared.len() {
        walk(&mut analyzer, &statement);
        let (stable, problems) = analyzer.parameters.resolve();
        if stable || declared.is_empty() {
            let conflicts = problems.iter().filter(|problem| match problem {
                Unresolved::Conflict { .. } => true,
                Unresolved::Untyped { .. } => false,
            });
            return analyzer.diagnostics.is_empty() && conflicts.count() == 0;
        }
    }
    false
}

fn untyped(place: Span, index: usize, declared: &[Parameter]) -> Diagnostic {
    let parameter = &declared[index];
    let shown = shown(index, parameter);
    let others = declared.iter().filter_map(|other| other.name.as_deref());
    let others = others.filter(|other| *other != shown);
    let cast = format!("give it a type: `CAST({shown} AS TEXT)`");
    let help = match nearest(&shown, others) {
        Some(near) => format!("did you mean `{near}`? If not, {cast}"),
        None => cast,
    };
    let at = parameter.spans.first().cloned().unwrap_or(0..0);
    Diagnostic::new(
        Code::UntypedParameter,
        format!("the type of `{shown}` cannot be inferred: it accepts any value"),
        place.part(&at),
    )
    .label("nothing here determines its type")
    .help(help)
    .warning()
}

fn conflict(
    place: Span,
    (index, parameter): (usize, &Parameter),
    first: (String, Bytes),
    second: (String, Bytes),
) -> Diagnostic {
    let message = format!("`{}` is used as two types", shown(index, parameter));
    Diagnostic::new(Code::ConflictingParameter, message, place.part(&second.1))
        .label(second.0)
        .also(place.part(&first.1), first.0)
}

/// The parameter as a diagnostic shows it.
fn shown(index: usize, parameter: &Parameter) -> String {
    match &parameter.name {
        Some(name) => name.clone(),
        None => format!("?{}", index + 1),
    }
}
