//! What every checked query becomes: a row type, a statement, and one call.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};

use crate::names::{Name, ident};
use crate::schema::Choices;
use crate::sql::parameters::{Resolved, Rust};
use crate::sql::{Query, ResultColumn};

/// The enum of a CHECK as a column's or an argument's type.
fn choice(choices: &[Choices], number: u32) -> Ident {
    let choices = usize::try_from(number).ok().and_then(|number| choices.get(number));
    choices.map_or_else(|| format_ident!("Never"), |choices| choices.name().ty_ident())
}

/// The Rust type of a column.
#[must_use]
pub fn column_type(krate: &TokenStream, choices: &[Choices], column: &ResultColumn) -> TokenStream {
    let own = column.as_type.as_deref().and_then(|ty| syn::parse_str::<syn::Type>(ty).ok());
    let inner = match (own, column.rust) {
        (Some(ty), _) => quote!(#ty),
        (None, Rust::Integer) => quote!(i64),
        (None, Rust::Float) => quote!(f64),
        (None, Rust::Boolean) => quote!(bool),
        (None, Rust::Text) => quote!(#krate::__private::String),
        (None, Rust::Blob) => quote!(#krate::__private::Vec<u8>),
        (None, Rust::Any) => quote!(#krate::d1::Value),
        (None, Rust::Choice(number)) => choice(choices, number).into_token_stream(),
    };
    if column.nullable { quote!(::core::option::Option<#inner>) } else { inner }
}

/// The row type of a query, and how it is read.
#[must_use]
pub fn row(krate: &TokenStream, choices: &[Choices], ident: &Ident, docs: &str, columns: &[ResultColumn]) -> TokenStream {
    let fields = columns.iter().map(|column| {
        let field = Name::new(&column.name).field_ident();
        let ty = column_type(krate, choices, column);
        let docs = column_docs(column);
        let rename = &column.name;
        quote!(#[doc = #docs] #[serde(rename = #rename)] pub #field: #ty,)
    });
    let reads = columns.iter().enumerate().map(|(index, column)| {
        let field = Name::new(&column.name).field_ident();
        quote!(#field: row.take(#index)?,)
    });
    let serde = format!("{}::__private::serde", krate.to_string().replace(' ', ""));
    quote! {
        #[doc = #docs]
        #[derive(::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq, #krate::__private::serde::Serialize)]
        #[serde(crate = #serde)]
        pub struct #ident { #(#fields)* }

        impl #krate::d1::FromRow for #ident {
            fn from_row(row: &mut #krate::d1::Row<'_>) -> ::core::result::Result<Self, #krate::d1::DecodeError> {
                ::core::result::Result::Ok(Self { #(#reads)* })
            }
        }
    }
}

fn column_docs(column: &ResultColumn) -> String {
    let origin = match &column.ty.origin {
        Some(origin) => format!("Read from `{origin}`."),
        None => "Computed by the query.".to_owned(),
    };
    let nullable = match (column.nullable, column.ty.reason) {
        (true, Some(reason)) if column.ty.nullable => format!(" `None` where NULL: {reason}."),
        (true, _) => " `None` where NULL, as the query says.".to_owned(),
        (false, _) if column.ty.nullable => " The query says that it is never NULL; one that is gives an error.".to_owned(),
        (false, _) => String::new(),
    };
    format!("{origin}{nullable}")
}

/// The statement as a constant.
#[must_use]
pub fn statement(krate: &TokenStream, name: &str, query: &Query) -> TokenStream {
    let sql = &query.sql;
    let columns = query.columns.iter().map(|column| &column.name);
    let reads_only = query.reads_only;
    quote! {
        #krate::d1::Statement {
            name: #name,
            sql: #sql,
            columns: &[#(#columns),*],
            reads_only: #reads_only,
        }
    }
}

/// The type of an argument; `lifetime` is the query's, `module` where the enums of CHECKs are.
#[must_use]
pub fn argument_type(
    krate: &TokenStream,
    (module, choices): (&TokenStream, &[Choices]),
    parameter: &Resolved,
    lifetime: &TokenStream,
) -> TokenStream {
    let inner = match parameter.rust {
        Rust::Integer => quote!(i64),
        Rust::Float => quote!(f64),
        Rust::Boolean => quote!(bool),
        Rust::Text => quote!(&#lifetime str),
        Rust::Blob => quote!(&#lifetime [u8]),
        Rust::Any => quote!(#krate::d1::Value),
        Rust::Choice(number) => {
            let choice = choice(choices, number);
            quote!(#module::#choice)
        }
    };
    if parameter.list {
        return match parameter.rust {
            Rust::Text => quote!(&[impl ::core::convert::AsRef<str>]),
            Rust::Integer | Rust::Float | Rust::Boolean | Rust::Choice(_) => quote!(&[#inner]),
            Rust::Blob | Rust::Any => quote!(&[#krate::d1::Value]),
        };
    }
    if parameter.nullable { quote!(::core::option::Option<#inner>) } else { inner }
}

/// The expression that encodes an argument.
#[must_use]
pub fn encode(krate: &TokenStream, parameter: &Resolved, value: &TokenStream) -> TokenStream {
    match (parameter.list, parameter.rust) {
        (true, Rust::Text) => quote!(#krate::__private::text_list(#value)),
        (true, _) => quote!(#krate::__private::list(#value)),
        (false, _) => quote!(<#krate::__private::Parameter<'_> as ::core::convert::From<_>>::from(#value)),
    }
}

/// An inline query: a block that makes the query from its arguments.
///
/// The texts of a CHECK are texts in it: it stands where the module of their enum has no path.
#[must_use]
pub fn inline(krate: &TokenStream, database: &TokenStream, query: &Query, arguments: &[TokenStream]) -> TokenStream {
    let row_ident = format_ident!("Row");
    let mut query = query.clone();
    let text = |rust: &mut Rust| {
        if matches!(rust, Rust::Choice(_)) {
            *rust = Rust::Text;
        }
    };
    query.columns.iter_mut().for_each(|column| text(&mut column.rust));
    query.parameters.iter_mut().for_each(|parameter| text(&mut parameter.rust));
    let statement = statement(krate, "query", &query);
    let (row, shape) = if query.columns.is_empty() {
        (TokenStream::new(), quote!(#krate::d1::Exec))
    } else {
        (row(krate, &[], &row_ident, "A row of this query.", &query.columns), quote!(#krate::d1::Many<#row_ident>))
    };
    let lifetime = TokenStream::new();
    let bindings = query.parameters.iter().zip(arguments).map(|(parameter, value)| {
        let name = format_ident!("__{}", Name::new(&parameter.name).field);
        if parameter.list && parameter.rust == Rust::Text {
            return quote!(let #name = #value;);
        }
        let ty = argument_type(krate, (&lifetime, &[]), parameter, &lifetime);
        quote!(let #name: #ty = #value;)
    });
    let encoded = query.parameters.iter().map(|parameter| {
        let name = format_ident!("__{}", Name::new(&parameter.name).field);
        encode(krate, parameter, &quote!(#name))
    });
    quote! {{
        #row
        static __STATEMENT: #krate::d1::Statement = #statement;
        #(#bindings)*
        #krate::__private::query::<#shape>(&#database, &__STATEMENT, [#(#encoded),*])
    }}
}

/// The argument's name.
#[must_use]
pub fn argument_ident(parameter: &Resolved) -> Ident {
    ident(&Name::new(&parameter.name).field)
}
