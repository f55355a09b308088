//! The table `[assets]` of the manifest.

use super::super::bindings::Opened;

use super::routing::Routing;

/// The compatibility date since which navigation requests prefer `not_found_handling` to the
/// worker.
const NAVIGATION_PREFERS_ASSETS: &str = "2025-04-01";

#[derive(Debug)]
pub(super) struct Options {
    pub(super) html: HtmlHandling,
    pub(super) not_found: NotFoundHandling,
    pub(super) base: BasePath,
    pub(super) routing: Routing,
    /// Whether `not_found` applies to navigation requests before the worker.
    pub(super) navigation_prefers_assets: bool,
}

/// Which paths an HTML file has.
///
/// <https://developers.cloudflare.com/workers/static-assets/routing/advanced/html-handling/>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HtmlHandling {
    AutoTrailingSlash,
    ForceTrailingSlash,
    DropTrailingSlash,
    None,
}

/// The response to a path without an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotFoundHandling {
    None,
    /// The nearest `404.html` of the folders of the path.
    Page,
    /// `/index.html`.
    SinglePageApplication,
}

impl Options {
    pub(super) fn read(settings: impl Fn(&str) -> Option<&'static str>) -> Opened<Self> {
        let html = match settings("html_handling") {
            None | Some("auto-trailing-slash") => HtmlHandling::AutoTrailingSlash,
            Some("force-trailing-slash") => HtmlHandling::ForceTrailingSlash,
            Some("drop-trailing-slash") => HtmlHandling::DropTrailingSlash,
            Some("none") => HtmlHandling::None,
            Some(other) => {
                let message = format!(
                    "`html_handling` is `{other}`, not `auto-trailing-slash`, \
                     `force-trailing-slash`, `drop-trailing-slash` or `none`"
                );
                return Err(message.into());
            }
        };

        let not_found = match settings("not_found_handling") {
            None | Some("none") => NotFoundHandling::None,
            Some("404-page") => NotFoundHandling::Page,
            Some("single-page-application") => NotFoundHandling::SinglePageApplication,
            Some(other) => {
                let message = format!(
                    "`not_found_handling` is `{other}`, not `none`, `404-page` or \
                     `single-page-application`"
                );
                return Err(message.into());
            }
        };

        let date = settings("compatibility_date").unwrap_or(NAVIGATION_PREFERS_ASSETS);
        let flags = settings("compatibility_flags").unwrap_or_default();
        let is_disabled = flags.contains("\"assets_navigation_has_no_effect\"");
        let is_enabled = flags.contains("\"assets_navigation_prefers_asset_serving\"");
        Ok(Self {
            html,
            not_found,
            base: BasePath::parse(settings("base_path").unwrap_or("/"))?,
            routing: Routing::parse(settings("run_worker_first").unwrap_or("false"))?,
            navigation_prefers_assets: is_enabled
                || (date >= NAVIGATION_PREFERS_ASSETS && !is_disabled),
        })
    }
}

/// The prefix of the paths of all assets, with a slash at its start and its end.
#[derive(Debug)]
pub(super) struct BasePath(String);

impl BasePath {
    fn parse(text: &str) -> Opened<Self> {
        let problem = if text.is_empty() {
            Some("is empty")
        } else if text.starts_with("//") || has_scheme(text) {
            Some("is a URL, not a path")
        } else if text.contains(|character: char| character.is_control()) {
            Some("has control characters")
        } else if text.contains(['\\', '?', '#', '%']) {
            Some("has one of the characters `\\`, `?`, `#` and `%`")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(format!("`base_path` is `{text}`, which {problem}").into());
        }

        let mut segments = Vec::new();
        for segment in text.split('/') {
            match segment {
                "" | "." => {}
                ".." => drop(segments.pop()),
                segment => segments.push(segment),
            }
        }
        if segments.is_empty() {
            return Ok(Self("/".to_owned()));
        }
        Ok(Self(format!("/{}/", segments.join("/"))))
    }

    /// The path of an asset in the folder, or `None` if the base path is not a prefix of the path.
    pub(super) fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.is_without_slash(path) {
            return Some("/");
        }
        path.starts_with(&self.0)
            .then(|| path.get(self.0.len() - 1..))
            .flatten()
    }

    /// Adds the base path to the path of an asset.
    pub(super) fn add(&self, path: &str) -> String {
        format!("{}{path}", &self.0[..self.0.len() - 1])
    }

    /// The path of the asset `/` that `path` redirects to: with or without the slash at its end.
    pub(super) fn root_redirect(&self, path: &str, html: HtmlHandling) -> Option<&'static str> {
        if self.0 == "/" {
            return None;
        }
        match html {
            HtmlHandling::AutoTrailingSlash | HtmlHandling::ForceTrailingSlash => {
                self.is_without_slash(path).then_some("/")
            }
            HtmlHandling::DropTrailingSlash => (path == self.0).then_some(""),
            HtmlHandling::None => None,
        }
    }

    /// Whether a path is the base path without the slash at its end.
    fn is_without_slash(&self, path: &str) -> bool {
        self.0 != "/" && self.0.strip_suffix('/') == Some(path)
    }
}

/// Whether a text starts with a scheme, such as `https:`.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    let is_valid = |character: char| character.is_ascii_alphanumeric() || "+-.".contains(character);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.chars().all(is_valid)
}
