//! Email: sending it, and with the feature `email` receiving it.
//!
//! <https://developers.cloudflare.com/email-routing/email-workers/>

#[cfg(feature = "email")]
mod incoming;
#[cfg(feature = "email")]
mod parsed;

use serde::Serialize;

use super::connect_object;
use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::observe::{Gate, Measures};
use crate::raw::encode;

#[cfg(feature = "email")]
#[doc(hidden)]
pub use incoming::EmailHandler;
#[cfg(feature = "email")]
pub(crate) use incoming::run_email;
#[cfg(feature = "email")]
pub use incoming::{EmailOutcome, IncomingEmail, Reply};
#[cfg(feature = "email")]
pub use parsed::{Attachment, Mailbox, ParsedEmail};

/// A binding that sends email. Natively, emails are appended to a file of JSON lines in the state
/// folder.
///
/// Covered: text and HTML to one or more addresses. Copies, attachments and raw messages are not
/// covered.
#[derive(Debug, Clone)]
pub struct SendEmail {
    gate: Gate,
    backend: backend::Object,
}

/// An email.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Email {
    /// The sender: an address of a domain with Email Routing.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The body as plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The body as HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

connect_object!(Email, SendEmail);

impl SendEmail {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Sends an email, which requires a `text` or an `html` body, or both.
    ///
    /// # Errors
    /// `InvalidArgument` if the email has no body, no sender or no recipient. `Denied` natively if
    /// the manifest does not allow a recipient. On Workers, any error that the platform throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(mail: &bindery::email::SendEmail) -> bindery::Result<()> {
    /// use bindery::email::Email;
    ///
    /// let email = Email {
    ///     from: "shop@example.com".to_owned(),
    ///     to: vec!["ann@example.com".to_owned()],
    ///     subject: "Your order".to_owned(),
    ///     text: Some("It is on its way.".to_owned()),
    ///     html: None,
    /// };
    /// mail.send(&email).await?;
    /// # Ok(()) }
    /// ```
    pub async fn send(&self, email: &Email) -> Result<()> {
        let work = async {
            check_email(email)?;
            self.backend.call("send", &[encode(email)?]).await?;

            let measures = Measures {
                count: Some(email.to.len() as u64),
                ..Measures::default()
            };
            Ok(((), measures.into()))
        };
        self.gate.pass("send", None, work).await
    }
}

fn check_email(email: &Email) -> Result<(), Failure> {
    if email.text.is_none() && email.html.is_none() {
        let message = "an email requires `text` or `html`";
        return Err(Failure::new(ErrorKind::InvalidArgument, message));
    }
    if email.to.is_empty() || email.from.is_empty() {
        let message = "an email requires `from` and at least one `to`";
        return Err(Failure::new(ErrorKind::InvalidArgument, message));
    }
    Ok(())
}
