//! The response of the assets to a request, in the order of the platform: redirects, files, the
//! response to a missing file, and headers.

use std::io;
use std::path::{Path, PathBuf};

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
    HeaderValue, IF_NONE_MATCH, LOCATION, RANGE,
};
use http::{Method, StatusCode};

use super::super::bindings::Opened;
use super::super::log_line;
use super::address::{Address, decode_path, encode_path};
use super::content::Content;
use super::content_type::content_type;
use super::folder::Folder;
use super::headers::HeaderRules;
use super::options::{NotFoundHandling, Options};
use super::redirects::{Redirect, Redirects};
use super::resolve::{Resolved, resolve};
use super::watched::Watched;
use crate::http::{Body, Request, Response};

/// Browsers ask for a change before they use their copy.
const REVALIDATE: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The folder of the assets, and how it is served.
#[derive(Debug)]
pub(super) struct Site {
    folder: Folder,
    pub(super) options: Options,
    headers: Watched<HeaderRules>,
    redirects: Watched<Redirects>,
}

/// The parts of a request that the response depends on.
pub(super) struct Head {
    method: Method,
    address: Address,
    is_navigation: bool,
    is_cacheable: bool,
    if_none_match: Option<HeaderValue>,
}

impl Head {
    pub(super) fn of(request: &Request) -> Self {
        let headers = request.headers();
        let mode = headers.get(SEC_FETCH_MODE);
        Self {
            method: request.method().clone(),
            address: Address::of(request),
            is_navigation: mode.is_some_and(|mode| mode == "navigate"),
            is_cacheable: !headers.contains_key(AUTHORIZATION) && !headers.contains_key(RANGE),
            if_none_match: headers.get(IF_NONE_MATCH).cloned(),
        }
    }
}

enum Answer {
    /// No asset and no redirect matches.
    None,
    Response(Response),
    File {
        file: PathBuf,
        status: StatusCode,
    },
}

impl Site {
    pub(super) fn open(folder: PathBuf, options: Options) -> Opened<Self> {
        let folder = Folder::open(folder)?;
        let headers = Watched::new(folder.path().join("_headers"), HeaderRules::parse);
        let html = options.html;
        let redirects = Watched::new(folder.path().join("_redirects"), move |text, problems| {
            Redirects::parse(text, html, problems)
        });

        // The problems of the files are reported at the start.
        headers.current();
        redirects.current();
        Ok(Self {
            folder,
            options,
            headers,
            redirects,
        })
    }

    /// The response, or `None` if the worker has to respond.
    pub(super) fn respond(&self, head: &Head) -> Option<Response> {
        let Options {
            routing, not_found, ..
        } = &self.options;
        if routing.is_excluded(&head.address.path) {
            return Some(self.fetch(head));
        }
        if !self.is_in_base(head) {
            return None;
        }

        let is_kept =
            routing.has_rules() || (head.is_navigation && self.options.navigation_prefers_assets);
        let not_found = match is_kept {
            true => *not_found,
            false => NotFoundHandling::None,
        };
        match self.answer(head, not_found) {
            Answer::None => None,
            // A rule with the status 200 matches, but its target does not exist.
            Answer::Response(response) if response.status() == StatusCode::NOT_FOUND => {
                Some(self.fetch(head))
            }
            answer => Some(self.finish(head, answer)),
        }
    }

    /// The response without a worker.
    pub(super) fn fetch(&self, head: &Head) -> Response {
        if !self.is_in_base(head) {
            return empty(StatusCode::NOT_FOUND);
        }
        self.finish(head, self.answer(head, self.options.not_found))
    }

    fn is_in_base(&self, head: &Head) -> bool {
        let path = decode_path(&head.address.path);
        self.options.base.strip(&path).is_some()
    }

    fn answer(&self, head: &Head, not_found: NotFoundHandling) -> Answer {
        let address = &head.address;
        let redirect = self.redirects.current().find(address);
        let (path, is_rewritten) = match redirect {
            None => (address.path.clone(), false),
            Some(Redirect { status, target }) => match address.join(&target) {
                None => return Answer::Response(empty(StatusCode::INTERNAL_SERVER_ERROR)),
                Some(target) if status == StatusCode::OK => (target.path, true),
                Some(target) => {
                    return Answer::Response(redirect_to(status, &target.location(address)));
                }
            },
        };

        let decoded = decode_path(&path);
        let Some(resolved) = self.resolve(&decoded, is_rewritten, not_found) else {
            return match is_rewritten {
                true => Answer::Response(empty(StatusCode::NOT_FOUND)),
                false => Answer::None,
            };
        };
        if head.method != Method::GET && head.method != Method::HEAD {
            return Answer::Response(empty(StatusCode::METHOD_NOT_ALLOWED));
        }

        // An asset has one path, which is encoded in one way.
        let (destination, file) = match resolved {
            Resolved::Redirect(to) => (encode_path(&self.options.base.add(&to)), None),
            Resolved::File { file, status } => (encode_path(&decoded), Some((file, status))),
        };
        match file {
            Some((file, status)) if destination == path => Answer::File { file, status },
            _ => {
                let location = format!("{destination}{}", address.query);
                Answer::Response(redirect_to(StatusCode::TEMPORARY_REDIRECT, &location))
            }
        }
    }

    fn resolve(
        &self,
        path: &str,
        is_rewritten: bool,
        not_found: NotFoundHandling,
    ) -> Option<Resolved> {
        let Options { html, base, .. } = &self.options;
        let asset = base.strip(path)?;
        let root = base.root_redirect(path, *html).filter(|_| !is_rewritten);
        if let Some(to) = root
            && self.folder.find("/index.html").is_some()
        {
            return Some(Resolved::Redirect(to.to_owned()));
        }
        resolve(&self.folder, asset, *html, not_found)
    }

    /// Reads the file of an answer, and applies the rules of `_headers`.
    fn finish(&self, head: &Head, answer: Answer) -> Response {
        let mut response = match answer {
            Answer::None => empty(StatusCode::NOT_FOUND),
            Answer::Response(response) => response,
            Answer::File { file, status } => match self.send(head, &file, status) {
                Ok(response) => response,
                // The file was deleted after it was found.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    empty(StatusCode::NOT_FOUND)
                }
                Err(error) => {
                    let file = file.display();
                    log_line(&format!("error: {file} cannot be read: {error}"));
                    empty(StatusCode::INTERNAL_SERVER_ERROR)
                }
            },
        };

        if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
            let rules = self.headers.current();
            rules.apply(&head.address, response.headers_mut());
        }
        response
    }

    fn send(&self, head: &Head, file: &Path, status: StatusCode) -> io::Result<Response> {
        let Content { body, size, tag } = Content::open(&self.folder, file)?;
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type(file) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if head.is_cacheable {
            headers.insert(CACHE_CONTROL, REVALIDATE);
        }

        let known = head.if_none_match.as_ref();
        let known = known.and_then(|known| known.to_str().ok());
        let is_known = known.is_some_and(|known| known.trim_start_matches("W/") == tag);
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(ETAG, tag);
        }

        let mut response = if is_known {
            empty(StatusCode::NOT_MODIFIED)
        } else if head.method == Method::HEAD {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
            empty(status)
        } else {
            with_body(status, body)
        };
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// The response when the process ends before the assets could respond.
pub(super) fn shutting_down() -> Response {
    empty(StatusCode::SERVICE_UNAVAILABLE)
}

fn redirect_to(status: StatusCode, location: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = empty(status);
    response.headers_mut().insert(LOCATION, location);
    response
}

fn empty(status: StatusCode) -> Response {
    with_body(status, Body::empty())
}

fn with_body(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
