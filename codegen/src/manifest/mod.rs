//! `wrangler.toml`, `wrangler.json` or `wrangler.jsonc`: text in, a [`Manifest`] out.
//!
//! [`node`] is the manifest as written, [`Manifest`] as understood: what is not a binding, a
//! handler or a fact about one is passed over, since wrangler itself checks it.

mod kind;
mod node;
mod settings;

use crate::report::{Diagnostic, Errors, code, nearest};
use crate::source::{FileId, Sources, Span, Spanned};
pub use kind::{D1, Kind, Kv, Queue, R2, RAW_KINDS, Raw, RawKind, Shape};
use node::{Node, Value};
pub use settings::{DatabaseSettings, settings};

/// A manifest as understood.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The file it was read from.
    pub file: FileId,
    /// The worker's name.
    pub name: Option<String>,
    /// `vars`, in the order of the file.
    pub vars: Vec<Var>,
    /// `secrets.required`.
    pub secrets: Vec<Spanned<String>>,
    /// Every binding but vars and secrets, in the order of the file.
    pub bindings: Vec<Binding>,
    /// `queues.consumers`.
    pub consumers: Vec<Consumer>,
    /// `triggers.crons`.
    pub crons: Vec<Spanned<String>>,
}

/// A binding: the name under which the worker sees it, and what it is bound to.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Its name.
    pub name: Spanned<String>,
    /// What it is bound to.
    pub kind: Kind,
}

/// A variable.
#[derive(Debug, Clone)]
pub struct Var {
    /// Its name.
    pub name: Spanned<String>,
    /// The type of its value.
    pub ty: VarType,
    /// Its value as JSON: what the native backend starts from. On Workers the platform gives it.
    pub json: String,
}

/// What a variable can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VarType {
    /// A string.
    String,
    /// A whole number.
    Integer,
    /// Any other number.
    Float,
    /// `true` or `false`.
    Boolean,
    /// An object or an array.
    Json,
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

impl Manifest {
    /// The Durable Object classes that this worker itself must export.
    pub fn durable_object_classes(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.bindings.iter().filter_map(|binding| match &binding.kind {
            Kind::Raw(raw) => raw.class_name.as_ref(),
            _ => None,
        })
    }
}

/// Reads the manifest. `None` when it is not TOML or JSON at all; other mistakes are reported and
/// the rest of the manifest is still given.
pub fn parse(errors: &mut Errors, sources: &Sources, file: FileId) -> Option<Manifest> {
    let source = sources.file(file);
    let tree =
        if source.name.ends_with(".toml") { node::from_toml(file, &source.text) } else { node::from_json(file, &source.text) };
    let root = match tree {
        Ok(root) => root,
        Err(diagnostic) => {
            errors.push(*diagnostic);
            return None;
        }
    };
    let top = Table::new(errors, &root, "the manifest")?;
    unknown_keys(errors, &top);
    let mut manifest = Manifest {
        file,
        name: top.string(errors, "name").map(|name| name.value),
        vars: vars(errors, &top),
        secrets: secrets(errors, &top),
        bindings: Vec::new(),
        consumers: Vec::new(),
        crons: crons(errors, &top),
    };
    kv_namespaces(errors, &top, &mut manifest);
    d1_databases(errors, &top, &mut manifest);
    r2_buckets(errors, &top, &mut manifest);
    queues(errors, &top, &mut manifest);
    for kind in RAW_KINDS {
        raw(errors, &top, kind, &mut manifest);
    }
    manifest.bindings.sort_by_key(|binding| binding.name.span.start);
    Some(manifest)
}

/// A table of the manifest, with the words for it in messages.
struct Table<'a> {
    entries: &'a [(Spanned<String>, Node)],
    span: Span,
    path: String,
}

impl<'a> Table<'a> {
    fn new(errors: &mut Errors, node: &'a Node, path: impl Into<String>) -> Option<Self> {
        let path = path.into();
        match &node.value {
            Value::Table(entries) => Some(Self { entries, span: node.span, path }),
            other => {
                mismatch(errors, &path, "a table", other, node.span);
                None
            }
        }
    }

    fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(name, _)| name.value == key).map(|(_, node)| node)
    }

    fn table(&self, errors: &mut Errors, key: &str) -> Option<Table<'a>> {
        self.get(key).and_then(|node| Table::new(errors, node, format!("`{key}`")))
    }

    /// The tables of the array `key`; an absent array is empty.
    fn tables(&self, errors: &mut Errors, key: &str) -> Vec<Table<'a>> {
        self.array(errors, key)
            .iter()
            .enumerate()
            .filter_map(|(index, node)| Table::new(errors, node, format!("`{key}[{index}]`")))
            .collect()
    }

    fn array(&self, errors: &mut Errors, key: &str) -> &'a [Node] {
        match self.get(key) {
            None => &[],
            Some(Spanned { value: Value::Array(items), .. }) => items,
            Some(node) => {
                let message = format!("`{key}` must be an array, not {}", node.value.what());
                let diagnostic =
                    Diagnostic::new(code::MANIFEST_FIELD, message, node.span).label(format!("this is {}", node.value.what()));
                errors.push(diagnostic.help(format!("a list of tables is written `[[{key}]]` in TOML, `[{{ ... }}]` in JSON")));
                &[]
            }
        }
    }

    fn string(&self, errors: &mut Errors, key: &str) -> Option<Spanned<String>> {
        let node = self.get(key)?;
        match &node.value {
            Value::String(text) => Some(Spanned { value: text.clone(), span: node.span }),
            other => {
                mismatch(errors, &format!("`{key}`"), "a string", other, node.span);
                None
            }
        }
    }

    /// A string that must be there and not be empty.
    fn required(&self, errors: &mut Errors, key: &str) -> Option<Spanned<String>> {
        if self.get(key).is_none() {
            let message = format!("{} has no `{key}`", self.path);
            errors.push(
                Diagnostic::new(code::MANIFEST_FIELD, message, self.span)
                    .label("belongs to this table")
                    .help(format!("add `{key} = \"...\"`")),
            );
            return None;
        }
        let text = self.string(errors, key)?;
        if text.value.is_empty() {
            errors
                .push(Diagnostic::new(code::MANIFEST_FIELD, format!("`{key}` is empty"), text.span).label("a name belongs here"));
            return None;
        }
        Some(text)
    }

    /// A whole number between two bounds.
    fn number(&self, errors: &mut Errors, key: &str, range: std::ops::RangeInclusive<u32>, default: u32) -> u32 {
        let Some(node) = self.get(key) else { return default };
        let Value::Integer(number) = node.value else {
            mismatch(errors, &format!("`{key}`"), "a whole number", &node.value, node.span);
            return default;
        };
        match u32::try_from(number) {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let message = format!("`{key}` must be between {} and {}", range.start(), range.end());
                errors.push(
                    Diagnostic::new(code::MANIFEST_LIMIT, message, node.span)
                        .label("outside the platform's limits")
                        .help("see https://developers.cloudflare.com/queues/platform/limits/"),
                );
                default
            }
        }
    }
}

fn mismatch(errors: &mut Errors, what: &str, wanted: &str, found: &Value, span: Span) {
    let message = format!("{what} must be {wanted}, not {}", found.what());
    errors.push(Diagnostic::new(code::MANIFEST_FIELD, message, span).label(format!("this is {}", found.what())));
}

/// A binding's name: what a Worker can read as `env.NAME` and Rust can name.
fn binding_name(errors: &mut Errors, table: &Table<'_>, key: &str) -> Option<Spanned<String>> {
    let name = table.required(errors, key)?;
    check_name(errors, &name).then_some(name)
}

fn check_name(errors: &mut Errors, name: &Spanned<String>) -> bool {
    let mut characters = name.value.chars();
    let starts_well = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    let good = starts_well
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
        && name.value.bytes().any(|byte| byte != b'_');
    if !good {
        let repaired: String =
            name.value.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }).collect();
        let repaired = if repaired.starts_with(|first: char| first.is_ascii_digit()) { format!("_{repaired}") } else { repaired };
        let diagnostic = Diagnostic::new(code::BINDING_NAME, format!("`{}` cannot name a binding", name.value), name.span)
            .label("letters, digits and `_`, not a digit first");
        errors.push(diagnostic.help(format!("`{}` would do", repaired.to_uppercase())));
    }
    good
}

/// A key that is nearly the key of a kind would drop a binding in silence.
fn unknown_keys(errors: &mut Errors, top: &Table<'_>) {
    let kinds: Vec<&str> =
        kind::SERVED_KEYS.into_iter().chain(RAW_KINDS.iter().filter_map(|kind| kind.key.split('.').next())).collect();
    for (key, _) in top.entries {
        if kinds.contains(&key.value.as_str()) || kind::OTHER_KEYS.contains(&key.value.as_str()) {
            continue;
        }
        if let Some(near) = nearest(&key.value, kinds.iter().copied()) {
            errors.push(
                Diagnostic::new(code::UNKNOWN_KEY, format!("`{}` is no key of a wrangler manifest", key.value), key.span)
                    .label("wrangler would pass this over")
                    .help(format!("did you mean `{near}`?")),
            );
        }
    }
}

fn vars(errors: &mut Errors, top: &Table<'_>) -> Vec<Var> {
    let Some(table) = top.table(errors, "vars") else { return Vec::new() };
    let mut vars = Vec::new();
    for (name, node) in table.entries {
        let ty = match &node.value {
            Value::String(_) => VarType::String,
            Value::Integer(_) => VarType::Integer,
            Value::Float(_) => VarType::Float,
            Value::Boolean(_) => VarType::Boolean,
            Value::Array(_) | Value::Table(_) | Value::Null => VarType::Json,
            Value::Date(_) => {
                let message = format!("the variable `{}` cannot be a date", name.value);
                let diagnostic = Diagnostic::new(code::MANIFEST_FIELD, message, node.span).label("wrangler refuses dates");
                errors.push(diagnostic.help("write it in quotes"));
                continue;
            }
        };
        if check_name(errors, name) {
            vars.push(Var { name: name.clone(), ty, json: json(&node.value) });
        }
    }
    vars
}

/// The value as JSON text.
fn json(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) | Value::Date(text) => json_string(text),
        Value::Integer(integer) => integer.to_string(),
        // JSON has no infinity and no NaN.
        Value::Float(float) if float.is_finite() => format!("{float:?}"),
        Value::Float(_) => "null".to_owned(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| json(&item.value)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Table(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, node)| format!("{}:{}", json_string(&key.value), json(&node.value))).collect();
            format!("{{{}}}", entries.join(","))
        }
    }
}

fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

fn strings(errors: &mut Errors, table: &Table<'_>, key: &str) -> Vec<Spanned<String>> {
    let mut found = Vec::new();
    for node in table.array(errors, key) {
        match &node.value {
            Value::String(text) => found.push(Spanned { value: text.clone(), span: node.span }),
            other => mismatch(errors, &format!("an entry of `{key}`"), "a string", other, node.span),
        }
    }
    found
}

fn secrets(errors: &mut Errors, top: &Table<'_>) -> Vec<Spanned<String>> {
    let Some(table) = top.table(errors, "secrets") else { return Vec::new() };
    let mut names = strings(errors, &table, "required");
    names.retain(|name| check_name(errors, name));
    names
}

fn crons(errors: &mut Errors, top: &Table<'_>) -> Vec<Spanned<String>> {
    let Some(table) = top.table(errors, "triggers") else { return Vec::new() };
    strings(errors, &table, "crons")
}

fn kv_namespaces(errors: &mut Errors, top: &Table<'_>, manifest: &mut Manifest) {
    for table in top.tables(errors, "kv_namespaces") {
        let id = table.string(errors, "id").map(|id| id.value);
        if let Some(name) = binding_name(errors, &table, "binding") {
            manifest.bindings.push(Binding { name, kind: Kind::Kv(Kv { id }) });
        }
    }
}

fn d1_databases(errors: &mut Errors, top: &Table<'_>, manifest: &mut Manifest) {
    for table in top.tables(errors, "d1_databases") {
        let folder = table.string(errors, "migrations_dir");
        let ledger = table.string(errors, "migrations_table");
        let database_name = table.string(errors, "database_name").map(|name| name.value);
        if let Some(pattern) = table.get("migrations_pattern") {
            // Reading other files than wrangler applies would check queries against another schema.
            errors.push(
                Diagnostic::new(code::MANIFEST_FIELD, "`migrations_pattern` is not supported yet", pattern.span)
                    .label("bindery applies every `.sql` file below `migrations_dir`")
                    .help("remove the pattern and name the folder in `migrations_dir`"),
            );
        }
        if let Some(name) = binding_name(errors, &table, "binding") {
            let migrations_dir_is_explicit = folder.is_some();
            let migrations_dir = folder.unwrap_or(Spanned { value: "migrations".to_owned(), span: table.span });
            let migrations_table =
                ledger.map_or_else(|| bindery_sqlite::migrations::DEFAULT_TABLE.to_owned(), |ledger| ledger.value);
            let kind = Kind::D1(D1 { database_name, migrations_dir, migrations_dir_is_explicit, migrations_table });
            manifest.bindings.push(Binding { name, kind });
        }
    }
}

fn r2_buckets(errors: &mut Errors, top: &Table<'_>, manifest: &mut Manifest) {
    for table in top.tables(errors, "r2_buckets") {
        let bucket = table.string(errors, "bucket_name");
        if let Some(bucket) = &bucket {
            let inner = bucket.value.as_bytes();
            let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            let good = (3..=63).contains(&inner.len())
                && edge(inner.first())
                && edge(inner.last())
                && inner.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-');
            if !good {
                errors.push(
                    Diagnostic::new(code::MANIFEST_LIMIT, format!("`{}` cannot name an R2 bucket", bucket.value), bucket.span)
                        .label("3 to 63 lower-case letters, digits and `-`, no `-` at an end")
                        .help("see https://developers.cloudflare.com/r2/buckets/create-buckets/"),
                );
            }
        }
        if let Some(name) = binding_name(errors, &table, "binding") {
            manifest.bindings.push(Binding { name, kind: Kind::R2(R2 { bucket_name: bucket.map(|bucket| bucket.value) }) });
        }
    }
}

fn queues(errors: &mut Errors, top: &Table<'_>, manifest: &mut Manifest) {
    let Some(queues) = top.table(errors, "queues") else { return };
    for table in queues.tables(errors, "producers") {
        let queue = table.required(errors, "queue");
        if let (Some(name), Some(queue)) = (binding_name(errors, &table, "binding"), queue) {
            manifest.bindings.push(Binding { name, kind: Kind::Queue(Queue { queue: queue.value }) });
        }
    }
    for table in queues.tables(errors, "consumers") {
        let max_batch_size = table.number(errors, "max_batch_size", 1..=100, 10);
        let max_batch_timeout = table.number(errors, "max_batch_timeout", 0..=60, 5);
        let max_retries = table.number(errors, "max_retries", 0..=100, 3);
        let retry_delay = table.number(errors, "retry_delay", 0..=86_400, 0);
        let dead_letter_queue = table.string(errors, "dead_letter_queue").map(|queue| queue.value);
        if let Some(queue) = table.required(errors, "queue") {
            manifest.consumers.push(Consumer {
                queue,
                max_batch_size,
                max_batch_timeout,
                max_retries,
                dead_letter_queue,
                retry_delay,
            });
        }
    }
}

fn raw(errors: &mut Errors, top: &Table<'_>, kind: &'static RawKind, manifest: &mut Manifest) {
    let (parent, key) = match kind.key.split_once('.') {
        None => (None, kind.key),
        Some((parent, key)) => match top.table(errors, parent) {
            Some(table) => (Some(table), key),
            None => return,
        },
    };
    let holder = parent.as_ref().unwrap_or(top);
    if kind.shape == Shape::Map {
        let Some(table) = holder.table(errors, key) else { return };
        for (name, node) in table.entries {
            let bound_to = match &node.value {
                Value::String(path) => vec![("file".to_owned(), path.clone())],
                _ => Vec::new(),
            };
            if check_name(errors, name) {
                manifest.bindings.push(Binding { name: name.clone(), kind: Kind::Raw(Raw { kind, bound_to, class_name: None }) });
            }
        }
        return;
    }
    let tables = match kind.shape {
        Shape::List => holder.tables(errors, key),
        Shape::Single | Shape::Map => holder.table(errors, key).into_iter().collect(),
    };
    for table in tables {
        // `assets` and `pipelines` may stand without a binding.
        if kind.shape == Shape::Single && table.get(kind.name).is_none() {
            continue;
        }
        let Some(name) = binding_name(errors, &table, kind.name) else { continue };
        let bound_to = table
            .entries
            .iter()
            .filter(|(key, _)| key.value != kind.name)
            .filter_map(|(key, node)| match &node.value {
                Value::String(text) => Some((key.value.clone(), text.clone())),
                _ => None,
            })
            .collect();
        let is_ours = kind.key == "durable_objects.bindings" && table.get("script_name").is_none();
        let class_name = if is_ours { table.required(errors, "class_name") } else { None };
        manifest.bindings.push(Binding { name, kind: Kind::Raw(Raw { kind, bound_to, class_name }) });
    }
}
