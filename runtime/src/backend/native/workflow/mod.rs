//! Workflows in this process.
//!
//! Each instance is a task. The result of each step is stored in `workflows.sqlite`, so that an
//! instance goes on after the process was killed.

mod step;
mod store;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::task::JoinHandle;

use crate::app::{Environment, Resource};
use crate::error::{Error, ErrorKind, Failure, Result, Service};
use crate::observe::{Gate, Measures, RequestLine, Scope};
use crate::workflow::{self, Control, RawEvent, RawStatus, Run, failure_of, message_of};

use super::bindings::{Opened, WeakBackend};
use super::clock::{at_milliseconds, now_milliseconds};
use super::log_line;
use super::object::{Object, Simulation};
use super::panic::catch_panic;
use super::pool::lock;
pub(crate) use step::Step;
use store::{End, Instances, Key, Record};

/// The Workflows of one backend.
#[derive(Clone)]
pub(super) struct Workflows(Arc<Inner>);

struct Inner {
    store: Instances,
    classes: Mutex<Vec<Arc<Class>>>,
    running: Mutex<HashMap<Key, Running>>,
    /// Wakes those who wait until no instance can make progress.
    progress: Notify,
    /// Where instances run; that of the caller in tests.
    runtime: OnceLock<Handle>,
}

/// A Workflow, and how to run its instances.
struct Class {
    name: &'static str,
    /// Set when an environment is connected.
    runner: OnceLock<Box<Runner>>,
}

type Runner = dyn Fn(RawEvent, Step) -> BoxFuture<'static, Result<String>> + Send + Sync;

/// An instance that runs.
struct Running {
    task: JoinHandle<()>,
    live: Arc<Live>,
}

/// What the steps of an instance do.
#[derive(Default)]
struct Live {
    state: Mutex<LiveState>,
    changed: Notify,
    workflows: OnceLock<Workflows>,
}

#[derive(Default)]
struct LiveState {
    /// The attempts that run.
    attempts: usize,
    /// The ends of the waits for a time or an event.
    waits: Vec<i64>,
    is_paused: bool,
    /// Whether an event has arrived that a wait has not seen.
    has_event: bool,
}

impl Live {
    fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Changes the state from outside, and wakes the steps.
    fn change(&self, change: impl FnOnce(&mut LiveState)) {
        self.note(change);
        self.changed.notify_waiters();
    }

    /// Notes what a step does.
    fn note(&self, change: impl FnOnce(&mut LiveState)) {
        change(&mut lock(&self.state));
        if let Some(workflows) = self.workflows.get() {
            workflows.0.progress.notify_waiters();
        }
    }

    /// Counts an attempt until it is dropped.
    fn attempt(&self) -> Busy<'_> {
        self.note(|state| state.attempts += 1);
        Busy {
            live: self,
            end: None,
        }
    }

    /// Counts a wait until it is dropped.
    fn wait(&self, end: i64) -> Busy<'_> {
        self.note(|state| state.waits.push(end));
        Busy {
            live: self,
            end: Some(end),
        }
    }

    /// Waits as long as the instance is paused.
    async fn unpaused(&self) {
        loop {
            let changed = self.changed();
            if !lock(&self.state).is_paused {
                return;
            }
            changed.await;
        }
    }

    /// Whether the instance waits for a later time, an event, or the end of a pause.
    fn is_idle(&self) -> bool {
        let now = now_milliseconds();
        let state = lock(&self.state);
        let waits = !state.waits.is_empty() && state.waits.iter().all(|end| *end > now);
        state.attempts == 0 && (state.is_paused || waits && !state.has_event)
    }
}

/// An attempt, or a wait until a time.
struct Busy<'l> {
    live: &'l Live,
    end: Option<i64>,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.live.note(|state| match self.end {
            None => state.attempts -= 1,
            Some(end) => {
                let index = state.waits.iter().position(|known| *known == end);
                index.map(|index| state.waits.swap_remove(index));
            }
        });
    }
}

impl Workflows {
    pub(super) fn open(folder: Option<&Path>) -> Opened<Self> {
        Ok(Self(Arc::new(Inner {
            store: Instances::open(folder)?,
            classes: Mutex::default(),
            running: Mutex::default(),
            progress: Notify::new(),
            runtime: OnceLock::new(),
        })))
    }

    fn store(&self) -> &Instances {
        &self.0.store
    }

    /// The Workflow of a binding.
    pub(super) fn workflow(&self, resource: &'static Resource) -> Workflow {
        let name = resource.setting("name").unwrap_or(resource.binding);
        let mut classes = lock(&self.0.classes);
        let known = classes.iter().find(|class| class.name == name).cloned();
        let class = known.unwrap_or_else(|| {
            let class = Arc::new(Class {
                name,
                runner: OnceLock::new(),
            });
            classes.push(Arc::clone(&class));
            class
        });
        Workflow(Ok((self.clone(), class)))
    }

    /// Starts the instances that were running when the process ended.
    pub(super) async fn resume(&self) {
        let classes = lock(&self.0.classes).clone();
        for class in classes.iter().filter(|class| class.runner.get().is_some()) {
            let ids = self.store().unfinished(class.name).await;
            let ids = ids.unwrap_or_else(|failure| {
                log_line(&format!("error: {}", failure.message));
                Vec::new()
            });
            for id in ids {
                let workflow = class.name;
                self.start(class, Key { workflow, id });
            }
        }
    }

    /// Starts an instance.
    fn start(&self, class: &Arc<Class>, key: Key) {
        let runtime = self.0.runtime.get().cloned();
        let Some(runtime) = runtime.or_else(|| Handle::try_current().ok()) else {
            return log_line("error: a Workflow needs a Tokio runtime: it does not run");
        };
        let live = Arc::<Live>::default();
        let _ = live.workflows.set(self.clone());
        let run = self
            .clone()
            .run(Arc::clone(class), key.clone(), Arc::clone(&live));

        // Locked until the instance is known, so that its end does not come first.
        let mut running = lock(&self.0.running);
        if running.contains_key(&key) {
            return;
        }
        let task = runtime.spawn(run);
        running.insert(key, Running { task, live });
    }

    async fn run(self, class: Arc<Class>, key: Key, live: Arc<Live>) {
        let step = Step::new(self.clone(), key.clone(), Arc::clone(&live));
        if let Err(failure) = self.run_stored(&class, &key, step).await {
            let (workflow, id) = (key.workflow, &key.id);
            log_line(&format!(
                "error: Workflow {workflow}: the instance {id} stops: {}",
                failure.message
            ));
        }
        // It may have been restarted.
        let is_this = |running: &mut Running| Arc::ptr_eq(&running.live, &live);
        let mut running = lock(&self.0.running);
        if running.get_mut(&key).is_some_and(is_this) {
            running.remove(&key);
        }
        drop(running);
        self.0.progress.notify_waiters();
    }

    async fn run_stored(&self, class: &Class, key: &Key, step: Step) -> Result<(), Failure> {
        let Some(runner) = class.runner.get() else {
            return Ok(());
        };
        let record = self.record(key).await?;
        if !matches!(&*record.status, "queued" | "running") {
            return Ok(());
        }
        self.store().set_status(key, "running").await?;
        let event = RawEvent {
            payload: record.params,
            timestamp: at_milliseconds(record.created),
            instance_id: key.id.clone(),
        };

        let outcome = catch_panic(runner(event, step)).await;
        let outcome = outcome.unwrap_or_else(|message| {
            let message = format!("the Workflow panicked: {message}");
            Err(Error::worker("workflow", ErrorKind::Internal, message))
        });
        match outcome {
            Ok(output) => self.store().end(key, End::Complete(output)).await,
            Err(error) => {
                let (workflow, id) = (key.workflow, &key.id);
                log_line(&format!(
                    "Workflow {workflow}: the instance {id} failed: {error}"
                ));
                self.store()
                    .end(key, End::Errored(message_of(&error)))
                    .await
            }
        }
    }

    async fn record(&self, key: &Key) -> Result<Record, Failure> {
        self.store().instance(key).await?.ok_or_else(|| {
            let message = format!("no instance has the id `{}`", key.id);
            Failure::new(ErrorKind::NotFound, message)
        })
    }

    /// What the steps of an instance do, if it runs.
    fn live(&self, key: &Key) -> Option<Arc<Live>> {
        let running = lock(&self.0.running);
        running.get(key).map(|running| Arc::clone(&running.live))
    }

    /// Stops the task of an instance, and waits until it writes nothing anymore.
    async fn abort(&self, key: &Key) {
        let running = lock(&self.0.running).remove(key);
        if let Some(running) = running {
            running.task.abort();
            // The error is that of the abort.
            let _ = running.task.await;
        }
        self.0.progress.notify_waiters();
    }

    /// Waits until each instance has ended, or waits for a later time, an event, or the end of a
    /// pause.
    pub(super) async fn idle(&self) {
        loop {
            let progress = self.0.progress.notified();
            let is_idle = {
                let running = lock(&self.0.running);
                running.values().all(|running| running.live.is_idle())
            };
            if is_idle {
                return;
            }
            progress.await;
        }
    }

    /// Waits for the attempts that run, and stops all instances. They go on when the process starts
    /// again.
    pub(super) async fn stop(&self) {
        for running in lock(&self.0.running).values() {
            running.live.change(|state| state.is_paused = true);
        }
        self.idle().await;
        for (_, running) in lock(&self.0.running).drain() {
            running.task.abort();
        }
    }
}

/// A Workflow, for those who start it. That of another worker fails each call.
#[derive(Clone)]
pub(crate) struct Workflow(Result<(Workflows, Arc<Class>), Object>);

impl fmt::Debug for Workflow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.as_ref().ok().map(|(_, class)| class.name);
        formatter.debug_tuple("Workflow").field(&name).finish()
    }
}

impl Workflow {
    /// The Workflow of another worker.
    pub(super) fn of_others(resource: &Resource) -> Self {
        let simulation = Simulation::Unsupported;
        Self(Err(Object::new(
            resource.binding,
            resource.title,
            simulation,
        )))
    }

    /// Adds the type of the class.
    pub(super) fn register<T: Run>(&self, backend: WeakBackend) {
        let Ok((workflows, class)) = &self.0 else {
            return;
        };
        if let Ok(runtime) = Handle::try_current() {
            let _ = workflows.0.runtime.set(runtime);
        }
        let run = move |event: RawEvent, step: Step| -> BoxFuture<'static, Result<String>> {
            let backend = backend.upgrade();
            Box::pin(async move {
                let Some(backend) = backend else {
                    let message = "the process is shutting down";
                    return Err(Error::worker("workflow", ErrorKind::Unavailable, message));
                };
                let env = <T::Env as Environment>::connect(&backend)?;
                let observers = backend.observers();
                let gate = Gate::new(Service::Workflow, T::NAME, observers.clone());
                let run = workflow::run::<T>(event, workflow::Step::new(gate, step), env);

                let context = backend.background_context();
                let scope = Scope::new(&context, RequestLine::default());
                let gate = Gate::of_handler(T::NAME, observers);
                let run = gate.handle("workflow", run, |outcome| {
                    (outcome.as_ref().err(), Measures::default())
                });
                scope.run(run).await
            })
        };
        class.runner.get_or_init(|| Box::new(run));
    }

    fn parts(&self, method: &str) -> Result<&(Workflows, Arc<Class>), Failure> {
        let parts = self.0.as_ref();
        parts.map_err(|object| object.unsupported(method))
    }

    pub(crate) async fn create(
        &self,
        id: Option<String>,
        params: String,
    ) -> Result<WorkflowInstance, Failure> {
        let id = match id {
            Some(id) => id,
            None => crate::random::id().map_err(Error::into_failure)?,
        };
        let created = self.add(id.clone(), params).await?;
        created.ok_or_else(|| {
            let message = format!("an instance has the id `{id}`");
            Failure::new(ErrorKind::InvalidArgument, message)
        })
    }

    pub(crate) async fn create_batch(
        &self,
        batch: Vec<(String, String)>,
    ) -> Result<Vec<WorkflowInstance>, Failure> {
        let mut created = Vec::new();
        for (id, params) in batch {
            created.extend(self.add(id, params).await?);
        }
        Ok(created)
    }

    /// Creates and starts an instance. Returns `None` if there is one with the id.
    async fn add(&self, id: String, params: String) -> Result<Option<WorkflowInstance>, Failure> {
        let (workflows, class) = self.parts("create")?;
        let workflow = class.name;
        let key = Key { workflow, id };
        if !workflows.store().create(&key, params).await? {
            return Ok(None);
        }
        workflows.start(class, key.clone());
        Ok(Some(WorkflowInstance::new(workflows, class, key)))
    }

    pub(crate) async fn get(&self, id: &str) -> Result<WorkflowInstance, Failure> {
        let (workflows, class) = self.parts("get")?;
        let (workflow, id) = (class.name, id.to_owned());
        let key = Key { workflow, id };
        workflows.record(&key).await?;
        Ok(WorkflowInstance::new(workflows, class, key))
    }
}

/// An instance, for those who look at it.
#[derive(Clone)]
pub(crate) struct WorkflowInstance {
    workflows: Workflows,
    class: Arc<Class>,
    key: Key,
}

impl WorkflowInstance {
    fn new(workflows: &Workflows, class: &Arc<Class>, key: Key) -> Self {
        Self {
            workflows: workflows.clone(),
            class: Arc::clone(class),
            key,
        }
    }

    pub(crate) fn id(&self) -> String {
        self.key.id.clone()
    }

    pub(crate) async fn status(&self) -> Result<RawStatus, Failure> {
        let record = self.workflows.record(&self.key).await?;
        let live = self.workflows.live(&self.key);
        let name = match (&*record.status, live) {
            ("running", Some(live)) if live.is_idle() => "waiting",
            ("paused", Some(live)) if lock(&live.state).attempts > 0 => "waitingForPause",
            (status, _) => status,
        };
        Ok(RawStatus {
            name: name.to_owned(),
            output: record.output,
            error: record.error.map(|error| failure_of(&error).message.clone()),
        })
    }

    /// Runs in a task of its own: an instance that stops itself would not do the rest.
    pub(crate) async fn control(&self, control: Control) -> Result<(), Failure> {
        let this = self.clone();
        let controlled = tokio::spawn(async move { this.control_now(control).await });
        controlled.await.unwrap_or_else(|error| {
            let message = format!("the instance cannot {}", control.name());
            Err(Failure::because(ErrorKind::Internal, message, error))
        })
    }

    async fn control_now(&self, control: Control) -> Result<(), Failure> {
        let (workflows, key) = (&self.workflows, &self.key);
        let status = workflows.record(key).await?.status;
        let is_over = matches!(&*status, "complete" | "errored" | "terminated");
        let is_possible = match control {
            Control::Pause => !is_over && status != "paused",
            Control::Resume => status == "paused",
            Control::Terminate => !is_over,
            Control::Restart => true,
        };
        if !is_possible {
            let message = format!("the instance is {status}, so it cannot {}", control.name());
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }

        match control {
            Control::Pause => {
                workflows.store().set_status(key, "paused").await?;
                if let Some(live) = workflows.live(key) {
                    live.change(|state| state.is_paused = true);
                }
            }
            Control::Resume => {
                workflows.store().set_status(key, "running").await?;
                match workflows.live(key) {
                    Some(live) => live.change(|state| state.is_paused = false),
                    None => workflows.start(&self.class, key.clone()),
                }
            }
            Control::Terminate => {
                workflows.abort(key).await;
                workflows.store().end(key, End::Terminated).await?;
            }
            Control::Restart => {
                workflows.abort(key).await;
                workflows.store().reset(key).await?;
                workflows.start(&self.class, key.clone());
            }
        }
        Ok(())
    }

    pub(crate) async fn send_event(&self, ty: &str, payload: String) -> Result<(), Failure> {
        let record = self.workflows.record(&self.key).await?;
        if matches!(&*record.status, "complete" | "errored" | "terminated") {
            let message = format!("the instance is {}, so no event arrives", record.status);
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }
        self.workflows
            .store()
            .add_event(&self.key, ty, payload)
            .await?;
        if let Some(live) = self.workflows.live(&self.key) {
            live.change(|state| state.has_event = true);
        }
        Ok(())
    }
}
