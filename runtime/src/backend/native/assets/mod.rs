//! Static assets: files of a folder, with the redirects, headers and not-found responses of the
//! platform.
//!
//! - `options`: the table `[assets]` of the manifest
//! - `routing`: which requests the worker handles before the assets
//! - `address`: the URL of a request, normalized and encoded the same as on the platform
//! - `folder`, `ignore`: the files, without those that `.assetsignore` names
//! - `resolve`: the file of a path, or the path to redirect to
//! - `pattern`, `headers`, `redirects`, `watched`: the files `_headers` and `_redirects`
//! - `respond`: all of these in the order of the platform
//! - `content`, `content_type`: the body and the type of a file
//!
//! `tests/cases.txt` has requests with the responses of workerd. Known differences:
//!
//! - Links to files outside of the folder are not served. wrangler uploads their targets.
//! - Links to folders inside of the folder are followed. wrangler skips them.
//! - Files are found when they are requested, so new files are served without a restart.
//! - `CF-Cache-Status` is missing, and a response to HEAD has `Content-Length`.
//! - Files with a rare extension have no `Content-Type`.
//! - `ETag` is another hash of the content than the one of the platform.
//! - A rule that the platform drops silently, such as `/:a/:a`, is reported.
//! - A value of a placeholder replaces it literally. On the platform `$$` becomes `$`.
//! - `_headers` can have 100 rules, as documented. wrangler accepts one more.
//!
//! <https://developers.cloudflare.com/workers/static-assets/>

mod address;
mod content;
mod content_type;
mod folder;
mod headers;
mod ignore;
mod options;
mod pattern;
mod redirects;
mod resolve;
mod respond;
mod routing;
#[cfg(test)]
mod tests;
mod watched;

use std::path::PathBuf;
use std::sync::Arc;

use crate::http::{Request, Response};

use super::bindings::Opened;

use self::address::path_of;
use self::options::Options;
use self::respond::{Head, Site};

/// The assets of a worker, as `[assets]` of the manifest configures them.
#[derive(Debug, Clone)]
pub(super) struct Assets(Arc<Site>);

impl Assets {
    /// Opens the assets of `folder`, the absolute path of `assets.directory`.
    ///
    /// `settings` returns the value of a key of the table. Values that are not strings are JSON
    /// text. The keys `compatibility_date` and `compatibility_flags` of the manifest are optional:
    /// without them, the current behavior applies.
    ///
    /// # Errors
    /// Fails if a setting is invalid, or the folder exceeds a limit.
    pub(super) fn open(
        folder: PathBuf,
        settings: impl Fn(&str) -> Option<&'static str>,
    ) -> Opened<Self> {
        let options = Options::read(settings)?;
        Ok(Self(Arc::new(Site::open(folder, options)?)))
    }

    /// Whether the worker handles a request before the assets, as `run_worker_first` configures.
    pub(super) fn worker_first(&self, path: &str) -> bool {
        self.0.options.routing.is_worker_first(&path_of(path))
    }

    /// The response of the assets, or `None` if the worker has to respond.
    ///
    /// The worker responds if no file and no redirect matches. `not_found_handling` applies before
    /// the worker in two cases: to navigation requests (`Sec-Fetch-Mode: navigate`) since the
    /// compatibility date 2025-04-01, and to all requests if `run_worker_first` is a list. An
    /// exclusion of that list assigns a path to the assets alone.
    ///
    /// <https://developers.cloudflare.com/workers/static-assets/routing/single-page-application/>
    pub(super) fn respond(
        &self,
        request: &Request,
    ) -> impl Future<Output = Option<Response>> + Send + use<> {
        // The future does not hold the request, whose body threads cannot share.
        let (site, head) = (Arc::clone(&self.0), Head::of(request));
        content::off_the_async_workers(move || site.respond(&head))
    }

    /// The response of the assets without a worker behind them, which is the one of the binding.
    pub(super) fn fetch(&self, request: &Request) -> impl Future<Output = Response> + Send + use<> {
        let (site, head) = (Arc::clone(&self.0), Head::of(request));
        let response = content::off_the_async_workers(move || Some(site.fetch(&head)));
        async { response.await.unwrap_or_else(respond::shutting_down) }
    }
}
