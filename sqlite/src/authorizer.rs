//! The statements that D1 allows.
//!
//! SQLite calls the authorizer while it prepares a statement, so running a cached statement has no
//! extra cost.
//!
//! <https://developers.cloudflare.com/d1/sql-api/sql-statements/>

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::functions;

/// The virtual table modules that D1 allows in a migration.
const VIRTUAL_TABLES: [&str; 4] = ["fts5", "fts5vocab", "rtree", "rtree_i32"];

/// Pragmas that accept no value, or the name of an object.
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
pub(crate) const SWITCHES: [&str; 7] = [
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
    /// The table or view.
    pub table: String,
    /// The column; `None` when rows are inserted, deleted or counted.
    pub column: Option<String>,
    /// Whether the statement writes to it.
    pub writes: bool,
}

/// The state of the authorizer.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// Whether the rules are lifted.
    pub(crate) trusted: AtomicBool,
    /// The accesses since [`Rules::start_recording`]; `None` when it does not record.
    recorded: Mutex<Option<BTreeSet<Access>>>,
    /// A description of the last action that was denied.
    denied: Mutex<Option<String>>,
}

impl Rules {
    /// Starts to record accesses.
    pub(crate) fn start_recording(&self) {
        *lock(&self.recorded) = Some(BTreeSet::new());
    }

    /// Stops recording and returns the recorded accesses.
    pub(crate) fn take_recorded(&self) -> BTreeSet<Access> {
        lock(&self.recorded).take().unwrap_or_default()
    }

    /// Takes the description of the last denied action, for example ``the function `x` ``.
    pub(crate) fn take_denied(&self) -> Option<String> {
        lock(&self.denied).take()
    }

    /// Records the access of an action if recording is on.
    fn record(&self, action: &AuthAction<'_>) {
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

        if let Some(recorded) = lock(&self.recorded).as_mut() {
            let column = column.filter(|column| !column.is_empty());
            recorded.insert(Access {
                table: table.to_owned(),
                column: column.map(str::to_owned),
                writes,
            });
        }
    }

    /// Stores the description of a denied action.
    fn deny(&self, action: &AuthAction<'_>) {
        *lock(&self.denied) = Some(describe(action));
    }
}

/// Installs the authorizer on a connection.
pub(crate) fn install(connection: &mut Connection, rules: Arc<Rules>) -> rusqlite::Result<()> {
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        rules.record(&context.action);
        if rules.trusted.load(Ordering::Relaxed) || is_allowed(&context) {
            return Authorization::Allow;
        }
        rules.deny(&context.action);
        Authorization::Deny
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Describes a denied action; the text completes "D1 does not allow ...".
fn describe(action: &AuthAction<'_>) -> String {
    use AuthAction as Action;

    match action {
        Action::Function { function_name } => format!("the function `{function_name}`"),
        Action::Pragma { pragma_name, .. } => format!("the pragma `{pragma_name}`"),
        Action::CreateVtable { module_name, .. } => format!("virtual tables of `{module_name}`"),
        Action::Attach { .. } | Action::Detach { .. } => "ATTACH and DETACH".to_owned(),
        Action::Transaction { .. } | Action::Savepoint { .. } => {
            "transactions in SQL: use a batch, which runs as one transaction".to_owned()
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
            format!("the table `{table_name}`: names that start with `_cf_` are reserved")
        }
        _ => "this".to_owned(),
    }
}

/// Reports whether D1 allows an action.
fn is_allowed(context: &AuthContext<'_>) -> bool {
    use AuthAction as Action;

    match context.action {
        Action::Attach { .. }
        | Action::Detach { .. }
        | Action::Transaction { .. }
        | Action::Savepoint { .. }
        | Action::CreateTempIndex { .. }
        | Action::CreateTempTable { .. }
        | Action::CreateTempTrigger { .. }
        | Action::CreateTempView { .. }
        | Action::DropTempIndex { .. }
        | Action::DropTempTable { .. }
        | Action::DropTempTrigger { .. }
        | Action::DropTempView { .. }
        | Action::Unknown { .. } => false,
        Action::Function { function_name } => functions::is_allowed(function_name),
        Action::Pragma {
            pragma_name,
            pragma_value,
        } => is_allowed_pragma(pragma_name, pragma_value),
        Action::CreateVtable { module_name, .. } => VIRTUAL_TABLES
            .iter()
            .any(|module| module_name.eq_ignore_ascii_case(module)),
        Action::CreateTable { table_name }
        | Action::DropTable { table_name }
        | Action::Insert { table_name }
        | Action::Delete { table_name }
        | Action::Update { table_name, .. }
        | Action::Read { table_name, .. } => !is_reserved(table_name),
        _ => true,
    }
}

fn is_allowed_pragma(name: &str, value: Option<&str>) -> bool {
    let name = name.to_ascii_lowercase();
    if SWITCHES.contains(&name.as_str()) {
        return true;
    }
    // `page_size` is the only one whose value would be a setting and not the name of an object.
    READING_PRAGMAS.contains(&name.as_str()) && (name != "page_size" || value.is_none())
}

/// Reports whether Cloudflare reserves the name of a table.
fn is_reserved(table: &str) -> bool {
    table
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("_cf_"))
}
