//! What connects a user's handlers and environment with a backend. Implemented by generated code.

mod others;

use std::future::Future;

use serde::de::DeserializeOwned;

use crate::backend::World;
use crate::error::{Error, Kind, Result, Service};
use crate::http::{Request, Response};
use crate::observe::Gate;
use crate::queue::{Batch, RawBatch, Verdict};
use crate::vars::Secret;
use crate::{d1, kv, queue, r2};

/// An environment that was generated from a manifest.
pub trait Environment: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    const BLUEPRINT: Blueprint;

    #[doc(hidden)]
    fn connect(world: &World) -> Result<Self>;

    #[doc(hidden)]
    fn world(&self) -> &World;
}

/// A worker: its environment and its handlers. Implemented by [`handlers!`](crate::handlers).
pub trait Application: Send + Sync + 'static {
    /// The environment.
    type Env: Environment;

    /// Answers a request.
    fn fetch(request: Request, env: Self::Env) -> impl Future<Output = Response> + Send;

    /// Consumes a batch of a queue.
    fn queue(batch: &mut RawBatch, env: Self::Env) -> impl Future<Output = Result<()>> + Send;
}

/// What the manifest says, as far as the native backend needs it. On Workers the platform knows all of it.
#[derive(Debug, Clone, Copy)]
pub struct Blueprint {
    /// The manifest's folder, from the package's.
    pub folder: &'static str,
    /// Its environments, the top level first.
    pub stages: &'static [Stage],
}

/// An environment of the manifest.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// Its name; empty for the top level.
    pub environment: &'static str,
    /// The worker's name.
    pub worker: &'static str,
    /// The bindings.
    pub resources: &'static [(&'static str, Resource)],
    /// The queues that are consumed.
    pub consumers: &'static [Consumer],
    /// The variables' values in the manifest, as JSON: what the native backend starts from.
    pub vars: &'static [(&'static str, &'static str)],
}

/// What a binding is bound to.
#[derive(Debug, Clone, Copy)]
pub enum Resource {
    /// A KV namespace.
    Kv,
    /// A D1 database.
    D1 {
        /// Its name.
        database: &'static str,
        /// The table of applied migrations.
        ledger: &'static str,
        /// The schema before the first migration, as SQL; empty when there is none, and on Workers.
        baseline: &'static str,
        /// The migrations: name and SQL, in their order; empty on Workers.
        migrations: &'static [(&'static str, &'static str)],
    },
    /// An R2 bucket.
    R2 {
        /// Its name.
        bucket: &'static str,
    },
    /// A queue to send to.
    Queue {
        /// Its name.
        queue: &'static str,
    },
    /// Any other kind.
    Other {
        /// The key of the manifest.
        key: &'static str,
        /// What Cloudflare calls it.
        title: &'static str,
        /// What it is bound to: key and value.
        settings: &'static [(&'static str, &'static str)],
        /// For a blob, what is in it.
        file: &'static [u8],
    },
}

/// A queue that is consumed.
#[derive(Debug, Clone, Copy)]
pub struct Consumer {
    /// Its name.
    pub queue: &'static str,
    /// Messages that one batch has at most.
    pub max_batch_size: u32,
    /// Seconds that a batch waits to fill.
    pub max_batch_timeout: u32,
    /// How often a message is tried again.
    pub max_retries: u32,
    /// Seconds before a message is tried again.
    pub retry_delay: u32,
    /// Where a message goes that failed every time.
    pub dead_letter_queue: Option<&'static str>,
}

/// Opens every binding, and tells of all that is wrong at once.
#[derive(Debug)]
pub struct Connector<'w> {
    world: &'w World,
    problems: Vec<String>,
}

impl<'w> Connector<'w> {
    #[doc(hidden)]
    #[must_use]
    pub fn new(world: &'w World) -> Self {
        Self {
            world,
            problems: Vec::new(),
        }
    }

    fn open<H, T>(
        &mut self,
        service: Service,
        binding: &'static str,
        handle: Result<H, String>,
        make: impl FnOnce(Gate, H) -> T,
    ) -> Result<T> {
        match handle {
            Ok(handle) => Ok(make(
                Gate::new(service, binding, self.world.observers()),
                handle,
            )),
            Err(problem) => Err(self.problem(problem)),
        }
    }

    fn problem(&mut self, problem: String) -> Error {
        let error = Error::worker("start", Kind::Misconfigured, problem.clone());
        self.problems.push(problem);
        error
    }

    #[doc(hidden)]
    pub fn kv<B: kv::Binding>(&mut self, binding: &'static str) -> Result<kv::Kv<B>> {
        self.open(Service::Kv, binding, self.world.kv(binding), kv::Kv::new)
    }

    #[doc(hidden)]
    pub fn d1(&mut self, binding: &'static str) -> Result<d1::D1> {
        self.open(Service::D1, binding, self.world.d1(binding), d1::D1::new)
    }

    #[doc(hidden)]
    pub fn r2(&mut self, binding: &'static str) -> Result<r2::R2> {
        self.open(Service::R2, binding, self.world.r2(binding), r2::R2::new)
    }

    #[doc(hidden)]
    pub fn queue(&mut self, binding: &'static str) -> Result<queue::Queue> {
        self.open(
            Service::Queue,
            binding,
            self.world.queue(binding),
            queue::Queue::new,
        )
    }

    /// What only some environments bind.
    #[doc(hidden)]
    pub fn optional<T>(
        &mut self,
        binding: &'static str,
        open: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.world.has(binding) {
            open(self).map(Some)
        } else {
            Ok(None)
        }
    }

    /// A variable; `what` says what it is in errors.
    #[doc(hidden)]
    pub fn var<T: DeserializeOwned>(&mut self, name: &'static str, what: &str) -> Result<T> {
        match self.optional_var(name, what)? {
            Some(value) => Ok(value),
            None => Err(self.problem(format!("the variable {name} is missing"))),
        }
    }

    #[doc(hidden)]
    pub fn optional_var<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        what: &str,
    ) -> Result<Option<T>> {
        let Some(value) = self.world.var(name) else {
            return Ok(None);
        };
        value
            .read()
            .map(Some)
            .map_err(|reason| self.problem(format!("the variable {name} is not {what}{reason}")))
    }

    #[doc(hidden)]
    pub fn optional_secret(&mut self, name: &'static str) -> Result<Option<Secret>> {
        Ok(self.world.secret(name).map(Secret::new))
    }

    #[doc(hidden)]
    pub fn secret(&mut self, name: &'static str) -> Result<Secret> {
        match self.world.secret(name) {
            Some(value) => Ok(Secret::new(value)),
            None => Err(self.problem(format!(
                "the secret {name} is missing ({})",
                self.world.secret_place()
            ))),
        }
    }

    #[doc(hidden)]
    pub fn finish(&self) -> Result<()> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(Error::worker(
            "start",
            Kind::Misconfigured,
            self.problems.join("; "),
        ))
    }
}

/// Runs a queue handler over a batch, and settles what it left undecided.
#[doc(hidden)]
pub async fn deliver<'b, T, F>(
    batch: &'b mut RawBatch,
    handler: impl FnOnce(Batch<'b, T>) -> F,
) -> Result<()>
where
    T: DeserializeOwned,
    F: Future<Output = Result<()>>,
{
    handler(Batch::new(batch)).await
}

impl RawBatch {
    /// What becomes of each message, now that the handler has returned.
    pub(crate) fn settle(&mut self, succeeded: bool) {
        let rest = if succeeded {
            Verdict::Ack
        } else {
            Verdict::Retry(None)
        };
        for verdict in &mut self.verdicts {
            if *verdict == Verdict::Undecided {
                *verdict = rest;
            }
        }
    }
}
