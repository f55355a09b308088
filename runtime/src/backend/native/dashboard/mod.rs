//! The page `/__bindery`: the calls of the server, their cost, and its state.
//!
//! It only reads. It answers clients on this machine that address the server by a name of this
//! machine, so that neither other machines nor other web sites can read it.

mod bucket;
mod database;
mod layout;
mod namespace;
mod overview;
mod queue;
mod recorder;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Method, StatusCode};
use maud::Markup;

use crate::error::Failure;
use crate::http::{Body, Request, Response};

use super::{Backend, local};
use recorder::Recorder;

/// The path of the dashboard.
pub(super) const PATH: &str = "/__bindery";

/// The page has only files of its own, so that a stored value cannot run as a script.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The dashboard of one server.
#[derive(Clone)]
pub(super) struct Dashboard {
    backend: Backend,
    recorder: Recorder,
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Dashboard").finish_non_exhaustive()
    }
}

/// The parameters in the query of a URL.
struct Parameters(BTreeMap<String, String>);

/// What a page shows.
enum Page {
    Html { title: String, content: Markup },
    File { name: String, content: Body },
    NotFound,
}

impl Dashboard {
    /// Records the calls of a server from now on.
    pub(super) fn start(backend: &Backend) -> Self {
        let recorder = Recorder::default();
        backend.observe(recorder.clone());
        Self {
            backend: backend.clone(),
            recorder,
        }
    }

    /// Whether a request is one for the dashboard.
    pub(super) fn serves(request: &Request) -> bool {
        let rest = request.uri().path().strip_prefix(PATH);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Responds to a request for the dashboard.
    pub(super) async fn respond(&self, request: Request) -> Response {
        let request = request.into_parts().0;
        if let Err(problem) = local::check(&request) {
            let problem = format!("the dashboard {problem}\n");
            return text(StatusCode::FORBIDDEN, "text/plain; charset=utf-8", problem);
        }
        if request.method != Method::GET {
            let message = "the dashboard only responds to GET";
            return text(StatusCode::METHOD_NOT_ALLOWED, "text/plain", message);
        }

        let path = request.uri.path();
        let parameters = Parameters::of(&request);
        let page = match path.strip_prefix(PATH).unwrap_or_default() {
            "/style.css" => return text(StatusCode::OK, "text/css", STYLE),
            "/script.js" => return text(StatusCode::OK, "text/javascript", SCRIPT),
            "" | "/" => Ok(overview::page(self).await),
            "/d1" => database::page(&self.backend, &parameters).await,
            "/kv" => namespace::page(&self.backend, &parameters).await,
            "/r2" => bucket::page(&self.backend, &parameters).await,
            "/r2/download" => bucket::download(&self.backend, &parameters).await,
            "/queue" => queue::page(&self.backend, &parameters).await,
            _ => Ok(Page::NotFound),
        };
        self.response(page)
    }

    fn response(&self, page: Result<Page, Failure>) -> Response {
        let environment = self.backend.environment();
        let (status, title, content) = match page {
            Ok(Page::Html { title, content }) => (StatusCode::OK, title, content),
            Ok(Page::File { name, content }) => return file(&name, content),
            Ok(Page::NotFound) => {
                let message = "This page does not exist.";
                (
                    StatusCode::NOT_FOUND,
                    "Not found".to_owned(),
                    layout::problem(message),
                )
            }
            Err(failure) => {
                let content = layout::problem(&failure.message);
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Error".to_owned(),
                    content,
                )
            }
        };

        let html = layout::document(environment, &title, &content).into_string();
        text(status, "text/html; charset=utf-8", html)
    }
}

impl Parameters {
    fn of(request: &Parts) -> Self {
        let query = request.uri.query().unwrap_or_default();
        let parameters = form_urlencoded::parse(query.as_bytes());
        Self(parameters.into_owned().collect())
    }

    /// Returns the value of a parameter that is not empty.
    fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }
}

/// Returns the URL of a page.
fn link(page: &str, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    format!("{PATH}/{page}?{query}")
}

fn text(
    status: StatusCode,
    content_type: &'static str,
    content: impl Into<Cow<'static, str>>,
) -> Response {
    let body = match content.into() {
        Cow::Borrowed(text) => Body::from(text),
        Cow::Owned(text) => Body::from(text),
    };
    response(status, content_type, body)
}

fn response(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CONTENT_TYPE, content_type),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// A file to download: a browser does not show it, because it can contain scripts.
fn file(name: &str, content: Body) -> Response {
    let mut response = response(StatusCode::OK, "application/octet-stream", content);
    let name = name.rsplit('/').next().unwrap_or(name);
    let encoded = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    if let Ok(value) = format!("attachment; filename*=UTF-8''{encoded}").parse() {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    response
}
