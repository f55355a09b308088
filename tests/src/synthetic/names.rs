//! The names of tables and columns.

use super::schema::ColumnType;

/// The areas of the application, in the order in which they were added. They prefix table names.
pub(super) const AREAS: [&str; 20] = [
    "account", "billing", "catalog", "order", "stock", "shipping", "support", "content", "media",
    "campaign", "crm", "project", "calendar", "staff", "payroll", "fleet", "audit", "report",
    "partner", "survey",
];

/// The tables of each area: the singular and the plural of their names.
pub(super) const THINGS: [(&str, &str); 21] = [
    ("member", "members"),
    ("plan", "plans"),
    ("item", "items"),
    ("entry", "entries"),
    ("line", "lines"),
    ("note", "notes"),
    ("event", "events"),
    ("label", "labels"),
    ("file", "files"),
    ("template", "templates"),
    ("rule", "rules"),
    ("batch", "batches"),
    ("address", "addresses"),
    ("comment", "comments"),
    ("token", "tokens"),
    ("setting", "settings"),
    ("snapshot", "snapshots"),
    ("schedule", "schedules"),
    ("assignment", "assignments"),
    ("change", "changes"),
    ("export", "exports"),
];

/// The columns of tables, besides keys and references.
pub(super) const COLUMNS: [(&str, ColumnType); 46] = [
    ("name", ColumnType::Text),
    ("title", ColumnType::Text),
    ("description", ColumnType::Text),
    ("status", ColumnType::Text),
    ("currency", ColumnType::Text),
    ("country", ColumnType::Text),
    ("locale", ColumnType::Text),
    ("color", ColumnType::Text),
    ("phone", ColumnType::Text),
    ("contact_email", ColumnType::Text),
    ("url", ColumnType::Text),
    ("body", ColumnType::Text),
    ("reason", ColumnType::Text),
    ("source", ColumnType::Text),
    ("payload", ColumnType::Text),
    ("quantity", ColumnType::Integer),
    ("amount_cents", ColumnType::Integer),
    ("tax_cents", ColumnType::Integer),
    ("version", ColumnType::Integer),
    ("size_bytes", ColumnType::Integer),
    ("attempts", ColumnType::Integer),
    ("duration_ms", ColumnType::Integer),
    ("priority", ColumnType::Integer),
    ("sort_order", ColumnType::Integer),
    ("views_count", ColumnType::Integer),
    ("rate", ColumnType::Real),
    ("score", ColumnType::Real),
    ("weight", ColumnType::Real),
    ("discount", ColumnType::Real),
    ("latitude", ColumnType::Real),
    ("longitude", ColumnType::Real),
    ("is_active", ColumnType::Boolean),
    ("is_archived", ColumnType::Boolean),
    ("is_public", ColumnType::Boolean),
    ("is_default", ColumnType::Boolean),
    ("is_verified", ColumnType::Boolean),
    ("is_locked", ColumnType::Boolean),
    ("updated_at", ColumnType::Datetime),
    ("deleted_at", ColumnType::Datetime),
    ("expires_at", ColumnType::Datetime),
    ("starts_at", ColumnType::Datetime),
    ("ends_at", ColumnType::Datetime),
    ("published_at", ColumnType::Datetime),
    ("last_seen_at", ColumnType::Datetime),
    ("completed_at", ColumnType::Datetime),
    ("synced_at", ColumnType::Datetime),
];

/// The names of columns with a UNIQUE constraint. A table has at most one of them.
pub(super) const UNIQUE: [&str; 4] = ["slug", "code", "external_id", "email"];
