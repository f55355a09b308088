//! The bindings that are one object with methods. Those that bindery does not simulate return an
//! `Unsupported` error that names the binding.
//!
//! Rate limits count in this process. Records, data points and emails are appended to files of JSON
//! lines in the state folder. Stored secrets and connection strings come from the environment or
//! `.dev.vars`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::app::{Content, Resource};
use crate::error::{ErrorKind, Failure};
use crate::http::{Request, Response, make_absolute};
use crate::json;
use crate::k2::Record;

use super::assets::Assets;
use super::clock::now_milliseconds;

/// A binding and its simulation.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    binding: &'static str,
    title: &'static str,
    simulation: Arc<Simulation>,
}

/// The simulation of a binding.
#[derive(Debug)]
pub(super) enum Simulation {
    /// A limit of calls with one key in a period.
    RateLimit {
        limit: u64,
        seconds: i64,
        /// The number of the last period in which a key was seen, and the calls in it.
        counts: Mutex<BTreeMap<String, (i64, u64)>>,
    },
    /// Each call appends a line of JSON to a file. Tests have no file.
    Lines {
        file: Option<PathBuf>,
        /// The addresses that may receive email; empty if every address may.
        allowed: Vec<String>,
        /// Prevents concurrent calls from mixing their lines.
        writing: Mutex<()>,
    },
    /// A secret of the environment.
    StoredSecret(Option<String>),
    /// A connection string of the environment.
    Hyperdrive {
        text: Option<String>,
        uri: Option<http::Uri>,
    },
    /// The start of the process is used as the time of the deployment.
    Version { started: String },
    /// The static assets.
    Assets(Assets),
    /// A file compiled into the program.
    Blob(&'static [u8]),
    /// No simulation.
    Unsupported,
}

impl Simulation {
    pub(super) fn rate_limit(resource: &Resource) -> Self {
        let number = |key| {
            resource
                .setting(key)
                .and_then(|text| text.parse::<f64>().ok())
        };
        Self::RateLimit {
            limit: number("simple.limit").map_or(u64::MAX, |limit| limit as u64),
            seconds: number("simple.period").map_or(60, |period| period as i64),
            counts: Mutex::default(),
        }
    }

    pub(super) fn lines(resource: &Resource, state: Option<&Path>) -> Self {
        let file = format!("{}.jsonl", resource.binding);
        let single = resource
            .setting("destination_address")
            .map(|address| vec![address.to_owned()]);
        let list = || serde_json::from_str(resource.setting("allowed_destination_addresses")?).ok();
        Self::Lines {
            file: state.map(|state| state.join(resource.kind.service().name()).join(file)),
            allowed: single.or_else(list).unwrap_or_default(),
            writing: Mutex::default(),
        }
    }

    pub(super) fn hyperdrive(text: Option<String>) -> Self {
        let uri = text.as_ref().and_then(|text| text.parse().ok());
        Self::Hyperdrive { text, uri }
    }

    pub(super) fn version() -> Self {
        Self::Version {
            started: super::clock::iso(now_milliseconds()),
        }
    }

    pub(super) fn blob(resource: &Resource) -> Self {
        match resource.content {
            Content::Blob(bytes) => Self::Blob(bytes),
            Content::None | Content::Database { .. } => Self::Blob(&[]),
        }
    }
}

impl Object {
    pub(super) fn new(binding: &'static str, title: &'static str, simulation: Simulation) -> Self {
        Self {
            binding,
            title,
            simulation: Arc::new(simulation),
        }
    }

    pub(crate) async fn call(&self, method: &str, values: &[Value]) -> Result<Value, Failure> {
        for value in values {
            json::encode("the argument", value)?;
        }

        match &*self.simulation {
            Simulation::RateLimit {
                limit,
                seconds,
                counts,
            } => {
                let options = values.first();
                let key = options
                    .and_then(|options| options.get("key"))
                    .and_then(Value::as_str);
                let count = count(counts, key.unwrap_or_default(), *seconds);
                Ok(json!({ "success": count <= *limit }))
            }
            Simulation::Lines {
                file,
                allowed,
                writing,
            } => {
                let line = values.first().unwrap_or(&Value::Null);
                self.check_recipients(line, allowed)?;
                if let Some(file) = file {
                    let _writing = writing.lock().unwrap_or_else(PoisonError::into_inner);
                    append(file, line)?;
                }
                Ok(Value::Null)
            }
            Simulation::StoredSecret(secret) => {
                secret.clone().map(Value::String).ok_or_else(|| {
                    let message = format!(
                        "the native backend reads this secret from the variable `{}`, which is not \
                         set",
                        self.binding
                    );
                    Failure::new(ErrorKind::NotFound, message)
                })
            }
            Simulation::Hyperdrive { .. }
            | Simulation::Version { .. }
            | Simulation::Assets(_)
            | Simulation::Blob(_)
            | Simulation::Unsupported => Err(self.unsupported(method)),
        }
    }

    /// Reports an error for an email to an address that the manifest does not allow.
    fn check_recipients(&self, email: &Value, allowed: &[String]) -> Result<(), Failure> {
        if allowed.is_empty() {
            return Ok(());
        }
        let recipients = email
            .get("to")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let mut recipients = recipients.filter_map(Value::as_str);

        match recipients.find(|address| allowed.iter().all(|known| known != address)) {
            None => Ok(()),
            Some(address) => {
                let message = format!(
                    "the manifest does not allow `{}` to send to `{address}`",
                    self.binding
                );
                Err(Failure::new(ErrorKind::Denied, message))
            }
        }
    }

    pub(crate) async fn object(&self, method: &str, _: &[Value]) -> Result<Self, Failure> {
        Err(self.unsupported(method))
    }

    pub(crate) async fn object_of(&self, method: &str, _: &Self) -> Result<Self, Failure> {
        Err(self.unsupported(method))
    }

    pub(crate) async fn send_records(&self, records: &[Record]) -> Result<Value, Failure> {
        let to_json = |record: &Record| {
            let content = String::from_utf8_lossy(&record.content);
            json!({ "content": content, "headers": record.headers })
        };
        self.call("send", &[records.iter().map(to_json).collect()])
            .await
    }

    pub(crate) async fn load(&self, _: &str, _: &Value) -> Result<Self, Failure> {
        Err(self.unsupported("get"))
    }

    /// A property of the object, as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match &*self.simulation {
            Simulation::Version { started } => match name {
                "id" => Some("00000000-0000-0000-0000-000000000000".to_owned()),
                "timestamp" => Some(started.clone()),
                _ => None,
            },
            Simulation::Hyperdrive { text, .. } if name == "connectionString" => text.clone(),
            Simulation::Hyperdrive { uri, .. } => connection_part(uri.as_ref()?, name),
            Simulation::RateLimit { .. }
            | Simulation::Lines { .. }
            | Simulation::StoredSecret(_)
            | Simulation::Assets(_)
            | Simulation::Blob(_)
            | Simulation::Unsupported => None,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        if let Simulation::Blob(bytes) = &*self.simulation {
            bytes.to_vec()
        } else {
            Vec::new()
        }
    }

    pub(crate) async fn fetch(&self, mut request: Request) -> Result<Response, Failure> {
        let Simulation::Assets(assets) = &*self.simulation else {
            return Err(self.unsupported("fetch"));
        };
        make_absolute(&mut request)?;
        Ok(assets.fetch(&request).await)
    }

    pub(crate) async fn image_info(&self, _: &[u8]) -> Result<Value, Failure> {
        Err(self.unsupported("info"))
    }

    pub(crate) async fn image(&self, _: &[u8], _: &[Value], _: &Value) -> Result<Vec<u8>, Failure> {
        Err(self.unsupported("transform"))
    }

    pub(super) fn unsupported(&self, method: &str) -> Failure {
        let message = format!(
            "the native backend does not support `{method}` of the {} `{}`: run this part on \
             Workers, with `wrangler dev`",
            self.title, self.binding
        );
        Failure::new(ErrorKind::Unsupported, message)
    }
}

/// Counts one call with a key, and returns the calls of the current period.
fn count(counts: &Mutex<BTreeMap<String, (i64, u64)>>, key: &str, seconds: i64) -> u64 {
    let current = now_milliseconds() / (seconds * 1000);
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    counts.retain(|_, (period, _)| *period == current);

    let (_, count) = counts.entry(key.to_owned()).or_insert((current, 0));
    *count += 1;
    *count
}

/// Appends a value to a file as one line, or an array as one line per item.
fn append(file: &Path, value: &Value) -> Result<(), Failure> {
    let lines: String = match value.as_array() {
        Some(records) => records.iter().map(|record| format!("{record}\n")).collect(),
        None => format!("{value}\n"),
    };

    let folder = file.parent().unwrap_or(file);
    let open = || fs::OpenOptions::new().create(true).append(true).open(file);
    fs::create_dir_all(folder)
        .and_then(|()| open())
        .and_then(|mut file| file.write_all(lines.as_bytes()))
        .map_err(|error| {
            let message = format!("the line cannot be written: {error}");
            Failure::because(ErrorKind::Internal, message, error)
        })
}

/// A part of a connection string, by the name of Hyperdrive's property.
fn connection_part(uri: &http::Uri, name: &str) -> Option<String> {
    let authority = uri.authority().map(|authority| authority.as_str());
    let user = authority
        .and_then(|authority| authority.rsplit_once('@'))
        .map(|(user, _)| user);
    let (user, password) = user
        .map(|user| user.split_once(':').unwrap_or((user, "")))
        .unzip();
    let default_port = if uri.scheme_str() == Some("mysql") {
        3306
    } else {
        5432
    };

    match name {
        "host" => uri.host().map(str::to_owned),
        "port" => Some(uri.port_u16().unwrap_or(default_port).to_string()),
        "user" => user.map(str::to_owned),
        "password" => password.map(str::to_owned),
        "database" => Some(uri.path().trim_start_matches('/').to_owned()),
        _ => None,
    }
}
