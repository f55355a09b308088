//! Hyperdrive: connection settings of an external database.
//!
//! <https://developers.cloudflare.com/hyperdrive/>

use super::connect_object;
use crate::app::Secret;
use crate::backend;
use crate::error::{Error, ErrorKind, Failure, Result, Service};
use crate::observe::Gate;

/// A Hyperdrive configuration: the settings with which a database driver connects.
///
/// Natively, the settings come from the variable
/// `CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_<BINDING>`, as in wrangler. The variable is read
/// from the process environment or from `.dev.vars`.
///
/// <https://developers.cloudflare.com/hyperdrive/configuration/local-development/>
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

    /// Returns the connection string: scheme, user, password, host, port and database.
    ///
    /// # Errors
    /// `Misconfigured` natively if the variable is not set.
    ///
    /// # Examples
    /// ```
    /// # async fn f(postgres: &bindery::hyperdrive::Hyperdrive) -> bindery::Result<()> {
    /// let connection = postgres.connection_string()?;
    /// // Pass `connection.expose()` to the driver.
    /// # Ok(()) }
    /// ```
    pub fn connection_string(&self) -> Result<Secret> {
        self.text("connectionString").map(Secret::new)
    }

    /// Returns the host.
    ///
    /// # Errors
    /// See [`connection_string`](Self::connection_string).
    pub fn host(&self) -> Result<String> {
        self.text("host")
    }

    /// Returns the port.
    ///
    /// # Errors
    /// See [`connection_string`](Self::connection_string). `Misconfigured` if the port is not a
    /// number from 0 to 65,535.
    pub fn port(&self) -> Result<u16> {
        let port = self.text("port")?;
        port.parse()
            .map_err(|_| self.misconfigured("the port is not a valid port number"))
    }

    /// Returns the name of the user.
    ///
    /// # Errors
    /// See [`connection_string`](Self::connection_string).
    pub fn user(&self) -> Result<String> {
        self.text("user")
    }

    /// Returns the password.
    ///
    /// # Errors
    /// See [`connection_string`](Self::connection_string).
    pub fn password(&self) -> Result<Secret> {
        self.text("password").map(Secret::new)
    }

    /// Returns the name of the database.
    ///
    /// # Errors
    /// See [`connection_string`](Self::connection_string).
    pub fn database(&self) -> Result<String> {
        self.text("database")
    }

    fn text(&self, name: &str) -> Result<String> {
        self.backend.text(name).ok_or_else(|| {
            let binding = self.gate.binding();
            self.misconfigured(&format!(
                "there is no connection string; natively it is read from the variable \
                 `CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_{binding}`, not from the manifest"
            ))
        })
    }

    fn misconfigured(&self, message: &str) -> Error {
        let failure = Failure::new(ErrorKind::Misconfigured, message.to_owned());
        Error::located(
            Service::Hyperdrive,
            &self.gate.binding(),
            "connect",
            None,
            failure,
        )
    }
}
