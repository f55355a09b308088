//! What D1 lets a statement do. SQLite asks while it prepares; a cached statement costs nothing.
//!
//! <https://developers.cloudflare.com/d1/sql-api/sql-statements/>

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::functions;

/// Virtual tables that D1 lets a migration create.
const VIRTUAL_TABLES: [&str; 4] = ["fts5", "fts5vocab", "rtree", "rtree_i32"];

/// Pragmas that take no value, or an object's name.
const READING_PRAGMAS: [&str; 12] = [
    "table_list",
    "table_info",
    "table_xinfo",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "foreign_key_check",
    "quick_check",
    "optimize",
    "data_version",
    "page_size",
];

/// Pragmas that may also be set.
const SWITCHES: [&str; 7] = [
    "case_sensitive_like",
    "foreign_keys",
    "defer_foreign_keys",
    "ignore_check_constraints",
    "legacy_alter_table",
    "recursive_triggers",
    "reverse_unordered_selects",
];

/// A table or a column that a statement reads or writes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// The table, or the view.
    pub table: String,
    /// The column; `None` where rows are inserted, deleted or counted.
    pub column: Option<String>,
    /// Whether it is written.
    pub writes: bool,
}

/// What the authorizer goes by.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// Whether the rules are lifted.
    pub(crate) trusted: AtomicBool,
    /// What was asked for since [`Rules::note`].
    noted: Mutex<Option<BTreeSet<Access>>>,
    /// What was denied last, in words.
    denied: Mutex<Option<String>>,
}

impl Rules {
    /// From here on, notes what is asked for.
    pub(crate) fn note(&self) {
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(BTreeSet::new());
    }

    /// What was asked for, and no more notes.
    pub(crate) fn noted(&self) -> BTreeSet<Access> {
        self.noted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .unwrap_or_default()
    }

    /// What was denied since this was asked last: ``the function `x` ``.
    pub(crate) fn denied(&self) -> Option<String> {
        self.denied
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn deny(&self, action: &AuthAction<'_>) {
        *self.denied.lock().unwrap_or_else(PoisonError::into_inner) = Some(words(action));
    }

    fn hear(&self, action: &AuthAction<'_>) {
        let (table, column, writes) = match action {
            AuthAction::Read {
                table_name,
                column_name,
            } => (*table_name, Some(*column_name), false),
            AuthAction::Update {
                table_name,
                column_name,
            } => (*table_name, Some(*column_name), true),
            AuthAction::Insert { table_name } | AuthAction::Delete { table_name } => {
                (*table_name, None, true)
            }
            _ => return,
        };
        if let Some(noted) = self
            .noted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
        {
            let column = column
                .filter(|column| !column.is_empty())
                .map(str::to_owned);
            noted.insert(Access {
                table: table.to_owned(),
                column,
                writes,
            });
        }
    }
}

pub(crate) fn install(connection: &mut Connection, rules: Arc<Rules>) -> rusqlite::Result<()> {
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        rules.hear(&context.action);
        if rules.trusted.load(Ordering::Relaxed) || is_allowed(&context) {
            return Authorization::Allow;
        }
        rules.deny(&context.action);
        Authorization::Deny
    }))
}

/// What a statement wanted to do.
fn words(action: &AuthAction<'_>) -> String {
    use AuthAction as Action;
    match action {
        Action::Function { function_name } => format!("the function `{function_name}`"),
        Action::Pragma { pragma_name, .. } => format!("the pragma `{pragma_name}`"),
        Action::CreateVtable { module_name, .. } => format!("virtual tables of `{module_name}`"),
        Action::Attach { .. } | Action::Detach { .. } => "ATTACH and DETACH".to_owned(),
        Action::Transaction { .. } | Action::Savepoint { .. } => {
            "transactions in SQL: a `batch` is one".to_owned()
        }
        Action::CreateTempIndex { .. }
        | Action::CreateTempTable { .. }
        | Action::CreateTempTrigger { .. }
        | Action::CreateTempView { .. }
        | Action::DropTempIndex { .. }
        | Action::DropTempTable { .. }
        | Action::DropTempTrigger { .. }
        | Action::DropTempView { .. } => "TEMP tables, views, indexes and triggers".to_owned(),
        Action::CreateTable { table_name }
        | Action::DropTable { table_name }
        | Action::Insert { table_name }
        | Action::Delete { table_name }
        | Action::Update { table_name, .. }
        | Action::Read { table_name, .. } => {
            format!("the table `{table_name}`: names with `_cf_` are Cloudflare's")
        }
        _ => "this".to_owned(),
    }
}

fn is_allowed(context: &AuthContext<'_>) -> bool {
    use AuthAction as Action;
    match context.action {
        Action::Attach { .. }
        | Action::Detach { .. }
        | Action::Transaction { .. }
        | Action::Savepoint { .. } => false,
        Action::CreateTempIndex { .. }
        | Action::CreateTempTable { .. }
        | Action::CreateTempTrigger { .. }
        | Action::CreateTempView { .. }
        | Action::DropTempIndex { .. }
        | Action::DropTempTable { .. }
        | Action::DropTempTrigger { .. }
        | Action::DropTempView { .. } => false,
        Action::Function { function_name } => functions::is_allowed(function_name),
        Action::Pragma {
            pragma_name,
            pragma_value,
        } => {
            let name = pragma_name.to_ascii_lowercase();
            SWITCHES.contains(&name.as_str())
                || READING_PRAGMAS.contains(&name.as_str())
                    && (name != "page_size" || pragma_value.is_none())
        }
        Action::CreateVtable { module_name, .. } => VIRTUAL_TABLES
            .iter()
            .any(|module| module_name.eq_ignore_ascii_case(module)),
        Action::CreateTable { table_name }
        | Action::DropTable { table_name }
        | Action::Insert { table_name }
        | Action::Delete { table_name }
        | Action::Update { table_name, .. }
        | Action::Read { table_name, .. } => !is_reserved(table_name),
        Action::Unknown { .. } => false,
        _ => true,
    }
}

/// Names that Cloudflare keeps for itself.
fn is_reserved(table: &str) -> bool {
    table
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("_cf_"))
}
