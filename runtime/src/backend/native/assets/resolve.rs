//! The file of a path, or the path to redirect to.
//!
//! Each mode of `html_handling` is a list of steps for each form of a path. The first step that
//! applies decides.
//!
//! <https://developers.cloudflare.com/workers/static-assets/routing/advanced/html-handling/>

use std::path::PathBuf;

use http::StatusCode;

use super::folder::Folder;
use super::options::{HtmlHandling, NotFoundHandling};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    File { file: PathBuf, status: StatusCode },
    Redirect(String),
}

enum Step {
    /// Serves a file.
    Serve(String),
    /// Redirects to the path of a file, if the file is what the path serves.
    Redirect { file: String, to: String },
}

/// Resolves a decoded path.
pub(super) fn resolve(
    folder: &Folder,
    path: &str,
    html: HtmlHandling,
    not_found: NotFoundHandling,
) -> Option<Resolved> {
    for step in steps(path, html) {
        match step {
            Step::Serve(file) => {
                if let Some(file) = folder.find(&file) {
                    let status = StatusCode::OK;
                    return Some(Resolved::File { file, status });
                }
            }
            Step::Redirect { file, to } => {
                let file = folder.find(&file);
                if file.is_some() && served(folder, &to, html, not_found) == file {
                    return Some(Resolved::Redirect(to));
                }
            }
        }
    }

    missing(folder, path, not_found)
}

/// The file that a path serves without a redirect, unless the path is the one of the file itself.
fn served(
    folder: &Folder,
    path: &str,
    html: HtmlHandling,
    not_found: NotFoundHandling,
) -> Option<PathBuf> {
    if folder.find(path).is_some() {
        return None;
    }
    let file = steps(path, html).into_iter().find_map(|step| match step {
        Step::Serve(file) => folder.find(&file),
        Step::Redirect { .. } => None,
    });
    file.or_else(|| match missing(folder, path, not_found)? {
        Resolved::File { file, .. } => Some(file),
        Resolved::Redirect(_) => None,
    })
}

/// The response to a path without a file.
fn missing(folder: &Folder, path: &str, not_found: NotFoundHandling) -> Option<Resolved> {
    match not_found {
        NotFoundHandling::None => None,
        NotFoundHandling::SinglePageApplication => {
            let file = folder.find("/index.html")?;
            let status = StatusCode::OK;
            Some(Resolved::File { file, status })
        }
        NotFoundHandling::Page => {
            let slashes = path.rmatch_indices('/');
            let mut pages = slashes.map(|(position, _)| format!("{}/404.html", &path[..position]));
            let file = pages.find_map(|page| folder.find(&page))?;
            let status = StatusCode::NOT_FOUND;
            Some(Resolved::File { file, status })
        }
    }
}

fn steps(path: &str, html: HtmlHandling) -> Vec<Step> {
    match html {
        HtmlHandling::AutoTrailingSlash => auto_trailing_slash(path),
        HtmlHandling::ForceTrailingSlash => force_trailing_slash(path),
        HtmlHandling::DropTrailingSlash => drop_trailing_slash(path),
        HtmlHandling::None => vec![Step::serve(path)],
    }
}

impl Step {
    fn serve(file: impl Into<String>) -> Self {
        Self::Serve(file.into())
    }

    fn redirect(file: impl Into<String>, to: impl Into<String>) -> Self {
        Self::Redirect {
            file: file.into(),
            to: to.into(),
        }
    }
}

/// The forms of a path. `stem` is the path without the end that gives it its form.
enum Form<'a> {
    /// `stem/index`
    Index(&'a str),
    /// `stem/index.html`
    IndexFile(&'a str),
    /// `stem/`
    Folder(&'a str),
    /// `stem.html`
    Page(&'a str),
    Other,
}

impl<'a> Form<'a> {
    fn of(path: &'a str) -> Self {
        if let Some(stem) = path.strip_suffix("/index") {
            Self::Index(stem)
        } else if let Some(stem) = path.strip_suffix("/index.html") {
            Self::IndexFile(stem)
        } else if let Some(stem) = path.strip_suffix('/') {
            Self::Folder(stem)
        } else if let Some(stem) = path.strip_suffix(".html") {
            Self::Page(stem)
        } else {
            Self::Other
        }
    }
}

/// `/a.html` is served at `/a`, and `/a/index.html` at `/a/`.
fn auto_trailing_slash(path: &str) -> Vec<Step> {
    let mut steps = match Form::of(path) {
        Form::Index(stem) => vec![
            Step::serve(path),
            Step::redirect(format!("{path}.html"), format!("{stem}/")),
            Step::redirect(format!("{stem}.html"), stem),
        ],
        Form::IndexFile(stem) => vec![
            Step::redirect(path, format!("{stem}/")),
            Step::redirect(format!("{stem}.html"), stem),
        ],
        Form::Folder(stem) => vec![
            Step::serve(format!("{path}index.html")),
            Step::redirect(format!("{stem}.html"), stem),
        ],
        Form::Page(stem) => vec![
            Step::redirect(path, stem),
            Step::redirect(format!("{stem}/index.html"), format!("{stem}/")),
        ],
        Form::Other => Vec::new(),
    };

    steps.extend([
        Step::serve(path),
        Step::serve(format!("{path}.html")),
        Step::redirect(format!("{path}/index.html"), format!("{path}/")),
    ]);
    steps
}

/// `/a.html` and `/a/index.html` are served at `/a/`.
fn force_trailing_slash(path: &str) -> Vec<Step> {
    let mut steps = match Form::of(path) {
        Form::Index(stem) => vec![
            Step::serve(path),
            Step::redirect(format!("{path}.html"), format!("{stem}/")),
            Step::redirect(format!("{stem}.html"), format!("{stem}/")),
        ],
        Form::IndexFile(stem) => vec![
            Step::redirect(path, format!("{stem}/")),
            Step::redirect(format!("{stem}.html"), format!("{stem}/")),
        ],
        Form::Folder(stem) => vec![
            Step::serve(format!("{path}index.html")),
            Step::serve(format!("{stem}.html")),
        ],
        Form::Page(stem) => vec![
            Step::redirect(path, format!("{stem}/")),
            Step::serve(path),
            Step::redirect(format!("{stem}/index.html"), format!("{stem}/")),
        ],
        Form::Other => Vec::new(),
    };

    steps.extend([
        Step::serve(path),
        Step::redirect(format!("{path}.html"), format!("{path}/")),
        Step::redirect(format!("{path}/index.html"), format!("{path}/")),
    ]);
    steps
}

/// `/a.html` and `/a/index.html` are served at `/a`.
fn drop_trailing_slash(path: &str) -> Vec<Step> {
    let mut steps = match Form::of(path) {
        Form::Index("") => vec![Step::serve(path), Step::redirect("/index.html", "/")],
        Form::Index(stem) => vec![
            Step::serve(path),
            Step::redirect(format!("{stem}.html"), stem),
            Step::redirect(format!("{path}.html"), stem),
        ],
        Form::IndexFile("") => vec![Step::redirect(path, "/")],
        Form::IndexFile(stem) => vec![
            Step::redirect(path, stem),
            Step::serve(path),
            Step::redirect(format!("{stem}.html"), stem),
        ],
        Form::Folder("") => vec![Step::serve("/index.html")],
        Form::Folder(stem) => vec![
            Step::redirect(format!("{stem}.html"), stem),
            Step::redirect(format!("{stem}/index.html"), stem),
        ],
        Form::Page(stem) => vec![
            Step::redirect(path, stem),
            Step::redirect(format!("{stem}/index.html"), stem),
        ],
        Form::Other => Vec::new(),
    };

    steps.extend([
        Step::serve(path),
        Step::serve(format!("{path}.html")),
        Step::serve(format!("{path}/index.html")),
    ]);
    steps
}
