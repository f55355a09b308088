//! Everything that a manifest binds, opened: from a folder, or in memory.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bindery_sqlite::{Database, migrations};

use crate::app::{Blueprint, Resource, Stage};
use crate::error::{Error, Kind, Result};
use crate::observe::{Observer, Observers};
use crate::vars::RawVar;

use super::other::Made;
use super::queue::Queues;
use super::{D1, Kv, Other, Queue, R2};

/// The native backend of one process, or of one test.
#[derive(Clone)]
pub struct World(Arc<Inner>);

/// Without the variables: some are secrets.
impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("World")
            .field("bindings", &self.0.handles.keys())
            .finish_non_exhaustive()
    }
}

struct Inner {
    stage: Stage,
    handles: BTreeMap<&'static str, Handle>,
    queues: Queues,
    observers: Arc<Observers>,
    vars: BTreeMap<String, RawVar>,
    given: BTreeMap<String, String>,
    /// The files that these are from.
    given_in: Vec<String>,
}

enum Handle {
    Kv(Kv),
    D1(D1),
    R2(R2),
    Queue(Queue),
    Other(Other),
}

type Opened<T> = std::result::Result<T, Box<dyn StdError + Send + Sync>>;

impl World {
    /// Opens the state in `folder`, or a fresh one in memory, and applies the migrations that are
    /// not applied yet.
    pub(crate) fn open(folder: Option<&Path>, blueprint: &Blueprint) -> Result<Self> {
        let stage = stage(blueprint)?;
        let misconfigured = |what: &str, error: Box<dyn StdError + Send + Sync>| {
            Error::worker("start", Kind::Misconfigured, format!("{what}: {error}"))
        };
        let place = |kind: &str, name: &str| -> Opened<Option<PathBuf>> {
            let Some(folder) = folder else {
                return Ok(None);
            };
            let folder = folder.join(kind);
            fs::create_dir_all(&folder)?;
            Ok(Some(folder.join(name)))
        };
        let queues = place("", "queues.sqlite")
            .and_then(|path| Ok(Queues::open(path.as_deref())?))
            .map_err(|error| misconfigured("the queues cannot be opened", error))?;
        let mut databases: BTreeMap<&str, D1> = BTreeMap::new();
        let mut buckets: BTreeMap<&str, R2> = BTreeMap::new();
        let mut handles = BTreeMap::new();
        let (given, given_in) =
            dev_vars(&project_folder().join(blueprint.folder), stage.environment)
                .map_err(|error| misconfigured("the local variables cannot be read", error))?;
        for (binding, resource) in stage.resources {
            let handle = match resource {
                Resource::Kv => place("kv", &format!("{binding}.sqlite"))
                    .and_then(|path| Ok(Handle::Kv(Kv::open(path.as_deref())?))),
                // Two bindings of one database are one database.
                Resource::D1 { database, .. } if databases.contains_key(database) => {
                    Ok(Handle::D1(databases[database].clone()))
                }
                Resource::D1 {
                    database,
                    ledger,
                    baseline,
                    migrations,
                } => place("d1", &format!("{database}.sqlite"))
                    .and_then(|path| open_database(path.as_deref(), ledger, baseline, migrations))
                    .map(|opened| Handle::D1(databases.entry(database).or_insert(opened).clone())),
                Resource::R2 { bucket } if buckets.contains_key(bucket) => {
                    Ok(Handle::R2(buckets[bucket].clone()))
                }
                Resource::R2 { bucket } => place("r2", bucket)
                    .and_then(|folder| R2::open(folder.as_deref()))
                    .map(|opened| Handle::R2(buckets.entry(bucket).or_insert(opened).clone())),
                Resource::Queue { queue } => Ok(Handle::Queue(queues.queue(queue))),
                Resource::Other {
                    key,
                    title,
                    settings,
                    file,
                } => {
                    let given = |name: &str| {
                        std::env::var(name)
                            .ok()
                            .or_else(|| given.get(name).cloned())
                    };
                    let folder = folder.map(|folder| folder.join(key));
                    Ok(Handle::Other(Other::new(Made {
                        binding,
                        title,
                        key,
                        settings,
                        file,
                        folder,
                        given: &given,
                    })))
                }
            };
            handles.insert(
                *binding,
                handle.map_err(|error| {
                    misconfigured(&format!("`{binding}` cannot be opened"), error)
                })?,
            );
        }
        let parse = |(name, json): &(&str, &str)| {
            let value = serde_json::from_str(json).unwrap_or(serde_json::Value::Null);
            let raw = match value {
                serde_json::Value::String(text) => RawVar::Text(text),
                other => RawVar::Json(other),
            };
            ((*name).to_owned(), raw)
        };
        let vars = stage.vars.iter().map(parse).collect();
        Ok(Self(Arc::new(Inner {
            stage,
            handles,
            queues,
            observers: Arc::default(),
            vars,
            given,
            given_in,
        })))
    }

    pub(crate) fn observers(&self) -> Arc<Observers> {
        Arc::clone(&self.0.observers)
    }

    /// Tells `observer` of every call from now on.
    pub fn observe(&self, observer: impl Observer + 'static) {
        self.0.observers.install(observer);
    }

    pub(super) fn queues(&self) -> &Queues {
        &self.0.queues
    }

    pub(crate) fn kv(&self, binding: &str) -> std::result::Result<Kv, String> {
        match self.0.handles.get(binding) {
            Some(Handle::Kv(kv)) => Ok(kv.clone()),
            _ => Err(missing(binding)),
        }
    }

    pub(crate) fn d1(&self, binding: &str) -> std::result::Result<D1, String> {
        match self.0.handles.get(binding) {
            Some(Handle::D1(d1)) => Ok(d1.clone()),
            _ => Err(missing(binding)),
        }
    }

    pub(crate) fn r2(&self, binding: &str) -> std::result::Result<R2, String> {
        match self.0.handles.get(binding) {
            Some(Handle::R2(r2)) => Ok(r2.clone()),
            _ => Err(missing(binding)),
        }
    }

    pub(crate) fn queue(&self, binding: &str) -> std::result::Result<Queue, String> {
        match self.0.handles.get(binding) {
            Some(Handle::Queue(queue)) => Ok(queue.clone()),
            _ => Err(missing(binding)),
        }
    }

    /// The kind is what the manifest says: here nothing else can be bound.
    pub(crate) fn other(
        &self,
        binding: &str,
        _what: &str,
        _mark: &str,
    ) -> std::result::Result<Other, String> {
        match self.0.handles.get(binding) {
            Some(Handle::Other(other)) => Ok(other.clone()),
            _ => Err(missing(binding)),
        }
    }

    /// Whether the environment that runs binds it.
    pub(crate) fn has(&self, binding: &str) -> bool {
        self.0.handles.contains_key(binding)
    }

    /// The environment that runs.
    pub(super) fn stage(&self) -> &Stage {
        &self.0.stage
    }

    /// `.dev.vars` wins over the manifest. The process's environment has variables of its own, such as `USER`: it counts
    /// where `CLOUDFLARE_INCLUDE_PROCESS_ENV` is `true`, as for wrangler.
    pub(crate) fn var(&self, name: &str) -> Option<RawVar> {
        let included = std::env::var("CLOUDFLARE_INCLUDE_PROCESS_ENV")
            .is_ok_and(|included| included == "true");
        let process = included.then(|| std::env::var(name).ok()).flatten();
        let given = process.or_else(|| self.0.given.get(name).cloned());
        given
            .map(RawVar::Text)
            .or_else(|| self.0.vars.get(name).cloned())
    }

    /// Where a secret that is missing could stand.
    pub(crate) fn secret_place(&self) -> String {
        let names = if self.0.given_in.is_empty() {
            ".dev.vars".to_owned()
        } else {
            self.0.given_in.join("`, `")
        };
        format!("it comes from `{names}` or the environment")
    }

    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        // In another environment it may be a variable.
        let var = || match self.0.vars.get(name) {
            Some(RawVar::Text(text)) => Some(text.clone()),
            _ => None,
        };
        std::env::var(name)
            .ok()
            .or_else(|| self.0.given.get(name).cloned())
            .or_else(var)
    }
}

/// The environment that `CLOUDFLARE_ENV` names, as for wrangler; else the top level.
fn stage(blueprint: &Blueprint) -> Result<Stage> {
    let wanted = std::env::var("CLOUDFLARE_ENV").unwrap_or_default();
    let only = |stages: &'static [Stage]| stages.first().filter(|_| wanted.is_empty());
    let found = blueprint
        .stages
        .iter()
        .find(|stage| stage.environment == wanted)
        .or_else(|| only(blueprint.stages));
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = blueprint
            .stages
            .iter()
            .map(|stage| stage.environment)
            .filter(|name| !name.is_empty())
            .collect();
        let known = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        let message =
            format!("CLOUDFLARE_ENV is `{wanted}`, and the manifest's environments are: {known}");
        Error::worker("start", Kind::Misconfigured, message)
    })
}

fn missing(binding: &str) -> String {
    format!("the binding {binding} is missing")
}

fn open_database(
    path: Option<&Path>,
    ledger: &str,
    baseline: &str,
    files: &[(&str, &str)],
) -> Opened<D1> {
    let database = match path {
        Some(path) => Database::open(path)?,
        None => Database::in_memory()?,
    };
    let is_new = database.trusted(|connection| {
        connection.query_row(
            "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)",
            [],
            |row| row.get::<_, bool>(0),
        )
    })?;
    if is_new && !baseline.is_empty() {
        database.transaction(
            |_| match migrations::baseline(&database, baseline).first() {
                Some(failure) => Err(format!("the schema fails: {}", failure.message).into()),
                None => Opened::Ok(()),
            },
        )?;
    }
    let applied = migrations::applied(&database, ledger)?;
    for (name, sql) in files
        .iter()
        .filter(|(name, _)| !applied.iter().any(|known| known == name))
    {
        migrations::apply(&database, ledger, migrations::Migration { name, sql }).map_err(|failure| {
            let line = sql.get(..failure.span.start).unwrap_or_default().matches('\n').count() + 1;
            format!(
                "the migration `{name}` fails at line {line}: {}; nothing of this file was kept, those before it are applied",
                failure.message
            )
        })?;
    }
    Ok(D1::new(database))
}

/// The folder of the package that cargo runs, or the one the process was started in.
pub(super) fn project_folder() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// The values of `.dev.vars.<environment>` or `.dev.vars`, the first that is there; else of `.env` and its kin, the
/// later over the earlier. As wrangler has it.
///
/// <https://developers.cloudflare.com/workers/configuration/secrets/#local-development-with-secrets>
fn dev_vars(folder: &Path, environment: &str) -> Opened<(BTreeMap<String, String>, Vec<String>)> {
    let first = [format!(".dev.vars.{environment}"), ".dev.vars".to_owned()];
    let first = first
        .into_iter()
        .filter(|name| !name.ends_with('.'))
        .map(|name| folder.join(name))
        .find(|path| path.exists());
    let paths = match first {
        Some(path) => vec![path],
        None => {
            let mut names = vec![".env".to_owned(), ".env.local".to_owned()];
            if !environment.is_empty() {
                names.extend([
                    format!(".env.{environment}"),
                    format!(".env.{environment}.local"),
                ]);
            }
            names
                .into_iter()
                .map(|name| folder.join(name))
                .filter(|path| path.exists())
                .collect()
        }
    };
    let mut values = BTreeMap::new();
    for path in &paths {
        // The error of a line would quote it, and it may be a secret.
        for item in dotenvy::from_path_iter(path).map_err(|_| "it cannot be opened")? {
            let (name, value) = item.map_err(|error| {
                let lines = fs::read_to_string(path).unwrap_or_default();
                let broken =
                    |line: &str| matches!(&error, dotenvy::Error::LineParse(text, _) if text.contains(line) && !line.is_empty());
                let line = lines.lines().position(broken).map(|line| format!(" {}", line + 1)).unwrap_or_default();
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                format!("line{line} of `{name}` is not `NAME=value`")
            })?;
            values.insert(name, value);
        }
    }
    let names = paths
        .iter()
        .filter_map(|path| path.file_name())
        .map(|name| name.to_string_lossy().into_owned());
    Ok((values, names.collect()))
}
