//! A D1 database: its tables, their rows, and the result of a SELECT.

use maud::{Markup, html};

use crate::error::Failure;

use super::super::Backend;
use super::super::d1::{Selected, Table};
use super::layout::{milliseconds, nothing, problem, results};
use super::{PATH, Page, Parameters, link};

/// The rows of a page.
const ROWS: usize = 50;

pub(super) async fn page(backend: &Backend, parameters: &Parameters) -> Result<Page, Failure> {
    let binding = parameters.get("binding").unwrap_or_default();
    let Ok(database) = backend.d1(binding) else {
        return Ok(Page::NotFound);
    };
    let tables = database.tables().await?;
    let chosen = parameters.get("table");
    let chosen = chosen.and_then(|name| tables.iter().find(|table| table.name == name));
    let sql = parameters.get("sql");

    let shown = if let Some(sql) = sql {
        match database.select(sql).await {
            Ok(selected) => {
                let plan = database.plan(sql).await.unwrap_or_default();
                selection(&selected, &plan)
            }
            Err(failure) => problem(&failure.message),
        }
    } else if let Some(table) = chosen {
        let offset = parameters
            .get("offset")
            .and_then(|offset| offset.parse().ok());
        let offset = offset.unwrap_or(0);
        let rows = database.rows(&table.name, offset, ROWS).await?;
        table_rows(binding, table, &rows, offset)
    } else {
        nothing("Choose a table, or write a query.")
    };

    let content = html! {
        h1 { (binding) }
        (list(binding, &tables))
        form action={ (PATH) "/d1" } {
            input type="hidden" name="binding" value=(binding);
            textarea name="sql" rows="3" placeholder="SELECT …" aria-label="SQL" { (sql.unwrap_or_default()) }
            button { "Run" }
        }
        (shown)
    };

    Ok(Page::Html {
        title: binding.to_owned(),
        content,
    })
}

fn list(binding: &str, tables: &[Table]) -> Markup {
    html! {
        @if tables.is_empty() { (nothing("The database has no tables.")) }
        ul.tables {
            @for table in tables {
                li {
                    a href=(link("d1", &[("binding", binding), ("table", &table.name)])) { (table.name) }
                    " " span.time { @if table.is_view { "view, " } (table.count()) }
                }
            }
        }
    }
}

fn table_rows(binding: &str, table: &Table, rows: &Selected, offset: u64) -> Markup {
    let page = |offset: u64| {
        let offset = offset.to_string();
        let parameters = [
            ("binding", binding),
            ("table", &table.name),
            ("offset", &offset),
        ];
        link("d1", &parameters)
    };
    let next = offset + ROWS as u64;

    html! {
        h2 { (table.name) }
        details id="schema" { summary { "Schema" } pre { (table.sql) } }
        (results(&rows.columns, &rows.rows))
        p.pages {
            @if offset > 0 { a href=(page(offset.saturating_sub(ROWS as u64))) { "← previous" } }
            @if !rows.rows.is_empty() {
                span { "rows " (offset + 1) " to " (offset + rows.rows.len() as u64) }
            }
            @if rows.has_more { a href=(page(next)) { "next →" } }
        }
    }
}

fn selection(selected: &Selected, plan: &[(usize, String)]) -> Markup {
    let count = selected.rows.len();

    html! {
        p.time {
            (count) " rows" @if selected.has_more { ", and more that are not shown" }
            ", " (selected.rows_read) " read, " (milliseconds(selected.duration)) " ms"
        }
        (results(&selected.columns, &selected.rows))
        ul.plan { @for (depth, step) in plan { li data-depth=(depth) { (step) } } }
    }
}
