//! Secrets of an account's Secrets Store.
//!
//! <https://developers.cloudflare.com/secrets-store/>

use super::connect_object;
use crate::app::Secret;
use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::observe::{Counts, Gate};

/// A secret of the account's Secrets Store.
///
/// Natively, the secret is the variable with the name of the binding, read from the process
/// environment or from `.dev.vars`.
#[derive(Debug, Clone)]
pub struct StoredSecret {
    gate: Gate,
    backend: backend::Object,
}

connect_object!(SecretsStore, StoredSecret);

impl StoredSecret {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Returns the secret.
    ///
    /// # Errors
    /// `NotFound` natively if the variable is not set. On Workers, any error that the store throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(stored: &bindery::secrets_store::StoredSecret) -> bindery::Result<()> {
    /// let key: bindery::Secret = stored.get().await?;
    /// // `key.expose()` returns the text; nothing else prints it.
    /// # Ok(()) }
    /// ```
    pub async fn get(&self) -> Result<Secret> {
        let work = async {
            let value = self.backend.call("get", &[]).await?;
            let text = value
                .as_str()
                .ok_or_else(|| Failure::new(ErrorKind::Decode, "the secret is not a string"))?;
            Ok((Secret::new(text.to_owned()), Counts::default()))
        };
        self.gate.pass("get", None, work).await
    }
}
