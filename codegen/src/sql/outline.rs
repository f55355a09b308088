//! The outline of a statement with errors, so that the code that uses it still compiles.

use std::collections::BTreeSet;

use crate::names::Name;
use crate::report::{Code, Errors, nearest};
use crate::schema::{Catalog, TextEnum, UNKNOWN};
use crate::source::Span;
use crate::syntax;
use crate::syntax::ast::{Core, ResultColumn as Selected, Statement};

use super::analyzer::Output;
use super::infer::{Inferred, infer};
use super::parameters::Resolved;
use super::scalar::ScalarType;
use super::template::template;
use super::types::{Storage, Ty};
use super::{ResultColumn, overrides};

/// The known parts of a statement that has errors.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// The result columns.
    pub columns: Vec<ResultColumn>,
    /// The parameters; empty when the text cannot be parsed.
    pub parameters: Vec<Resolved>,
    /// The enums of the parameters that choose among texts.
    pub text_enums: Vec<TextEnum>,
    /// Whether the statement can return columns whose names are unknown.
    pub is_partial: bool,
}

/// The type of a field or an argument that is not known. There is no such type: rustc reports
/// neither it nor its uses after the error of a macro.
pub(crate) const UNKNOWN_TYPE: &str = "__bindery_type_after_an_error";

/// Returns the result columns and parameters of a statement that has errors, as far as they are
/// known.
///
/// The placeholder for the statement has them, so that its callers do not get follow-up errors.
#[must_use]
pub fn outline(catalog: &Catalog, text: &str, place: Span, patch: bool) -> Outline {
    // The analysis has reported the errors of this statement already.
    let mut ignored = Errors::default();
    let Ok((statement, declared)) = syntax::parse(text) else {
        return Outline {
            is_partial: true,
            ..Outline::default()
        };
    };
    let Inferred {
        mut outputs,
        tables,
        mut parts,
        ..
    } = infer(&mut ignored, catalog, text, place, &statement, &declared);

    for output in &mut outputs {
        if output.ty.storage == Storage::NONE
            && let Some(corrected) = corrected(catalog, &tables, output)
        {
            *output = corrected;
        }
    }

    template(text, &statement, &declared, &mut parts, &[], (patch, None));
    let unknown_table = |code: Code| code == Code::UnknownTable || code == Code::Unsupported;
    let lacks_table = ignored.iter().any(|found| unknown_table(found.code));
    let is_partial = lacks_table && selects_all(&statement);

    let mut columns = overrides::columns(&mut ignored, text, place, &outputs);
    for (column, output) in columns.iter_mut().zip(&outputs) {
        let is_unknown = output.ty.storage == Storage::NONE && !output.ty.nullable
            || is_unknown(catalog, output.ty.origin.as_deref());
        if is_unknown && column.as_type.is_none() {
            column.as_type = Some(UNKNOWN_TYPE.to_owned());
        }
    }
    for parameter in &mut parts.parameters {
        if is_unknown(catalog, parameter.origin.as_deref()) {
            parameter.scalar = ScalarType::Any;
        }
    }
    // A struct cannot have two fields of one name.
    let mut fields = BTreeSet::new();
    columns.retain(|column| match &column.nest {
        Some(nest) => fields.insert(format!("{}.{}", nest.name, Name::new(&nest.field).field)),
        None => fields.insert(Name::new(&column.name).field),
    });
    columns.retain(|column| {
        let nest = column.nest.as_ref();
        nest.is_none_or(|nest| !fields.contains(&Name::new(&nest.name).field))
    });

    Outline {
        columns,
        parameters: parts.parameters,
        text_enums: parts.text_enums,
        is_partial,
    }
}

/// Whether the result has the columns of a table without their names.
fn selects_all(statement: &Statement) -> bool {
    let is_all = |column: &Selected| !matches!(column, Selected::Expr { .. });
    match statement {
        Statement::Select(select) => match select.cores.first() {
            Some(Core::Query(query)) => query.columns.iter().any(is_all),
            Some(Core::Values(_)) | None => false,
        },
        Statement::Insert(insert) => insert.returning.iter().any(is_all),
        Statement::Update(update) => update.returning.iter().any(is_all),
        Statement::Delete(delete) => delete.returning.iter().any(is_all),
        Statement::Other => true,
    }
}

/// Whether a migration with an error declares the column.
fn is_unknown(catalog: &Catalog, origin: Option<&str>) -> bool {
    let column = origin.and_then(|origin| {
        let (table, column) = origin.split_once('.')?;
        let columns = &catalog.table(table)?.columns;
        columns.iter().find(|known| known.name == column)
    });
    column.is_some_and(|column| column.declared == UNKNOWN)
}

/// The result column under the name that it was probably meant to have: callers use that name.
fn corrected(catalog: &Catalog, tables: &[String], output: &Output) -> Option<Output> {
    let known = || {
        catalog
            .tables
            .iter()
            .filter(|table| tables.contains(&table.name))
            .flat_map(|table| table.columns.iter().map(move |column| (table, column)))
    };
    let names = known().map(|(_, column)| column.name.as_str());
    let meant = nearest(output.name.as_deref()?, names)?;
    let (table, column) = known().find(|(_, column)| column.name == meant)?;

    Some(Output {
        name: Some(column.name.clone()),
        ty: Ty::of_column(&table.name, column),
        ..output.clone()
    })
}
