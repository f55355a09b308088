//! Emails that the worker receives.

use std::future::Future;

use bytes::Bytes;
use mail_builder::MessageBuilder;
use mail_builder::headers::raw::Raw;

use super::ParsedEmail;
use crate::app::{Application, Context, Environment};
use crate::backend;
use crate::error::{ErrorKind, Failure, Result, Service};
use crate::observe::{Counts, Gate, Measures, RequestLine, Scope};
use crate::random;

/// The page of the rules of replies.
const REPLIES: &str =
    "https://developers.cloudflare.com/email-routing/email-workers/reply-email-workers/";

/// The number of references from which an email cannot be replied to.
const MAX_REFERENCES: usize = 100;

/// An email that Email Routing has received for the worker.
///
/// The handler decides what becomes of it: an email that it neither forwards nor rejects is
/// accepted and dropped.
///
/// <https://developers.cloudflare.com/email-routing/email-workers/runtime-api/>
///
/// # Examples
/// ```
/// use bindery::email::{IncomingEmail, Reply};
///
/// async fn receive(mut email: IncomingEmail) -> bindery::Result<()> {
///     let parsed = email.parse().await?;
///     if parsed.subject.as_deref() == Some("unsubscribe") {
///         return email.reply(&Reply::text("You will not hear from us again.")).await;
///     }
///     if parsed.text.is_none() {
///         email.reject("this address accepts text only");
///         return Ok(());
///     }
///     email.forward("team@example.com").await
/// }
/// ```
#[derive(Debug)]
pub struct IncomingEmail {
    from: String,
    to: String,
    gate: Gate,
    received: backend::ReceivedEmail,
    raw: Option<Bytes>,
}

/// An answer to an [`IncomingEmail`], with a text, HTML, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The subject: by default that of the email, after `Re: `.
    pub subject: Option<String>,
    /// The body as plain text.
    pub text: Option<String>,
    /// The body as HTML.
    pub html: Option<String>,
}

/// What a handler has decided about an email, for tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmailOutcome {
    /// The reason of a rejection.
    pub rejected: Option<String>,
    /// The addresses to which it was forwarded.
    pub forwarded: Vec<String>,
    /// The replies, as emails.
    pub replies: Vec<String>,
}

impl Reply {
    /// Returns a reply with a plain text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::default()
        }
    }

    /// Adds HTML, which programs show instead of the plain text.
    #[must_use]
    pub fn html(mut self, html: impl Into<String>) -> Self {
        self.html = Some(html.into());
        self
    }

    /// Sets the subject.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }
}

impl IncomingEmail {
    pub(crate) fn new(from: String, to: String, received: backend::ReceivedEmail) -> Self {
        Self {
            from,
            to,
            gate: Gate::new(Service::Email, "", backend::current_observers()),
            received,
            raw: None,
        }
    }

    /// Returns the sender of the envelope, which can differ from the one in the email.
    #[must_use]
    pub fn from(&self) -> &str {
        &self.from
    }

    /// Returns the recipient of the envelope: an address of the worker.
    #[must_use]
    pub fn to(&self) -> &str {
        &self.to
    }

    /// Returns the size of the email in bytes: at most 25 MiB.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.received.size()
    }

    /// Returns the value of a header. The content is not read for it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.received.header(name)
    }

    /// Reads the whole email, as it was received.
    ///
    /// # Errors
    /// `Unavailable` if it breaks off.
    pub async fn read(&mut self) -> Result<Bytes> {
        if let Some(raw) = &self.raw {
            return Ok(raw.clone());
        }
        let work = async {
            let raw = self.received.read().await?;
            let measures = Measures {
                bytes: Some(raw.len() as u64),
                ..Measures::default()
            };
            Ok((raw, measures.into()))
        };
        let raw = self.gate.pass("read", None, work).await?;
        Ok(self.raw.insert(raw).clone())
    }

    /// Reads the email and its parts.
    ///
    /// # Errors
    /// `Decode` if it is not an email. See also [`read`](Self::read).
    pub async fn parse(&mut self) -> Result<ParsedEmail> {
        let raw = self.read().await?;
        ParsedEmail::parse(&raw).ok_or_else(|| {
            let failure = Failure::new(ErrorKind::Decode, "the content is not an email");
            self.gate.failed("parse", failure)
        })
    }

    /// Rejects the email with a permanent error, whose text the sender sees.
    pub fn reject(&self, reason: &str) {
        self.received.reject(reason);
    }

    /// Forwards the email to a verified address.
    ///
    /// # Errors
    /// On Workers, any error that the platform throws: above all, for an address that is not
    /// verified.
    pub async fn forward(&self, to: &str) -> Result<()> {
        let work = async {
            self.received.forward(to).await?;
            Ok(((), Counts::default()))
        };
        self.gate.pass("forward", None, work).await
    }

    /// Replies to the sender. The reply comes from the address that received the email.
    ///
    /// <https://developers.cloudflare.com/email-routing/email-workers/reply-email-workers/>
    ///
    /// # Errors
    /// `InvalidArgument` if the reply has no body. `Denied` if the email must not be replied to: it
    /// has no `Message-ID`, was sent by a program, or has more than 100 references. On Workers, any
    /// error that the platform throws, such as for a sender without a valid DMARC.
    pub async fn reply(&mut self, reply: &Reply) -> Result<()> {
        let original = self.parse().await?;
        let work = async {
            self.check_reply(&original, reply)?;
            let raw = self.compose(&original, reply)?;
            self.received.reply(&self.to, &self.from, &raw).await?;
            Ok(((), Counts::default()))
        };
        self.gate.pass("reply", None, work).await
    }

    /// Checks the rules of the platform.
    fn check_reply(&self, original: &ParsedEmail, reply: &Reply) -> Result<(), Failure> {
        if reply.text.is_none() && reply.html.is_none() {
            let message = "a reply requires a text or HTML";
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }

        let is_set = |name, none| {
            let value = self.header(name);
            value.is_some_and(|value| !value.trim().eq_ignore_ascii_case(none))
        };
        let problem = if original.message_id.is_none() {
            "it has no Message-ID"
        } else if is_set("auto-submitted", "no") || is_set("x-auto-response-suppress", "none") {
            "a program has sent it"
        } else if original.references.len() >= MAX_REFERENCES {
            "it has 100 references"
        } else if original.in_reply_to.is_empty() != original.references.is_empty() {
            "it has only one of In-Reply-To and References"
        } else {
            return Ok(());
        };
        let message = format!("this email cannot be replied to: {problem}; see {REPLIES}");
        Err(Failure::new(ErrorKind::Denied, message))
    }

    /// Writes the reply as an email.
    fn compose(&self, original: &ParsedEmail, reply: &Reply) -> Result<String, Failure> {
        let id = original.message_id.as_deref().unwrap_or_default();
        let subject = reply.subject.clone().unwrap_or_else(|| {
            let subject = original.subject.as_deref().unwrap_or_default();
            match subject.get(..3) {
                Some(start) if start.eq_ignore_ascii_case("re:") => subject.to_owned(),
                _ => format!("Re: {subject}"),
            }
        });
        let references = original.references.iter().map(String::as_str).chain([id]);
        let references: Vec<String> = references.map(|id| format!("<{id}>")).collect();

        let mut builder = MessageBuilder::new()
            .from(self.to.as_str())
            .to(self.from.as_str())
            .subject(subject)
            .message_id(message_id(&self.to)?)
            .date(seconds())
            .in_reply_to(id)
            .header("References", Raw::new(references.join(" ")));
        if let Some(text) = &reply.text {
            builder = builder.text_body(text.as_str());
        }
        if let Some(html) = &reply.html {
            builder = builder.html_body(html.as_str());
        }
        builder.write_to_string().map_err(|error| {
            let message = "the reply cannot be written as an email";
            Failure::because(ErrorKind::InvalidArgument, message, error)
        })
    }
}

/// A new id, of the domain of an address.
fn message_id(address: &str) -> Result<String, Failure> {
    let bytes: [u8; 16] = random::bytes().map_err(|error| {
        let message = "the reply needs random numbers";
        Failure::because(ErrorKind::Internal, message, error)
    })?;
    let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let domain = address
        .rsplit_once('@')
        .map_or("localhost", |(_, domain)| domain);
    Ok(format!("{id}@{domain}"))
}

/// The seconds since the Unix epoch.
fn seconds() -> i64 {
    let now = crate::time::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.unwrap_or_default().as_secs()).unwrap_or_default()
}

/// A function that receives emails.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an email handler",
    label = "not an email handler",
    note = "write `async fn receive(email: IncomingEmail, env: Env) -> bindery::Result<()>`, or \
            with a third argument `context: Context`; the future is `Send`"
)]
pub trait EmailHandler<Env, Form> {
    fn receive(
        self,
        email: IncomingEmail,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Result<()>> + Send;
}

impl<F, Output, Env> EmailHandler<Env, fn(IncomingEmail, Env)> for F
where
    F: FnOnce(IncomingEmail, Env) -> Output,
    Output: Future<Output = Result<()>> + Send,
{
    fn receive(
        self,
        email: IncomingEmail,
        env: Env,
        _: Context,
    ) -> impl Future<Output = Result<()>> + Send {
        self(email, env)
    }
}

impl<F, Output, Env> EmailHandler<Env, fn(IncomingEmail, Env, Context)> for F
where
    F: FnOnce(IncomingEmail, Env, Context) -> Output,
    Output: Future<Output = Result<()>> + Send,
{
    fn receive(
        self,
        email: IncomingEmail,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Result<()>> + Send {
        self(email, env, context)
    }
}

/// Runs the email handler, with an event for observers.
pub(crate) async fn run_email<A: Application>(
    email: IncomingEmail,
    env: A::Env,
    context: Context,
) -> Result<()> {
    let scope = Scope::new(&context, RequestLine::default());
    let gate = Gate::of_handler("", env.backend().observers());
    let measures = Measures {
        bytes: Some(email.size()),
        ..Measures::default()
    };
    let handler = A::email(email, env, context);
    let handler = gate.handle("email", handler, |outcome| {
        (outcome.as_ref().err(), measures.clone())
    });
    scope.run(handler).await
}
