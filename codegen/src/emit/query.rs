//! Checked queries: row types, methods and inline queries.
//!
//! They are nearly all that is emitted for a large project, so they are written as text, one
//! template per item, and parsed once. ARCHITECTURE.md has the figures.

use std::fmt::Write;

use bindery_sqlite::template::Piece;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{Parse, json_type};
use crate::names::{Name, nested_type, spelled};
use crate::schema::TextEnum;
use crate::sql::page::{Page, PageColumn};
use crate::sql::parameters::{Resolved, Role};
use crate::sql::scalar::Paths;
use crate::sql::template::Choice;
use crate::sql::types::Domain;
use crate::sql::{Nest, Query, ResultColumn, ScalarType, Template};

/// How emitted text names things.
#[derive(Debug)]
pub(super) struct Names<'a> {
    /// The runtime crate.
    pub(super) krate: &'a str,
    /// The path of the database's module, with `::` at its end; empty inside the module.
    pub(super) module: &'a str,
    /// The enums by number: those of the database, then those of the query.
    pub(super) text_enums: [&'a [TextEnum]; 2],
}

impl Names<'_> {
    /// Spells a type.
    pub(super) fn spell(&self, spell: impl FnOnce(&Paths<'_>) -> String) -> String {
        let text_enum = |number: u32| {
            let mut all = self.text_enums.iter().copied().flatten();
            let found = all.nth(number as usize);
            format!(
                "{}{}",
                self.module,
                found.map_or("", |text_enum| &text_enum.ty)
            )
        };
        spell(&Paths {
            prelude: &format!("{}::__private::", self.krate),
            d1: &format!("{}::d1::", self.krate),
            text_enum: &text_enum,
        })
    }

    /// The type of a column.
    pub(super) fn column(&self, column: &ResultColumn) -> String {
        let ty = match &column.as_type {
            Some(ty) => ty.clone(),
            None => self.spell(|paths| column.scalar.owned(paths)),
        };
        optional(ty, column.nullable)
    }

    /// The type of a field of a struct of arguments.
    pub(super) fn field(&self, parameter: &Resolved) -> String {
        if parameter.role == Role::Sort && !parameter.nullable {
            return self.sort(parameter);
        }
        if !parameter.list {
            return self.argument(parameter, "'a");
        }
        let item = match &parameter.as_type {
            Some(ty) => ty.clone(),
            None => self.spell(|paths| parameter.scalar.borrowed(paths, "'a")),
        };
        optional(format!("&'a [{item}]"), parameter.nullable)
    }

    /// The type of the value of a single column, as a row.
    pub(super) fn scalar(&self, column: &ResultColumn) -> String {
        if is_json(column) {
            optional(format!("{}::d1::JsonText", self.krate), column.nullable)
        } else {
            self.column(column)
        }
    }

    /// The type of an argument; `lifetime` is empty or `'a`.
    pub(super) fn argument(&self, parameter: &Resolved, lifetime: &str) -> String {
        match parameter.role {
            Role::Value => self.value(parameter, lifetime),
            Role::Sort if parameter.nullable => optional(self.sort(parameter), true),
            Role::Sort => format!("impl ::core::convert::Into<{}>", self.sort(parameter)),
            Role::Patch => {
                let value = Resolved {
                    nullable: false,
                    ..parameter.clone()
                };
                let value = self.value(&value, lifetime);
                if parameter.nullable {
                    format!("{}::d1::Patch<{value}>", self.krate)
                } else {
                    optional(value, true)
                }
            }
        }
    }

    /// The type of an argument that chooses the sort order.
    fn sort(&self, parameter: &Resolved) -> String {
        let by = self.spell(|paths| parameter.scalar.owned(paths));
        format!("{}::d1::Sort<{by}>", self.krate)
    }

    /// The type of an argument that is a value.
    fn value(&self, parameter: &Resolved, lifetime: &str) -> String {
        match (&parameter.as_type, parameter.list) {
            (Some(ty), true) => optional(format!("&[{ty}]"), parameter.nullable),
            (Some(ty), false) => optional(ty.clone(), parameter.nullable),
            // The type of `None` would be unknown if it were generic.
            (None, true) if parameter.nullable => {
                let item = self.spell(|paths| parameter.scalar.borrowed(paths, ""));
                optional(format!("&[{item}]"), true)
            }
            (None, true) => self.spell(|paths| parameter.scalar.slice(paths)),
            (None, false) => {
                let ty = self.spell(|paths| parameter.scalar.borrowed(paths, lifetime));
                optional(ty, parameter.nullable)
            }
        }
    }
}

pub(super) fn optional(ty: String, nullable: bool) -> String {
    if nullable {
        format!("::core::option::Option<{ty}>")
    } else {
        ty
    }
}

/// Text as tokens.
pub(super) fn tokens(parse: Parse, text: &str) -> TokenStream {
    parse(text).unwrap_or_else(|| {
        let bug = "internal error: generated code does not parse; please report it";
        quote!(::core::compile_error!(#bug))
    })
}

/// The row type of a query.
pub(super) fn row(
    out: &mut String,
    names: &Names<'_>,
    ident: &str,
    docs: &str,
    columns: &[ResultColumn],
) {
    let mut fields: Vec<RowField> = Vec::new();
    let mut nests: Vec<&str> = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let Some(nest) = &column.nest else {
            fields.push(RowField::column(
                out,
                names,
                ident,
                (index, column),
                &column.name,
            ));
            continue;
        };
        if !nests.contains(&nest.name.as_str()) {
            nests.push(&nest.name);
            fields.push(nested(out, names, ident, nest, columns));
        }
    }

    let krate = names.krate;
    row_struct(out, krate, ident, docs, &fields);
    let reads: String = fields.iter().map(RowField::read).collect();
    let _ = writeln!(
        out,
        "impl {krate}::d1::FromRow for {ident} {{
            fn from_row(
                row: &mut {krate}::d1::Row<'_>,
            ) -> ::core::result::Result<Self, {krate}::d1::DecodeError> {{
                ::core::result::Result::Ok(Self {{ {reads} }})
            }}
        }}"
    );
}

/// A field of a row.
pub(super) struct RowField {
    /// The name when it is serialized.
    pub(super) name: String,
    pub(super) ident: String,
    pub(super) ty: String,
    pub(super) docs: String,
    /// The expression that reads it.
    pub(super) value: String,
}

impl RowField {
    /// The field of a column. Writes the structs that its type names.
    fn column(
        out: &mut String,
        names: &Names<'_>,
        row: &str,
        (index, column): (usize, &ResultColumn),
        name: &str,
    ) -> Self {
        let (ty, value) = match column.built_json() {
            Some(json) => json_type::column(out, names, row, (index, column), json, name),
            None => (
                names.column(column),
                format!("row.{}({index})?", take(column)),
            ),
        };
        Self {
            name: name.to_owned(),
            ident: spelled(&Name::new(name).field),
            ty,
            docs: column_docs(column),
            value,
        }
    }

    pub(super) fn read(&self) -> String {
        format!("{}: {}, ", self.ident, self.value)
    }
}

/// Writes the type of a nested struct, and returns its field.
fn nested(
    out: &mut String,
    names: &Names<'_>,
    row: &str,
    nest: &Nest,
    columns: &[ResultColumn],
) -> RowField {
    let ty = nested_type(row, &nest.name);
    let parts = columns.iter().enumerate().filter_map(|(index, column)| {
        let part = column.nest.as_ref().filter(|part| part.name == nest.name)?;
        Some(RowField::column(
            out,
            names,
            &ty,
            (index, column),
            &part.field,
        ))
    });
    let fields: Vec<RowField> = parts.collect();
    let docs = format!("The `{}` of a [`{row}`].", nest.name);
    row_struct(out, names.krate, &ty, &docs, &fields);

    let reads: String = fields.iter().map(RowField::read).collect();
    let value = format!("{ty} {{ {reads} }}");
    let (docs, value) = match nest.key {
        Some(key) => (
            "`None` where the outer join finds no row.".to_owned(),
            format!(
                "if row.is_null({key})? {{ ::core::option::Option::None }} \
                 else {{ ::core::option::Option::Some({value}) }}"
            ),
        ),
        None => ("The columns of a nested struct.".to_owned(), value),
    };
    RowField {
        name: nest.name.clone(),
        ident: spelled(&Name::new(&nest.name).field),
        ty: optional(ty, nest.key.is_some()),
        docs,
        value,
    }
}

/// The struct of a row, or of a part of it.
pub(super) fn row_struct(
    out: &mut String,
    krate: &str,
    ident: &str,
    docs: &str,
    fields: &[RowField],
) {
    let (mut declared, mut serialized) = (String::new(), String::new());
    for RowField {
        name,
        ident,
        ty,
        docs,
        ..
    } in fields
    {
        let _ = write!(declared, "#[doc = {docs:?}] pub {ident}: {ty}, ");
        let _ = write!(serialized, ".field({name:?}, &self.{ident})");
    }
    let count = fields.len();
    let _ = writeln!(
        out,
        "#[doc = {docs:?}]
        #[derive(::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq)]
        pub struct {ident} {{ {declared} }}

        impl {krate}::__private::serde::Serialize for {ident} {{
            fn serialize<S: {krate}::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {{
                {krate}::__private::Fields::new(serializer, {ident:?}, {count}){serialized}.end()
            }}
        }}"
    );
}

/// The method of the runtime's `Row` that reads a column.
fn take(column: &ResultColumn) -> &'static str {
    match (is_json(column), column.nullable) {
        (false, _) => "take",
        (true, false) => "take_json",
        (true, true) => "take_optional_json",
    }
}

/// Whether a column is declared JSON and has no type of the application.
pub(super) fn is_json(column: &ResultColumn) -> bool {
    column.ty.domain == Domain::Json && column.as_type.is_none()
}

pub(super) fn column_docs(column: &ResultColumn) -> String {
    let origin = match &column.ty.origin {
        Some(origin) => format!("Read from `{origin}`."),
        None => "Computed by the query.".to_owned(),
    };
    let null = match (column.nullable, &column.ty.reason) {
        (true, Some(reason)) if column.ty.nullable => format!(" `None` if NULL: {reason}."),
        (true, _) => " `None` if NULL, as the query declares.".to_owned(),
        (false, _) if column.ty.nullable => {
            " The query declares that it is never NULL; reading a NULL is an error.".to_owned()
        }
        (false, _) => String::new(),
    };
    format!("{origin}{null}")
}

/// The method of a query.
pub(super) fn method(
    out: &mut String,
    names: &Names<'_>,
    name: &Name,
    docs: &str,
    (returned, params): (&str, Option<&str>),
    query: &Query,
) {
    let krate = names.krate;
    let mut encoded = String::new();

    for parameter in &query.parameters {
        let argument = argument(parameter);
        let _ = write!(encoded, "{}, ", encode(krate, parameter, &argument));
    }
    let (arguments, unpacked) = match params {
        Some(params) => fields(names, params, query),
        None => (arguments(names, query), String::new()),
    };
    let (method, name) = (spelled(&name.field), &name.source);
    let (sql, columns, reads_only) = (&query.sql, column_names(query), query.reads_only);
    let run = match &query.template {
        Some(template) => {
            let assembled = assembled(names, template, query, &argument, &encoded);
            let (order, run) = match &query.page {
                Some(page) => (
                    order(krate, name, page),
                    "pages(&self.0, &STATEMENT, PIECES, &ORDER",
                ),
                None => (String::new(), "assembled(&self.0, &STATEMENT, PIECES"),
            };
            format!("{assembled}; {order} {krate}::__private::{run}, &choices, parameters)")
        }
        None => format!("{krate}::__private::query(&self.0, &STATEMENT, [{encoded}])"),
    };
    let _ = writeln!(
        out,
        "#[doc = {docs:?}]
        pub fn {method}<'a>(&'a self, {arguments}) -> {returned} {{
            static STATEMENT: {krate}::d1::Statement = {krate}::d1::Statement {{
                name: {name:?},
                sql: {sql:?},
                columns: &{columns:?},
                reads_only: {reads_only},
            }};
            {unpacked}
            {run}
        }}"
    );
}

/// The columns that the pages of a query continue by.
fn order(krate: &str, name: &str, page: &Page) -> String {
    let (mut columns, mut hashed) = (String::new(), name.to_owned());
    for PageColumn {
        index,
        ty,
        text,
        descending,
    } in &page.columns
    {
        let _ = write!(
            columns,
            "({index}, {krate}::__private::OrderType::{ty:?}), "
        );
        let _ = write!(hashed, "\n{text} {descending} {ty:?}");
    }
    let hash = hash(&hashed);
    format!(
        "static ORDER: {krate}::__private::Order = {krate}::__private::Order {{
            hash: {hash}, columns: &[{columns}],
        }};"
    )
}

/// The FNV-1a hash of a text. Cursors contain it, so it must not change with the compiler.
///
/// <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>
fn hash(text: &str) -> u32 {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    text.bytes().fold(0x811c_9dc5, step)
}

/// The statements that prepare a query whose text depends on the arguments: they declare `PIECES`,
/// `choices` and `parameters`. `ident` spells the variable of a parameter.
fn assembled(
    names: &Names<'_>,
    template: &Template,
    query: &Query,
    ident: &dyn Fn(&Resolved) -> String,
    encoded: &str,
) -> String {
    let mut run = String::new();
    for parameter in &query.parameters {
        if parameter.role == Role::Sort && !parameter.nullable {
            let (ident, ty) = (ident(parameter), names.sort(parameter));
            let _ = write!(
                run,
                "let {ident}: {ty} = ::core::convert::Into::into({ident}); "
            );
        }
    }

    let parameter = |index: usize| ident(&query.parameters[index]);
    let mut choices = String::new();
    for choice in &template.choices {
        let choice = match choice {
            // The caller chooses it with the page.
            Choice::After => continue,
            Choice::Filter(indexes) => {
                let tests: Vec<String> = indexes
                    .iter()
                    .map(|index| format!("{}.is_some()", parameter(*index)))
                    .collect();
                format!("::core::primitive::usize::from({})", tests.join(" && "))
            }
            Choice::Sort(sort) => {
                let (ident, descending) = (parameter(sort.parameter), sort.descending);
                if sort.has_else {
                    let otherwise = 2 * sort.texts.len();
                    format!("{ident}.map_or({otherwise}, |sort| sort.choice({descending}))")
                } else {
                    format!("{ident}.choice({descending})")
                }
            }
            Choice::Patch(index) if query.parameters[*index].nullable => {
                format!("{}.choice()", parameter(*index))
            }
            Choice::Patch(index) => {
                format!(
                    "::core::primitive::usize::from({}.is_some())",
                    parameter(*index)
                )
            }
        };
        let _ = write!(choices, "{choice}, ");
    }
    let _ = write!(
        run,
        "static PIECES: &[{}::__private::Piece<&str>] = &[{}];
        let choices = [{choices}];
        let parameters = [{encoded}]",
        names.krate,
        pieces(names.krate, template)
    );
    run
}

/// The pieces of a template, separated by commas.
fn pieces(krate: &str, template: &Template) -> String {
    let mut pieces = String::new();
    for piece in &template.pieces {
        let _ = write!(pieces, "{krate}::__private::Piece::");
        let _ = match piece {
            Piece::Text(text) => write!(pieces, "Text({text:?}), "),
            Piece::Parameter(index) => write!(pieces, "Parameter({index}), "),
            Piece::When { choice, arm, skip } => write!(
                pieces,
                "When {{ choice: {choice}, arm: {arm}, skip: {skip} }}, "
            ),
            Piece::Begin => write!(pieces, "Begin, "),
            Piece::Item(separator) => write!(pieces, "Item({separator:?}), "),
            Piece::End(otherwise) => write!(pieces, "End({otherwise:?}), "),
        };
    }
    pieces
}

/// The arguments of a method, one after another.
fn arguments(names: &Names<'_>, query: &Query) -> String {
    let mut arguments = String::new();
    for parameter in &query.parameters {
        let (argument, ty) = (argument(parameter), names.argument(parameter, "'a"));
        let _ = write!(arguments, "{argument}: {ty}, ");
    }
    arguments
}

/// The only argument of a method that takes a struct, and the statement that unpacks it.
fn fields(names: &Names<'_>, params: &str, query: &Query) -> (String, String) {
    let path = format!("{}{params}", names.module);
    let lifetime = lifetime(names, query);
    let unpacked: Vec<String> = query.parameters.iter().map(argument).collect();
    (
        format!("params: {path}{lifetime}"),
        format!("let {path} {{ {} }} = params;", unpacked.join(", ")),
    )
}

/// `<'a>` if a field of the struct of arguments borrows.
fn lifetime(names: &Names<'_>, query: &Query) -> &'static str {
    let mut parameters = query.parameters.iter();
    let borrows = parameters.any(|parameter| names.field(parameter).contains("'a"));
    if borrows { "<'a>" } else { "" }
}

/// The struct of a method's arguments.
pub(super) fn params(out: &mut String, names: &Names<'_>, ident: &str, docs: &str, query: &Query) {
    let lifetime = lifetime(names, query);
    let (mut fields, mut required, mut values) = (String::new(), String::new(), String::new());
    let (mut count, mut optional_count) = (0, 0);
    for parameter in &query.parameters {
        let (field, ty) = (argument(parameter), names.field(parameter));
        let _ = write!(
            fields,
            "#[doc = {:?}] pub {field}: {ty}, ",
            parameter_docs(parameter)
        );
        if parameter.nullable || parameter.role == Role::Patch {
            let _ = write!(values, "{field}: ::core::default::Default::default(), ");
            optional_count += 1;
        } else {
            let _ = write!(required, "{field}: {ty}, ");
            let _ = write!(values, "{field}, ");
            count += 1;
        }
    }
    let _ = writeln!(
        out,
        "#[doc = {docs:?}]
        #[derive(::core::clone::Clone)]
        pub struct {ident}{lifetime} {{ {fields} }}

        impl{lifetime} ::core::fmt::Debug for {ident}{lifetime} {{
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{
                formatter.debug_struct({ident:?}).finish_non_exhaustive()
            }}
        }}"
    );

    if count == 0 {
        let _ = writeln!(
            out,
            "impl{lifetime} ::core::default::Default for {ident}{lifetime} {{
                fn default() -> Self {{ Self {{ {values} }} }}
            }}"
        );
    } else if optional_count > 0 && count <= MOST_REQUIRED {
        let _ = writeln!(
            out,
            "impl{lifetime} {ident}{lifetime} {{
                /// Creates the arguments without the optional ones.
                #[must_use]
                pub fn new({required}) -> Self {{ Self {{ {values} }} }}
            }}"
        );
    }
}

/// More arguments than this could be swapped unnoticed.
const MOST_REQUIRED: usize = 3;

fn parameter_docs(parameter: &Resolved) -> String {
    let mut docs = match &parameter.origin {
        Some(origin) => format!("A value for `{origin}`."),
        None => format!("The parameter `{}`.", parameter.name),
    };
    match (parameter.role, parameter.nullable) {
        (Role::Value, true) => docs.push_str(" `None` is NULL."),
        (Role::Patch, false) => docs.push_str(" `None` leaves it unchanged."),
        (Role::Patch, true) => docs.push_str(" Unchanged by default."),
        (Role::Value, false) | (Role::Sort, _) => {}
    }
    docs
}

/// The name of an argument.
fn argument(parameter: &Resolved) -> String {
    spelled(&Name::new(&parameter.name).field)
}

/// The function of the runtime's hidden module that converts an argument to a parameter.
fn encoder(parameter: &Resolved) -> &'static str {
    let is_own = parameter.as_type.is_some();
    match parameter.scalar {
        _ if !parameter.list => "value",
        ScalarType::Text if !is_own => "text_list",
        ScalarType::Blob if !is_own => "bytes_list",
        ScalarType::Blob => "blob_list",
        ScalarType::Any if !is_own => "value_list",
        ScalarType::Any => "any_list",
        ScalarType::Float => "real_list",
        ScalarType::Integer | ScalarType::Boolean | ScalarType::Text | ScalarType::Enum(_) => {
            "list"
        }
    }
}

/// The expression that converts an argument to a parameter.
fn encode(krate: &str, parameter: &Resolved, argument: &str) -> String {
    if parameter.role == Role::Sort {
        return format!("{krate}::__private::Parameter::Null");
    }
    let encoder = format!("{krate}::__private::{}", encoder(parameter));
    if parameter.list && parameter.nullable {
        format!("{krate}::__private::optional({argument}, {encoder})")
    } else {
        format!("{encoder}({argument})")
    }
}

/// Whether the argument is a slice of anything that can be borrowed as text or as bytes.
fn is_generic(parameter: &Resolved) -> bool {
    !parameter.nullable && ["text_list", "bytes_list"].contains(&encoder(parameter))
}

fn column_names(query: &Query) -> Vec<&str> {
    query
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect()
}

/// An inline query: a block whose value is the query with its arguments.
///
/// Enums are texts in it, because it cannot name the module of a database.
#[must_use]
pub fn inline(
    krate: &TokenStream,
    parse: Parse,
    database: &TokenStream,
    query: &Query,
    arguments: &[TokenStream],
) -> TokenStream {
    let query = without_enums(query);
    let path = krate.to_string().replace(' ', "");
    let names = Names {
        krate: &path,
        module: "",
        text_enums: [&[], &[]],
    };

    let mut rows = String::new();
    let mut shape = quote!(#krate::d1::Exec);
    if !query.columns.is_empty() {
        row(
            &mut rows,
            &names,
            "Row",
            "A row of this query.",
            &query.columns,
        );
        shape = quote!(#krate::d1::Many<Row>);
    }
    if let [column] = query.columns.as_slice() {
        let value = names.scalar(column);
        let _ = writeln!(
            rows,
            "impl {path}::d1::SingleColumn for Row {{ type Value = {value}; }}"
        );
    }
    let rows = tokens(parse, &rows);

    let (sql, columns, reads_only) = (&query.sql, column_names(&query), query.reads_only);
    let idents: Vec<_> = query
        .parameters
        .iter()
        .map(|parameter| format_ident!("__{}", Name::new(&parameter.name).field))
        .collect();
    let parameters = || query.parameters.iter().zip(&idents);
    let lets = parameters()
        .zip(arguments)
        .map(|((parameter, ident), value)| {
            if is_generic(parameter) {
                return quote!(let #ident = #value;);
            }
            let ty = tokens(parse, &names.argument(parameter, ""));
            quote!(let #ident: #ty = #value;)
        });
    let encoded = parameters()
        .map(|(parameter, ident)| tokens(parse, &encode(&path, parameter, &ident.to_string())));
    let run = match &query.template {
        Some(template) => {
            let encoded: Vec<String> = parameters()
                .map(|(parameter, ident)| encode(&path, parameter, &ident.to_string()))
                .collect();
            let ident = |parameter: &Resolved| format!("__{}", Name::new(&parameter.name).field);
            let run = assembled(&names, template, &query, &ident, &encoded.join(", "));
            let run = tokens(parse, &run);
            quote! {
                let __database = &#database;
                #run;
                #krate::__private::assembled::<#shape>(
                    __database, &__STATEMENT, PIECES, &choices, parameters,
                )
            }
        }
        None => quote! {
            #krate::__private::query::<#shape>(&#database, &__STATEMENT, [#(#encoded),*])
        },
    };
    quote! {{
        #rows
        static __STATEMENT: #krate::d1::Statement = #krate::d1::Statement {
            name: "query",
            sql: #sql,
            columns: &[#(#columns),*],
            reads_only: #reads_only,
        };
        #(#lets)*
        #run
    }}
}

/// The query with texts in place of enums. A text cannot choose a sort order at compile time, so
/// such a statement stays as it is written.
fn without_enums(query: &Query) -> Query {
    let mut query = query.clone();
    let sorts = |template: &Template| {
        let mut choices = template.choices.iter();
        choices.any(|choice| matches!(choice, Choice::Sort(_)))
    };
    if query.template.as_ref().is_some_and(sorts) {
        query.template = None;
        for parameter in &mut query.parameters {
            parameter.role = Role::Value;
        }
    }

    texts_for_enums(&mut query.columns);
    for parameter in &mut query.parameters {
        if let ScalarType::Enum(_) = parameter.scalar {
            parameter.scalar = ScalarType::Text;
        }
    }
    query
}

fn texts_for_enums(columns: &mut [ResultColumn]) {
    for column in columns {
        if let ScalarType::Enum(_) = column.scalar {
            column.scalar = ScalarType::Text;
        }
        if let Some(json) = &mut column.json {
            texts_for_enums(json.values_mut());
        }
    }
}
