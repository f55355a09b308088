//! How a program calls the method of a query, as the command line shows it.

use super::{Method, methods};
use crate::names::{Name, spelled};
use crate::schema::TextEnum;
use crate::sql::annotation::Annotated;
use crate::sql::parameters::Resolved;
use crate::sql::scalar::Paths;
use crate::sql::{Cardinality, JsonType, Query, ResultColumn};

/// A call of a method.
struct Call<'a> {
    name: &'a Name,
    /// The struct of its arguments, if it takes one.
    params: Option<&'a str>,
    cardinality: Cardinality,
    scalar: bool,
    row: &'a str,
    query: &'a Query,
    /// The enums of the database, then those of the query.
    text_enums: [&'a [TextEnum]; 2],
}

impl Method {
    /// The call of the method and its result: `begin_upload(BeginUploadParams { name, size }) ->
    /// BeginUpload`. `text_enums` are those of the database.
    #[must_use]
    pub fn signature(&self, text_enums: &[TextEnum]) -> String {
        let call = Call {
            name: &self.name,
            params: self.params.as_deref(),
            cardinality: self.cardinality,
            scalar: self.scalar,
            row: &self.row.ty,
            query: &self.query,
            text_enums: [text_enums, &self.query.text_enums],
        };
        call.to_text()
    }
}

/// The same as [`Method::signature`], for a query that is not part of a project.
#[must_use]
pub fn signature(annotated: &Annotated, query: &Query, text_enums: &[TextEnum]) -> String {
    let name = Name::new(&annotated.name.value);
    let mut own = query.text_enums.clone();
    methods::name_text_enums(&mut own, &name.source);

    let row = methods::row_name(annotated, &name);
    let params = methods::params(annotated, &name, query.parameters.len());
    let call = Call {
        name: &name,
        params: params.as_deref(),
        cardinality: annotated.cardinality.value,
        scalar: annotated.scalar.is_some(),
        row: &row.ty,
        query,
        text_enums: [text_enums, &own],
    };
    call.to_text()
}

impl Call<'_> {
    fn to_text(&self) -> String {
        let field = |parameter: &Resolved| spelled(&Name::new(&parameter.name).field);
        let parameters = self.query.parameters.iter();
        let arguments = match self.params {
            Some(params) => {
                let fields: Vec<String> = parameters.map(field).collect();
                let row = format!("{params} {{ {} }}", fields.join(", "));
                match self.cardinality {
                    Cardinality::Bulk => format!("&[{row}]"),
                    _ => row,
                }
            }
            None => {
                let typed =
                    |parameter| format!("{}: {}", field(parameter), self.argument(parameter));
                parameters.map(typed).collect::<Vec<_>>().join(", ")
            }
        };

        let name = spelled(&self.name.field);
        format!("{name}({arguments}) -> {}", self.returned())
    }

    fn returned(&self) -> String {
        let row = match self.query.columns.as_slice() {
            [column] if self.scalar => self.column(column),
            _ => self.row.to_owned(),
        };
        match self.cardinality {
            Cardinality::One => row,
            Cardinality::Optional => format!("Option<{row}>"),
            Cardinality::Page => format!("Pages<{row}>"),
            Cardinality::Many => format!("Vec<{row}>"),
            Cardinality::Exec | Cardinality::Bulk => "Changes".to_owned(),
        }
    }

    /// The type of a column that is the whole row. Its JSON is a text.
    fn column(&self, column: &ResultColumn) -> String {
        let text = ResultColumn {
            json: None,
            ..column.clone()
        };
        let ty = column_type(&text, &|number| self.text_enum(number));
        optional(ty, column.nullable)
    }

    fn argument(&self, parameter: &Resolved) -> String {
        let text_enum = |number: u32| self.text_enum(number);
        argument_type(parameter, &text_enum)
    }

    fn text_enum(&self, number: u32) -> String {
        let mut all = self.text_enums.iter().copied().flatten();
        let found = all.nth(number as usize);
        found.map_or_else(|| "String".to_owned(), |text_enum| text_enum.ty.clone())
    }
}

/// The type of a column's value that is not NULL: `String`, `Vec<{ id: i64 }>`. `text_enum` returns
/// the name of an enum. The fields of a struct are shown in place of its name.
#[must_use]
pub fn column_type(column: &ResultColumn, text_enum: &dyn Fn(u32) -> String) -> String {
    let paths = Paths {
        prelude: "",
        d1: "bindery::d1::",
        text_enum,
    };
    match (&column.as_type, &column.json) {
        (Some(ty), _) => ty.clone(),
        (None, Some(json)) => json_type(json, text_enum),
        (None, None) => column.scalar.owned(&paths),
    }
}

fn json_type(json: &JsonType, text_enum: &dyn Fn(u32) -> String) -> String {
    let values = json.values().iter();
    let types = values.map(|value| optional(column_type(value, text_enum), value.nullable));
    match json {
        JsonType::Raw => "String".to_owned(),
        JsonType::List(_) => format!("Vec<{}>", types.collect::<String>()),
        JsonType::Map(_) => format!("BTreeMap<String, {}>", types.collect::<String>()),
        JsonType::Tuple(_) => format!("({})", types.collect::<Vec<_>>().join(", ")),
        JsonType::Object(fields) => {
            let names = fields.iter().map(|field| Name::new(&field.name).field);
            let fields = names.zip(types).map(|(name, ty)| format!("{name}: {ty}"));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

/// The type of an argument: `&str`, `Option<&[i64]>`. `text_enum` returns the name of an enum.
#[must_use]
pub fn argument_type(parameter: &Resolved, text_enum: &dyn Fn(u32) -> String) -> String {
    let paths = Paths {
        prelude: "",
        d1: "bindery::d1::",
        text_enum,
    };
    let borrowed = || parameter.scalar.borrowed(&paths, "").replace("& ", "&");
    let item = parameter.as_type.clone().unwrap_or_else(borrowed);
    let ty = if parameter.list {
        format!("&[{item}]")
    } else {
        item
    };
    optional(ty, parameter.nullable)
}

fn optional(ty: String, nullable: bool) -> String {
    if nullable {
        format!("Option<{ty}>")
    } else {
        ty
    }
}
