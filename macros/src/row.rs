//! `#[derive(Row)]`

use bindery_codegen::names::Name;
use bindery_codegen::report::{code, suggestion};
use bindery_codegen::sql::ScalarType;
use bindery_codegen::sql::{Query, ResultColumn};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Field, Fields, Path};

use crate::{attributes, project};

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    expand_checked(input).unwrap_or_else(|errors| errors)
}

fn expand_checked(input: TokenStream) -> Result<TokenStream, TokenStream> {
    let input: DeriveInput = syn::parse2(input).map_err(|error| error.to_compile_error())?;
    let (mut entries, span) = attributes::of(&input, "row")?;
    let from = attributes::take(&mut entries, "from").ok_or_else(|| {
        project::error(
            span,
            code::ATTRIBUTE,
            "`from` is missing",
            "write `#[row(from = bindings::db::FileById)]`",
        )
    })?;
    attributes::refuse_rest(&entries, &["from"])?;
    let path: Path = syn::parse2(from).map_err(|error| error.to_compile_error())?;
    let Data::Struct(data) = &input.data else {
        return Err(project::error(
            input.ident.span(),
            code::ATTRIBUTE,
            "a row is a struct",
            "write a struct with a field for each column",
        ));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(project::error(
            input.ident.span(),
            code::ATTRIBUTE,
            "a row's fields have names",
            "write `struct Row { id: i64 }`",
        ));
    };
    let checked = check(&path, fields.named.iter())?;
    let errors = checked.clone().unwrap_or_default();
    let ident = &input.ident;
    let (generics, arguments, clause) = input.generics.split_for_impl();
    let names = fields.named.iter().filter_map(|field| field.ident.as_ref());
    // With mistakes the impl still stands, so that each is told once.
    let body = if checked.is_some_and(|errors| errors.is_empty()) {
        quote!(Self { #(#names: row.#names),* })
    } else {
        quote!({
            let _ = row;
            ::core::unreachable!("the row was refused")
        })
    };
    Ok(quote! {
        #errors
        #[automatically_derived]
        impl #generics ::core::convert::From<#path> for #ident #arguments #clause {
            fn from(row: #path) -> Self {
                #body
            }
        }
    })
}

/// Compares each field with the column of its name. `None` where the query itself is refused, which is
/// told where the environment is declared.
fn check<'f>(
    path: &Path,
    fields: impl Iterator<Item = &'f Field>,
) -> Result<Option<TokenStream>, TokenStream> {
    let span = path.span();
    // A manifest that is absent or not understood is told of where the environment is declared.
    let Ok(loaded) = project::load(span, None, None) else {
        return Ok(None);
    };
    let Some(project) = &loaded.project else {
        return Ok(None);
    };
    let segments: Vec<String> = path
        .segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect();
    let [.., module, row] = segments.as_slice() else {
        return Err(project::error(
            span,
            code::ATTRIBUTE,
            "the path names no database",
            "write `bindings::db::FileById`",
        ));
    };
    let databases = || {
        project
            .bindings
            .iter()
            .filter(|bound| bound.database.is_some())
    };
    let Some(database) = databases()
        .find(|bound| bound.name.field == *module)
        .and_then(|bound| bound.database.as_ref())
    else {
        let names: Vec<&str> = databases().map(|bound| bound.name.field.as_str()).collect();
        let message = format!("the manifest binds no database `{module}`");
        return Err(project::error(
            span,
            code::UNKNOWN_BINDING,
            &message,
            &suggestion(module, "databases", &names),
        ));
    };
    let Some(method) = database.methods.iter().find(|method| method.row.ty == *row) else {
        if database
            .refused
            .iter()
            .any(|refused| refused.row.ty == *row)
        {
            return Ok(None);
        }
        let names: Vec<&str> = database
            .methods
            .iter()
            .map(|method| method.row.ty.as_str())
            .collect();
        return Err(project::error(
            span,
            code::ROW_FIELD,
            &format!("no query gives a `{row}`"),
            &suggestion(row, "rows", &names),
        ));
    };
    Ok(Some(
        fields
            .filter_map(|field| mismatch(&method.query, &method.name.source, field))
            .collect(),
    ))
}

fn mismatch(query: &Query, query_name: &str, field: &Field) -> Option<TokenStream> {
    let ident = field.ident.as_ref()?;
    let name = ident.to_string();
    let bare = name.trim_start_matches("r#");
    let Some(column) = query
        .columns
        .iter()
        .find(|column| Name::new(&column.name).field == bare)
    else {
        let names: Vec<&str> = query
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        let message = format!("the query `{query_name}` gives no column `{bare}`");
        return Some(project::error(
            ident.span(),
            code::ROW_FIELD,
            &message,
            &suggestion(bare, "columns", &names),
        ));
    };
    let written = field.ty.to_token_stream().to_string().replace(' ', "");
    let is_option = written
        .split('<')
        .next()
        .is_some_and(|head| head.ends_with("Option"));
    let span: Span = field.ty.span();
    if column.nullable && !is_option {
        let reason = column
            .ty
            .reason
            .as_ref()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        let message = format!("the column `{}` can be NULL{reason}", column.name);
        let help = format!(
            "write `Option<{written}>`, or make it NOT NULL in the query with `AS \"{}!\"`",
            column.name
        );
        return Some(project::error(span, code::ROW_FIELD, &message, &help));
    }
    let expected = expected(column)?;
    let inner = if is_option {
        written
            .split_once('<')
            .map(|(_, inner)| inner.trim_end_matches('>'))
            .unwrap_or_default()
    } else {
        &written
    };
    // Only what is certainly another type; the rest is the Rust compiler's to say.
    let plain = [
        "i64", "i32", "u32", "u64", "f64", "f32", "bool", "String", "Vec<u8", "Vec<u8>",
    ];
    if plain.contains(&inner) && !expected.starts_with(inner) || is_option && !column.nullable {
        let whole = if column.nullable {
            format!("Option<{expected}>")
        } else {
            expected.to_owned()
        };
        let message = format!("the column `{}` is {whole}, not {written}", column.name);
        return Some(project::error(
            span,
            code::ROW_FIELD,
            &message,
            &format!("write `{whole}`"),
        ));
    }
    None
}

/// The type of a column as it is written; `None` when the query names its own.
fn expected(column: &ResultColumn) -> Option<&'static str> {
    if column.as_type.is_some() {
        return None;
    }
    match column.scalar {
        ScalarType::Integer => Some("i64"),
        ScalarType::Float => Some("f64"),
        ScalarType::Boolean => Some("bool"),
        ScalarType::Text => Some("String"),
        ScalarType::Blob => Some("Vec<u8>"),
        ScalarType::Any | ScalarType::Enum(_) => None,
    }
}
