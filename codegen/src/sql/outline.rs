//! The outline of a statement with errors, so that the code that uses it still compiles.

use std::collections::BTreeSet;

use crate::names::Name;
use crate::report::{Errors, nearest};
use crate::schema::{Catalog, TextEnum};
use crate::source::Span;
use crate::syntax;

use super::analyzer::Output;
use super::infer::{Inferred, infer};
use super::parameters::Resolved;
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
}

/// Returns the result columns and parameters of a statement that has errors, as far as they are
/// known.
///
/// The placeholder for the statement has them, so that its callers do not get follow-up errors.
#[must_use]
pub fn outline(catalog: &Catalog, text: &str, place: Span, patch: bool) -> Outline {
    // The analysis has reported the errors of this statement already.
    let mut ignored = Errors::default();
    let Ok((statement, declared)) = syntax::parse(text) else {
        return Outline::default();
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

    template(text, &statement, &declared, &mut parts, &[], patch);
    let mut columns = overrides::columns(&mut ignored, text, place, &outputs);
    // A struct cannot have two fields of one name.
    let mut fields = BTreeSet::new();
    columns.retain(|column| fields.insert(Name::new(&column.name).field));

    Outline {
        columns,
        parameters: parts.parameters,
        text_enums: parts.text_enums,
    }
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
