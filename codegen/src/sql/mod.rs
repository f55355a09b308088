//! Analyzes a statement against a [`Catalog`] and returns a [`Query`]: its parameters, its result
//! columns and the tables that it accesses.
//!
//! The analysis infers the types; SQLite itself then prepares the same statement under D1's rules.
//! A statement that either rejects is reported. The analysis never guesses: SQL that it does not
//! support is an error.

mod aggregates;
mod analyzer;
pub mod annotation;
mod assign;
mod bulk;
mod call;
mod expr;
mod fit;
mod from;
mod functions;
mod guards;
mod infer;
mod json;
pub(crate) mod json_type;
mod keys;
mod narrow;
mod operators;
mod other;
mod outline;
mod overrides;
pub mod page;
pub mod parameters;
pub mod plan;
mod prepare;
mod rewrite;
mod rows;
pub mod scalar;
mod scans;
mod scope;
mod searches;
mod select;
pub mod template;
pub mod types;
mod variants;
mod virtual_tables;
mod write;

use std::collections::BTreeSet;
use std::ops::Range;

use bindery_sqlite::{Access, MAX_BOUND_PARAMETERS, token};

use crate::cache::encode_fields;
use crate::report::{Code, Diagnostic, Errors};
use crate::schema::{Catalog, TextEnum};
use crate::source::Span;
use crate::syntax;
use crate::syntax::ast::{Parameter, Statement};

pub use annotation::Cardinality;
pub use json_type::JsonType;
pub(crate) use outline::UNKNOWN_TYPE;
pub use outline::{Outline, outline};
pub use overrides::Override;
pub use page::Page;
pub use rows::Rows;
pub use scalar::ScalarType;
pub use template::Template;

use infer::infer;
use parameters::Resolved;
use prepare::{Prepared, prepare};
use types::Ty;
use variants::Variants;

/// A statement that the analysis accepts.
#[derive(Debug, Clone)]
pub struct Query {
    /// The SQL that is run, with numbered parameters and without overrides in the names.
    pub sql: String,
    /// The result columns, in order.
    pub columns: Vec<ResultColumn>,
    /// The parameters, in the order of `?1`, `?2`, and so on.
    pub parameters: Vec<Resolved>,
    /// The enums of the parameters that choose among texts, numbered after those of the catalog.
    pub text_enums: Vec<TextEnum>,
    /// The tables that the statement names, directly or through a view, sorted.
    pub tables: Vec<String>,
    /// Every column that is read or written, also by triggers.
    pub accesses: BTreeSet<Access>,
    /// Whether the statement writes nothing and does not depend on earlier statements, so that it
    /// can be retried.
    pub reads_only: bool,
    /// The number of rows that it can return.
    pub rows: Rows,
    /// SQLite's query plan.
    pub plan: Vec<plan::Step>,
    /// The texts that run instead of `sql`, if the arguments determine the text.
    pub template: Option<Template>,
    /// The order of its pages, if it is annotated `:page`. It then has a template.
    pub page: Option<Page>,
}

/// A result column.
#[derive(Debug, Clone)]
pub struct ResultColumn {
    /// The name in the result.
    pub name: String,
    /// The inferred type.
    pub ty: Ty,
    /// The Rust type of a value that is not NULL.
    pub scalar: ScalarType,
    /// The Rust type that the query itself names.
    pub as_type: Option<String>,
    /// Whether it can be NULL, after overrides. In an optional struct, whether it can be NULL where
    /// the struct exists.
    pub nullable: bool,
    /// The nested struct that it belongs to: `AS "author.name"`.
    pub nest: Option<Nest>,
    /// The type of the JSON that the statement builds, if it is read as one.
    pub json: Option<JsonType>,
}

/// A nested struct of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nest {
    /// The field of the row.
    pub name: String,
    /// The field of the struct.
    pub field: String,
    /// The column that is NULL exactly where an outer join finds no row, so that the struct is
    /// `None`; `None` for a struct that always exists.
    pub key: Option<usize>,
}

encode_fields! {
    Query {
        sql, columns, parameters, text_enums, tables, accesses, reads_only, rows, plan, template,
        page,
    }
    ResultColumn { name, ty, scalar, as_type, nullable, nest, json }
    Nest { name, field, key }
}

impl Query {
    /// A query of which only the columns are known.
    #[must_use]
    pub fn of_columns(columns: Vec<ResultColumn>) -> Self {
        Self {
            sql: String::new(),
            columns,
            parameters: Vec::new(),
            text_enums: Vec::new(),
            tables: Vec::new(),
            accesses: BTreeSet::new(),
            reads_only: false,
            rows: Rows::Many,
            plan: Vec::new(),
            template: None,
            page: None,
        }
    }
}

/// The syntax tree of a text that may be a statement, without any lookup of names.
pub(crate) struct Parsed {
    statements: usize,
    tree: Result<(Statement, Vec<Parameter>), syntax::Unparsed>,
    form: Form,
}

/// What an annotation changes in the text of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nothing.
    Plain,
    /// The assignments of an UPDATE are optional.
    Patch,
    /// A SELECT has pages.
    Page,
    /// An INSERT has many rows.
    Bulk,
}

/// Parses a text.
pub(crate) fn parse(text: &str, form: Form) -> Parsed {
    Parsed {
        statements: token::statements(text).len(),
        tree: syntax::parse(text),
        form,
    }
}

/// Returns the bytes of each statement of a text, without the comments around it.
#[must_use]
pub fn statements(text: &str) -> Vec<Range<usize>> {
    token::statements(text)
}

/// Checks that the grammar accepts a text as a statement, without any lookup of names.
///
/// # Errors
/// Returns where parsing failed, and the message.
pub fn parses(text: &str) -> Result<(), (Range<usize>, String)> {
    syntax::parse(text)
        .map(drop)
        .map_err(|unparsed| (unparsed.span, unparsed.message))
}

/// Analyzes the statement `text`, whose position is `place`.
///
/// A statement whose columns have names that no row can have is still returned, and so is one that
/// changes every row: the error is in `errors`.
pub fn analyze(errors: &mut Errors, catalog: &Catalog, text: &str, place: Span) -> Option<Query> {
    analyze_parsed(errors, catalog, text, place, parse(text, Form::Plain))
}

/// Analyzes a statement whose text has been parsed before.
pub(crate) fn analyze_parsed(
    errors: &mut Errors,
    catalog: &Catalog,
    text: &str,
    place: Span,
    parsed: Parsed,
) -> Option<Query> {
    let before = errors.count();
    let form = parsed.form;
    let (statement, declared) = single_statement(errors, catalog, text, place, parsed)?;

    let inferred = infer(errors, catalog, text, place, &statement, &declared);
    if errors.count() > before {
        return None;
    }

    let outputs = match statement {
        Statement::Other => other::columns(errors, catalog, text, place)?,
        Statement::Select(_)
        | Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_) => inferred.outputs,
    };
    let columns = overrides::columns(errors, text, place, &outputs);
    let mut parts = inferred.parts;
    let edits = match form {
        Form::Bulk => bulk::edits(errors, (text, &statement, place), &declared, &parts)?,
        Form::Plain | Form::Patch | Form::Page => {
            rewrite::edits(&declared, &parts, &outputs, &columns)
        }
    };
    let sql = rewrite::rewrite(text, &edits);
    let Prepared {
        accesses,
        reads_only,
    } = prepare(errors, catalog, text, &sql, place, &columns)?;
    if form == Form::Bulk {
        let plain = bindery_sqlite::bulk::plain(&sql, &vec![true; declared.len()]);
        prepare(errors, catalog, text, &plain, place, &columns)?;
    }

    let rows = if columns.is_empty() {
        Rows::None
    } else {
        rows::row_count(catalog, text, &statement)
    };
    let plan = match statement {
        Statement::Other => Vec::new(),
        Statement::Select(_)
        | Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_) => {
            // SQLite has prepared the statement, so explaining it cannot report a user's error.
            let connection = catalog.database.connection();
            plan::explain(connection, &sql, &inferred.relations).unwrap_or_default()
        }
    };

    guards::unguarded(errors, &statement, place);
    let spot = match form {
        Form::Page => Some(page::spot(
            errors,
            catalog,
            (text, &statement, place),
            (&outputs, &columns),
            declared.len(),
        )?),
        Form::Plain | Form::Patch | Form::Bulk => None,
    };
    let forms = (form == Form::Patch, spot.as_ref());
    let template = match form {
        Form::Bulk => None,
        Form::Plain | Form::Patch | Form::Page => {
            template::template(text, &statement, &declared, &mut parts, &edits, forms)
        }
    };
    let prepared =
        template.map(|template| Variants::prepare(catalog, template, &parts.parameters, &columns));
    let relations = &inferred.relations;
    let named = (inferred.tables.as_slice(), relations.as_slice());
    let template = match prepared {
        Some(Some(variants)) => {
            // An index for the search alone would make SQLite sort the rows of all pages.
            match &spot {
                Some(spot) => variants.check_sort(errors, catalog, (spot, place), named),
                None if errors.count() == before => {
                    variants.check_scans(errors, catalog, (&statement, place), named);
                }
                None => {}
            }
            Some(variants.into_template(catalog, relations))
        }
        Some(None) if spot.is_some() => {
            errors.push(page::rejected(place));
            return None;
        }
        // SQLite rejects one of the texts, so the statement stays as it is written.
        Some(None) => {
            parts.forget_roles();
            None
        }
        None => None,
    };
    if template.is_none() && errors.count() == before {
        let text = scans::Text::AsWritten(&sql);
        scans::report(errors, catalog, (&statement, text), place, named, &plan);
    }

    Some(Query {
        sql,
        columns,
        parameters: parts.parameters,
        text_enums: parts.text_enums,
        tables: inferred.tables,
        accesses,
        reads_only,
        rows,
        plan,
        template,
        page: spot.map(|spot| spot.page),
    })
}

/// Returns the one statement of a text and its parameters, or reports why the text is not a single
/// valid statement.
fn single_statement(
    errors: &mut Errors,
    catalog: &Catalog,
    text: &str,
    place: Span,
    parsed: Parsed,
) -> Option<(Statement, Vec<Parameter>)> {
    let before = errors.count();
    if parsed.statements == 0 {
        errors.push(
            Diagnostic::new(Code::Sqlite, "there is no statement", place)
                .label("only comments or whitespace"),
        );
        return None;
    }
    if parsed.statements > 1 {
        errors.push(
            Diagnostic::new(
                Code::SeveralStatements,
                "a query must be a single statement",
                place,
            )
            .label("more than one statement")
            .help("write one query for each statement, and run them in a `batch`"),
        );
        return None;
    }

    let (statement, declared) = match parsed.tree {
        Ok(tree) => tree,
        Err(unparsed) => {
            prepare::report_unparsed(errors, catalog, text, place, &unparsed);
            return None;
        }
    };
    if declared.len() > MAX_BOUND_PARAMETERS {
        let count = declared.len();
        errors.push(
            Diagnostic::new(
                Code::Sqlite,
                format!("the statement has {count} parameters, more than D1 accepts"),
                place,
            )
            .label(format!(
                "D1 accepts {MAX_BOUND_PARAMETERS} for each statement"
            ))
            .help("pass a slice as `IN (:ids)`, which is a single parameter"),
        );
        return None;
    }
    guards::limited_write(errors, &statement, place);
    guards::vacuum(errors, text, place);
    let are_numbered = parameters::check_numbers(errors, place, &declared);
    (are_numbered && errors.count() == before).then_some((statement, declared))
}
