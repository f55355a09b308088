//! The routes with the minimal types.

use bindery::minimal::{Request, Response};

use crate::{Env, MetaKey};

const BINARY: &str = "application/octet-stream";

pub(crate) async fn fetch(request: Request, env: Env) -> bindery::Result<Response> {
    let not_found = Ok(Response::text("not found").status(404));
    let path = request.path();
    let Some((route, argument)) = path[1..].split_once('/') else {
        return match path {
            "/static" => Ok(Response::text("ok")),
            _ => not_found,
        };
    };

    let number = argument.parse::<i64>().unwrap_or(0);
    match route {
        "items" => match env.db.item(number).await? {
            Some(item) => Response::json(&item),
            None => not_found,
        },
        "list" => Response::json(&env.db.items(number).await?),
        "blob" => match env.db.blob(number).await? {
            Some(blob) => Ok(Response::bytes(blob.body, BINARY)),
            None => not_found,
        },
        "kv" => match env.cache.get(&MetaKey { name: argument.to_owned() }).await? {
            Some(meta) => Response::json(&meta),
            None => not_found,
        },
        "r2" => match env.bucket.get(argument).await? {
            Some(object) => Ok(Response::stream(object.body, BINARY)),
            None => not_found,
        },
        _ => not_found,
    }
}
