//! Every binding of the manifest, opened in a state folder or in memory.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use crate::app::{Cf, Context, EnvironmentManifest, Manifest, RawVar, Resource, setting};
use crate::bindings::BindingKind;
use crate::durable_object::DurableObject;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::{Observer, Observers};
use crate::resilience::Faults;
use crate::workflow::Run;

use super::assets::Assets;
use super::context::{Routers, Tasks};
use super::d1::Place;
use super::durable_object::{Hosts, Objects};
use super::env_files::{EnvFiles, project_folder};
use super::folder::StateFolder;
use super::object::Simulation;
use super::queue::Queues;
use super::workflow::Workflows;
use super::{D1, Kv, Object, Queue, R2, Workflow};

/// The native backend of one process, or of one test.
#[derive(Clone)]
pub struct Backend(Arc<Inner>);

/// Does not print variables, because some are secrets.
impl fmt::Debug for Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Backend")
            .field("bindings", &self.0.handles.keys())
            .finish_non_exhaustive()
    }
}

struct Inner {
    environment: EnvironmentManifest,
    handles: BTreeMap<&'static str, Handle>,
    queues: Queues,
    objects: Hosts,
    workflows: Option<Workflows>,
    observers: Arc<Observers>,
    vars: BTreeMap<String, RawVar>,
    env_files: EnvFiles,
    overrides: Overrides,
    tasks: Tasks,
    assets: Option<Assets>,
    /// Locked as long as a handler can use the state.
    #[cfg_attr(
        not(feature = "email"),
        expect(dead_code, reason = "it is held for its lock")
    )]
    folder: Option<StateFolder>,
}

/// The variables and secrets that replace those of the manifest and of the machine, and the faults.
#[derive(Default)]
pub(super) struct Overrides {
    pub(super) vars: BTreeMap<String, RawVar>,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) faults: Faults,
}

enum Handle {
    Kv(Kv),
    D1(D1),
    R2(R2),
    Queue(Queue),
    Objects(Objects),
    Workflow(Workflow),
    Object(Object),
}

/// A backend that can be gone.
#[derive(Clone)]
pub(super) struct WeakBackend(Weak<Inner>);

impl WeakBackend {
    pub(super) fn upgrade(&self) -> Option<Backend> {
        self.0.upgrade().map(Backend)
    }
}

/// The result of opening a part of the state.
pub(super) type Opened<T> = std::result::Result<T, Box<dyn StdError + Send + Sync>>;

impl Backend {
    /// Opens the state in `folder`, or new state in memory, and applies pending migrations.
    pub(super) fn open(
        folder: Option<StateFolder>,
        manifest: &Manifest,
        overrides: Overrides,
    ) -> Result<Self> {
        let environment = environment(manifest)?;
        let env_files =
            EnvFiles::read(&project_folder().join(manifest.folder), environment.name)
                .map_err(|error| misconfigured("the local variables cannot be read", &*error))?;

        let path = folder.as_ref().map(StateFolder::path);
        let assets = open_assets(manifest, &environment)
            .map_err(|error| misconfigured("the static assets cannot be opened", &*error))?;
        let tasks = Tasks::default();
        let mut state = State::new(
            path,
            &environment,
            assets.clone(),
            &overrides.faults,
            &tasks,
        )
        .map_err(|error| misconfigured("the local state cannot be opened", &*error))?;
        let mut handles = BTreeMap::new();
        for resource in environment.resources {
            let handle = state.open(resource, &env_files).map_err(|error| {
                misconfigured(&format!("`{}` cannot be opened", resource.binding), &*error)
            })?;
            handles.insert(resource.binding, handle);
        }

        let vars = environment.vars.iter();
        let vars = vars
            .map(|(name, json)| ((*name).to_owned(), RawVar::of_json(json)))
            .collect();
        Ok(Self(Arc::new(Inner {
            environment,
            handles,
            queues: state.queues,
            objects: state.objects,
            workflows: state.workflows,
            observers: Arc::new(Observers::with_faults(overrides.faults.clone())),
            vars,
            env_files,
            overrides,
            tasks,
            assets,
            folder,
        })))
    }

    /// Returns the context of a handler.
    pub(super) fn context(&self, cf: Arc<Cf>, routers: Routers) -> Context {
        Context::new(super::Context::new(self.0.tasks.clone(), cf, routers))
    }

    /// Returns the context of a handler that no request calls.
    pub(super) fn background_context(&self) -> Context {
        self.context(Arc::default(), Routers::default())
    }

    /// The threads and alarms of Durable Objects.
    pub(super) fn objects_hosts(&self) -> &Hosts {
        &self.0.objects
    }

    /// The objects of a class.
    pub(crate) fn objects<T: DurableObject>(
        &self,
        binding: &str,
    ) -> std::result::Result<Objects, String> {
        match self.0.handles.get(binding) {
            Some(Handle::Objects(objects)) => {
                objects.register::<T>(WeakBackend(Arc::downgrade(&self.0)));
                Ok(objects.clone())
            }
            _ => Err(missing(binding)),
        }
    }

    /// The folder of the state. Tests have none.
    #[cfg(feature = "email")]
    pub(super) fn state_folder(&self) -> Option<&Path> {
        self.0.folder.as_ref().map(StateFolder::path)
    }

    /// The Workflows of this worker, if it has any.
    pub(super) fn workflows(&self) -> Option<&Workflows> {
        self.0.workflows.as_ref()
    }

    /// A Workflow of this worker.
    pub(crate) fn workflow<T: Run>(&self, binding: &str) -> std::result::Result<Workflow, String> {
        let workflow = self.workflow_of_others(binding)?;
        workflow.register::<T>(WeakBackend(Arc::downgrade(&self.0)));
        Ok(workflow)
    }

    pub(crate) fn workflow_of_others(
        &self,
        binding: &str,
    ) -> std::result::Result<Workflow, String> {
        match self.0.handles.get(binding) {
            Some(Handle::Workflow(workflow)) => Ok(workflow.clone()),
            _ => Err(missing(binding)),
        }
    }

    /// The static assets.
    pub(super) fn assets(&self) -> Option<&Assets> {
        self.0.assets.as_ref()
    }

    /// The work in the background.
    pub(super) fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    /// A number that no other backend has while this one exists.
    pub(super) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    pub(crate) fn observers(&self) -> Arc<Observers> {
        Arc::clone(&self.0.observers)
    }

    /// Sends `observer` an event after each call from now on.
    pub fn observe(&self, observer: impl Observer + 'static) {
        self.0.observers.install(observer);
    }

    pub(super) fn queues(&self) -> &Queues {
        &self.0.queues
    }

    /// The selected environment.
    pub(super) fn environment(&self) -> &EnvironmentManifest {
        &self.0.environment
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

    /// Returns a bucket by its name.
    #[cfg(feature = "presign")]
    pub(super) fn bucket(&self, name: &str) -> Option<R2> {
        let mut resources = self.0.environment.resources.iter();
        let is_named =
            |resource: &&Resource| resource.kind == BindingKind::R2 && local_name(resource) == name;
        self.r2(resources.find(is_named)?.binding).ok()
    }

    pub(crate) fn queue(&self, binding: &str) -> std::result::Result<Queue, String> {
        match self.0.handles.get(binding) {
            Some(Handle::Queue(queue)) => Ok(queue.clone()),
            _ => Err(missing(binding)),
        }
    }

    /// A binding of any other kind. The manifest decides the kind, so there is nothing to check.
    pub(crate) fn object(
        &self,
        binding: &str,
        _kind: BindingKind,
    ) -> std::result::Result<Object, String> {
        match self.0.handles.get(binding) {
            Some(Handle::Object(object)) => Ok(object.clone()),
            // A class whose name is not one in Rust.
            Some(Handle::Objects(_)) => {
                let title = "Durable Object namespace";
                Ok(Object::new(title, title, Simulation::Unsupported))
            }
            _ => Err(missing(binding)),
        }
    }

    /// Whether the selected environment has a binding.
    pub(crate) fn has(&self, binding: &str) -> bool {
        self.0.handles.contains_key(binding)
    }

    /// The value of a variable. `.dev.vars` overrides the manifest.
    ///
    /// The process environment has unrelated variables, such as `USER`. As in wrangler, it is read
    /// only if `CLOUDFLARE_INCLUDE_PROCESS_ENV` is `true`.
    pub(crate) fn var(&self, name: &str) -> Option<RawVar> {
        let include_process =
            std::env::var("CLOUDFLARE_INCLUDE_PROCESS_ENV").is_ok_and(|include| include == "true");
        let process = include_process.then(|| std::env::var(name).ok()).flatten();

        let set = self.0.overrides.vars.get(name).cloned();
        let other = || {
            process
                .or_else(|| self.0.env_files.get(name))
                .map(RawVar::Text)
                .or_else(|| self.0.vars.get(name).cloned())
        };
        set.or_else(other)
    }

    /// Where a missing secret can be set.
    pub(crate) fn secret_place(&self) -> String {
        format!(
            "set it in {} or in the environment",
            self.0.env_files.describe()
        )
    }

    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        // The selected environment may have a variable where another one has a secret.
        let var = || match self.0.vars.get(name) {
            Some(RawVar::Text(text)) => Some(text.clone()),
            _ => None,
        };
        if let Some(text) = self.0.overrides.secrets.get(name) {
            return Some(text.clone());
        }
        std::env::var(name)
            .ok()
            .or_else(|| self.0.env_files.get(name))
            .or_else(var)
    }
}

/// The state that is being opened. Bindings of one namespace, database or bucket share it.
struct State<'a> {
    folder: Option<&'a Path>,
    resources: &'static [Resource],
    /// The static assets, and the name of their binding.
    assets: Option<(Assets, Option<&'static str>)>,
    worker: &'static str,
    queues: Queues,
    objects: Hosts,
    classes: Vec<(&'static Resource, Objects)>,
    workflows: Option<Workflows>,
    faults: Faults,
    namespaces: Vec<(&'static Resource, Kv)>,
    databases: Vec<(&'static Resource, D1)>,
    buckets: Vec<(&'static Resource, R2)>,
}

impl<'a> State<'a> {
    fn new(
        folder: Option<&'a Path>,
        environment: &EnvironmentManifest,
        assets: Option<Assets>,
        faults: &Faults,
        tasks: &Tasks,
    ) -> Opened<Self> {
        let path = path(folder, "", "queues.sqlite")?;
        let queues = Queues::open(path.as_deref())?;
        Ok(Self {
            folder,
            resources: environment.resources,
            assets: assets.map(|assets| (assets, setting(environment.assets, "binding"))),
            worker: environment.worker,
            queues,
            objects: Hosts::open(folder, tasks.clone())?,
            classes: Vec::new(),
            workflows: None,
            faults: faults.clone(),
            namespaces: Vec::new(),
            databases: Vec::new(),
            buckets: Vec::new(),
        })
    }

    /// Opens the resource of a binding.
    fn open(&mut self, resource: &'static Resource, env_files: &EnvFiles) -> Opened<Handle> {
        let binding = resource.binding;
        let simulation = match resource.kind {
            BindingKind::Kv => return Ok(Handle::Kv(self.namespace(resource)?)),
            BindingKind::D1 => return Ok(Handle::D1(self.database(resource)?)),
            BindingKind::R2 => return Ok(Handle::R2(self.bucket(resource)?)),
            BindingKind::Queue => {
                let name = resource.setting("queue").unwrap_or(binding);
                return Ok(Handle::Queue(self.queues.queue(name)));
            }
            BindingKind::DurableObject if resource.setting("script_name").is_none() => {
                return Ok(Handle::Objects(self.class(resource)));
            }
            BindingKind::Workflow => return Ok(Handle::Workflow(self.workflow(resource)?)),
            BindingKind::RateLimit => Simulation::rate_limit(resource),
            BindingKind::AnalyticsEngine
            | BindingKind::Email
            | BindingKind::Pipeline
            | BindingKind::K2 => Simulation::lines(resource, self.folder),
            BindingKind::SecretsStore => Simulation::StoredSecret(local_value(env_files, binding)),
            BindingKind::Hyperdrive => {
                let name = format!("CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_{binding}");
                Simulation::hyperdrive(local_value(env_files, &name))
            }
            BindingKind::Version => Simulation::version(),
            BindingKind::Blob => Simulation::blob(resource),
            BindingKind::Fetcher => match &self.assets {
                Some((assets, name)) if *name == Some(binding) => {
                    Simulation::Assets(assets.clone())
                }
                _ => Simulation::Unsupported,
            },
            BindingKind::DurableObject
            | BindingKind::Vectorize
            | BindingKind::Ai
            | BindingKind::Images
            | BindingKind::Dispatch
            | BindingKind::WorkerLoader
            | BindingKind::Raw => Simulation::Unsupported,
        };

        Ok(Handle::Object(Object::new(
            binding,
            resource.title,
            simulation,
        )))
    }

    /// The objects of a class, which several bindings can have.
    fn class(&mut self, resource: &'static Resource) -> Objects {
        let class = resource.setting("class_name");
        let mut classes = self.classes.iter();
        let known = classes.find(|(known, _)| known.setting("class_name") == class);
        if let Some((_, objects)) = known {
            return objects.clone();
        }
        let objects = Objects::new(self.worker, resource, self.objects.clone());
        self.classes.push((resource, objects.clone()));
        objects
    }

    /// A Workflow, whose state is opened for the first one of this worker.
    fn workflow(&mut self, resource: &'static Resource) -> Opened<Workflow> {
        if resource.setting("script_name").is_some() {
            return Ok(Workflow::of_others(resource));
        }
        let workflows = match &self.workflows {
            Some(workflows) => workflows,
            None => self.workflows.insert(Workflows::open(self.folder)?),
        };
        Ok(workflows.workflow(resource))
    }

    fn namespace(&mut self, resource: &'static Resource) -> Opened<Kv> {
        if let Some(namespace) = shared(&self.namespaces, resource) {
            return Ok(namespace);
        }

        let path = self.path(resource, "kv", ".sqlite")?;
        let namespace = Kv::open(path.as_deref(), resource.binding, self.faults.clone())?;
        self.namespaces.push((resource, namespace.clone()));
        Ok(namespace)
    }

    fn database(&mut self, resource: &'static Resource) -> Opened<D1> {
        let file = self.path(resource, "d1", ".sqlite")?;
        let place = self.folder.zip(file.as_deref());
        let place = place.map(|(folder, file)| Place { folder, file });
        if let Some(database) = shared(&self.databases, resource) {
            database.migrate(resource, place)?;
            return Ok(database);
        }

        let database = D1::open(place, resource)?;
        self.databases.push((resource, database.clone()));
        Ok(database)
    }

    fn bucket(&mut self, resource: &'static Resource) -> Opened<R2> {
        if let Some(bucket) = shared(&self.buckets, resource) {
            return Ok(bucket);
        }

        let bucket = R2::open(self.path(resource, "r2", "")?.as_deref())?;
        self.buckets.push((resource, bucket.clone()));
        Ok(bucket)
    }

    /// The path of a resource. It has the name of one of the bindings that share it: of the one
    /// whose path exists, so that the order of the manifest does not matter.
    fn path(&self, resource: &Resource, folder: &str, suffix: &str) -> Opened<Option<PathBuf>> {
        let sharing = self
            .resources
            .iter()
            .filter(|other| is_shared(other, resource));
        let mut paths = Vec::new();
        for other in sharing {
            paths.extend(path(
                self.folder,
                folder,
                &format!("{}{suffix}", local_name(other)),
            )?);
        }

        let existing = paths.iter().position(|path| path.exists());
        let index = existing.unwrap_or_default();
        Ok((index < paths.len()).then(|| paths.swap_remove(index)))
    }
}

/// The handle of a resource that another binding has opened.
fn shared<H: Clone>(opened: &[(&Resource, H)], resource: &Resource) -> Option<H> {
    let found = opened.iter().find(|(other, _)| is_shared(other, resource));
    found.map(|(_, handle)| handle.clone())
}

/// Whether two bindings are bound to one resource: they have the same name, or the same id.
fn is_shared(left: &Resource, right: &Resource) -> bool {
    let same_id = |key| {
        let id = left.setting(key).filter(|id| !id.is_empty());
        id.is_some() && id == right.setting(key)
    };
    left.kind == right.kind
        && (local_name(left) == local_name(right)
            || match left.kind {
                BindingKind::Kv => same_id("id"),
                BindingKind::D1 => same_id("database_id"),
                _ => false,
            })
}

/// The name of a resource in the state folder.
fn local_name(resource: &Resource) -> &'static str {
    let key = match resource.kind {
        BindingKind::D1 => "database_name",
        BindingKind::R2 => "bucket_name",
        _ => return resource.binding,
    };
    resource.setting(key).unwrap_or(resource.binding)
}

/// Opens the static assets of an environment, if it has any.
fn open_assets(manifest: &Manifest, environment: &EnvironmentManifest) -> Opened<Option<Assets>> {
    let setting = |key: &str| setting(environment.assets, key);
    let Some(directory) = setting("directory") else {
        return Ok(None);
    };
    let folder = project_folder().join(manifest.folder).join(directory);
    Assets::open(std::path::absolute(folder)?, setting).map(Some)
}

/// The path of a part of the state, whose folder is created; `None` in memory.
fn path(state: Option<&Path>, folder: &str, name: &str) -> Opened<Option<PathBuf>> {
    let Some(state) = state else {
        return Ok(None);
    };
    let folder = state.join(folder);
    fs::create_dir_all(&folder)?;
    Ok(Some(folder.join(name)))
}

/// A value of the process environment or of the local files.
fn local_value(env_files: &EnvFiles, name: &str) -> Option<String> {
    std::env::var(name).ok().or_else(|| env_files.get(name))
}

/// The environment that `CLOUDFLARE_ENV` names, as in wrangler; by default the top level.
fn environment(manifest: &Manifest) -> Result<EnvironmentManifest> {
    let requested = std::env::var("CLOUDFLARE_ENV").unwrap_or_default();
    let environments = manifest.environments;
    let default = environments.first().filter(|_| requested.is_empty());
    let found = environments
        .iter()
        .find(|environment| environment.name == requested);
    if let Some(environment) = found.or(default) {
        return Ok(*environment);
    }

    let names = environments.iter().map(|environment| environment.name);
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    let known = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    let message =
        format!("CLOUDFLARE_ENV is `{requested}`, and the manifest's environments are: {known}");
    Err(Error::worker("start", ErrorKind::Misconfigured, message))
}

fn misconfigured(what: &str, error: &(dyn StdError + Send + Sync)) -> Error {
    Error::worker(
        "start",
        ErrorKind::Misconfigured,
        format!("{what}: {error}"),
    )
}

fn missing(binding: &str) -> String {
    format!("the binding {binding} is missing")
}
