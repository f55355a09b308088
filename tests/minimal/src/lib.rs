//! A worker whose requests and responses are not of the `http` crate. `tests/e2e/minimal.mjs` sends
//! the same requests to it on both backends.

use bindery::minimal::{Request, Response};
use bindery::{Body, Context, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// The bindings of `wrangler.toml`.
#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    fetch: fetch,
}

/// The maximum number of bytes of a note.
const MAX_NOTE_BYTES: usize = 1024;

#[derive(Deserialize)]
struct NewNote {
    text: String,
}

/// What a handler sees of a request.
#[derive(Serialize)]
struct Seen<'r> {
    url: &'r str,
    method: String,
    path: &'r str,
    query: Option<&'r str>,
    value: Option<String>,
    cookie: Option<String>,
    header: Option<String>,
    /// The number of values of the header in the request of the `http` crate.
    values: usize,
    country: Option<String>,
}

async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    let (method, path) = (request.method(), request.path().to_owned());
    match (&*method, &*path) {
        ("GET", "/") => Ok(Response::html("<h1>Ümläute</h1>")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")),
        ("POST", "/notes") => add_note(request, &env).await,
        ("GET", path) if path.starts_with("/notes/") => note(path, &env).await,
        ("GET", "/request") => seen(request, &context),
        ("POST", "/echo") => {
            let content_type = request.header("content-type");
            let content_type = content_type.unwrap_or_else(|| "application/octet-stream".into());
            Ok(Response::stream(request.into_body(), content_type))
        }
        ("POST", "/unread") => Ok(Response::empty(204)),
        ("GET", "/no-content") => Ok(Response::text("dropped").status(204)),
        ("GET", "/status") => Ok(Response::empty(42)),
        // workerd accepts this value, and the `http` crate does not.
        ("GET", "/header") => Ok(Response::empty(200).header("x-a", "a\n")),
        ("GET", "/name") => Ok(Response::empty(200).header("x a", "a")),
        ("GET", "/table") => Ok(Response::text("a,b")
            .header("Content-Type", "text/csv")
            .header("content-length", "7")),
        ("GET", "/length") => {
            let content = Response::stream(Body::from("seven b"), "application/zip");
            Ok(content.header("content-length", "6"))
        }
        ("POST", "/length") => {
            let length = request.header("x-length").unwrap_or_default();
            let content = Response::stream(request.into_body(), "application/zip");
            Ok(content.header("content-length", length))
        }
        ("POST", "/given-up") => {
            // What takes the content need not read it.
            let request = request.into_http()?;
            let has_context = request.extensions().get::<Context>().is_some();
            Ok(Response::text(has_context.to_string()).status(401))
        }
        ("GET", "/error") => Err(Error::other("secret details")),
        #[expect(clippy::panic, reason = "the test is about panics")]
        ("GET", "/panic") => panic!("a handler"),
        _ => Err(Error::new(ErrorKind::NotFound, "there is no such route")),
    }
}

async fn add_note(request: Request, env: &Env) -> Result<Response> {
    let NewNote { text } = request.json(MAX_NOTE_BYTES).await?;
    let added = env.db.add_note(&text).await?;
    let created = Response::json(&added)?.status(201);
    Ok(created.header("location", format!("/notes/{}", added.id)))
}

async fn note(path: &str, env: &Env) -> Result<Response> {
    let id = path.trim_start_matches("/notes/").parse();
    let id = id.map_err(|_| Error::new(ErrorKind::InvalidArgument, "an id is a number"))?;
    match env.db.note(id).await? {
        Some(note) => Response::json(&note),
        None => Ok(Response::text("there is no such note").status(404)),
    }
}

fn seen(request: Request, context: &Context) -> Result<Response> {
    let (method, header) = (request.method(), request.header("X-Value"));
    let (url, path) = (request.url().to_owned(), request.path().to_owned());
    let query = request.query().map(str::to_owned);
    let (value, cookie) = (request.query_value("a"), request.cookie("b"));
    let request = request.into_http()?;
    Response::json(&Seen {
        method,
        url: &url,
        path: &path,
        query: query.as_deref(),
        value,
        cookie,
        header,
        values: request.headers().get_all("x-value").iter().count(),
        country: context.cf().country,
    })
}
