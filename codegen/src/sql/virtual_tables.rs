//! The columns of relations that no CREATE TABLE declares: full-text tables, R-trees, JSON
//! functions and pragmas.
//!
//! <https://www.sqlite.org/fts5.html>, <https://www.sqlite.org/rtree.html>,
//! <https://www.sqlite.org/json1.html#jeach>, <https://www.sqlite.org/pragma.html#pragfunc>

use crate::schema::{Catalog, Column, Table, TableKind};

use super::json::Json;
use super::scope::RelationColumn;
use super::types::{Storage, Ty, declared};

/// Returns the columns of a virtual table. `arguments` are those of its module, as written in
/// `CREATE VIRTUAL TABLE`.
pub(super) fn virtual_columns(
    catalog: &Catalog,
    table: &Table,
    module: &str,
    arguments: &[String],
) -> Vec<RelationColumn> {
    let content = content_table(catalog, arguments);
    let mut columns = stored_columns(table);

    for (index, column) in columns.iter_mut().enumerate() {
        let ty = match module {
            "fts5" => full_text_type(column, content, arguments),
            "fts5vocab" => vocabulary_type(&column.name),
            _ => module_type(module, index, arguments.get(index)),
        };
        column.ty = Ty {
            origin: Some(format!("{}.{}", table.name, column.name)),
            ..ty
        };
    }
    columns
}

/// The table whose rows a full-text table indexes: `content=documents`.
fn content_table<'c>(catalog: &'c Catalog, arguments: &[String]) -> Option<&'c Table> {
    let name = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("content="))?;
    catalog.table(name.trim().trim_matches(['\'', '"', '`']))
}

fn full_text_type(column: &RelationColumn, content: Option<&Table>, arguments: &[String]) -> Ty {
    if column.hidden && column.name.eq_ignore_ascii_case("rank") {
        return Ty::new(Storage::REAL).or_null("the rank is NULL without MATCH");
    }
    if column.hidden {
        return Ty::new(Storage::TEXT).or_null("the table's own column is for MATCH");
    }

    let indexed = content.and_then(|table| {
        let mut columns = table.columns.iter();
        let stored = columns.find(|stored| stored.name.eq_ignore_ascii_case(&column.name))?;
        Some(Ty::of_column(&table.name, stored))
    });
    // It stores values unchanged. Those that are not indexed are rarely texts.
    let is_indexed = !arguments.iter().any(|argument| {
        let mut words = argument.split_whitespace();
        let name = words.next().unwrap_or_default();
        let name = name.trim_matches(['\'', '"', '`', '[', ']']);
        name.eq_ignore_ascii_case(&column.name)
            && words.any(|word| word.eq_ignore_ascii_case("unindexed"))
    });
    let storage = if is_indexed {
        Storage::TEXT
    } else {
        Storage::ANY
    };
    indexed
        .unwrap_or_else(|| Ty::new(storage))
        .or_null("a full-text table does not enforce NOT NULL")
}

fn vocabulary_type(column: &str) -> Ty {
    let is_text = ["term", "col"]
        .iter()
        .any(|name| column.eq_ignore_ascii_case(name));
    let storage = if is_text {
        Storage::TEXT
    } else {
        Storage::INTEGER
    };
    Ty::new(storage).or_null("a vocabulary does not enforce NOT NULL")
}

/// The type of a column of an R-tree, or of a module without specific rules.
fn module_type(module: &str, index: usize, argument: Option<&String>) -> Ty {
    let is_tree = matches!(module, "rtree" | "rtree_i32");

    if is_tree && index == 0 {
        return Ty::new(Storage::INTEGER);
    }
    // A column after `+` is stored in addition to the tree, with its own type.
    if let Some(argument) = argument.filter(|argument| argument.starts_with('+')) {
        let (_, declared_type) = argument.split_once(char::is_whitespace).unwrap_or_default();
        let (storage, domain) = declared(declared_type, false);
        let ty = Ty {
            domain,
            ..Ty::new(storage)
        };
        return ty.or_null("an R-tree does not enforce NOT NULL");
    }
    match module {
        "rtree" => Ty::new(Storage::REAL),
        "rtree_i32" => Ty::new(Storage::INTEGER),
        _ => Ty::new(Storage::ANY).or_null("a virtual table does not enforce NOT NULL"),
    }
}

/// Returns the type of the values that a column is for.
pub(super) fn promised_type(catalog: &Catalog, table: &Table, column: &Column) -> Ty {
    let of_module = match &table.kind {
        TableKind::Virtual(module, arguments) if module == "fts5" && !column.hidden => {
            let columns = virtual_columns(catalog, table, module, arguments);
            let mut columns = columns.into_iter();
            columns.find(|known| known.name == column.name)
        }
        TableKind::Table | TableKind::View(_) | TableKind::Virtual(..) => None,
    };
    of_module.map_or_else(|| Ty::of_column(&table.name, column), |known| known.ty)
}

/// Returns the columns of a table with their declared types.
pub(super) fn stored_columns(table: &Table) -> Vec<RelationColumn> {
    let relation_column = |column: &Column| RelationColumn {
        name: column.name.clone(),
        ty: Ty::of_column(&table.name, column),
        hidden: column.hidden,
        group: None,
    };
    table.columns.iter().map(relation_column).collect()
}

/// Returns the names of the table functions.
pub(super) fn function_names() -> impl Iterator<Item = String> {
    let pragmas = PRAGMAS.iter().map(|(name, _)| format!("pragma_{name}"));
    ["json_each", "json_tree"]
        .into_iter()
        .map(str::to_owned)
        .chain(pragmas)
}

/// Returns the columns of a table function.
pub(super) fn function_columns(name: &str) -> Option<Vec<RelationColumn>> {
    let lower = name.to_ascii_lowercase();
    if lower == "json_each" || lower == "json_tree" {
        let mut columns = relation_columns(JSON, "the JSON may not have it");
        for column in &mut columns {
            if column.ty.storage == Storage::ANY {
                column.ty = column.ty.clone().with_json(Some(Json::Unknown));
            }
        }
        return Some(columns);
    }

    let mut columns = pragma_columns(lower.strip_prefix("pragma_")?)?;
    for hidden in ["arg", "schema"] {
        if columns.iter().all(|column| column.name != hidden) {
            columns.push(RelationColumn {
                name: hidden.to_owned(),
                ty: Ty::new(Storage::TEXT).or_null("the argument may be omitted"),
                hidden: true,
                group: None,
            });
        }
    }
    Some(columns)
}

/// Returns the columns of a pragma.
pub(super) fn pragma_columns(name: &str) -> Option<Vec<RelationColumn>> {
    let (_, columns) = PRAGMAS
        .iter()
        .find(|(pragma, _)| name.eq_ignore_ascii_case(pragma))?;
    Some(relation_columns(columns, "the pragma can return NULL"))
}

/// `reason` is why a column can be NULL.
fn relation_columns(columns: &[KnownColumn], reason: &'static str) -> Vec<RelationColumn> {
    let relation_column = |column: &KnownColumn| {
        let ty = Ty::new(column.storage);
        RelationColumn {
            name: column.name.to_owned(),
            ty: if column.nullable {
                ty.or_null(reason)
            } else {
                ty
            },
            hidden: column.hidden,
            group: None,
        }
    };
    columns.iter().map(relation_column).collect()
}

/// A column of a table function.
struct KnownColumn {
    name: &'static str,
    storage: Storage,
    nullable: bool,
    /// Whether `*` omits it.
    hidden: bool,
}

impl KnownColumn {
    const fn new(name: &'static str, storage: Storage) -> Self {
        Self {
            name,
            storage,
            nullable: false,
            hidden: false,
        }
    }

    const fn or_null(self) -> Self {
        Self {
            nullable: true,
            ..self
        }
    }

    const fn hidden(self) -> Self {
        Self {
            hidden: true,
            ..self
        }
    }
}

const fn integer(name: &'static str) -> KnownColumn {
    KnownColumn::new(name, Storage::INTEGER)
}

const fn text(name: &'static str) -> KnownColumn {
    KnownColumn::new(name, Storage::TEXT)
}

const fn any(name: &'static str) -> KnownColumn {
    KnownColumn::new(name, Storage::ANY)
}

/// The columns of `json_each` and `json_tree`.
const JSON: &[KnownColumn] = &[
    KnownColumn::new("key", Storage::INTEGER.or(Storage::TEXT)).or_null(),
    any("value").or_null(),
    text("type"),
    any("atom").or_null(),
    integer("id"),
    integer("parent").or_null(),
    text("fullkey"),
    text("path"),
    any("json").or_null().hidden(),
    any("root").or_null().hidden(),
];

/// The pragmas that only read and that D1 allows, with their columns.
const PRAGMAS: &[(&str, &[KnownColumn])] = &[
    ("data_version", &[integer("data_version")]),
    (
        "foreign_key_check",
        &[
            text("table"),
            integer("rowid").or_null(),
            text("parent"),
            integer("fkid"),
        ],
    ),
    (
        "foreign_key_list",
        &[
            integer("id"),
            integer("seq"),
            text("table"),
            text("from"),
            text("to").or_null(),
            text("on_update"),
            text("on_delete"),
            text("match"),
        ],
    ),
    ("foreign_keys", &[integer("foreign_keys")]),
    (
        "index_info",
        &[integer("seqno"), integer("cid"), text("name").or_null()],
    ),
    (
        "index_list",
        &[
            integer("seq"),
            text("name"),
            integer("unique"),
            text("origin"),
            integer("partial"),
        ],
    ),
    (
        "index_xinfo",
        &[
            integer("seqno"),
            integer("cid"),
            text("name").or_null(),
            integer("desc"),
            text("coll").or_null(),
            integer("key"),
        ],
    ),
    ("page_size", &[integer("page_size")]),
    ("quick_check", &[text("quick_check")]),
    (
        "table_info",
        &[
            integer("cid"),
            text("name"),
            text("type"),
            integer("notnull"),
            text("dflt_value").or_null(),
            integer("pk"),
        ],
    ),
    (
        "table_list",
        &[
            text("schema"),
            text("name"),
            text("type"),
            integer("ncol"),
            integer("wr"),
            integer("strict"),
        ],
    ),
    (
        "table_xinfo",
        &[
            integer("cid"),
            text("name"),
            text("type"),
            integer("notnull"),
            text("dflt_value").or_null(),
            integer("pk"),
            integer("hidden"),
        ],
    ),
];
