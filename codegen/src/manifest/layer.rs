//! What one environment binds, and what calls its code: a table of the manifest in, a [`Layer`] out.

use crate::report::{Diagnostic, Errors, code};
use crate::source::Spanned;

use super::grammar::{self, Scope};
use super::kind::{D1, Form, Kind, Kv, Other, Queue, R2, ROWS, Row};
use super::node::{Node, Value};
use super::table::Table;
use super::vars::{self, Var, VarType};

/// An environment: the top level, or one of `env`.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Its name; the top level has none.
    pub environment: Option<Spanned<String>>,
    /// The worker's name in it.
    pub worker: Option<String>,
    /// `vars`, in the order of the file.
    pub vars: Vec<Var>,
    /// `secrets.required`; `None` where the manifest says nothing of secrets.
    pub secrets: Option<Vec<Spanned<String>>>,
    /// Every binding but vars and secrets, in the order of the file.
    pub bindings: Vec<Binding>,
    /// `queues.consumers`.
    pub consumers: Vec<Consumer>,
    /// `triggers.crons`.
    pub crons: Vec<Spanned<String>>,
    /// The names of its Workflows.
    pub workflows: Vec<Spanned<String>>,
}

/// A binding of one environment: the name under which the worker sees it, and what it is bound to.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Its name.
    pub name: Spanned<String>,
    /// What it is bound to.
    pub kind: Kind,
}

/// A queue that the worker consumes.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// The queue's name.
    pub queue: Spanned<String>,
    /// Messages that one batch has at most.
    pub max_batch_size: u32,
    /// Seconds that a batch waits to fill.
    pub max_batch_timeout: u32,
    /// How often a failed message is tried again.
    pub max_retries: u32,
    /// Where a message goes that failed every time.
    pub dead_letter_queue: Option<String>,
    /// Seconds before a failed message is tried again.
    pub retry_delay: u32,
}

/// Reads the top level, or an environment over it.
pub(super) fn read(
    errors: &mut Errors,
    top: &Table<'_>,
    environment: Option<(&Spanned<String>, &Table<'_>)>,
) -> Layer {
    let own = environment.map_or(top, |(_, table)| table);
    let seen = |key: &str| seen(top, environment.map(|(_, table)| table), key);
    let mut layer = Layer {
        environment: environment.map(|(name, _)| name.clone()),
        worker: worker(top, environment),
        vars: variables(errors, own),
        secrets: own.table("secrets").map(|table| {
            let mut names = table.strings("required");
            names.retain(|name| check_name(errors, name));
            names
        }),
        bindings: Vec::new(),
        consumers: Vec::new(),
        workflows: own
            .tables("workflows")
            .iter()
            .filter_map(|table| table.string("name"))
            .collect(),
        crons: seen("triggers")
            .map(|table| table.strings("crons"))
            .unwrap_or_default(),
    };
    kv_namespaces(errors, own, &mut layer);
    d1_databases(errors, own, &mut layer);
    r2_buckets(errors, own, &mut layer);
    queues(errors, own, &mut layer);
    for row in ROWS {
        let (holder, key) = row.key.split_once('.').unwrap_or((row.key, row.key));
        let nested = holder != key;
        let holder = if nested {
            seen(holder)
        } else {
            source(top, environment.map(|(_, table)| table), holder)
        };
        if let Some(holder) = holder {
            others(errors, &holder, key, row, &mut layer);
        }
    }
    layer
        .bindings
        .sort_by_key(|binding| binding.name.span.start);
    worker_name(errors, own);
    made_classes(errors, top, environment.map(|(_, table)| table), &layer);
    layer
}

/// The level that an environment has a key from.
fn source<'a>(top: &Table<'a>, own: Option<&Table<'a>>, key: &str) -> Option<Table<'a>> {
    let level = |table: &Table<'a>| Table {
        entries: table.entries,
        span: table.span,
        path: table.path.clone(),
    };
    match (own, grammar::find(key)?.scope) {
        (_, Scope::Top) => Some(level(top)),
        (Some(own), _) if own.get(key).is_some() => Some(level(own)),
        (Some(own), Scope::Own) => Some(level(own)),
        // Whole keys are inherited: nothing of a table is merged.
        _ => Some(level(top)),
    }
}

/// The table of a key, as an environment sees it.
fn seen<'a>(top: &Table<'a>, own: Option<&Table<'a>>, key: &str) -> Option<Table<'a>> {
    source(top, own, key)?.table(key)
}

/// An environment's own name, or that of the top level with the environment's behind it.
fn worker(top: &Table<'_>, environment: Option<(&Spanned<String>, &Table<'_>)>) -> Option<String> {
    match environment {
        None => top.text("name"),
        Some((name, own)) => own
            .text("name")
            .or_else(|| top.text("name").map(|top| format!("{top}-{}", name.value))),
    }
}

/// A worker's name is a part of its address.
fn worker_name(errors: &mut Errors, own: &Table<'_>) {
    let Some(name) = own.filled(errors, "name") else {
        return;
    };
    let good = !name.value.starts_with('-')
        && name.value.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
        });
    if !good {
        errors.push(
            Diagnostic::new(code::MANIFEST_LIMIT, format!("`{}` cannot name a worker", name.value), name.span)
                .label("lower-case letters, digits, `-` and `_`, no `-` first")
                .help("see https://developers.cloudflare.com/workers/wrangler/configuration/#inheritable-keys"),
        );
    }
}

/// A Durable Object class of this worker is made by a migration, or declared in `exports`.
fn made_classes(errors: &mut Errors, top: &Table<'_>, own: Option<&Table<'_>>, layer: &Layer) {
    let migrations = source(top, own, "migrations")
        .map(|table| table.tables("migrations"))
        .unwrap_or_default();
    let mut made: Vec<String> = Vec::new();
    for migration in &migrations {
        let lists = ["new_classes", "new_sqlite_classes"]
            .into_iter()
            .flat_map(|key| migration.strings(key));
        made.extend(lists.map(|class| class.value));
        let moved = ["renamed_classes", "transferred_classes"]
            .into_iter()
            .flat_map(|key| migration.tables(key));
        made.extend(moved.filter_map(|class| class.text("to")));
        let gone: Vec<String> = migration
            .strings("deleted_classes")
            .into_iter()
            .map(|class| class.value)
            .collect();
        made.retain(|class| !gone.contains(class));
    }
    if let Some(exports) = source(top, own, "exports").and_then(|table| table.table("exports")) {
        made.extend(exports.entries.iter().map(|(class, _)| class.value.clone()));
    }
    for binding in &layer.bindings {
        let Kind::Other(other) = &binding.kind else {
            continue;
        };
        let Some(class) = other
            .class_name
            .as_ref()
            .filter(|_| other.row.key == "durable_objects.bindings")
        else {
            continue;
        };
        if made.iter().all(|known| *known != class.value) {
            errors.push(
                Diagnostic::new(
                    code::MANIFEST_FIELD,
                    format!(
                        "no migration leaves a Durable Object class `{}`",
                        class.value
                    ),
                    class.span,
                )
                .label("the platform refuses to bind a class that none makes")
                .help(format!(
                    "add `[[migrations]]` with `tag = \"v1\"` and `new_sqlite_classes = [\"{}\"]`",
                    class.value
                ))
                .warning(),
            );
        }
    }
}

/// A binding's name: what a Worker can read as `env.NAME` and Rust can name.
fn binding_name(errors: &mut Errors, table: &Table<'_>, key: &str) -> Option<Spanned<String>> {
    let name = table.filled(errors, key)?;
    // A name that is told of stays: what uses it is no second mistake.
    check_name(errors, &name);
    Some(name)
}

/// Whether a name can be a binding's; one that cannot is told of.
pub(crate) fn check_name(errors: &mut Errors, name: &Spanned<String>) -> bool {
    let mut characters = name.value.chars();
    let starts_well = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    let good = starts_well
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
        && name.value.bytes().any(|byte| byte != b'_');
    if !good {
        let repaired: String = name
            .value
            .chars()
            .map(|character| {
                if character.is_ascii_alphanumeric() {
                    character
                } else {
                    '_'
                }
            })
            .collect();
        let repaired = if repaired.starts_with(|first: char| first.is_ascii_digit()) {
            format!("_{repaired}")
        } else {
            repaired
        };
        let diagnostic = Diagnostic::new(
            code::BINDING_NAME,
            format!("`{}` cannot name a binding", name.value),
            name.span,
        )
        .label("letters, digits and `_`, not a digit first");
        errors.push(diagnostic.help(format!("`{}` would do", repaired.to_uppercase())));
    }
    good
}

fn variables(errors: &mut Errors, own: &Table<'_>) -> Vec<Var> {
    let Some(table) = own.table("vars") else {
        return Vec::new();
    };
    let named = table
        .entries
        .iter()
        .filter(|(name, _)| check_name(errors, name));
    named
        .map(|(name, node)| Var {
            name: name.clone(),
            ty: VarType::of(&node.value),
            json: vars::json(&node.value),
        })
        .collect()
}

fn kv_namespaces(errors: &mut Errors, own: &Table<'_>, layer: &mut Layer) {
    for table in own.tables("kv_namespaces") {
        let id = table.filled(errors, "id").map(|id| id.value);
        if let Some(name) = binding_name(errors, &table, "binding") {
            layer.bindings.push(Binding {
                name,
                kind: Kind::Kv(Kv { id }),
            });
        }
    }
}

fn d1_databases(errors: &mut Errors, own: &Table<'_>, layer: &mut Layer) {
    for table in own.tables("d1_databases") {
        let folder = table.filled(errors, "migrations_dir");
        let migrations_pattern = migrations_pattern(errors, &table, folder.as_ref());
        if let Some(name) = binding_name(errors, &table, "binding") {
            let kind = Kind::D1(D1 {
                database_name: table.text("database_name"),
                migrations_pattern,
                migrations_dir_is_explicit: folder.is_some(),
                migrations_dir: folder.unwrap_or(Spanned {
                    value: "migrations".to_owned(),
                    span: table.span,
                }),
                migrations_table: table
                    .text("migrations_table")
                    .unwrap_or_else(|| bindery_sqlite::migrations::DEFAULT_TABLE.to_owned()),
            });
            layer.bindings.push(Binding { name, kind });
        }
    }
}

/// The pattern below the folder of migrations. Other files than wrangler applies would make another schema.
fn migrations_pattern(
    errors: &mut Errors,
    table: &Table<'_>,
    folder: Option<&Spanned<String>>,
) -> String {
    const EVERY: &str = "*.sql";
    let Some(pattern) = table.string("migrations_pattern") else {
        return EVERY.to_owned();
    };
    let plain = |path: &str| path.trim_start_matches("./").to_owned();
    let below = folder.and_then(|folder| {
        let folder = plain(folder.value.trim_end_matches('/'));
        plain(&pattern.value)
            .strip_prefix(&folder)
            .and_then(|rest| rest.strip_prefix('/'))
            .map(str::to_owned)
    });
    let refused = match &below {
        None => Some((
            "it starts with `migrations_dir` and a `/`",
            "name the folder in `migrations_dir`, and begin the pattern with it",
        )),
        Some(below) if below.contains(['[', '{', '!', '(', '+', '@', '\\']) => Some((
            "bindery knows `*`, `**` and `?`",
            "write the pattern with these",
        )),
        Some(_) => None,
    };
    if let Some((label, help)) = refused {
        let message = format!("`{}` cannot be the pattern of migrations", pattern.value);
        errors.push(
            Diagnostic::new(code::MANIFEST_FIELD, message, pattern.span)
                .label(label)
                .help(help),
        );
        return EVERY.to_owned();
    }
    below.unwrap_or_default()
}

fn r2_buckets(errors: &mut Errors, own: &Table<'_>, layer: &mut Layer) {
    for table in own.tables("r2_buckets") {
        let bucket = table.filled(errors, "bucket_name");
        if let Some(bucket) = &bucket {
            let inner = bucket.value.as_bytes();
            let edge = |byte: Option<&u8>| {
                byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            };
            let good = (3..=63).contains(&inner.len())
                && edge(inner.first())
                && edge(inner.last())
                && inner.iter().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-'
                });
            if !good {
                errors.push(
                    Diagnostic::new(
                        code::MANIFEST_LIMIT,
                        format!("`{}` cannot name an R2 bucket", bucket.value),
                        bucket.span,
                    )
                    .label("3 to 63 lower-case letters, digits and `-`, no `-` at an end")
                    .help("see https://developers.cloudflare.com/r2/buckets/create-buckets/"),
                );
            }
        }
        if let Some(name) = binding_name(errors, &table, "binding") {
            layer.bindings.push(Binding {
                name,
                kind: Kind::R2(R2 {
                    bucket_name: bucket.map(|bucket| bucket.value),
                }),
            });
        }
    }
}

/// Where the limits of queues are told.
const QUEUE_LIMITS: &str = "https://developers.cloudflare.com/queues/platform/limits/";

fn queues(errors: &mut Errors, own: &Table<'_>, layer: &mut Layer) {
    let Some(queues) = own.table("queues") else {
        return;
    };
    for table in queues.tables("producers") {
        let queue = table.filled(errors, "queue").map(|queue| queue.value);
        if let Some(name) = binding_name(errors, &table, "binding") {
            layer.bindings.push(Binding {
                name,
                kind: Kind::Queue(Queue { queue }),
            });
        }
    }
    for table in queues.tables("consumers") {
        let mut number =
            |key, range, default| table.number(errors, key, range, default, QUEUE_LIMITS);
        let (max_batch_size, max_batch_timeout) = (
            number("max_batch_size", 1..=100, 10),
            number("max_batch_timeout", 0..=60, 5),
        );
        let (max_retries, retry_delay) = (
            number("max_retries", 0..=100, 3),
            number("retry_delay", 0..=86_400, 0),
        );
        number("max_concurrency", 1..=250, 1);
        if let Some(queue) = table.filled(errors, "queue") {
            layer.consumers.push(Consumer {
                queue,
                max_batch_size,
                max_batch_timeout,
                max_retries,
                dead_letter_queue: table.text("dead_letter_queue"),
                retry_delay,
            });
        }
    }
}

/// Whether what a key holds may be told: what is anybody's own, or of no known shape, may be a secret.
fn is_told(row: &Row, key: &str) -> bool {
    match row.key {
        "unsafe.bindings" => ["type", "service"].contains(&key),
        _ => !["localConnectionString", "props"].contains(&key),
    }
}

fn others(
    errors: &mut Errors,
    holder: &Table<'_>,
    key: &str,
    row: &'static Row,
    layer: &mut Layer,
) {
    if row.form == Form::Map {
        if let Some(node) = holder.get(key) {
            errors.push(
                Diagnostic::new(
                    code::MANIFEST_FIELD,
                    format!("wrangler refuses to deploy `{key}` with this worker"),
                    node.span,
                )
                .label("for workers that are no ES modules, and one of Rust is")
                .help("include the file: `include_str!(\"...\")` or `include_bytes!(\"...\")`")
                .warning(),
            );
        }
        for (name, node) in holder.table(key).iter().flat_map(|table| table.entries) {
            let settings = match &node.value {
                Value::String(path) => vec![("file".to_owned(), path.clone())],
                _ => Vec::new(),
            };
            if check_name(errors, name) {
                let kind = Kind::Other(Other {
                    row,
                    settings,
                    class_name: None,
                });
                layer.bindings.push(Binding {
                    name: name.clone(),
                    kind,
                });
            }
        }
        return;
    }
    let tables = if row.form == Form::Single {
        holder.table(key).into_iter().collect()
    } else {
        holder.tables(key)
    };
    for table in tables {
        // The one kind whose tables may hold anything.
        if row.key == "unsafe.bindings" {
            for key in ["name", "type"]
                .into_iter()
                .filter(|key| table.string(key).is_none())
            {
                errors.push(
                    Diagnostic::new(
                        code::MANIFEST_FIELD,
                        format!("`unsafe.{}` has no `{key}`", table.path),
                        table.span,
                    )
                    .label("belongs to this table")
                    .help(format!("add `{key} = \"...\"`")),
                );
            }
        }
        // Static assets may be served without a binding.
        let Some(name) = binding_name(errors, &table, row.form.name_key()) else {
            continue;
        };
        let mut settings = Vec::new();
        let facts = table
            .entries
            .iter()
            .filter(|(key, _)| key.value != row.form.name_key() && is_told(row, &key.value));
        facts.for_each(|(key, node)| flatten(&mut settings, &key.value, node));
        limits(errors, &table, row);
        let is_ours = ["durable_objects.bindings", "workflows"].contains(&row.key)
            && table.get("script_name").is_none();
        let class_name = if is_ours {
            table.filled(errors, "class_name")
        } else {
            None
        };
        layer.bindings.push(Binding {
            name,
            kind: Kind::Other(Other {
                row,
                settings,
                class_name,
            }),
        });
    }
}

/// A value with all that is in it, each under its path.
fn flatten(settings: &mut Vec<(String, String)>, key: &str, node: &Node) {
    match &node.value {
        Value::String(text) => settings.push((key.to_owned(), text.clone())),
        Value::Table(entries) => {
            entries.iter().for_each(|(inner, node)| {
                flatten(settings, &format!("{key}.{}", inner.value), node)
            });
        }
        other => settings.push((key.to_owned(), vars::json(other))),
    }
}

/// Limits that are known before anything is deployed.
fn limits(errors: &mut Errors, table: &Table<'_>, row: &Row) {
    match row.key {
        "ratelimits" => {
            let Some(simple) = table.table("simple") else {
                return;
            };
            let page =
                "https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/";
            simple.number(errors, "limit", 1..=u32::MAX, 1, page);
            if let Some(node) = simple.get("period")
                && !matches!(node.value, Value::Integer(10 | 60))
            {
                errors.push(
                    Diagnostic::new(
                        code::MANIFEST_LIMIT,
                        "`period` must be 10 or 60 seconds",
                        node.span,
                    )
                    .label("outside the platform's limits")
                    .help(format!("see {page}")),
                );
            }
        }
        "workflows" => {
            let Some(name) = table.filled(errors, "name") else {
                return;
            };
            let good = name.value.len() <= 64
                && name
                    .value
                    .starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
                && name
                    .value
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
            if !good {
                errors.push(
                    Diagnostic::new(
                        code::MANIFEST_LIMIT,
                        format!("`{}` cannot name a Workflow", name.value),
                        name.span,
                    )
                    .label("up to 64 letters, digits, `-` and `_`, no `-` first")
                    .help("see https://developers.cloudflare.com/workflows/reference/limits/"),
                );
            }
        }
        "send_email" => {
            if let (Some(_), Some(node)) = (
                table.get("destination_address"),
                table.get("allowed_destination_addresses"),
            ) {
                errors.push(
                    Diagnostic::new(
                        code::MANIFEST_FIELD,
                        "`destination_address` and `allowed_destination_addresses` exclude each other",
                        node.span,
                    )
                    .label("the second one")
                    .help("keep one of them"),
                );
            }
        }
        "pipelines" | "vpc_networks" => {
            let (left, right) = if row.key == "pipelines" {
                ("stream", "pipeline")
            } else {
                ("tunnel_id", "network_id")
            };
            let both = table.get(left).is_some() && table.get(right).is_some();
            let none = table.get(left).is_none() && table.get(right).is_none();
            if none || (both && row.key == "vpc_networks") {
                let message = format!(
                    "`{}` needs {} `{left}` or `{right}`",
                    table.path,
                    if none { "a" } else { "one of" }
                );
                errors.push(
                    Diagnostic::new(code::MANIFEST_FIELD, message, table.span)
                        .label("belongs to this table")
                        .help(if none {
                            format!("add `{left} = \"...\"`")
                        } else {
                            "keep one of them".to_owned()
                        }),
                );
            }
        }
        _ => {}
    }
}
