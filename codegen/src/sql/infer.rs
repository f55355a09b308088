//! The inference of types: walks the statement until the type of every parameter is known.

use crate::report::{Code, Diagnostic, Errors};
use crate::schema::Catalog;
use crate::source::Span;
use crate::syntax::ast::{Bytes, Parameter, Statement};

use super::analyzer::{Analyzer, Named, Output};
use super::parameters::{Parts, Unresolved};

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
            for problem in problems {
                errors.push(unresolved(place, declared, problem));
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
    analyzer.retries = 0;
    match statement {
        Statement::Select(select) => analyzer.select(select),
        Statement::Insert(insert) => analyzer.insert(insert),
        Statement::Update(update) => analyzer.update(update),
        Statement::Delete(delete) => analyzer.delete(delete),
        Statement::Other => Vec::new(),
    }
}

/// The diagnostic for a parameter without a single type.
fn unresolved(place: Span, declared: &[Parameter], problem: Unresolved) -> Diagnostic {
    match problem {
        Unresolved::Untyped { index } => untyped(place, index, &declared[index]),
        Unresolved::Conflict {
            index,
            first,
            second,
        } => conflict(place, (index, &declared[index]), first, second),
    }
}

fn untyped(place: Span, index: usize, parameter: &Parameter) -> Diagnostic {
    let shown = shown(index, parameter);
    let at = parameter.spans.first().cloned().unwrap_or(0..0);
    Diagnostic::new(
        Code::UntypedParameter,
        format!("the type of `{shown}` cannot be inferred: it accepts any value"),
        place.part(&at),
    )
    .label("nothing here determines its type")
    .help(format!("give it a type: `CAST({shown} AS TEXT)`"))
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
        .help("use two parameters, or a CAST in one of the places")
}

/// The parameter as a diagnostic shows it.
fn shown(index: usize, parameter: &Parameter) -> String {
    match &parameter.name {
        Some(name) => name.clone(),
        None => format!("?{}", index + 1),
    }
}
