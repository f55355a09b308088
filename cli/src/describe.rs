//! `cargo bindery describe`

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bindery_codegen::model::{Database, Types, argument_type, column_type, signature};
use bindery_codegen::report::{self, Errors, Stage};
use bindery_codegen::schema::{self, Catalog};
use bindery_codegen::source::{self, FileId, Sources, Span, Spanned};
use bindery_codegen::sql::annotation::{self, Annotated};
use bindery_codegen::sql::scalar::Paths;
use bindery_codegen::sql::{self, Query, Rows, ScalarType};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::output::{Format, print, print_errors, to_json};
use crate::project::ProjectArguments;

/// Print the columns, parameters and plan of SQL statements, over any SQLite schema
///
/// A statement with errors is printed with its diagnostics and does not make the command fail. The
/// command fails if a file cannot be read.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files of SQL [default: standard input]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The input format
    #[arg(long, value_enum, value_name = "KIND", default_value_t = Input::Sql)]
    input: Input,

    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Build the schema from a folder of migrations, instead of a manifest
    #[arg(long, value_name = "DIR")]
    migrations: Option<PathBuf>,

    /// Build the schema from a file; migrations are applied after it
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,

    #[command(flatten)]
    project: ProjectArguments,

    /// The database of the manifest, if it has several
    #[arg(long, value_name = "BINDING")]
    database: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Input {
    /// Statements
    Sql,
    /// A JSON array of strings with one statement each
    Json,
}

/// The migrations table of a project without a manifest.
const MIGRATIONS_TABLE: &str = "d1_migrations";

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    if arguments.migrations.is_some() || arguments.schema.is_some() {
        let catalog = catalog_of_files(arguments)?;
        describe(arguments, &catalog, &Types::default())?;
        return Ok(ExitCode::SUCCESS);
    }

    let compilation = arguments.project.compile()?;
    // After a migration that fails, this is the schema that the migrations probably mean.
    let errors = compilation
        .errors
        .render_stages(&compilation.sources, &[Stage::Manifest, Stage::Schema]);
    let Some(project) = &compilation.project else {
        return Err(errors.join("\n\n"));
    };
    let bindings = project.bindings.iter();
    let databases: Vec<(&str, &Database)> = bindings
        .filter_map(|bound| Some((bound.name.source.as_str(), bound.database.as_ref()?)))
        .collect();
    let database = choose(&databases, arguments.database.as_deref())?;
    print_errors(&errors);
    describe(arguments, &database.catalog, &database.types)?;
    Ok(ExitCode::SUCCESS)
}

/// The database that `--database` names, or the only one.
fn choose<'a>(
    databases: &[(&str, &'a Database)],
    name: Option<&str>,
) -> Result<&'a Database, String> {
    let names: Vec<&str> = databases.iter().map(|(name, _)| *name).collect();

    match (name, databases) {
        (Some(name), _) => {
            let found = databases.iter().find(|(known, _)| *known == name);
            found.map(|(_, database)| *database).ok_or_else(|| {
                let help = report::suggestion(name, "databases", &names);
                format!("the manifest has no database `{name}`\nhelp: {help}")
            })
        }
        (None, [(_, only)]) => Ok(only),
        (None, []) => Err("the manifest has no database".to_owned()),
        (None, [(first, _), ..]) => Err(format!(
            "the manifest has several databases\nhelp: choose one with `--database {first}`"
        )),
    }
}

/// The schema of the files that the arguments name.
fn catalog_of_files(arguments: &Arguments) -> Result<Catalog, String> {
    let (mut errors, mut sources) = (Errors::default(), Sources::default());
    let mut inputs = schema::Inputs::default();
    if let Some(path) = &arguments.schema {
        inputs.baseline = Some(read(&mut sources, path)?);
    }
    if let Some(folder) = &arguments.migrations {
        if !folder.is_dir() {
            return Err(format!("there is no folder `{}`", folder.display()));
        }
        for name in source::sql_files(folder) {
            let file = read(&mut sources, &folder.join(&name))?;
            inputs.migrations.push(Spanned {
                value: name,
                span: sources.whole(file),
            });
        }
    }

    let catalog = schema::build(&mut errors, &sources, MIGRATIONS_TABLE, &inputs);
    let rendered = errors.render(&sources);
    let catalog = catalog.ok_or_else(|| rendered.join("\n\n"))?;
    print_errors(&rendered);
    Ok(catalog)
}

fn read(sources: &mut Sources, path: &Path) -> Result<FileId, String> {
    let name = path.display().to_string();
    sources
        .read(&name, path)
        .map_err(|error| format!("cannot read `{name}`: {}", error.reason))
}

/// Describes every statement of the input.
fn describe(arguments: &Arguments, catalog: &Catalog, types: &Types) -> Result<(), String> {
    let mut sources = Sources::default();

    let spans = statements(arguments, &mut sources)?;
    let files: BTreeSet<FileId> = spans.iter().map(|span| span.file).collect();
    // The annotations of other statements are not required.
    let mut ignored = Errors::default();
    let files = files.into_iter();
    let annotated: Vec<Annotated> = files
        .flat_map(|file| annotation::read(&mut ignored, &sources, file))
        .collect();
    for span in spans {
        let mut errors = Errors::default();
        let mut query = sql::analyze(&mut errors, catalog, sources.text(span), span);
        if let Some(query) = &mut query {
            types.apply(catalog, query);
        }
        let described = Described {
            catalog,
            sources: &sources,
            span,
            annotated: annotated.iter().find(|annotated| annotated.sql == span),
            query: query.as_ref(),
            errors: &errors,
        };
        match arguments.format {
            Format::Json => print(&described.to_json().to_string())?,
            Format::Text => print(&described.to_text())?,
        }
    }
    Ok(())
}

/// The statements of the input.
fn statements(arguments: &Arguments, sources: &mut Sources) -> Result<Vec<Span>, String> {
    let mut texts = Vec::new();
    if arguments.files.is_empty() {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| format!("cannot read standard input: {error}"))?;
        texts.push(("<stdin>".to_owned(), text));
    }
    for path in &arguments.files {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
        texts.push((path.display().to_string(), text));
    }

    let mut spans = Vec::new();
    for (name, text) in texts {
        match arguments.input {
            Input::Json => {
                let statements: Vec<String> = serde_json::from_str(&text)
                    .map_err(|error| format!("`{name}` is not a JSON array of strings: {error}"))?;
                for (index, sql) in statements.into_iter().enumerate() {
                    let file = sources.add(format!("{name}[{index}]"), PathBuf::new(), sql);
                    spans.push(sources.whole(file));
                }
            }
            Input::Sql => {
                let ranges = sql::statements(&text);
                let file = sources.add(name, PathBuf::new(), text);
                spans.extend(ranges.iter().map(|range| sources.whole(file).part(range)));
            }
        }
    }
    Ok(spans)
}

/// A statement and the result of its analysis.
struct Described<'a> {
    catalog: &'a Catalog,
    sources: &'a Sources,
    span: Span,
    /// Its annotation, if it has one.
    annotated: Option<&'a Annotated>,
    /// `None` if it has an error.
    query: Option<&'a Query>,
    errors: &'a Errors,
}

impl Described<'_> {
    fn to_json(&self) -> Value {
        let diagnostics = self.errors.sorted().into_iter();
        let diagnostics = diagnostics.map(|diagnostic| to_json(diagnostic, self.sources));
        let query = self.query;
        json!({
            "sql": self.sources.text(self.span),
            "method": query.and_then(|query| self.method(query)),
            "columns": query.map(|query| self.columns(query)).unwrap_or_default(),
            "parameters": query.map(|query| self.parameters(query)).unwrap_or_default(),
            "cardinality": query.map(|query| cardinality(query.rows)),
            "tables": query.map(|query| query.tables.clone()).unwrap_or_default(),
            "reads_only": query.map(|query| query.reads_only),
            "plan": query.map(plan).unwrap_or_default(),
            "diagnostics": diagnostics.collect::<Vec<_>>(),
        })
    }

    fn columns(&self, query: &Query) -> Vec<Value> {
        let columns = query.columns.iter().map(|column| {
            json!({
                "name": column.name,
                "storage": column.ty.storage.classes().collect::<Vec<_>>(),
                "rust": column_type(column, &|number| self.text_enum(number)),
                "nullable": column.nullable,
                "origin": column.ty.origin,
                "reason": column.ty.reason.as_ref().filter(|_| column.nullable),
            })
        });
        columns.collect()
    }

    fn parameters(&self, query: &Query) -> Vec<Value> {
        let parameters = query
            .parameters
            .iter()
            .enumerate()
            .map(|(index, parameter)| {
                json!({
                    "name": parameter.name,
                    "index": index + 1,
                    "storage": parameter.scalar.storage().classes().collect::<Vec<_>>(),
                    "rust": self.rust(parameter.as_type.as_ref(), parameter.scalar),
                    "nullable": parameter.nullable,
                    "list": parameter.list,
                })
            });
        parameters.collect()
    }

    fn to_text(&self) -> String {
        let mut lines = vec![self.sources.text(self.span).trim().to_owned()];
        if let Some(query) = self.query {
            self.describe(&mut lines, query);
        }
        let diagnostics = self.errors.sorted().into_iter();
        lines.extend(diagnostics.map(|diagnostic| report::render(diagnostic, self.sources)));
        lines.push(String::new());
        lines.join("\n")
    }

    fn describe(&self, lines: &mut Vec<String>, query: &Query) {
        if let Some(method) = self.method(query) {
            lines.push(format!("  method {method}"));
        }
        for parameter in &query.parameters {
            let ty = argument_type(parameter, &|number| self.text_enum(number));
            lines.push(format!("  parameter {}: {ty}", parameter.name));
        }
        for column in &query.columns {
            let ty = column_type(column, &|number| self.text_enum(number));
            let ty = if column.nullable {
                format!("Option<{ty}>")
            } else {
                ty
            };
            let origin = column
                .ty
                .origin
                .as_ref()
                .map(|origin| format!(", from {origin}"));
            let reason = column.ty.reason.as_ref().filter(|_| column.nullable);
            let reason = reason.map(|reason| format!(", {reason}"));
            lines.push(format!(
                "  column {}: {ty}{}{}",
                column.name,
                origin.unwrap_or_default(),
                reason.unwrap_or_default()
            ));
        }
        lines.push(format!("  rows: {}", cardinality(query.rows)));

        for step in &query.plan {
            lines.push(format!(
                "  plan: {}{}",
                "  ".repeat(step.depth),
                step.detail
            ));
        }
    }

    /// The call of the method, if the statement has an annotation.
    fn method(&self, query: &Query) -> Option<String> {
        let annotated = self.annotated?;
        Some(signature(annotated, query, &self.catalog.text_enums))
    }

    /// The name of an enum of the schema. An enum of the statement is a text.
    fn text_enum(&self, number: u32) -> String {
        let found = self.catalog.text_enums.get(number as usize);
        found.map_or_else(|| "String".to_owned(), |text_enum| text_enum.ty.clone())
    }

    /// The Rust type of a column or parameter.
    fn rust(&self, as_type: Option<&String>, scalar: ScalarType) -> String {
        let text_enum = |number: u32| self.text_enum(number);
        let paths = Paths {
            prelude: "",
            d1: "bindery::d1::",
            text_enum: &text_enum,
        };
        as_type.cloned().unwrap_or_else(|| scalar.owned(&paths))
    }
}

fn plan(query: &Query) -> Vec<Value> {
    let steps = query.plan.iter().map(|step| {
        json!({
            "detail": step.detail,
            "depth": step.depth,
            "scans": step.scans,
            "index": step.index,
        })
    });
    steps.collect()
}

fn cardinality(rows: Rows) -> &'static str {
    match rows {
        Rows::None => "exec",
        Rows::One => "one",
        Rows::Never | Rows::AtMostOne => "optional",
        Rows::Many => "many",
    }
}
