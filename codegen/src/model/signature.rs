//! How a program calls the method of a query, as the command line shows it.

use super::{Method, methods};
use crate::names::{Name, spelled};
use crate::schema::TextEnum;
use crate::sql::annotation::Annotated;
use crate::sql::parameters::Resolved;
use crate::sql::scalar::Paths;
use crate::sql::{Cardinality, Query, ResultColumn, ScalarType};

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
                format!("{params} {{ {} }}", fields.join(", "))
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
            Cardinality::Exec => "Changes".to_owned(),
        }
    }

    fn column(&self, column: &ResultColumn) -> String {
        let owned = |scalar: ScalarType| self.spell(|paths| scalar.owned(paths));
        let ty = column
            .as_type
            .clone()
            .unwrap_or_else(|| owned(column.scalar));
        optional(ty, column.nullable)
    }

    fn argument(&self, parameter: &Resolved) -> String {
        let text_enum = |number: u32| self.text_enum(number);
        argument_type(parameter, &text_enum)
    }

    fn spell(&self, spell: impl FnOnce(&Paths<'_>) -> String) -> String {
        let text_enum = |number: u32| self.text_enum(number);
        spell(&Paths {
            prelude: "",
            d1: "bindery::d1::",
            text_enum: &text_enum,
        })
    }

    fn text_enum(&self, number: u32) -> String {
        let mut all = self.text_enums.iter().copied().flatten();
        let found = all.nth(number as usize);
        found.map_or_else(|| "String".to_owned(), |text_enum| text_enum.ty.clone())
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
