//! Any other binding: what can be stood in for, and a clear error for what cannot.
//!
//! Rate limits count in this process; records, data points and emails become lines of JSON in the state's folder;
//! a stored secret and a connection string come from the environment or `.dev.vars`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::error::{Failure, Kind};
use crate::http::{Request, Response};
use crate::k2::Record;

use super::clock::now_milliseconds;

/// A binding of the manifest, with what its kind needs.
#[derive(Debug, Clone)]
pub(crate) struct Other {
    binding: &'static str,
    title: &'static str,
    kind: Arc<Simulated>,
}

#[derive(Debug)]
enum Simulated {
    /// Counts by key: the number of the period, and how many came in it.
    RateLimit {
        limit: u64,
        period: i64,
        counts: Mutex<BTreeMap<String, (i64, u64)>>,
    },
    /// Each call is a line of JSON in this file, if there is a folder.
    Lines {
        file: Option<PathBuf>,
        allowed: Vec<String>,
        turn: Mutex<()>,
    },
    /// A secret of the environment.
    StoredSecret(Option<String>),
    /// A connection string of the environment, and its parts.
    Hyperdrive(Option<http::Uri>, Option<String>),
    Version {
        started: String,
    },
    Blob(&'static [u8]),
    Absent,
}

/// What a binding is made from.
pub(super) struct Made<'a> {
    pub(super) binding: &'static str,
    pub(super) title: &'static str,
    pub(super) key: &'static str,
    pub(super) settings: &'static [(&'static str, &'static str)],
    pub(super) file: &'static [u8],
    /// Where lines are kept.
    pub(super) folder: Option<PathBuf>,
    /// A value of the environment or of `.dev.vars`.
    pub(super) given: &'a dyn Fn(&str) -> Option<String>,
}

impl Other {
    pub(super) fn new(made: Made<'_>) -> Self {
        let Made {
            binding,
            title,
            key,
            settings,
            file,
            folder,
            given,
        } = made;
        let setting = |key: &str| {
            settings
                .iter()
                .find(|(known, _)| *known == key)
                .map(|(_, value)| *value)
        };
        let kind = match key {
            "ratelimits" => Simulated::RateLimit {
                limit: setting("simple.limit")
                    .and_then(|limit| limit.parse::<f64>().ok())
                    .map_or(u64::MAX, |limit| limit as u64),
                period: setting("simple.period")
                    .and_then(|period| period.parse().ok())
                    .unwrap_or(60),
                counts: Mutex::default(),
            },
            "analytics_engine_datasets" | "pipelines" | "k2" | "send_email" => Simulated::Lines {
                file: folder.map(|folder| folder.join(format!("{binding}.jsonl"))),
                allowed: setting("destination_address")
                    .map(|address| vec![address.to_owned()])
                    .or_else(|| {
                        serde_json::from_str(setting("allowed_destination_addresses")?).ok()
                    })
                    .unwrap_or_default(),
                turn: Mutex::default(),
            },
            "secrets_store_secrets" => Simulated::StoredSecret(given(binding)),
            "hyperdrive" => {
                let text = given(&format!(
                    "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_{binding}"
                ));
                Simulated::Hyperdrive(text.as_ref().and_then(|text| text.parse().ok()), text)
            }
            "version_metadata" => Simulated::Version {
                started: super::clock::iso(now_milliseconds()),
            },
            "text_blobs" | "data_blobs" => Simulated::Blob(file),
            _ => Simulated::Absent,
        };
        Self {
            binding,
            title,
            kind: Arc::new(kind),
        }
    }

    pub(crate) async fn call(&self, method: &str, values: &[Value]) -> Result<Value, Failure> {
        match &*self.kind {
            Simulated::RateLimit {
                limit,
                period,
                counts,
            } => {
                let key = values
                    .first()
                    .and_then(|options| options.get("key"))
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let now = now_milliseconds() / (period * 1000);
                let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
                counts.retain(|_, (period, _)| *period == now);
                let (_, count) = counts.entry(key.to_owned()).or_insert((now, 0));
                *count += 1;
                Ok(json!({ "success": *count <= *limit }))
            }
            Simulated::Lines {
                file,
                allowed,
                turn,
            } => {
                let line = values.first().unwrap_or(&Value::Null);
                let addressees = line
                    .get("to")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str);
                for address in addressees.filter(|_| !allowed.is_empty()) {
                    if allowed.iter().all(|known| known != address) {
                        let message = format!(
                            "the manifest does not allow `{}` to send to `{address}`",
                            self.binding
                        );
                        return Err(Failure::new(Kind::Denied, message));
                    }
                }
                let Some(file) = file else {
                    return Ok(Value::Null);
                };
                let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
                let lines = match line.as_array() {
                    Some(records) => records.iter().map(|record| format!("{record}\n")).collect(),
                    None => format!("{line}\n"),
                };
                let opened = fs::create_dir_all(file.parent().unwrap_or(file))
                    .and_then(|()| fs::OpenOptions::new().create(true).append(true).open(file));
                opened
                    .and_then(|mut file| file.write_all(lines.as_bytes()))
                    .map_err(|error| {
                        Failure::because(
                            Kind::Internal,
                            format!("the line cannot be kept: {error}"),
                            error,
                        )
                    })?;
                Ok(Value::Null)
            }
            Simulated::StoredSecret(secret) => secret.clone().map(Value::String).ok_or_else(|| {
                let message = format!(
                    "natively the secret is the variable `{}`, and nobody set it",
                    self.binding
                );
                Failure::new(Kind::NotFound, message)
            }),
            _ => Err(self.absent(method)),
        }
    }

    pub(crate) async fn object(&self, method: &str, _: &[Value]) -> Result<Self, Failure> {
        Err(self.absent(method))
    }

    pub(crate) async fn object_of(&self, method: &str, _: &Self) -> Result<Self, Failure> {
        Err(self.absent(method))
    }

    pub(crate) async fn send_records(&self, records: &[Record]) -> Result<Value, Failure> {
        let shown = |record: &Record| json!({ "content": String::from_utf8_lossy(&record.content), "headers": record.headers });
        self.call("send", &[records.iter().map(shown).collect()])
            .await
    }

    pub(crate) async fn load(&self, _: &str, _: &Value) -> Result<Self, Failure> {
        Err(self.absent("get"))
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match (&*self.kind, name) {
            (Simulated::Version { .. }, "id") => {
                Some("00000000-0000-0000-0000-000000000000".to_owned())
            }
            (Simulated::Version { started }, "timestamp") => Some(started.clone()),
            (Simulated::Hyperdrive(_, text), "connectionString") => text.clone(),
            (Simulated::Hyperdrive(Some(uri), _), name) => {
                let user = uri
                    .authority()
                    .and_then(|authority| authority.as_str().rsplit_once('@'))
                    .map(|(user, _)| user);
                let (user, password) = user
                    .map(|user| user.split_once(':').unwrap_or((user, "")))
                    .unzip();
                match name {
                    "host" => uri.host().map(str::to_owned),
                    "port" => Some(
                        uri.port_u16()
                            .unwrap_or(if uri.scheme_str() == Some("mysql") {
                                3306
                            } else {
                                5432
                            })
                            .to_string(),
                    ),
                    "user" => user.map(str::to_owned),
                    "password" => password.map(str::to_owned),
                    "database" => Some(uri.path().trim_start_matches('/').to_owned()),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        if let Simulated::Blob(bytes) = &*self.kind {
            bytes.to_vec()
        } else {
            Vec::new()
        }
    }

    pub(crate) async fn fetch(&self, _: Request) -> Result<Response, Failure> {
        Err(self.absent("fetch"))
    }

    pub(crate) async fn image_info(&self, _: &[u8]) -> Result<Value, Failure> {
        Err(self.absent("info"))
    }

    pub(crate) async fn image(&self, _: &[u8], _: &[Value], _: &Value) -> Result<Vec<u8>, Failure> {
        Err(self.absent("transform"))
    }

    fn absent(&self, method: &str) -> Failure {
        let message = format!(
            "`{method}` of the {} `{}` has no native backend: run this part on Workers, with `wrangler dev`",
            self.title, self.binding
        );
        Failure::new(Kind::Unsupported, message)
    }
}
