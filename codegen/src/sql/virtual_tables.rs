//! The columns of relations that no CREATE TABLE declares: full text, R-trees, JSON and pragmas.
//!
//! <https://www.sqlite.org/fts5.html>, <https://www.sqlite.org/rtree.html>,
//! <https://www.sqlite.org/json1.html#jeach>, <https://www.sqlite.org/pragma.html#pragfunc>

use crate::schema::Table;

use super::analyzer::Analyzer;
use super::scope::RelationColumn;
use super::types::{Storage, Ty, declared};

impl Analyzer<'_> {
    /// The columns of a virtual table.
    pub(super) fn virtual_columns(
        &self,
        table: &Table,
        module: &str,
        arguments: &[String],
    ) -> Vec<RelationColumn> {
        let mut columns = stored_columns(table);
        let content = arguments
            .iter()
            .find_map(|argument| argument.strip_prefix("content="))
            .map(|name| {
                let name = name.trim().trim_matches(['\'', '"', '`']);
                self.catalog.table(name)
            });
        for (index, column) in columns.iter_mut().enumerate() {
            let rank = column.hidden && column.name.eq_ignore_ascii_case("rank");
            let of_content = content.flatten().and_then(|table| {
                let found = table
                    .columns
                    .iter()
                    .find(|stored| stored.name.eq_ignore_ascii_case(&column.name));
                found.map(|stored| Ty::of_column(&table.name, stored))
            });
            let ty = match module {
                "fts5" if rank => {
                    Ty::new(Storage::REAL).or_null("there is a rank only under MATCH")
                }
                "fts5" if column.hidden => {
                    Ty::new(Storage::TEXT).or_null("the table's own column is for MATCH")
                }
                "fts5" => of_content
                    .unwrap_or_else(|| Ty::new(Storage::TEXT))
                    .or_null("a full-text table keeps no NOT NULL"),
                "fts5vocab"
                    if ["term", "col"]
                        .iter()
                        .any(|name| column.name.eq_ignore_ascii_case(name)) =>
                {
                    Ty::new(Storage::TEXT).or_null("a vocabulary keeps no NOT NULL")
                }
                "fts5vocab" => Ty::new(Storage::INTEGER).or_null("a vocabulary keeps no NOT NULL"),
                "rtree" | "rtree_i32" if index == 0 => Ty::new(Storage::INTEGER),
                // Columns after a `+` are stored beside the tree, of any type.
                _ if arguments
                    .get(index)
                    .is_some_and(|argument| argument.starts_with('+')) =>
                {
                    let ty = arguments[index]
                        .split_once(char::is_whitespace)
                        .map_or("", |(_, declared)| declared);
                    let (storage, domain) = declared(ty, false);
                    Ty {
                        domain,
                        ..Ty::new(storage)
                    }
                    .or_null("an R-tree keeps no NOT NULL")
                }
                "rtree" => Ty::new(Storage::REAL),
                "rtree_i32" => Ty::new(Storage::INTEGER),
                _ => Ty::new(Storage::ANY).or_null("a virtual table keeps no NOT NULL"),
            };
            column.ty = Ty {
                origin: Some(format!("{}.{}", table.name, column.name)),
                ..ty
            };
        }
        columns
    }
}

/// The columns of a table as it declares them.
pub(super) fn stored_columns(table: &Table) -> Vec<RelationColumn> {
    let relation = |column: &crate::schema::Column| RelationColumn {
        name: column.name.clone(),
        ty: Ty::of_column(&table.name, column),
        hidden: column.hidden,
    };
    table.columns.iter().map(relation).collect()
}

/// One column of a table function: its name, its storage, whether it can be NULL, whether `*` leaves it out.
type Row = (&'static str, Storage, bool, bool);

const JSON: &[Row] = &[
    ("key", Storage::INTEGER.or(Storage::TEXT), true, false),
    ("value", Storage::ANY, true, false),
    ("type", Storage::TEXT, false, false),
    ("atom", Storage::ANY, true, false),
    ("id", Storage::INTEGER, false, false),
    ("parent", Storage::INTEGER, true, false),
    ("fullkey", Storage::TEXT, false, false),
    ("path", Storage::TEXT, false, false),
    ("json", Storage::ANY, true, true),
    ("root", Storage::ANY, true, true),
];

const INTEGER: Storage = Storage::INTEGER;
const TEXT: Storage = Storage::TEXT;

/// The pragmas that read and that D1 allows, and what each gives.
const PRAGMAS: &[(&str, &[Row])] = &[
    ("data_version", &[("data_version", INTEGER, false, false)]),
    (
        "foreign_key_check",
        &[
            ("table", TEXT, false, false),
            ("rowid", INTEGER, true, false),
            ("parent", TEXT, false, false),
            ("fkid", INTEGER, false, false),
        ],
    ),
    (
        "foreign_key_list",
        &[
            ("id", INTEGER, false, false),
            ("seq", INTEGER, false, false),
            ("table", TEXT, false, false),
            ("from", TEXT, false, false),
            ("to", TEXT, true, false),
            ("on_update", TEXT, false, false),
            ("on_delete", TEXT, false, false),
            ("match", TEXT, false, false),
        ],
    ),
    ("foreign_keys", &[("foreign_keys", INTEGER, false, false)]),
    (
        "index_info",
        &[
            ("seqno", INTEGER, false, false),
            ("cid", INTEGER, false, false),
            ("name", TEXT, true, false),
        ],
    ),
    (
        "index_list",
        &[
            ("seq", INTEGER, false, false),
            ("name", TEXT, false, false),
            ("unique", INTEGER, false, false),
            ("origin", TEXT, false, false),
            ("partial", INTEGER, false, false),
        ],
    ),
    (
        "index_xinfo",
        &[
            ("seqno", INTEGER, false, false),
            ("cid", INTEGER, false, false),
            ("name", TEXT, true, false),
            ("desc", INTEGER, false, false),
            ("coll", TEXT, true, false),
            ("key", INTEGER, false, false),
        ],
    ),
    ("page_size", &[("page_size", INTEGER, false, false)]),
    ("quick_check", &[("quick_check", TEXT, false, false)]),
    (
        "table_info",
        &[
            ("cid", INTEGER, false, false),
            ("name", TEXT, false, false),
            ("type", TEXT, false, false),
            ("notnull", INTEGER, false, false),
            ("dflt_value", TEXT, true, false),
            ("pk", INTEGER, false, false),
        ],
    ),
    (
        "table_list",
        &[
            ("schema", TEXT, false, false),
            ("name", TEXT, false, false),
            ("type", TEXT, false, false),
            ("ncol", INTEGER, false, false),
            ("wr", INTEGER, false, false),
            ("strict", INTEGER, false, false),
        ],
    ),
    (
        "table_xinfo",
        &[
            ("cid", INTEGER, false, false),
            ("name", TEXT, false, false),
            ("type", TEXT, false, false),
            ("notnull", INTEGER, false, false),
            ("dflt_value", TEXT, true, false),
            ("pk", INTEGER, false, false),
            ("hidden", INTEGER, false, false),
        ],
    ),
];

/// The names of table functions.
pub(super) fn function_names() -> impl Iterator<Item = String> {
    let pragmas = PRAGMAS.iter().map(|(name, _)| format!("pragma_{name}"));
    ["json_each", "json_tree"]
        .into_iter()
        .map(str::to_owned)
        .chain(pragmas)
}

/// The columns of a table function.
pub(super) fn function_columns(name: &str) -> Option<Vec<RelationColumn>> {
    let lower = name.to_ascii_lowercase();
    if lower == "json_each" || lower == "json_tree" {
        return Some(typed(JSON, "JSON may not have it"));
    }
    let mut columns = pragma_columns(lower.strip_prefix("pragma_")?)?;
    for hidden in ["arg", "schema"] {
        if columns.iter().all(|column| column.name != hidden) {
            let ty = Ty::new(Storage::TEXT).or_null("an argument that may not be given");
            columns.push(RelationColumn {
                name: hidden.to_owned(),
                ty,
                hidden: true,
            });
        }
    }
    Some(columns)
}

/// The columns of a pragma.
pub(super) fn pragma_columns(name: &str) -> Option<Vec<RelationColumn>> {
    let (_, rows) = PRAGMAS
        .iter()
        .find(|(pragma, _)| name.eq_ignore_ascii_case(pragma))?;
    Some(typed(rows, "the pragma may not know it"))
}

fn typed(rows: &[Row], reason: &'static str) -> Vec<RelationColumn> {
    rows.iter()
        .map(|(name, storage, nullable, hidden)| {
            let ty = Ty::new(*storage);
            let ty = if *nullable { ty.or_null(reason) } else { ty };
            RelationColumn {
                name: (*name).to_owned(),
                ty,
                hidden: *hidden,
            }
        })
        .collect()
}
