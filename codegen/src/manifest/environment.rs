//! One environment: its bindings, and its triggers.

use super::classes;
use super::compatibility::Compatibility;
use super::cron;
use super::deploy;
use super::grammar::{self, Scope};
use super::kind::{BindingKind, Form, Resource};
use super::node::{Node, Value};
use super::plain_secrets;
use super::table::Table;
use super::vars::{self, Var};
use crate::report::{Code, Diagnostic, Errors};
use crate::source::Spanned;

/// An environment: the top level, or an entry of `env`.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Its name; the top level has none.
    pub name: Option<Spanned<String>>,
    /// The worker's name in it.
    pub worker: Option<String>,
    /// `vars`, in the order of the file.
    pub vars: Vec<Var>,
    /// `secrets.required`; `None` if the manifest does not mention secrets.
    pub secrets: Option<Vec<Spanned<String>>>,
    /// The settings of the static assets; empty if there are none.
    pub assets: Vec<(String, String)>,
    /// The bindings other than variables and secrets, in the order of the file.
    pub bindings: Vec<Binding>,
    /// `queues.consumers`.
    pub consumers: Vec<Consumer>,
    /// The compatibility date and flags.
    pub compatibility: Compatibility,
    /// `triggers.crons`.
    pub crons: Vec<Spanned<String>>,
    /// The names of its Workflows.
    pub workflows: Vec<Spanned<String>>,
}

/// A binding of one environment.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Its name.
    pub name: Spanned<String>,
    /// Its resource.
    pub resource: Resource,
}

/// A queue that the worker consumes.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// The queue's name.
    pub queue: Spanned<String>,
    /// The maximum number of messages in a batch.
    pub max_batch_size: u32,
    /// The maximum number of seconds that a batch waits to fill.
    pub max_batch_timeout: u32,
    /// How often a failed message is retried.
    pub max_retries: u32,
    /// The queue for messages that failed every time.
    pub dead_letter_queue: Option<String>,
    /// The seconds before a failed message is retried.
    pub retry_delay: u32,
    /// The maximum number of batches at the same time.
    pub max_concurrency: u32,
}

/// The tables of an environment: its own, and the top level that it inherits from.
pub(super) struct Levels<'t, 'n> {
    top: &'t Table<'n>,
    /// `None` for the top level itself.
    own: Option<&'t Table<'n>>,
    /// The name of the environment.
    name: Option<String>,
}

impl<'t, 'n> Levels<'t, 'n> {
    /// The table that holds the bindings, variables and secrets of the environment.
    fn own(&self) -> &'t Table<'n> {
        self.own.unwrap_or(self.top)
    }

    /// The level that a top-level key is read from. A key is inherited as a whole: wrangler does
    /// not merge its content.
    pub(super) fn level_of(&self, key: &str) -> Option<&'t Table<'n>> {
        let scope = grammar::find(key)?.scope;
        Some(match (self.own, scope) {
            (None, _) | (_, Scope::Top) => self.top,
            (Some(own), Scope::Own) => own,
            (Some(own), Scope::Inherited) if own.get(key).is_some() => own,
            (Some(_), Scope::Inherited) => self.top,
        })
    }

    /// The path of the level that a top-level key is read from.
    pub(super) fn path_of(&self, key: &str) -> Vec<String> {
        match (self.level_of(key), self.own, &self.name) {
            (Some(level), Some(own), Some(name)) if std::ptr::eq(level, own) => {
                vec!["env".to_owned(), name.clone()]
            }
            _ => Vec::new(),
        }
    }

    /// The table under a top-level key.
    pub(super) fn table(&self, key: &str) -> Option<Table<'n>> {
        self.level_of(key)?.table(key)
    }
}

/// Reads the top level, or an environment with the top level that it inherits from.
pub(super) fn read(
    errors: &mut Errors,
    top: &Table<'_>,
    environment: Option<(&Spanned<String>, &Table<'_>)>,
) -> Environment {
    let name = environment.map(|(name, _)| name.clone());
    let levels = Levels {
        top,
        own: environment.map(|(_, table)| table),
        name: name.as_ref().map(|name| name.value.clone()),
    };
    let own = levels.own();

    let mut environment = Environment {
        worker: worker(&levels, name.as_ref()),
        name,
        vars: variables(own),
        secrets: secrets(own),
        assets: assets(&levels),
        bindings: BindingKind::ALL
            .iter()
            .flat_map(|kind| bindings(errors, &levels, *kind))
            .collect(),
        compatibility: compatibility(&levels),
        consumers: consumers(errors, own),
        workflows: own
            .tables("workflows")
            .iter()
            .filter_map(|table| table.string("name"))
            .collect(),
        crons: levels
            .level_of("triggers")
            .map(triggers)
            .unwrap_or_default(),
    };
    environment
        .bindings
        .sort_by_key(|binding| binding.name.span.start);

    check_worker_name(errors, own);
    classes::check(errors, &levels, &environment);
    cron::check(errors, &triggers(own));
    plain_secrets::check(errors, own, &environment);
    deploy::check(errors, own);
    environment
}

/// The environment's own name for the worker, or the name of the top level with the environment's
/// name appended.
fn worker(levels: &Levels<'_, '_>, environment: Option<&Spanned<String>>) -> Option<String> {
    let base = || levels.top.text("name");
    match environment {
        None => base(),
        Some(environment) => {
            let own = levels.own().text("name");
            own.or_else(|| Some(format!("{}-{}", base()?, environment.value)))
        }
    }
}

/// `triggers.crons`
fn triggers(level: &Table<'_>) -> Vec<Spanned<String>> {
    let triggers = level.table("triggers");
    triggers
        .map(|table| table.strings("crons"))
        .unwrap_or_default()
}

/// Checks the characters of the worker's name, which is part of its address.
fn check_worker_name(errors: &mut Errors, own: &Table<'_>) {
    let Some(name) = own.filled(errors, "name") else {
        return;
    };

    let is_allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    if name.value.starts_with('-') || !name.value.bytes().all(is_allowed) {
        let page =
            "https://developers.cloudflare.com/workers/wrangler/configuration/#inheritable-keys";
        let message = format!("`{}` is not a valid worker name", name.value);
        errors.push(
            Diagnostic::new(Code::ManifestLimit, message, name.span)
                .label("lowercase letters, digits, `-` and `_`, no `-` at the start")
                .help(format!("see {page}")),
        );
    }
}

fn variables(own: &Table<'_>) -> Vec<Var> {
    let table = own.table("vars");
    let entries = table.iter().flat_map(|table| table.entries);
    entries.map(|(name, node)| Var::new(name, node)).collect()
}

fn secrets(own: &Table<'_>) -> Option<Vec<Spanned<String>>> {
    Some(own.table("secrets")?.strings("required"))
}

fn compatibility(levels: &Levels<'_, '_>) -> Compatibility {
    let date = levels.level_of("compatibility_date");
    let flags = levels.level_of("compatibility_flags");
    let flags = flags.map(|level| level.strings("compatibility_flags"));
    Compatibility {
        date: date.and_then(|level| level.text("compatibility_date")),
        flags: flags.into_iter().flatten().map(|flag| flag.value).collect(),
    }
}

/// The bindings of a kind.
fn bindings(errors: &mut Errors, levels: &Levels<'_, '_>, kind: BindingKind) -> Vec<Binding> {
    let definition = kind.definition();
    let (holder, key) = definition.holder_and_key();
    let nested = holder.and_then(|holder| levels.table(holder));
    let holder = match holder {
        Some(_) => nested.as_ref(),
        None => levels.level_of(key),
    };
    let Some(holder) = holder else {
        return Vec::new();
    };

    let tables = match definition.form {
        Form::List | Form::NamedList => holder.tables(key),
        Form::Single => holder.table(key).into_iter().collect(),
        Form::Map => return files(errors, holder, kind),
    };
    tables
        .iter()
        .filter_map(|table| binding(errors, table, kind))
        .collect()
}

/// The settings of the static assets, with those of the worker that change their behavior.
fn assets(levels: &Levels<'_, '_>) -> Vec<(String, String)> {
    let Some(table) = levels.table("assets") else {
        return Vec::new();
    };
    if table.string("directory").is_none() {
        return Vec::new();
    }

    let mut settings = Vec::new();
    for (key, node) in table.entries {
        flatten(&mut settings, &key.value, node);
    }
    for key in ["compatibility_date", "compatibility_flags"] {
        let node = levels.level_of(key).and_then(|level| level.get(key));
        if let Some(node) = node {
            flatten(&mut settings, key, node);
        }
    }
    settings
}

/// The binding of a table; `None` for static assets that are served without a binding.
fn binding(errors: &mut Errors, table: &Table<'_>, kind: BindingKind) -> Option<Binding> {
    let definition = kind.definition();
    let hooks = &definition.hooks;
    let name_key = definition.form.name_key();
    (hooks.check)(errors, table);
    let details = (hooks.details)(errors, table);

    let name = table.filled(errors, name_key)?;

    let mut settings = Vec::new();
    for (key, node) in table.entries {
        if key.value != name_key && (hooks.is_public)(&key.value) {
            flatten(&mut settings, &key.value, node);
        }
    }
    Some(Binding {
        name,
        resource: Resource {
            kind,
            settings,
            details,
        },
    })
}

/// The bindings of a table whose keys are names and whose values are files.
fn files(errors: &mut Errors, holder: &Table<'_>, kind: BindingKind) -> Vec<Binding> {
    let key = kind.definition().key;
    let Some(node) = holder.get(key) else {
        return Vec::new();
    };
    errors.push(
        Diagnostic::new(
            Code::ManifestField,
            format!("wrangler does not deploy `{key}` with this worker"),
            node.span,
        )
        .label("unsupported for ES-module workers, and every Rust worker is one")
        .help("include the file: `include_str!(\"...\")` or `include_bytes!(\"...\")`")
        .warning(),
    );

    let table = holder.table(key);
    let entries = table.iter().flat_map(|table| table.entries);
    entries
        .map(|(name, node)| {
            let settings = match &node.value {
                Value::String(path) => vec![(FILE.to_owned(), path.clone())],
                _ => Vec::new(),
            };
            let details = super::Details::None;
            Binding {
                name: name.clone(),
                resource: Resource {
                    kind,
                    settings,
                    details,
                },
            }
        })
        .collect()
}

/// The setting with the path of a bound file.
pub(crate) const FILE: &str = "file";

/// A value and everything inside it, each under its path.
fn flatten(settings: &mut Vec<(String, String)>, key: &str, node: &Node) {
    match &node.value {
        Value::String(text) => settings.push((key.to_owned(), text.clone())),
        Value::Table(entries) => {
            for (inner, node) in entries {
                flatten(settings, &format!("{key}.{}", inner.value), node);
            }
        }
        other => settings.push((key.to_owned(), vars::json(other))),
    }
}

/// The batches of a queue that the native server processes at the same time, if the manifest has no
/// number. The platform then decides by the length of the queue.
const NATIVE_CONCURRENCY: u32 = 10;

/// The page that lists the limits of queues.
const QUEUE_LIMITS: &str = "https://developers.cloudflare.com/queues/platform/limits/";

fn consumers(errors: &mut Errors, own: &Table<'_>) -> Vec<Consumer> {
    let queues = own.table("queues");
    let tables = queues
        .map(|queues| queues.tables("consumers"))
        .unwrap_or_default();
    tables
        .iter()
        .filter_map(|table| consumer(errors, table))
        .collect()
}

fn consumer(errors: &mut Errors, table: &Table<'_>) -> Option<Consumer> {
    let mut number = |key, range, default| table.number(errors, key, range, default, QUEUE_LIMITS);
    let max_batch_size = number("max_batch_size", 1..=100, 10);
    let max_batch_timeout = number("max_batch_timeout", 0..=60, 5);
    let max_retries = number("max_retries", 0..=100, 3);
    let retry_delay = number("retry_delay", 0..=86_400, 0);
    let max_concurrency = number("max_concurrency", 1..=250, NATIVE_CONCURRENCY);

    Some(Consumer {
        queue: table.filled(errors, "queue")?,
        max_batch_size,
        max_batch_timeout,
        max_retries,
        dead_letter_queue: table.text("dead_letter_queue"),
        retry_delay,
        max_concurrency,
    })
}
