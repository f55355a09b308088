//! `db::query!`

use bindery_codegen::names::Name;
use bindery_codegen::report::{Diagnostic, code, suggestion};
use bindery_codegen::source::Span as Place;
use bindery_codegen::sql::Query;
use bindery_codegen::{Errors, Sources, emit, sql};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Expr, LitStr, Token};

use crate::project;

struct Input {
    binding: LitStr,
    krate: TokenStream,
    /// The manifest, from the package, and the environment that was asked for; empty for all of them.
    manifest: LitStr,
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
    // Several errors are one expression: a block whose last statement is an error has no type to
    // complain of.
    expand_checked(input).unwrap_or_else(|errors| quote!({ #errors }))
}

fn expand_checked(input: TokenStream) -> Result<TokenStream, TokenStream> {
    let input: Input = syn::parse2(input).map_err(|error| error.to_compile_error())?;
    let span = input.sql.span();
    let loaded = project::load_from_package(&input.manifest.value(), &input.environment.value());
    let project = loaded.as_ref().and_then(|loaded| loaded.project.as_ref());
    let database = project.and_then(|project| project.database(&input.binding.value()));
    let Some(database) = database.filter(|database| database.whole) else {
        // The mistake of the manifest or of a migration is told where the environment is declared.
        return Ok(quote!(::core::unreachable!(
            "the manifest or a migration was refused"
        )));
    };
    let mut errors = Errors::default();
    let mut sources = Sources::default();
    let (text, place) = locate(&mut sources, &input.sql);
    let query = sql::analyze(&mut errors, &database.catalog, &text, place);
    let Some(mut query) = query.filter(|_| errors.is_empty()) else {
        return Err(project::print(&errors, &sources, span));
    };
    database.types.apply(&database.catalog, &mut query);
    database.agree(&mut errors, &text, place, &query);
    let arguments = arguments(&mut errors, place, &query, &input.arguments);
    if !errors.is_empty() {
        return Err(project::print(&errors, &sources, span));
    }
    let target = &input.database;
    Ok(emit::query::inline(
        &input.krate,
        project::tokens,
        &quote!(#target),
        &query,
        &arguments,
    ))
}

/// The SQL of a literal, and where it stands: in its Rust file, when its text is there letter by letter.
fn locate(sources: &mut Sources, literal: &LitStr) -> (String, Place) {
    let text = literal.value();
    let span = literal.span().unwrap();
    let path = span.local_file().unwrap_or_default();
    let name = path.to_string_lossy().replace('\\', "/");
    if let Ok(rust) = std::fs::read_to_string(&path) {
        let line: usize = rust
            .split_inclusive('\n')
            .take(span.line().saturating_sub(1))
            .map(str::len)
            .sum();
        let column = rust[line..]
            .char_indices()
            .nth(span.column().saturating_sub(1))
            .map_or(0, |(offset, _)| offset);
        let written = literal.token().to_string();
        let prefix = written.find('"').map_or(0, |quote| quote + 1);
        let start = line + column + prefix;
        if rust.get(start..start + text.len()) == Some(text.as_str()) {
            let file = sources.add(name, path, rust);
            return (
                text.clone(),
                Place {
                    file,
                    start,
                    end: start + text.len(),
                },
            );
        }
    }
    let file = sources.add(
        format!("{name} (the query at line {})", span.line()),
        path,
        text.clone(),
    );
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

/// A value for each parameter, in the parameters' order.
fn arguments(
    errors: &mut Errors,
    place: Place,
    query: &Query,
    given: &[Argument],
) -> Vec<TokenStream> {
    let mut positional = Vec::new();
    let mut named: Vec<(String, &Expr)> = Vec::new();
    for argument in given {
        let shorthand = match &argument.value {
            Expr::Path(path) => path.path.get_ident().map(Ident::to_string),
            _ => None,
        };
        let known = |name: &String| {
            query
                .parameters
                .iter()
                .any(|parameter| Name::new(&parameter.name).field == *name)
        };
        match (&argument.name, shorthand) {
            (Some(name), _) => named.push((name.to_string(), &argument.value)),
            (None, Some(name)) if known(&name) => named.push((name, &argument.value)),
            (None, _) => positional.push(&argument.value),
        }
    }
    for (index, (name, _)) in named.iter().enumerate() {
        if named[..index].iter().any(|(first, _)| first == name) {
            errors.push(
                Diagnostic::new(code::ARGUMENTS, format!("`{name}` is given twice"), place)
                    .label("this query")
                    .help("give each parameter one value; a variable of a parameter's name is that parameter's"),
            );
        }
    }
    let fields: Vec<String> = query
        .parameters
        .iter()
        .map(|parameter| Name::new(&parameter.name).field)
        .collect();
    let names: Vec<&str> = fields.iter().map(String::as_str).collect();
    for (name, _) in &named {
        if !names.contains(&name.as_str()) {
            errors.push(
                Diagnostic::new(
                    code::ARGUMENTS,
                    format!("the query has no parameter `{name}`"),
                    place,
                )
                .label("this query")
                .help(suggestion(name, "parameters", &names)),
            );
        }
    }
    let mut rest = positional.into_iter();
    let mut values = Vec::new();
    let mut missing = Vec::new();
    for field in &fields {
        let value = named
            .iter()
            .find(|(name, _)| name == field)
            .map(|(_, value)| *value)
            .or_else(|| rest.next());
        match value {
            Some(value) => values.push(value.to_token_stream()),
            None => missing.push(format!("`{field}`")),
        }
    }
    // A misspelt name is missing under its right one: that is one mistake.
    if !missing.is_empty() && errors.is_empty() {
        errors.push(
            Diagnostic::new(
                code::ARGUMENTS,
                format!("the query wants a value for {}", missing.join(", ")),
                place,
            )
            .label("this query")
            .help(match missing[0].trim_matches('`') {
                unnamed if unnamed.starts_with("parameter_") => {
                    format!("give {} values after the SQL", fields.len())
                }
                name => format!("add `, {name} = ...` after the SQL"),
            }),
        );
    }
    if rest.next().is_some() && errors.is_empty() {
        let count = fields.len();
        errors.push(
            Diagnostic::new(
                code::ARGUMENTS,
                format!(
                    "the query takes {count} {}",
                    if count == 1 {
                        "value, and more are given"
                    } else {
                        "values, and more are given"
                    }
                ),
                place,
            )
            .label("this query")
            .help("take the last ones out, or add parameters to the SQL"),
        );
    }
    values
}
