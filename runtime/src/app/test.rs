//! What the tests of both backends share.

use std::fmt::Debug;

use http::header::{HOST, HeaderValue};
use http::uri::{PathAndQuery, Uri};

use super::{Application, Context, Environment};
use crate::backend::log_line;
use crate::error::ServerErrorText;
use crate::http::{Request, Response};
use crate::observe::{Gate, Measures, RequestLine, Scope};

/// Responds to a request of a test as a server would, with an event for observers.
pub(crate) async fn respond<A: Application>(
    env: A::Env,
    mut request: Request,
    context: Context,
) -> Response {
    complete(&mut request);
    request.extensions_mut().insert(context.clone());
    let scope = Scope::new(&context, RequestLine::of(&request));

    let gate = Gate::of_handler("", env.backend().observers());
    let handler = gate.handle("fetch", A::fetch(request, env, context), |response| {
        let measures = Measures {
            status: Some(response.status().as_u16()),
            ..Measures::default()
        };
        (None, measures)
    });
    let response = scope.run(handler).await;

    if let Some(ServerErrorText(text)) = response.extensions().get() {
        log_line(&format!("error: {text}"));
    }
    response
}

/// Adds what every request has that a server receives.
fn complete(request: &mut Request) {
    if request.uri().host().is_none() {
        let path = request.uri().path_and_query().cloned();
        let uri = Uri::builder().scheme("http").authority("localhost");
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        if let Ok(uri) = uri.path_and_query(path).build() {
            *request.uri_mut() = uri;
        }
    }
    let host = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let host = host.and_then(|host| HeaderValue::from_str(host).ok());
    let headers = request.headers_mut();
    if let Some(host) = host {
        headers.entry(HOST).or_insert(host);
    }
    let client = HeaderValue::from_static("127.0.0.1");
    headers.entry("cf-connecting-ip").or_insert(client);
}

/// A type that a test can return.
#[doc(hidden)]
pub trait TestOutcome {
    /// Returns the text of the error.
    fn failure(self) -> Option<String>;
}

impl TestOutcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: Debug> TestOutcome for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| format!("{error:?}"))
    }
}

/// The variables and secrets that a test sets, by name.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct TestOptions {
    pub vars: Vec<(&'static str, serde_json::Value)>,
    pub secrets: Vec<(&'static str, String)>,
}
