//! Finds the project around a macro, compiles it once, and turns errors into tokens.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use bindery_codegen::report::{self, Code, Diagnostic};
use bindery_codegen::{Compilation, Errors, Sources, source};
use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::LitStr;

/// A manifest, and the requested environment; `None` for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    manifest: PathBuf,
    environment: Option<String>,
}

/// The names that a `#[bindings]` declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    /// The struct.
    pub(crate) env: String,
    /// The module with the types of its bindings.
    pub(crate) module: String,
}

/// The modification time and length of each file that a compilation depends on.
type Fingerprint = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

thread_local! {
    /// Compilations by request. One crate calls many macros, and rust-analyzer keeps this process
    /// running.
    static COMPILED: RefCell<HashMap<Request, (Fingerprint, Rc<Compilation>)>> =
        RefCell::new(HashMap::new());

    /// The `#[bindings]` of each package. Its other macros use the same manifests.
    static DECLARED: RefCell<HashMap<PathBuf, Vec<(Names, Request)>>> =
        RefCell::new(HashMap::new());
}

/// The folder of the package that is being compiled.
pub(crate) fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// Compiles the project that `#[bindings]` names, and remembers it for the other macros of the
/// package. The manifest is relative to the source file; by default it is the nearest one.
pub(crate) fn declare(
    span: Span,
    names: Names,
    manifest: Option<&LitStr>,
    environment: Option<&LitStr>,
) -> Result<Rc<Compilation>, TokenStream> {
    let folder = source_folder(span);
    let path = match manifest {
        Some(literal) => folder.join(literal.value()),
        None => nearest_manifest(span, &folder)?,
    };
    if let Some(state) = source::unusable(&path) {
        let shown = manifest.map(LitStr::value).unwrap_or_default();
        return Err(error(
            manifest.map_or(span, LitStr::span),
            Code::Unreadable,
            &format!("there is no manifest at `{shown}`: {state}"),
            "the path is relative to this source file",
        ));
    }

    let request = Request {
        manifest: path.canonicalize().unwrap_or(path),
        environment: environment.map(LitStr::value),
    };
    DECLARED.with_borrow_mut(|declared| {
        let requests = declared.entry(package()).or_default();
        requests.retain(|(known, _)| *known != names);
        requests.push((names, request.clone()));
    });
    Ok(compile(request))
}

/// The projects that the package declared, the last one first; if there is none, the project of the
/// nearest manifest.
pub(crate) fn declared(span: Span) -> Vec<(Names, Rc<Compilation>)> {
    let declared = DECLARED.with_borrow(|declared| declared.get(&package()).cloned());
    let mut requests = declared.unwrap_or_default();
    requests.retain(|(_, request)| request.manifest.is_file());
    if requests.is_empty() {
        let nearest = source::discover(&source_folder(span));
        let request = nearest.map(|manifest| Request {
            manifest,
            environment: None,
        });
        let names = Names {
            env: "Env".to_owned(),
            module: "bindings".to_owned(),
        };
        requests.extend(request.map(|request| (names, request)));
    }

    let compiled = requests.into_iter().rev();
    compiled
        .map(|(module, request)| (module, compile(request)))
        .collect()
}

/// The project of a manifest whose path is relative to the package. An empty environment means all
/// environments.
pub(crate) fn of_package(manifest: &str, environment: &str) -> Option<Rc<Compilation>> {
    let manifest = package().join(manifest);
    if !manifest.is_file() {
        return None;
    }
    Some(compile(Request {
        manifest: manifest.canonicalize().unwrap_or(manifest),
        environment: Some(environment.to_owned()).filter(|name| !name.is_empty()),
    }))
}

fn nearest_manifest(span: Span, folder: &Path) -> Result<PathBuf, TokenStream> {
    source::discover(folder).ok_or_else(|| {
        error(
            span,
            Code::Unreadable,
            &source::no_manifest(folder),
            "create one, or name it: `#[bindery::bindings(\"../wrangler.toml\")]`",
        )
    })
}

/// Compiles a project, and caches the result until one of its files changes.
fn compile(request: Request) -> Rc<Compilation> {
    COMPILED.with_borrow_mut(|compiled| {
        if let Some((known, compilation)) = compiled.get(&request)
            && *known == fingerprint(compilation)
        {
            return Rc::clone(compilation);
        }
        let cache = target_folder().map(|folder| folder.join("bindery"));
        let environment = request.environment.as_deref();
        let compilation = Rc::new(Compilation::for_expansion(
            &request.manifest,
            environment,
            cache,
        ));
        compiled.insert(
            request,
            (fingerprint(&compilation), Rc::clone(&compilation)),
        );
        compilation
    })
}

/// The folder of the source file, or of the package if the compiler does not know the file.
fn source_folder(span: Span) -> PathBuf {
    let file = span
        .unwrap()
        .local_file()
        .and_then(|file| file.canonicalize().ok());
    file.and_then(|file| file.parent().map(Path::to_owned))
        .unwrap_or_else(package)
}

/// The folder in which rustc writes its own output: `target/debug`.
fn target_folder() -> Option<PathBuf> {
    let mut arguments = std::env::args_os();
    arguments.find(|argument| argument == "--out-dir")?;
    let folder = PathBuf::from(arguments.next()?);
    folder.parent().map(Path::to_owned)
}

/// Every file that was read, and every file that would be read now.
fn fingerprint(compilation: &Compilation) -> Fingerprint {
    let mut paths: Vec<PathBuf> = compilation.files().map(Path::to_owned).collect();
    for folder in compilation.folders() {
        paths.extend(
            source::sql_files(&folder)
                .iter()
                .map(|name| folder.join(name)),
        );
    }
    paths.sort();
    paths.dedup();

    let state = |path: &PathBuf| {
        let metadata = path.metadata().ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    paths
        .into_iter()
        .map(|path| (path.clone(), state(&path)))
        .collect()
}

/// Every error of a run as a `compile_error!`.
pub(crate) fn print_errors(errors: &Errors, sources: &Sources, span: Span) -> TokenStream {
    errors
        .render(sources)
        .iter()
        .map(|text| compile_error(span, text))
        .collect()
}

/// Parses text with the compiler's own lexer: `proc_macro2` would lex it twice.
pub(crate) fn parse(text: &str) -> Option<TokenStream> {
    text.parse::<proc_macro::TokenStream>()
        .ok()
        .map(TokenStream::from)
}

/// An error in Rust code: the compiler shows the source.
pub(crate) fn error(span: Span, code: Code, message: &str, help: &str) -> TokenStream {
    let diagnostic = Diagnostic::new(code, message, None).help(help);
    compile_error(span, &report::render(&diagnostic, &Sources::default()))
}

fn compile_error(span: Span, text: &str) -> TokenStream {
    // rustc prints `error: ` itself.
    let text = text.strip_prefix("error").unwrap_or(text);
    quote_spanned!(span=> ::core::compile_error! { #text })
}
