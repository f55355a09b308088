//! The texts of a template: SQLite prepares and plans each of them.

use crate::report::Errors;
use crate::schema::Catalog;
use crate::source::Span;
use crate::syntax;
use crate::syntax::ast::Statement;

use super::ResultColumn;
use super::analyzer::Named;
use super::page::{self, PageSpot};
use super::parameters::Resolved;
use super::plan;
use super::scans;
use super::template::Template;

/// The texts of a template that SQLite accepts.
pub(super) struct Variants {
    template: Template,
    /// The choices of each text in words, and the text.
    texts: Vec<(String, String)>,
}

impl Variants {
    /// Prepares every text. Returns `None` if SQLite rejects one of them, or returns other columns.
    pub(super) fn prepare(
        catalog: &Catalog,
        template: Template,
        parameters: &[Resolved],
        columns: &[ResultColumn],
    ) -> Option<Self> {
        let connection = catalog.database.connection();
        let mut texts = Vec::new();

        for arms in template.variants(parameters) {
            let sql = template.sql(&arms);
            let statement = connection.prepare(&sql).ok()?;
            let mut names = statement.column_names().zip(columns);
            let is_same = statement.column_count() == columns.len()
                && names.all(|(name, column)| name.eq_ignore_ascii_case(&column.name));
            if !is_same {
                return None;
            }
            texts.push((template.describe(&arms, parameters), sql));
        }
        Some(Self { template, texts })
    }

    /// Reports tables that some text searches and reads whole.
    pub(super) fn check_scans(
        &self,
        errors: &mut Errors,
        catalog: &Catalog,
        (written, place): (&Statement, Span),
        named: (&[String], &[Named]),
    ) {
        let connection = catalog.database.connection();
        for (_, sql) in &self.texts {
            let plan = plan::explain(connection, sql, named.1).unwrap_or_default();
            if let Ok((statement, _)) = syntax::parse(sql) {
                let text = scans::Text::Assembled(sql, written);
                scans::report(errors, catalog, (&statement, text), place, named, &plan);
            }
        }
    }

    /// Warns of pages that SQLite has to sort.
    pub(super) fn check_sort(
        &self,
        errors: &mut Errors,
        catalog: &Catalog,
        (spot, place): (&PageSpot, Span),
        named: (&[String], &[Named]),
    ) {
        let connection = catalog.database.connection();
        let sorted = self.texts.iter().find(|(_, sql)| {
            let plan = plan::explain(connection, sql, named.1);
            plan.is_ok_and(|plan| plan::sorts(&plan))
        });
        if let Some((choices, sql)) = sorted {
            let index = scans::sorting_index(catalog, sql, named, &spot.names);
            errors.push(page::sorts(spot, choices, index, place));
        }
    }

    /// Returns the template with the plans of its texts.
    pub(super) fn into_template(self, catalog: &Catalog, relations: &[Named]) -> Template {
        let connection = catalog.database.connection();
        let mut template = self.template;
        for (variant, sql) in self.texts {
            let plan = plan::explain(connection, &sql, relations).unwrap_or_default();
            template.add_plan(variant, plan);
        }
        template
    }
}
