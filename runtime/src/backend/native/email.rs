//! Emails that the worker receives natively, from a test or a request for [`PATH`]. What it sends
//! because of them is stored in the Maildir `email` of the state folder, which mail programs read.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::Limited;
use mail_parser::MessageParser;

use crate::app::{Application, Context, Environment};
use crate::email::{EmailOutcome, IncomingEmail, run_email};
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::http::{Body, Request, Response};

use super::clock::now_milliseconds;
use super::local::{self, answer};
use super::panic::catch_panic;
use super::pool::lock;
use super::read_body;

/// The path that delivers the body of a request to the email handler.
pub(super) const PATH: &str = "/__email";

/// The largest email that the platform accepts.
const MAX_BYTES: usize = 25 * 1024 * 1024;

/// An email, and what the handler does with it.
#[derive(Debug)]
pub(crate) struct ReceivedEmail {
    raw: Bytes,
    from: String,
    outcome: Arc<Mutex<EmailOutcome>>,
    /// Tests have none.
    maildir: Option<PathBuf>,
}

impl ReceivedEmail {
    pub(crate) fn size(&self) -> u64 {
        self.raw.len() as u64
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let message = MessageParser::default().parse_headers(&*self.raw)?;
        let value = message.header_raw(name)?;
        Some(value.trim().to_owned())
    }

    pub(crate) async fn read(&self) -> Result<Bytes, Failure> {
        Ok(self.raw.clone())
    }

    pub(crate) fn reject(&self, reason: &str) {
        lock(&self.outcome).rejected = Some(reason.to_owned());
    }

    pub(crate) async fn forward(&self, to: &str) -> Result<(), Failure> {
        if !to.contains('@') {
            let message = format!("`{to}` is not an address");
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }
        lock(&self.outcome).forwarded.push(to.to_owned());
        self.store(&self.from, to, self.raw.clone()).await
    }

    pub(crate) async fn reply(&self, from: &str, to: &str, raw: &str) -> Result<(), Failure> {
        lock(&self.outcome).replies.push(raw.to_owned());
        self.store(from, to, Bytes::from(raw.to_owned())).await
    }

    /// Stores an email that leaves the worker.
    async fn store(&self, from: &str, to: &str, raw: Bytes) -> Result<(), Failure> {
        let Some(maildir) = self.maildir.clone() else {
            return Ok(());
        };
        let envelope = format!("Return-Path: <{from}>\r\nDelivered-To: {to}\r\n");
        let write = move || write(&maildir, envelope.as_bytes(), &raw);
        let written = tokio::task::spawn_blocking(write).await;
        written
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|error| {
                let message = format!("the email cannot be stored: {error}");
                Failure::because(ErrorKind::Internal, message, error)
            })
    }
}

/// Adds an email to a Maildir: it is written to `tmp`, and complete when it is in `new`.
///
/// <https://cr.yp.to/proto/maildir.html>
fn write(maildir: &Path, envelope: &[u8], raw: &[u8]) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    for folder in ["tmp", "new", "cur"] {
        fs::create_dir_all(maildir.join(folder))?;
    }

    let (now, process) = (now_milliseconds(), std::process::id());
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{now}.{process}_{number}.bindery");
    let temporary = maildir.join("tmp").join(&name);
    let mut file = fs::File::create_new(&temporary)?;
    file.write_all(envelope)?;
    file.write_all(raw)?;
    file.sync_all()?;
    fs::rename(temporary, maildir.join("new").join(name))
}

/// Passes an email to the handler. Returns what it has decided.
///
/// # Errors
/// The error of the handler.
pub(super) async fn receive<A: Application>(
    from: &str,
    to: &str,
    raw: Bytes,
    env: &A::Env,
    context: Context,
) -> Result<EmailOutcome> {
    let outcome = Arc::<Mutex<EmailOutcome>>::default();
    let received = ReceivedEmail {
        raw,
        from: from.to_owned(),
        outcome: Arc::clone(&outcome),
        maildir: env
            .backend()
            .state_folder()
            .map(|folder| folder.join("email")),
    };

    let email = IncomingEmail::new(from.to_owned(), to.to_owned(), received);
    match catch_panic(run_email::<A>(email, env.clone(), context)).await {
        Ok(result) => result?,
        Err(panic) => {
            let message = format!("the handler panicked: {panic}");
            return Err(Error::worker("email", ErrorKind::Internal, message));
        }
    }
    let outcome = std::mem::take(&mut *lock(&outcome));
    Ok(outcome)
}

/// Responds to a request for [`PATH`]: delivers its body, from `?from=` to `&to=`.
pub(super) async fn respond<A: Application>(
    request: Request,
    env: &A::Env,
    context: Context,
) -> Response {
    let (request, body) = request.into_parts();
    if let Err(problem) = local::check(&request) {
        return answer(StatusCode::FORBIDDEN, format!("{PATH} {problem}"));
    }
    let query = request.uri.query().unwrap_or_default();
    let (Some(from), Some(to)) = (parameter(query, "from"), parameter(query, "to")) else {
        let usage =
            format!("send an email with POST {PATH}?from=ann@example.com&to=bob@example.com");
        return answer(StatusCode::BAD_REQUEST, usage);
    };
    let raw = match read_body(Body::new(Limited::new(body, MAX_BYTES))).await {
        Ok(raw) if request.method == Method::POST && !raw.is_empty() => raw,
        Ok(_) => {
            let problem = "send the email as the body of a POST request";
            return answer(StatusCode::BAD_REQUEST, problem.to_owned());
        }
        Err(failure) => return answer(StatusCode::BAD_REQUEST, failure.message.clone()),
    };

    match receive::<A>(&from, &to, raw, env, context).await {
        Ok(outcome) => answer(StatusCode::OK, describe(&outcome)),
        Err(error) => answer(error.status(), error.to_string()),
    }
}

/// The decoded value of a query parameter.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
    Some(value.into_owned())
}

fn describe(outcome: &EmailOutcome) -> String {
    let rejected = outcome.rejected.iter();
    let rejected = rejected.map(|reason| format!("rejected: {reason}"));
    let forwarded = outcome.forwarded.iter();
    let forwarded = forwarded.map(|to| format!("forwarded to {to}"));
    let replies = outcome.replies.iter().map(|_| "replied".to_owned());
    let lines: Vec<String> = rejected.chain(forwarded).chain(replies).collect();
    match lines.as_slice() {
        [] => "accepted".to_owned(),
        lines => lines.join("\n"),
    }
}
