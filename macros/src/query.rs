//! `db::query!`

use bindery_codegen::model::Database;
use bindery_codegen::names::Name;
use bindery_codegen::report::{Code, Diagnostic, suggestion};
use bindery_codegen::source::Span as Place;
use bindery_codegen::sql::Query;
use bindery_codegen::sql::parameters::{NamedBy, Resolved};
use bindery_codegen::{Errors, Sources, emit, sql};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Expr, LitStr, Token};

use crate::project;

struct Input {
    binding: LitStr,
    krate: TokenStream,
    /// The path of the manifest, relative to the package.
    manifest: LitStr,
    /// The requested environment; empty for all of them.
    environment: LitStr,
    database: Expr,
    sql: LitStr,
    arguments: Vec<Argument>,
}

struct Argument {
    name: Option<Ident>,
    value: Expr,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let binding = input.parse()?;

        input.parse::<Token![,]>()?;
        let krate = input.parse::<syn::Path>()?.into_token_stream();
        input.parse::<Token![,]>()?;
        let manifest = input.parse()?;
        input.parse::<Token![,]>()?;
        let environment = input.parse()?;
        input.parse::<Token![;]>()?;
        let database = input.parse()?;
        input.parse::<Token![,]>()?;
        let sql = input.parse()?;
        let mut arguments = Vec::new();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let named =
                input.peek(syn::Ident) && input.peek2(Token![=]) && !input.peek2(Token![==]);
            let name: Option<Ident> = if named {
                let name = input.parse()?;
                input.parse::<Token![=]>()?;
                Some(name)
            } else {
                None
            };
            arguments.push(Argument {
                name,
                value: input.parse()?,
            });
        }
        Ok(Self {
            binding,
            krate,
            manifest,
            environment,
            database,
            sql,
            arguments,
        })
    }
}

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    // Several errors must be one expression. A block that ends with an error has no type, so rustc
    // reports nothing else.
    expand_checked(input).unwrap_or_else(|errors| quote!({ #errors }))
}

fn expand_checked(input: TokenStream) -> Result<TokenStream, TokenStream> {
    let input: Input = syn::parse2(input).map_err(|error| error.to_compile_error())?;
    let compilation = project::of_package(&input.manifest.value(), &input.environment.value());
    let project = compilation
        .as_ref()
        .and_then(|compilation| compilation.project.as_ref());
    let database = project.and_then(|project| project.database(&input.binding.value()));
    // `#[bindings]` reports the error of the manifest or of the migration.
    let Some(database) = database else {
        return Ok(quote!(::core::unreachable!("the manifest has an error")));
    };
    if !database.is_complete {
        return Ok(placeholder(database, &input));
    }

    let mut errors = Errors::default();
    let mut sources = Sources::default();
    let (text, place) = locate(&mut sources, &input.sql);
    let query = sql::analyze(&mut errors, &database.catalog, &text, place);
    let print = |errors: &Errors| project::print_errors(errors, &sources, input.sql.span());
    let Some(mut query) = query.filter(|_| errors.is_empty()) else {
        return Err(print(&errors));
    };
    database.types.apply(&database.catalog, &mut query);
    database.check_agreement(&mut errors, &text, place, &query);
    let values = values(&mut errors, place, &query, &input.arguments);
    if !errors.is_empty() {
        return Err(print(&errors));
    }
    let target = input.database.to_token_stream();
    Ok(emit::inline::inline(
        &input.krate,
        project::parse,
        &target,
        &query,
        &values,
    ))
}

/// A query over a schema with an error: its columns as far as they are known, and no arguments.
fn placeholder(database: &Database, input: &Input) -> TokenStream {
    let mut sources = Sources::default();
    let (text, place) = locate(&mut sources, &input.sql);
    let mut outline = sql::outline(&database.catalog, &text, place, false);
    database
        .types
        .apply_outline(&database.catalog, &mut outline);

    let target = input.database.to_token_stream();
    let query = Query::of_columns(outline.columns);
    emit::inline::inline(&input.krate, project::parse, &target, &query, &[])
}

/// The SQL of a literal, and its position in the Rust file if the file has the same text there.
fn locate(sources: &mut Sources, literal: &LitStr) -> (String, Place) {
    let text = literal.value();
    let span = literal.span().unwrap();
    let path = span.local_file().unwrap_or_default();
    let name = path.to_string_lossy().replace('\\', "/");

    if let Ok(rust) = std::fs::read_to_string(&path) {
        let start = position(
            &rust,
            span.line(),
            span.column(),
            &literal.token().to_string(),
        );
        let end = start + text.len();
        if rust.get(start..end) == Some(text.as_str()) {
            let file = sources.add(name, path, rust);
            return (text, Place { file, start, end });
        }
    }
    let name = format!("{name} (the query at line {})", span.line());
    let file = sources.add(name, path, text.clone());
    let end = text.len();
    (
        text,
        Place {
            file,
            start: 0,
            end,
        },
    )
}

/// The byte at which the text of a literal starts.
fn position(rust: &str, line: usize, column: usize, literal: &str) -> usize {
    let lines = rust.split_inclusive('\n').take(line.saturating_sub(1));
    let line: usize = lines.map(str::len).sum();
    let column = rust[line..].char_indices().nth(column.saturating_sub(1));
    let prefix = literal.find('"').map_or(0, |quote| quote + 1);
    line + column.map_or(0, |(offset, _)| offset) + prefix
}

/// A value for each parameter, in the order of the parameters.
fn values(
    errors: &mut Errors,
    place: Place,
    query: &Query,
    arguments: &[Argument],
) -> Vec<TokenStream> {
    let names: Vec<String> = query
        .parameters
        .iter()
        .map(|parameter| Name::new(&parameter.name).field)
        .collect();
    let (named, positional) = sort(arguments, &query.parameters);
    check_names(errors, place, &names, &named);

    let mut rest = positional.into_iter();
    let mut values = Vec::new();
    let mut missing = Vec::new();
    for (name, parameter) in names.iter().zip(&query.parameters) {
        let value = named
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| *value);
        match value.or_else(|| rest.next()) {
            Some(value) => values.push(value.to_token_stream()),
            None => missing.push((name, parameter)),
        }
    }

    // After a misspelled name, the correct name would also be reported as missing.
    if errors.is_empty() {
        if let Some((first, parameter)) = missing.first() {
            let all: Vec<String> = missing
                .iter()
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            let help = if parameter.named_by != NamedBy::Number {
                format!("add `, {first} = ...` after the SQL")
            } else {
                format!("add {} values after the SQL", names.len())
            };
            let message = format!("the query needs a value for {}", all.join(", "));
            error(errors, place, message, help);
        } else if rest.next().is_some() {
            let count = match names.len() {
                1 => "1 value".to_owned(),
                count => format!("{count} values"),
            };
            let message = format!("the query takes {count}, but more are passed");
            let help = "remove the last ones, or add parameters to the SQL".to_owned();
            error(errors, place, message, help);
        }
    }
    values
}

/// The arguments with the name of a parameter, and the others. A variable with the name that the
/// statement gives a parameter is its value; `?` takes the next value, whatever its name.
fn sort<'a>(
    arguments: &'a [Argument],
    parameters: &[Resolved],
) -> (Vec<(String, &'a Expr)>, Vec<&'a Expr>) {
    let named_in_sql = parameters
        .iter()
        .filter(|parameter| parameter.named_by == NamedBy::Statement);
    let names: Vec<String> = named_in_sql
        .map(|parameter| Name::new(&parameter.name).field)
        .collect();
    let mut named = Vec::new();
    let mut positional = Vec::new();

    for Argument { name, value } in arguments {
        let variable = match value {
            Expr::Path(path) => path.path.get_ident().map(Ident::to_string),
            _ => None,
        };
        match (name, variable) {
            (Some(name), _) => named.push((name.to_string(), value)),
            (None, Some(variable)) if names.contains(&variable) => named.push((variable, value)),
            (None, _) => positional.push(value),
        }
    }
    (named, positional)
}

/// Reports names that are given twice, and names that are not parameters.
fn check_names(errors: &mut Errors, place: Place, names: &[String], named: &[(String, &Expr)]) {
    for (index, (name, _)) in named.iter().enumerate() {
        if named[..index].iter().any(|(first, _)| first == name) {
            let help = "give each parameter one value; a variable with the name of a parameter is \
                        its value"
                .to_owned();
            error(errors, place, format!("`{name}` is passed twice"), help);
        }
    }

    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    for (name, _) in named {
        if !known.contains(&name.as_str()) {
            let help = suggestion(name, "parameters", &known);
            error(
                errors,
                place,
                format!("the query has no parameter `{name}`"),
                help,
            );
        }
    }
}

fn error(errors: &mut Errors, place: Place, message: String, help: String) {
    let diagnostic = Diagnostic::new(Code::Arguments, message, place);
    errors.push(diagnostic.label("this query").help(help));
}
