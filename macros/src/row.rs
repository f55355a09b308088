//! `#[derive(Row)]`

use bindery_codegen::model::{Database, Method};
use bindery_codegen::names::Name;
use bindery_codegen::report::{Code, suggestion};
use bindery_codegen::sql::scalar::Paths;
use bindery_codegen::sql::{ResultColumn, ScalarType};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Field, Fields, Path};

use crate::project::Names;
use crate::{attributes, project};

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    expand_checked(input.clone()).unwrap_or_else(|errors| {
        let placeholder = placeholder(input);
        quote!(#errors #placeholder)
    })
}

/// The implementations for a row with an error, so that the error is not repeated where the row is
/// used.
fn placeholder(input: TokenStream) -> Option<TokenStream> {
    let input: DeriveInput = syn::parse2(input).ok()?;
    let entries = attributes::optional(&input, "row").ok().flatten();
    let mut entries = entries.map(|(entries, _)| entries).unwrap_or_default();
    let from = attributes::take(&mut entries, "from");
    let krate = attributes::take_crate(&mut entries);
    let ident = &input.ident;
    let (generics, arguments, clause) = input.generics.split_for_impl();

    if let Some(from) = from {
        let path: Path = syn::parse2(from).ok()?;
        return Some(quote! {
            #[automatically_derived]
            impl #generics ::core::convert::From<#path> for #ident #arguments #clause {
                fn from(_: #path) -> Self {
                    ::core::unreachable!("the row has an error")
                }
            }
        });
    }
    Some(quote! {
        #[automatically_derived]
        impl #generics #krate::d1::FromRow for #ident #arguments #clause {
            fn from_row(
                _: &mut #krate::d1::Row<'_>,
            ) -> ::core::result::Result<Self, #krate::d1::DecodeError> {
                ::core::unreachable!("the row has an error")
            }
        }

        #[automatically_derived]
        impl #generics #krate::d1::NamedRow for #ident #arguments #clause {
            const COLUMNS: &'static [&'static str] = &[];
        }
    })
}

fn expand_checked(input: TokenStream) -> Result<TokenStream, TokenStream> {
    let input: DeriveInput = syn::parse2(input).map_err(|error| error.to_compile_error())?;
    let (entries, _) = attributes::optional(&input, "row")?.unzip();
    let mut entries = entries.unwrap_or_default();
    let from = attributes::take(&mut entries, "from");
    let krate = attributes::take_crate(&mut entries);
    attributes::refuse_rest(&entries, &["from", "crate"])?;

    let fields = fields(&input)?;
    match from {
        Some(from) => {
            let path: Path = syn::parse2(from).map_err(|error| error.to_compile_error())?;
            of_query(&input, &path, &fields)
        }
        None => of_unchecked(&input, &krate, &fields),
    }
}

/// The conversion from the row type of a query.
fn of_query(
    input: &DeriveInput,
    path: &Path,
    fields: &[&Field],
) -> Result<TokenStream, TokenStream> {
    let checked = check(path, fields)?;
    let errors = checked.clone().unwrap_or_default();
    let ident = &input.ident;
    let (generics, arguments, clause) = input.generics.split_for_impl();
    // With errors there is still an implementation, so that each error is reported once.
    let body = if checked.is_some_and(|errors| errors.is_empty()) {
        let names = fields.iter().filter_map(|field| field.ident.as_ref());
        quote!(Self { #(#names: row.#names),* })
    } else {
        quote!({
            let _ = row;
            ::core::unreachable!("the row has an error")
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

/// The implementations for statements that are not checked at compile time.
fn of_unchecked(
    input: &DeriveInput,
    krate: &TokenStream,
    fields: &[&Field],
) -> Result<TokenStream, TokenStream> {
    let ident = &input.ident;
    if fields.is_empty() {
        let help = "write a field for each column of the result";
        let message = "a row needs at least one field";
        return Err(project::error(ident.span(), Code::Attribute, message, help));
    }

    let idents = fields.iter().filter_map(|field| field.ident.as_ref());
    let idents: Vec<&Ident> = idents.collect();
    let columns = idents.iter().map(|ident| ident.unraw().to_string());
    // An error about the type of a field belongs to the field.
    let values = fields.iter().enumerate().map(|(index, field)| {
        let ty = &field.ty;
        let span = Span::call_site().located_at(ty.span());
        quote_spanned!(span=> row.take::<#ty>(#index)?)
    });
    let (generics, arguments, clause) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics #krate::d1::FromRow for #ident #arguments #clause {
            fn from_row(
                row: &mut #krate::d1::Row<'_>,
            ) -> ::core::result::Result<Self, #krate::d1::DecodeError> {
                ::core::result::Result::Ok(Self {
                    #(#idents: #values,)*
                })
            }
        }

        #[automatically_derived]
        impl #generics #krate::d1::NamedRow for #ident #arguments #clause {
            const COLUMNS: &'static [&'static str] = &[#(#columns),*];
        }
    })
}

/// The fields of the struct.
fn fields(input: &DeriveInput) -> Result<Vec<&Field>, TokenStream> {
    let error = |message: &str, help: &str| {
        Err(project::error(
            input.ident.span(),
            Code::Attribute,
            message,
            help,
        ))
    };
    let Data::Struct(data) = &input.data else {
        return error(
            "`Row` needs a struct",
            "write a struct with a field for each column",
        );
    };

    match &data.fields {
        Fields::Named(fields) => Ok(fields.named.iter().collect()),
        Fields::Unnamed(_) | Fields::Unit => error(
            "the fields of a row must have names",
            "write `struct Row { id: i64 }`",
        ),
    }
}

/// Compares each field with the column of its name. Returns `None` if the query or the manifest has
/// an error, which `#[bindings]` reports.
fn check(path: &Path, fields: &[&Field]) -> Result<Option<TokenStream>, TokenStream> {
    let span = path.span();
    let segments: Vec<String> = path
        .segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect();
    let [before @ .., module, row] = segments.as_slice() else {
        let help = "write `bindings::db::FileById`";
        return Err(project::error(
            span,
            Code::Attribute,
            "the path does not name a database",
            help,
        ));
    };

    let mut compilations = project::declared(span);
    // `env::db::FileById` is a row of the `#[bindings(module = env)]`.
    let is_named = |names: &Names| before.last() == Some(&names.module);
    if compilations.iter().any(|(names, _)| is_named(names)) {
        compilations.retain(|(names, _)| is_named(names));
    }
    if compilations
        .iter()
        .any(|(_, compilation)| compilation.project.is_none())
    {
        return Ok(None);
    }
    let projects = compilations
        .iter()
        .filter_map(|(_, compilation)| compilation.project.as_ref());
    let bindings = projects.flat_map(|project| &project.bindings);
    let databases: Vec<(&str, &Database)> = bindings
        .filter_map(|bound| Some((bound.name.field.as_str(), bound.database.as_ref()?)))
        .collect();
    if compilations.is_empty() {
        return Ok(None);
    }

    let named = databases
        .iter()
        .filter(|(name, _)| name == module)
        .map(|(_, database)| *database);
    let named: Vec<&Database> = named.collect();
    if named.is_empty() {
        let names: Vec<&str> = databases.iter().map(|(name, _)| *name).collect();
        let message = format!("the manifest has no database `{module}`");
        let help = suggestion(module, "databases", &names);
        return Err(project::error(span, Code::UnknownBinding, &message, &help));
    }
    let methods = || named.iter().flat_map(|database| &database.methods);
    let Some(method) = methods().find(|method| method.row.ty == *row) else {
        let mut refused = named.iter().flat_map(|database| &database.refused);
        if refused.any(|refused| refused.row.ty == *row) {
            return Ok(None);
        }
        let names: Vec<&str> = methods().map(|method| method.row.ty.as_str()).collect();
        let message = format!("no query returns a `{row}`");
        let help = suggestion(row, "rows", &names);
        return Err(project::error(span, Code::RowField, &message, &help));
    };
    Ok(Some(
        fields
            .iter()
            .filter_map(|field| check_field(method, field))
            .collect(),
    ))
}

/// Compares a field with the column of its name.
fn check_field(method: &Method, field: &Field) -> Option<TokenStream> {
    let ident = field.ident.as_ref()?;
    let name = ident.to_string();
    let name = name.trim_start_matches("r#");
    let mut columns = method.query.columns.iter();
    let is_nest = |column: &ResultColumn| {
        let nest = column.nest.as_ref();
        nest.is_some_and(|nest| Name::new(&nest.name).field == name)
    };
    // rustc compares the type of a nested struct.
    if columns.clone().any(is_nest) {
        return None;
    }
    match columns.find(|column| Name::new(&column.name).field == name) {
        Some(column) => check_type(column, field),
        None => Some(unknown_column(method, ident, name)),
    }
}

fn unknown_column(method: &Method, ident: &Ident, name: &str) -> TokenStream {
    let columns = method.query.columns.iter();
    let names: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
    let message = format!(
        "the query `{}` returns no column `{name}`",
        method.name.source
    );
    let help = suggestion(name, "columns", &names);
    project::error(ident.span(), Code::RowField, &message, &help)
}

/// Reports only what is certainly wrong: rustc reports the rest.
fn check_type(column: &ResultColumn, field: &Field) -> Option<TokenStream> {
    let span: Span = field.ty.span();
    let written = field.ty.to_token_stream().to_string().replace(' ', "");
    let head = written.split('<').next().unwrap_or_default();
    let is_option = head.ends_with("Option");
    if column.nullable && !is_option {
        let reason = column
            .ty
            .reason
            .as_ref()
            .map(|reason| format!(": {reason}"));
        let reason = reason.unwrap_or_default();
        let message = format!("the column `{}` can be NULL{reason}", column.name);
        let help = format!(
            "write `Option<{written}>`, or make it NOT NULL in the query with `AS \"{}!\"`",
            column.name
        );
        return Some(project::error(span, Code::RowField, &message, &help));
    }

    let expected = expected(column)?;
    let inner = written.strip_prefix(head).filter(|_| is_option);
    let inner = inner.and_then(|rest| rest.strip_prefix('<')?.strip_suffix('>'));
    let inner = inner.unwrap_or(&written);
    let is_wrong = SCALARS.contains(&inner) && inner != expected;
    if !is_wrong && (column.nullable || !is_option) {
        return None;
    }
    let whole = if column.nullable {
        format!("Option<{expected}>")
    } else {
        expected
    };
    let message = format!("the column `{}` is {whole}, not {written}", column.name);
    Some(project::error(
        span,
        Code::RowField,
        &message,
        &format!("write `{whole}`"),
    ))
}

/// The types that the user does not define.
const SCALARS: [&str; 9] = [
    "i64", "i32", "u32", "u64", "f64", "f32", "bool", "String", "Vec<u8>",
];

/// The type of a column as a user writes it; `None` if the user defines the type.
fn expected(column: &ResultColumn) -> Option<String> {
    match column.scalar {
        _ if column.as_type.is_some() => None,
        ScalarType::Any | ScalarType::Enum(_) => None,
        scalar => Some(scalar.owned(&Paths {
            prelude: "",
            d1: "",
            text_enum: &|_| String::new(),
        })),
    }
}
