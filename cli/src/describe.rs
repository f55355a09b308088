//! `cargo bindery describe`

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bindery_codegen::manifest::{self, Kind};
use bindery_codegen::model::{self, Types};
use bindery_codegen::report;
use bindery_codegen::schema::{self, Catalog};
use bindery_codegen::source::{self, FileId, Span, Spanned};
use bindery_codegen::sql::ScalarType;
use bindery_codegen::sql::{self, Query, Rows};
use bindery_codegen::{Errors, Sources};
use clap::ArgMatches;
use serde_json::{Value, json};

use crate::{print, project, wants_json};

/// The ledger of a project without a manifest.
const LEDGER: &str = "d1_migrations";

pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, String> {
    let mut sources = Sources::default();
    let mut errors = Errors::default();
    let (catalog, types) = catalog(matches, &mut errors, &mut sources)?;
    for text in errors.render(&sources) {
        // What of the schema stands is described against; what does not is told beside it.
        eprint(&text);
    }
    let as_json = wants_json(matches);
    for span in texts(matches, &mut sources)? {
        let mut errors = Errors::default();
        let mut query = sql::analyze(&mut errors, &catalog, sources.text(span), span);
        if let Some(query) = &mut query {
            types.apply(&catalog, query);
        }
        if as_json {
            print(&line(&catalog, &sources, span, query.as_ref(), &errors).to_string())?;
        } else {
            print(&page(&catalog, &sources, span, query.as_ref(), &errors))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn eprint(text: &str) {
    use std::io::Write;
    let _closed = writeln!(std::io::stderr(), "{text}\n");
}

/// The schema: of the files that were named, or of the manifest.
fn catalog(
    matches: &ArgMatches,
    errors: &mut Errors,
    sources: &mut Sources,
) -> Result<(Catalog, Types), String> {
    let named = |name: &str| matches.get_one::<PathBuf>(name);
    let (migrations, baseline) = (named("migrations"), named("schema"));
    if migrations.is_none() && baseline.is_none() {
        return catalog_of_manifest(matches, errors, sources);
    }
    let mut inputs = schema::Inputs::default();
    if let Some(path) = baseline {
        inputs.baseline = Some(read(sources, path)?);
    }
    if let Some(folder) = migrations {
        if !folder.is_dir() {
            return Err(format!("there is no folder `{}`", folder.display()));
        }
        for name in source::sql_files(folder) {
            let file = read(sources, &folder.join(&name))?;
            inputs.migrations.push(Spanned {
                value: name,
                span: sources.whole(file),
            });
        }
    }
    let catalog = schema::build(errors, sources, LEDGER, &inputs)
        .ok_or_else(|| errors.render(sources).join("\n\n"))?;
    Ok((catalog, Types::default()))
}

fn read(sources: &mut Sources, path: &Path) -> Result<FileId, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    Ok(sources.add(path.display().to_string(), path.to_owned(), text))
}

fn catalog_of_manifest(
    matches: &ArgMatches,
    errors: &mut Errors,
    sources: &mut Sources,
) -> Result<(Catalog, Types), String> {
    let path = project::manifest(matches)?;
    let refused = |errors: &Errors, sources: &Sources| errors.render(sources).join("\n\n");
    let file =
        model::load_manifest(errors, sources, &path).ok_or_else(|| refused(errors, sources))?;
    let mut manifest = manifest::parse(errors, sources, file, project::environment(matches))
        .ok_or_else(|| refused(errors, sources))?;
    let mut inputs = model::load_databases(errors, sources, &path, &mut manifest);
    let names: Vec<String> = inputs.keys().cloned().collect();
    let name = match (matches.get_one::<String>("database"), names.as_slice()) {
        (Some(name), _) if names.contains(name) => name.clone(),
        (Some(name), _) => {
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            let help = report::suggestion(name, "databases", &known);
            return Err(format!(
                "the manifest binds no database `{name}`\nhelp: {help}"
            ));
        }
        (None, [only]) => only.clone(),
        (None, []) => return Err("the manifest binds no database".to_owned()),
        (None, _) => {
            return Err(format!(
                "the manifest binds several databases\nhelp: choose one with `--database {}`",
                names[0]
            ));
        }
    };
    let ledger = manifest
        .merged
        .bindings
        .iter()
        .find_map(|binding| match &binding.kind {
            Kind::D1(d1) if binding.name.value == name => Some(d1.migrations_table.clone()),
            _ => None,
        });
    let inputs = inputs.remove(&name).unwrap_or_default();
    let ledger = ledger.unwrap_or_else(|| LEDGER.to_owned());
    let catalog = schema::build(errors, sources, &ledger, &inputs.schema)
        .ok_or_else(|| refused(errors, sources))?;
    let types = Types::new(errors, &catalog, inputs.types);
    Ok((catalog, types))
}

/// Where each statement stands.
fn texts(matches: &ArgMatches, sources: &mut Sources) -> Result<Vec<Span>, String> {
    let mut inputs = Vec::new();
    let files: Vec<&PathBuf> = matches.get_many("files").into_iter().flatten().collect();
    if files.is_empty() {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| format!("cannot read the standard input: {error}"))?;
        inputs.push(("<stdin>".to_owned(), text));
    }
    for path in files {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
        inputs.push((path.display().to_string(), text));
    }
    let mut spans = Vec::new();
    let as_json = matches
        .get_one::<String>("input")
        .is_some_and(|input| input == "json");
    for (name, text) in inputs {
        if as_json {
            let parsed: Vec<String> = serde_json::from_str(&text)
                .map_err(|error| format!("`{name}` is no JSON array of texts: {error}"))?;
            for (index, sql) in parsed.into_iter().enumerate() {
                let file = sources.add(format!("{name}[{index}]"), PathBuf::new(), sql);
                spans.push(sources.whole(file));
            }
        } else {
            let statements = sql::statements(&text);
            let file = sources.add(name, PathBuf::new(), text);
            spans.extend(
                statements
                    .iter()
                    .map(|range| sources.whole(file).part(range)),
            );
        }
    }
    Ok(spans)
}

/// A type as Rust has it.
fn rust(catalog: &Catalog, scalar: ScalarType) -> String {
    match rust {
        ScalarType::Integer => "i64".to_owned(),
        ScalarType::Float => "f64".to_owned(),
        ScalarType::Boolean => "bool".to_owned(),
        ScalarType::Text => "String".to_owned(),
        ScalarType::Blob => "Vec<u8>".to_owned(),
        ScalarType::Any => "bindery::d1::Value".to_owned(),
        ScalarType::Enum(number) => {
            let text_enums = usize::try_from(number)
                .ok()
                .and_then(|number| catalog.text_enums.get(number));
            text_enums.map_or_else(|| "String".to_owned(), |text_enums| text_enums.ty.clone())
        }
    }
}

fn cardinality(rows: Rows) -> &'static str {
    match rows {
        Rows::None => "exec",
        Rows::One => "one",
        Rows::Never | Rows::AtMostOne => "optional",
        Rows::Many => "many",
    }
}

/// A query as one line of JSON.
fn line(
    catalog: &Catalog,
    sources: &Sources,
    span: Span,
    query: Option<&Query>,
    errors: &Errors,
) -> Value {
    let diagnostics: Vec<Value> = errors
        .sorted()
        .into_iter()
        .map(|diagnostic| project::diagnostic(diagnostic, sources))
        .collect();
    let columns: Vec<Value> = query
        .map(|query| query.columns.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|column| {
            json!({
                "name": column.name,
                "storage": column.ty.storage.classes().collect::<Vec<_>>(),
                "rust": column.as_type.clone().unwrap_or_else(|| rust(catalog, column.scalar)),
                "nullable": column.nullable,
                "origin": column.ty.origin,
                "reason": column.ty.reason.as_ref().filter(|_| column.nullable),
            })
        })
        .collect();
    let parameters: Vec<Value> = query
        .map(|query| query.parameters.as_slice())
        .unwrap_or_default()
        .iter()
        .enumerate()
        .map(|(index, parameter)| {
            json!({
                "name": parameter.name,
                "index": index + 1,
                "storage": parameter.scalar.storage().classes().collect::<Vec<_>>(),
                "rust": parameter.as_type.clone().unwrap_or_else(|| rust(catalog, parameter.scalar)),
                "nullable": parameter.nullable,
                "list": parameter.list,
            })
        })
        .collect();
    let plan: Vec<Value> = query
        .map(|query| query.plan.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|step| json!({ "detail": step.detail, "depth": step.depth, "scans": step.scans, "index": step.index }))
        .collect();
    json!({
        "sql": sources.text(span),
        "columns": columns,
        "parameters": parameters,
        "cardinality": query.map(|query| cardinality(query.rows)),
        "tables": query.map(|query| query.tables.clone()).unwrap_or_default(),
        "reads_only": query.map(|query| query.reads_only),
        "plan": plan,
        "diagnostics": diagnostics,
    })
}

/// A query for people.
fn page(
    catalog: &Catalog,
    sources: &Sources,
    span: Span,
    query: Option<&Query>,
    errors: &Errors,
) -> String {
    let mut lines = vec![sources.text(span).trim().to_owned()];
    if let Some(query) = query {
        let shown = |nullable: bool, ty: String| {
            if nullable {
                format!("Option<{ty}>")
            } else {
                ty
            }
        };
        for parameter in &query.parameters {
            let ty = parameter
                .as_type
                .clone()
                .unwrap_or_else(|| rust(catalog, parameter.scalar));
            let ty = if parameter.list {
                format!("[{ty}]")
            } else {
                shown(parameter.nullable, ty)
            };
            lines.push(format!("  takes {}: {ty}", parameter.name));
        }
        for column in &query.columns {
            let ty = shown(
                column.nullable,
                column
                    .as_type
                    .clone()
                    .unwrap_or_else(|| rust(catalog, column.scalar)),
            );
            let origin = column
                .ty
                .origin
                .as_ref()
                .map(|origin| format!(", from {origin}"))
                .unwrap_or_default();
            let reason = column
                .ty
                .reason
                .as_ref()
                .filter(|_| column.nullable)
                .map(|reason| format!(", {reason}"))
                .unwrap_or_default();
            lines.push(format!("  gives {}: {ty}{origin}{reason}", column.name));
        }
        lines.push(format!("  rows: {}", cardinality(query.rows)));
        lines.extend(
            query
                .plan
                .iter()
                .map(|step| format!("  plan: {}{}", "  ".repeat(step.depth), step.detail)),
        );
    }
    lines.extend(
        errors
            .sorted()
            .into_iter()
            .map(|diagnostic| report::render(diagnostic, sources)),
    );
    lines.push(String::new());
    lines.join("\n")
}
