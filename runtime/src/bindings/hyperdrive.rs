//! Hyperdrive: how to reach a database of one's own.
//!
//! <https://developers.cloudflare.com/hyperdrive/>

use super::connect_object;
use crate::app::Secret;
use crate::backend;
use crate::error::{Error, ErrorKind, Failure, Result, Service};
use crate::observe::Gate;

/// A Hyperdrive configuration. A driver connects with what this gives.
///
/// Natively it is what the variable `CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_<BINDING>` says, as wrangler has
/// it: from the environment, or from `.dev.vars`.
#[derive(Debug, Clone)]
pub struct Hyperdrive {
    gate: Gate,
    backend: backend::Object,
}

connect_object!(Hyperdrive, Hyperdrive);

impl Hyperdrive {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// The connection string: scheme, user, password, host, port and database.
    ///
    /// # Errors
    /// `Misconfigured` natively, where the variable is not set.
    ///
    /// # Examples
    /// ```
    /// # async fn f(postgres: &bindery::hyperdrive::Hyperdrive) -> bindery::Result<()> {
    /// let connection = postgres.connection_string()?;
    /// // A driver is given `connection.expose()`.
    /// # Ok(()) }
    /// ```
    pub fn connection_string(&self) -> Result<Secret> {
        self.text("connectionString").map(Secret::new)
    }

    /// The host.
    ///
    /// # Errors
    /// As [`connection_string`](Self::connection_string).
    pub fn host(&self) -> Result<String> {
        self.text("host")
    }

    /// The port.
    ///
    /// # Errors
    /// As [`connection_string`](Self::connection_string).
    pub fn port(&self) -> Result<u16> {
        self.text("port")?
            .parse()
            .map_err(|_| self.failed("the port is no port"))
    }

    /// The user.
    ///
    /// # Errors
    /// As [`connection_string`](Self::connection_string).
    pub fn user(&self) -> Result<String> {
        self.text("user")
    }

    /// The password.
    ///
    /// # Errors
    /// As [`connection_string`](Self::connection_string).
    pub fn password(&self) -> Result<Secret> {
        self.text("password").map(Secret::new)
    }

    /// The database's name.
    ///
    /// # Errors
    /// As [`connection_string`](Self::connection_string).
    pub fn database(&self) -> Result<String> {
        self.text("database")
    }

    fn text(&self, name: &str) -> Result<String> {
        self.backend.text(name).ok_or_else(|| {
            let variable = format!("CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_{}", self.gate.binding());
            self.failed(&format!(
                "there is no connection string; natively it is the variable `{variable}`, and never the manifest's own"
            ))
        })
    }

    fn failed(&self, message: &str) -> Error {
        Error::new(
            Service::Hyperdrive,
            self.gate.binding(),
            "connect",
            None,
            Failure::new(ErrorKind::Misconfigured, message),
        )
    }
}
