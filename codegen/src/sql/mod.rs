//! A statement and a [`Catalog`] in, a [`Query`] out: what goes in, what comes out, what it touches.
//!
//! Our own analysis gives the types; real SQLite then judges the same statement, under D1's rules.
//! What either refuses is a diagnostic; what the analysis does not understand is refused, never
//! guessed.

mod aggregates;
mod analyzer;
pub mod annotation;
mod call;
mod expr;
mod from;
mod functions;
mod guards;
mod narrow;
mod operators;
mod other;
mod overrides;
pub mod parameters;
pub mod plan;
mod rows;
pub mod scalar;
mod scope;
mod select;
pub mod types;
mod virtual_tables;
mod write;

use std::collections::BTreeSet;

use bindery_sqlite::{Access, Database, MAX_BOUND_PARAMETERS, migrations, token};

use crate::cache::encode_fields;
use crate::names::Name;
use crate::report::{Code, Diagnostic, Errors, Severity, nearest};
use crate::schema::{Catalog, TextEnum};
use crate::source::Span;
use crate::syntax;

use crate::syntax::ast::{Parameter, Statement};
use analyzer::{Analyzer, Named, Output};
pub use annotation::Cardinality;
pub use overrides::Override;
use parameters::{Resolved, Unresolved};
pub use rows::Rows;
pub use scalar::ScalarType;
use types::Ty;

/// A statement that is understood.
#[derive(Debug, Clone)]
pub struct Query {
    /// The SQL that is run: parameters numbered, overrides taken out of the names.
    pub sql: String,
    /// The result columns, in order; empty when there are none.
    pub columns: Vec<ResultColumn>,
    /// The parameters, in the order of `?1`, `?2`, and so on.
    pub parameters: Vec<Resolved>,
    /// The enums of parameters that choose: numbered behind those of the catalog.
    pub text_enums: Vec<TextEnum>,
    /// The tables that are named, also by views, sorted.
    pub tables: Vec<String>,
    /// Every column that is read or written, triggers included.
    pub accesses: BTreeSet<Access>,
    /// Whether nothing is written: then it is safe to repeat.
    pub reads_only: bool,
    /// How many rows it can give.
    pub rows: Rows,
    /// How SQLite would run it.
    pub plan: Vec<plan::Step>,
}

/// A result column.
#[derive(Debug, Clone)]
pub struct ResultColumn {
    /// Its name in the result.
    pub name: String,
    /// What it can hold.
    pub ty: Ty,
    /// The Rust type of a value that is not NULL.
    pub scalar: ScalarType,
    /// A type that the query names itself.
    pub as_type: Option<String>,
    /// Whether it can be NULL, overrides included.
    pub nullable: bool,
}

encode_fields! {
    Query { sql, columns, parameters, text_enums, tables, accesses, reads_only, rows, plan }
    ResultColumn { name, ty, scalar, as_type, nullable }
}

/// A text that may be a statement, as the grammar has it; nothing was looked up.
pub(crate) struct Parsed {
    statements: usize,
    tree: Result<(Statement, Vec<Parameter>), syntax::Unparsed>,
}

/// Reads a text.
pub(crate) fn parse(text: &str) -> Parsed {
    Parsed {
        statements: token::statements(text).len(),
        tree: syntax::parse(text),
    }
}

/// The bytes of each statement of a text, comments around it left out.
#[must_use]
pub fn statements(text: &str) -> Vec<std::ops::Range<usize>> {
    token::statements(text)
}

/// Whether the grammar has a statement of this text; nothing is looked up.
///
/// # Errors
/// Where it does not, and what was expected there.
pub fn parses(text: &str) -> Result<(), (std::ops::Range<usize>, String)> {
    syntax::parse(text)
        .map(drop)
        .map_err(|unparsed| (unparsed.span, unparsed.message))
}

/// Analyses the statement `text`, which stands at `place`.
///
/// A statement whose columns have names that no row can have is given, too, and so is one that changes every
/// row: the mistake is in `errors`.
pub fn analyze(errors: &mut Errors, catalog: &Catalog, text: &str, place: Span) -> Option<Query> {
    analyze_parsed(errors, catalog, text, place, parse(text))
}

/// Analyses a statement whose text was read before.
pub(crate) fn analyze_parsed(
    errors: &mut Errors,
    catalog: &Catalog,
    text: &str,
    place: Span,
    parsed: Parsed,
) -> Option<Query> {
    let before = errors.count();
    let Parsed { statements, tree } = parsed;
    if statements == 0 {
        errors.push(
            Diagnostic::new(Code::Sqlite, "there is no statement", place)
                .label("nothing but comments or spaces"),
        );
        return None;
    }
    if statements > 1 {
        errors.push(
            Diagnostic::new(Code::SeveralStatements, "a query is one statement", place)
                .label("more than one")
                .help("make each a query of its own, and run them in a `batch`"),
        );
        return None;
    }
    let (statement, declared) = match tree {
        Ok(parsed) => parsed,
        Err(unparsed) => {
            refuse_unparsed(errors, catalog, text, place, unparsed);
            return None;
        }
    };
    if declared.len() > MAX_BOUND_PARAMETERS {
        errors.push(
            Diagnostic::new(
                Code::Sqlite,
                format!("{} parameters are more than D1 takes", declared.len()),
                place,
            )
            .label(format!("D1 takes {MAX_BOUND_PARAMETERS} in a statement"))
            .help("pass a slice as `IN (:ids)`: it is one parameter"),
        );
        return None;
    }
    let walked = infer(errors, catalog, text, place, &statement, &declared);
    if errors.count() > before {
        return None;
    }
    let outputs = match statement {
        Statement::Other => other::columns(errors, catalog, text, place)?,
        _ => walked.outputs,
    };
    let columns = overrides::columns(errors, text, place, &outputs);
    let sql = rewrite(text, &declared, &walked.parameters, &outputs, &columns);
    let Judged {
        accesses,
        reads_only,
    } = judge(errors, catalog, text, &sql, place, &columns)?;
    let rows = if columns.is_empty() {
        Rows::None
    } else {
        rows::of(catalog, text, &statement)
    };
    let plan = match statement {
        Statement::Other => Vec::new(),
        // SQLite has prepared the statement; that it can explain it adds nothing that could fail.
        _ => plan::of(catalog.database.connection(), &sql, &walked.relations).unwrap_or_default(),
    };
    guards::unguarded(errors, &statement, place);
    if errors.count() == before {
        guards::full_scans(errors, catalog, &statement, place, &walked.relations, &plan);
    }
    Some(Query {
        sql,
        columns,
        parameters: walked.parameters,
        text_enums: walked.text_enums,
        tables: walked.tables,
        accesses,
        reads_only,
        rows,
        plan,
    })
}

/// What is understood of a statement that is refused.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// The result columns.
    pub columns: Vec<ResultColumn>,
    /// The parameters; none where the text is not understood at all.
    pub parameters: Vec<Resolved>,
    /// The enums of parameters that choose.
    pub text_enums: Vec<TextEnum>,
}

/// The result columns and parameters of a statement that is refused, as far as they are understood: what stands
/// in for it has them, so that its callers are not told of its mistake again.
#[must_use]
pub fn outline(catalog: &Catalog, text: &str, place: Span) -> Outline {
    let mut unheard = Errors::default();
    let Ok((statement, declared)) = syntax::parse(text) else {
        return Outline::default();
    };
    let Walked {
        mut outputs,
        tables,
        parameters,
        text_enums,
        ..
    } = infer(&mut unheard, catalog, text, place, &statement, &declared);
    let known = || {
        catalog
            .tables
            .iter()
            .filter(|table| tables.contains(&table.name))
            .flat_map(|table| table.columns.iter().map(move |column| (table, column)))
    };
    for output in outputs
        .iter_mut()
        .filter(|output| output.ty.storage == types::Storage::NONE)
    {
        // A caller knows the column by its right name.
        let meant = output
            .name
            .as_deref()
            .and_then(|name| nearest(name, known().map(|(_, column)| column.name.as_str())))
            .map(str::to_owned);
        if let Some((table, column)) =
            known().find(|(_, column)| Some(&column.name) == meant.as_ref())
        {
            *output = Output {
                name: meant,
                ty: Ty::of_column(&table.name, column),
                ..output.clone()
            };
        }
    }
    let mut columns = overrides::columns(&mut unheard, text, place, &outputs);
    // A row has each field once.
    let fields: Vec<String> = columns
        .iter()
        .map(|column| Name::new(&column.name).field)
        .collect();
    let mut index = 0;
    columns.retain(|_| {
        index += 1;
        !fields[..index - 1].contains(&fields[index - 1])
    });
    Outline {
        columns,
        parameters,
        text_enums,
    }
}

/// What the walk over a statement found.
#[derive(Default)]
struct Walked {
    outputs: Vec<Output>,
    parameters: Vec<Resolved>,
    text_enums: Vec<TextEnum>,
    tables: Vec<String>,
    relations: Vec<Named>,
}

/// Walks the statement until the parameters' types are settled.
fn infer(
    errors: &mut Errors,
    catalog: &Catalog,
    text: &str,
    place: Span,
    statement: &Statement,
    declared: &[Parameter],
) -> Walked {
    let mut analyzer = Analyzer::new(catalog, text, Some(place), declared);
    // A parameter's type can hang on another's; each walk settles at least one more.
    for _ in 0..=declared.len() {
        analyzer.diagnostics.clear();
        analyzer.scopes.clear();
        analyzer.ctes.clear();
        let outputs = match statement {
            Statement::Select(select) => analyzer.select(select),
            Statement::Insert(insert) => analyzer.insert(insert),
            Statement::Update(update) => analyzer.update(update),
            Statement::Delete(delete) => analyzer.delete(delete),
            Statement::Other => Vec::new(),
        };
        let (stable, problems) = analyzer.parameters.resolve();
        if stable || declared.is_empty() {
            // A name that is unknown leaves its parameter untyped: one mistake, one error.
            if analyzer.diagnostics.is_empty() {
                report_unresolved(&mut analyzer, declared, &problems);
            }
            analyzer.report(errors);
            let tables = std::mem::take(&mut analyzer.tables).into_iter().collect();
            let relations = std::mem::take(&mut analyzer.relations);
            let (parameters, text_enums) = analyzer.parameters.into_resolved();
            return Walked {
                outputs,
                parameters,
                text_enums,
                tables,
                relations,
            };
        }
    }
    errors.push(
        Diagnostic::new(
            Code::UntypedParameter,
            "the parameters' types cannot be settled",
            place,
        )
        .label("each hangs on another")
        .help("give one of them a type with `CAST(:name AS INTEGER)`"),
    );
    Walked::default()
}

fn report_unresolved(analyzer: &mut Analyzer<'_>, declared: &[Parameter], problems: &[Unresolved]) {
    for problem in problems {
        match problem {
            Unresolved::Untyped { index } => {
                let parameter = &declared[*index];
                let shown = parameter
                    .name
                    .as_ref()
                    .map_or_else(|| "?".to_owned(), |name| format!(":{name}"));
                let at = parameter.spans.first().cloned().unwrap_or(0..0);
                let help = format!("say its type: `CAST({shown} AS TEXT)`");
                analyzer.error(
                    Code::UntypedParameter,
                    format!("the type of `{shown}` cannot be told: it takes any value"),
                    &at,
                    "nothing here says what it is",
                    help,
                );
                if let Some(last) = analyzer.diagnostics.last_mut() {
                    last.severity = Severity::Warning;
                }
            }
            Unresolved::Conflict {
                index,
                first,
                second,
            } => {
                let shown = declared[*index]
                    .name
                    .as_ref()
                    .map_or_else(|| "?".to_owned(), |name| format!(":{name}"));
                let message = format!("`{shown}` is used as two types");
                let help = "use two parameters, or a CAST in one of the places".to_owned();
                analyzer.error(
                    Code::ConflictingParameter,
                    message,
                    &second.1,
                    second.0.clone(),
                    help,
                );
                if let (Some(place), Some(last)) = (analyzer.place, analyzer.diagnostics.last_mut())
                {
                    last.also.push((place.part(&first.1), first.0.clone()));
                }
            }
        }
    }
}

/// Our parser refuses the text: SQLite says why, unless SQLite accepts it.
fn refuse_unparsed(
    errors: &mut Errors,
    catalog: &Catalog,
    text: &str,
    place: Span,
    unparsed: syntax::Unparsed,
) {
    let prepared = catalog.database.connection().prepare(text);
    match prepared {
        Err(error) => refuse_prepared(errors, &catalog.database, text, place, &error),
        Ok(_) => errors.push(
            Diagnostic::new(
                Code::Unsupported,
                format!("the statement is not understood: {}", unparsed.message),
                place.part(&unparsed.span),
            )
            .label("SQLite accepts this, bindery does not")
            .help("write it in another way; that it is refused is a mistake of bindery's"),
        ),
    }
}

fn refuse_prepared(
    errors: &mut Errors,
    database: &Database,
    text: &str,
    place: Span,
    error: &bindery_sqlite::rusqlite::Error,
) {
    let message = migrations::message(error);
    let at = match migrations::offset(error) {
        Some(offset) if offset < text.len() => migrations::word_at(text, offset),
        Some(_) => text.len()..text.len(),
        None if message == "incomplete input" => text.len()..text.len(),
        None => 0..text.len(),
    };
    let denied = database
        .denied()
        .filter(|_| message.contains("not authorized") || message.contains("prohibited"));
    let message = denied.map_or_else(
        || format!("D1 would refuse this: {message}"),
        |denied| format!("D1 does not allow {denied}"),
    );
    errors.push(Diagnostic::new(Code::Sqlite, message, place.part(&at)).label("here"));
}

/// What SQLite says of a statement that it has prepared.
struct Judged {
    accesses: BTreeSet<Access>,
    reads_only: bool,
}

/// Real SQLite prepares what will be run; its columns must be the ones that were inferred.
fn judge(
    errors: &mut Errors,
    catalog: &Catalog,
    text: &str,
    sql: &str,
    place: Span,
    columns: &[ResultColumn],
) -> Option<Judged> {
    let (statement, mut accesses) = match catalog.database.prepare_noting(sql) {
        Ok(prepared) => prepared,
        Err(error) => {
            // The rewritten text has other offsets; the original one fails in the same place.
            match catalog.database.connection().prepare(text) {
                Err(original) => refuse_prepared(errors, &catalog.database, text, place, &original),
                Ok(_) => {
                    errors.push(
                        Diagnostic::new(
                            Code::Sqlite,
                            format!("D1 would refuse this: {error}"),
                            place,
                        )
                        .label("here"),
                    );
                }
            }
            return None;
        }
    };
    let names: Vec<&str> = statement.column_names().collect();
    let inferred: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let agree = names.len() == inferred.len()
        && names
            .iter()
            .zip(&inferred)
            .all(|(name, inferred)| name.eq_ignore_ascii_case(inferred));
    if !agree {
        errors.push(
            Diagnostic::new(
                Code::Unsupported,
                "the result columns are not understood",
                place,
            )
            .label(format!(
                "SQLite gives {}, bindery infers {}",
                names.join(", "),
                inferred.join(", ")
            ))
            .help("name each column with AS"),
        );
        return None;
    }
    accesses.retain(|accesses| catalog.table(&accesses.table).is_some());
    Some(Judged {
        accesses,
        reads_only: statement.readonly(),
    })
}

/// The SQL that is run: every parameter numbered, slices through `json_each`, overrides taken out.
fn rewrite(
    text: &str,
    declared: &[Parameter],
    parameters: &[Resolved],
    outputs: &[Output],
    columns: &[ResultColumn],
) -> String {
    let mut edits: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    for (index, parameter) in declared.iter().enumerate() {
        let list = parameters.get(index).is_some_and(|resolved| resolved.list);
        for span in &parameter.spans {
            let number = index + 1;
            let new = if list {
                format!("SELECT value FROM json_each(?{number})")
            } else {
                format!("?{number}")
            };
            edits.push((span.clone(), new));
        }
    }
    for (output, column) in outputs.iter().zip(columns) {
        let quoted = format!("\"{}\"", column.name.replace('"', "\"\""));
        match &output.name {
            Some(name) if output.aliased && overrides::bare(name).is_some() => {
                edits.push((output.span.clone(), quoted))
            }
            Some(_) => {}
            None => edits.push((output.span.end..output.span.end, format!(" AS {quoted}"))),
        }
    }
    edits.sort_by_key(|(span, _)| span.start);
    let mut sql = String::with_capacity(text.len());
    let mut position = 0;
    for (span, new) in edits {
        if span.start < position {
            continue;
        }
        sql.push_str(&text[position..span.start]);
        sql.push_str(&new);
        position = span.end;
    }
    sql.push_str(&text[position..]);
    sql
}
