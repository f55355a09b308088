//! Emails that a worker sends.
//!
//! <https://developers.cloudflare.com/email-routing/email-workers/send-email-workers/>

use serde::Serialize;
use serde_json::Value;

use super::connect_object;
use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::observe::{Gate, Measures};
use crate::raw::encode;

/// Sends emails. Natively they are lines of JSON in the state's folder.
///
/// Covered: text and HTML to some addresses. Copies, attachments and raw messages are not.
#[derive(Debug, Clone)]
pub struct SendEmail {
    gate: Gate,
    backend: backend::Object,
}

/// An email.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Email {
    /// Who sends it: an address of a domain that routes emails with Cloudflare.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its text as HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

connect_object!(Email, SendEmail);

impl SendEmail {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Sends an email; it has a text, or HTML, or both.
    ///
    /// # Errors
    /// `InvalidArgument` without either, or without an address; `Denied` natively for an address that the manifest
    /// does not allow; on Workers, whatever the platform throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(mail: &bindery::email::SendEmail) -> bindery::Result<()> {
    /// use bindery::email::Email;
    /// mail.send(&Email {
    ///     from: "shop@example.com".to_owned(),
    ///     to: vec!["ann@example.com".to_owned()],
    ///     subject: "Your order".to_owned(),
    ///     text: Some("It is on its way.".to_owned()),
    ///     html: None,
    /// }).await?;
    /// # Ok(()) }
    /// ```
    pub async fn send(&self, email: &Email) -> Result<()> {
        let work = async {
            if email.text.is_none() && email.html.is_none() {
                return Err(Failure::new(
                    ErrorKind::InvalidArgument,
                    "an email has a `text` or `html`",
                ));
            }
            if email.to.is_empty() || email.from.is_empty() {
                return Err(Failure::new(
                    ErrorKind::InvalidArgument,
                    "an email has a `from` and at least one `to`",
                ));
            }
            let answer: Value = self.backend.call("send", &[encode(email)?]).await?;
            drop(answer);
            Ok((
                (),
                Measures {
                    count: Some(email.to.len() as u64),
                    ..Measures::default()
                },
            ))
        };
        self.gate.pass("send", None, work).await
    }
}
