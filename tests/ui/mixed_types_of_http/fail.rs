//! A handler whose request and response are of different worlds.

use bindery::Request;
use bindery::minimal::Response;

#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    fetch: fetch,
}

async fn fetch(request: Request, env: Env) -> Response {
    let _ = (request, env);
    Response::text("hello")
}

fn main() {}
