//! Finds the project around a macro, compiles it once, and prints what is wrong.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use bindery_codegen::model::Project;
use bindery_codegen::report::{self, Diagnostic, code};
use bindery_codegen::{Errors, Sources, compile, source};
use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

/// A project that was compiled, with its mistakes.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) sources: Sources,
    pub(crate) errors: Errors,
    pub(crate) project: Option<Project>,
    pub(crate) manifest: PathBuf,
}

/// A manifest, and one environment of it or all.
type Asked = (PathBuf, Option<String>);

/// A file's time and length: what tells that it was edited.
type Stamp = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

thread_local! {
    /// rust-analyzer keeps this process for long, and one crate calls many macros.
    static COMPILED: RefCell<HashMap<Asked, (Stamp, Rc<Loaded>)>> = RefCell::new(HashMap::new());
    /// What the arguments of `#[bindings]` last asked for, by the package: `handlers!` and derives ask for the same.
    static ASKED: RefCell<HashMap<PathBuf, Asked>> = RefCell::new(HashMap::new());
}

fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// The project of a manifest that is named from the package; an empty environment is all of them.
pub(crate) fn load_from_package(manifest: &str, environment: &str) -> Option<Rc<Loaded>> {
    let manifest = package().join(manifest);
    let manifest = manifest
        .is_file()
        .then(|| manifest.canonicalize().unwrap_or(manifest))?;
    Some(compiled((
        manifest,
        Some(environment.to_owned()).filter(|name| !name.is_empty()),
    )))
}

/// The project around `span`, or the one of a manifest that is named relative to its file.
pub(crate) fn load(
    span: Span,
    named: Option<&syn::LitStr>,
    environment: Option<&syn::LitStr>,
) -> Result<Rc<Loaded>, TokenStream> {
    if let (None, None) = (named, environment)
        && let Some(asked) = ASKED
            .with_borrow(|asked| asked.get(&package()).cloned())
            .filter(|(manifest, _)| manifest.is_file())
    {
        return Ok(compiled(asked));
    }
    let environment = environment.map(syn::LitStr::value);
    let folder = folder(span);
    let manifest = match named {
        Some(literal) => folder.join(literal.value()),
        None => source::discover(&folder).ok_or_else(|| {
            let message =
                "there is no wrangler.toml, wrangler.jsonc or wrangler.json at or above this file";
            let help = "create one, or name it: `#[bindery::bindings(\"../wrangler.toml\")]`";
            error(span, code::UNREADABLE, message, help)
        })?,
    };
    if !manifest.is_file() {
        let at = named.map_or(span, syn::LitStr::span);
        let shown = named.map(syn::LitStr::value).unwrap_or_default();
        let message = format!("there is no manifest at `{shown}`");
        return Err(error(
            at,
            code::UNREADABLE,
            &message,
            "the path is relative to this source file",
        ));
    }
    let asked = (manifest.canonicalize().unwrap_or(manifest), environment);
    if named.is_some() || asked.1.is_some() {
        ASKED.with_borrow_mut(|all| all.insert(package(), asked.clone()));
    }
    Ok(compiled(asked))
}

/// A project, compiled once as long as its files stay as they are.
fn compiled(asked: Asked) -> Rc<Loaded> {
    COMPILED.with_borrow_mut(|compiled| {
        if let Some((stamp, loaded)) = compiled.get(&asked)
            && *stamp == stamp_of(loaded)
        {
            return Rc::clone(loaded);
        }
        let (mut errors, mut sources) = (Errors::default(), Sources::default());
        if let Some(folder) = target_folder() {
            sources.keep_in(folder.join("bindery"));
        }
        let project = compile(&mut errors, &mut sources, &asked.0, asked.1.as_deref());
        let loaded = Rc::new(Loaded {
            sources,
            errors,
            project,
            manifest: asked.0.clone(),
        });
        compiled.insert(asked, (stamp_of(&loaded), Rc::clone(&loaded)));
        loaded
    })
}

/// The folder of the source file, or of the package where the compiler does not tell.
fn folder(span: Span) -> PathBuf {
    let file = span
        .unwrap()
        .local_file()
        .and_then(|file| file.canonicalize().ok());
    file.and_then(|file| file.parent().map(Path::to_owned))
        .unwrap_or_else(package)
}

/// Where the compiler that runs this macro leaves its own work: `target/debug`.
fn target_folder() -> Option<PathBuf> {
    let mut arguments = std::env::args_os();
    arguments.find(|argument| argument == "--out-dir")?;
    arguments
        .next()
        .map(PathBuf::from)?
        .parent()
        .map(Path::to_owned)
}

/// Every file that was read, and every one that would be read now.
fn stamp_of(loaded: &Loaded) -> Stamp {
    let root = loaded.manifest.parent().unwrap_or(Path::new("."));
    let mut paths: Vec<PathBuf> = loaded
        .sources
        .files()
        .map(|file| file.path.clone())
        .collect();
    let mut folders = vec!["queries".to_owned()];
    folders.extend(loaded.project.iter().flat_map(Project::migration_folders));
    for folder in folders {
        let folder = root.join(folder);
        paths.extend(
            source::sql_files(&folder)
                .iter()
                .map(|name| folder.join(name)),
        );
    }
    paths.sort();
    paths.dedup();
    let stamp = |path: PathBuf| {
        let metadata = path.metadata().ok();
        let known = metadata.and_then(|metadata| {
            metadata
                .modified()
                .ok()
                .map(|modified| (modified, metadata.len()))
        });
        (path, known)
    };
    paths.into_iter().map(stamp).collect()
}

/// `path` as seen from the package's folder, with `/`.
pub(crate) fn from_package(path: &Path) -> String {
    source::relative(&package(), path)
}

/// Every diagnostic of a run as an error of its own.
pub(crate) fn print(errors: &Errors, sources: &Sources, span: Span) -> TokenStream {
    errors
        .render(sources)
        .iter()
        .map(|text| compile_error(span, strip(text)))
        .collect()
}

/// Text as tokens, by the compiler's own lexer: `proc_macro2` would read it twice.
pub(crate) fn tokens(text: &str) -> Option<TokenStream> {
    text.parse::<proc_macro::TokenStream>()
        .ok()
        .map(TokenStream::from)
}

/// A mistake in Rust itself: the compiler shows the place.
pub(crate) fn error(span: Span, code: &'static str, message: &str, help: &str) -> TokenStream {
    let diagnostic = Diagnostic::new(code, message, None).help(help);
    compile_error(
        span,
        strip(&report::render(&diagnostic, &Sources::default())),
    )
}

/// rustc writes `error: ` itself.
fn strip(text: &str) -> &str {
    text.strip_prefix("error").unwrap_or(text)
}

fn compile_error(span: Span, text: &str) -> TokenStream {
    quote_spanned!(span=> ::core::compile_error! { #text })
}
