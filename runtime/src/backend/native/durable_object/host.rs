//! The threads that objects run on.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use super::super::bindings::Opened;
use super::super::context::Tasks;
use super::super::log_line;
use super::super::pool::lock;
use super::super::world::{self, World};
use super::alarms::Alarms;
use super::instance::Instance;
#[cfg(feature = "web-sockets")]
use super::web_socket::Sockets;
use super::{Class, ObjectStub};

/// The threads and alarms of the objects of one backend.
#[derive(Clone)]
pub(in super::super) struct Hosts(Arc<Inner>);

struct Inner {
    /// The folder of the state; `None` in memory.
    folder: Option<PathBuf>,
    alarms: Alarms,
    tasks: Tasks,
    threads: OnceLock<Vec<UnboundedSender<Message>>>,
    classes: Mutex<Vec<Weak<Class>>>,
}

type Job = dyn FnOnce(&Rc<Thread>) + Send;

/// What a thread does next.
enum Message {
    Run(Box<Job>),
    /// Drop all objects, reply, and end.
    Stop(oneshot::Sender<()>),
}

impl Hosts {
    pub(in super::super) fn open(folder: Option<&Path>, tasks: Tasks) -> Opened<Self> {
        let folder = folder.map(|folder| folder.join("durable_objects"));
        Ok(Self(Arc::new(Inner {
            alarms: Alarms::open(folder.as_deref())?,
            folder,
            tasks,
            threads: OnceLock::new(),
            classes: Mutex::default(),
        })))
    }

    pub(super) fn folder(&self) -> Option<&Path> {
        self.0.folder.as_deref()
    }

    pub(super) fn alarms(&self) -> &Alarms {
        &self.0.alarms
    }

    pub(super) fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    /// Adds a class, whose alarms can fire from now on.
    pub(super) fn add(&self, class: &Arc<Class>) {
        let mut classes = lock(&self.0.classes);
        let class = Arc::downgrade(class);
        if !classes.iter().any(|known| known.ptr_eq(&class)) {
            classes.push(class);
        }
    }

    /// Runs a job on the thread of an object.
    pub(super) fn send(&self, id: &str, job: impl FnOnce(&Rc<Thread>) + Send + 'static) {
        let threads = self.0.threads.get_or_init(|| self.start());
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let index = hasher.finish() as usize % threads.len().max(1);
        // If the thread has ended, the caller receives no reply.
        if let Some(thread) = threads.get(index) {
            let _ = thread.send(Message::Run(Box::new(job)));
        }
    }

    fn start(&self) -> Vec<UnboundedSender<Message>> {
        // The thread of a test has its clock.
        let count = match self.0.folder {
            Some(_) => std::thread::available_parallelism().map_or(1, NonZero::get),
            None => 1,
        };
        (0..count).map(|_| start_thread(world::current())).collect()
    }

    /// Fires alarms until the future is dropped.
    pub(in super::super) async fn fire_alarms(&self) {
        loop {
            self.0.alarms.wait().await;
            self.fire_due(false).await;
        }
    }

    /// Fires the alarms that are due. Returns how many.
    pub(in super::super) async fn fire_due(&self, waits: bool) -> usize {
        let due = match self.0.alarms.due() {
            Ok(due) => due,
            Err(failure) => {
                log_line(&format!("error: {}", failure.message));
                return 0;
            }
        };
        let count = due.len();
        let mut running = Vec::new();
        for alarm in due {
            let classes = lock(&self.0.classes);
            let mut classes = classes.iter().filter_map(Weak::upgrade);
            let Some(class) = classes.find(|class| class.name == alarm.class) else {
                continue;
            };
            let (class_name, id) = (class.name, alarm.id.clone());
            let stub = ObjectStub {
                class,
                id: alarm.id,
                name: alarm.name,
            };
            // Before it runs, so that it is not due any more.
            let firing = self.0.alarms.firing(class_name, &id, alarm.version);
            let attempts = alarm.attempts;
            running.push(async move {
                let fire = move |instance: Rc<Instance>| instance.alarm(firing, attempts);
                let _ = stub.run(fire).await;
            });
        }
        if waits {
            futures_util::future::join_all(running).await;
        } else {
            running.into_iter().for_each(|alarm| {
                tokio::spawn(alarm);
            });
        }
        count
    }

    /// Drops all objects in memory, and ends their threads.
    pub(in super::super) async fn stop(&self) {
        let Some(threads) = self.0.threads.get() else {
            return;
        };
        for thread in threads {
            let (reply, stopped) = oneshot::channel();
            let _ = thread.send(Message::Stop(reply));
            let _ = stopped.await;
        }
    }
}

fn start_thread(world: Option<Arc<World>>) -> UnboundedSender<Message> {
    let (sender, mut messages) = unbounded_channel();
    let run = move || {
        let _entered = world.as_ref().map(world::enter);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return log_line(&format!("error: objects cannot run: {error}")),
        };
        let tasks = LocalSet::new();
        let thread = Rc::<Thread>::default();
        let stop = tasks.block_on(&runtime, async {
            while let Some(message) = messages.recv().await {
                match message {
                    Message::Run(job) => job(&thread),
                    Message::Stop(reply) => return Some(reply),
                }
            }
            None
        });
        // The tasks own objects, and the objects own the folder of the state.
        drop(tasks);
        thread.instances.take();
        #[cfg(feature = "web-sockets")]
        thread.sockets.take();
        if let Some(stop) = stop {
            let _ = stop.send(());
        }
    };

    let started = std::thread::Builder::new()
        .name("objects".to_owned())
        .spawn(run);
    if let Err(error) = started {
        log_line(&format!("error: objects cannot run: {error}"));
    }
    sender
}

/// The objects of one thread.
#[derive(Default)]
pub(super) struct Thread {
    instances: RefCell<HashMap<Key, Rc<Instance>>>,
    /// The WebSockets, which stay open when an object is evicted.
    #[cfg(feature = "web-sockets")]
    sockets: RefCell<HashMap<Key, Rc<Sockets>>>,
}

/// The name of a class, and an id.
type Key = (&'static str, String);

impl Thread {
    /// Returns an object.
    pub(super) fn instance(
        self: &Rc<Self>,
        class: &Arc<Class>,
        id: &str,
        name: Option<String>,
    ) -> Rc<Instance> {
        let mut instances = self.instances.borrow_mut();
        let key = (class.name, id.to_owned());
        if let Some(instance) = instances.get(&key) {
            instance.set_name(name);
            return Rc::clone(instance);
        }
        let thread = Rc::clone(self);
        let instance = Instance::new(Arc::clone(class), thread, id.to_owned(), name);
        let instance = Rc::new(instance);
        instances.insert(key, Rc::clone(&instance));
        instance
    }

    /// Returns the WebSockets of an object.
    #[cfg(feature = "web-sockets")]
    pub(super) fn sockets(&self, class: &Class, id: &str) -> Rc<Sockets> {
        let mut sockets = self.sockets.borrow_mut();
        Rc::clone(sockets.entry((class.name, id.to_owned())).or_default())
    }

    /// Removes an object from memory.
    pub(super) fn remove(&self, class: &Class, id: &str) {
        let key = (class.name, id.to_owned());
        #[cfg(feature = "web-sockets")]
        self.sockets
            .borrow_mut()
            .retain(|known, sockets| *known != key || !sockets.is_empty());
        let removed = self.instances.borrow_mut().remove(&key);
        // Without the borrow: the destructor of the user can call anything.
        drop(removed);
    }

    /// The same, unless another instance has replaced this one.
    pub(super) fn remove_this(&self, class: &Class, id: &str, instance: &Instance) {
        let key = (class.name, id.to_owned());
        let is_this = {
            let instances = self.instances.borrow();
            instances
                .get(&key)
                .is_some_and(|known| std::ptr::eq(&**known, instance))
        };
        if is_this {
            self.remove(class, id);
        }
    }
}
