//! The Cache API.

use std::time::Duration;

use bindery::cache::EdgeCache;
use bindery::{Body, ErrorKind, Response, time};
use http_body_util::BodyExt;

use crate::{Env, Outcome, same};

fn response(text: &str, headers: &[(&str, &str)]) -> Result<Response, axum::http::Error> {
    let mut response = Response::builder().header("content-type", "text/plain");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from(text.to_owned()))
}

/// The text that is stored for a URL.
async fn text(
    cache: &EdgeCache,
    url: &str,
) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
    let Some(response) = cache.get(url).await? else {
        return Ok(None);
    };
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(Some(String::from_utf8(bytes.to_vec())?))
}

const MINUTE: (&str, &str) = ("cache-control", "public, max-age=60");

/// Responses are stored by their URL, in each cache on its own.
pub async fn responses_of_a_cache(_env: Env) -> Outcome {
    let (cache, other) = (EdgeCache::default(), EdgeCache::named("other"));
    let url = "https://example.com/a?b=1";
    same!(text(&cache, url).await?, None);
    let first = response("first", &[MINUTE, ("x-own", "yes")])?;
    let sent = cache.put(url, first).await?;
    same!(sent.headers()["x-own"], "yes");
    same!(sent.into_body().collect().await?.to_bytes(), "first");
    other.put(url, response("other", &[MINUTE])?).await?;
    same!(text(&cache, url).await?.as_deref(), Some("first"));
    same!(
        text(&cache, &format!("{url}#part")).await?.as_deref(),
        Some("first")
    );
    same!(text(&cache, "https://example.com/a?b=2").await?, None);
    same!(text(&other, url).await?.as_deref(), Some("other"));

    let found = cache.get(url).await?.ok_or("it is stored")?;
    same!(found.headers()["x-own"], "yes");
    same!(found.headers()["content-type"], "text/plain");
    same!(found.headers()["cf-cache-status"], "HIT");
    cache.put(url, response("second", &[MINUTE])?).await?;
    same!(text(&cache, url).await?.as_deref(), Some("second"));

    same!(
        (cache.delete(url).await?, cache.delete(url).await?),
        (true, false)
    );
    same!(text(&cache, url).await?, None);
    same!(text(&other, url).await?.as_deref(), Some("other"));
    same!(other.delete(url).await?, true);
    Ok(())
}

/// A response is not returned after its lifetime.
pub async fn lifetimes_of_a_cache(_env: Env) -> Outcome {
    let cache = EdgeCache::default();
    let (short, shared) = ("https://example.com/short", "https://example.com/shared");
    cache
        .put(short, response("a", &[("cache-control", "max-age=1")])?)
        .await?;
    let both = ("cache-control", "max-age=1, s-maxage=60");
    cache.put(shared, response("b", &[both])?).await?;
    same!(text(&cache, short).await?.as_deref(), Some("a"));
    time::sleep(Duration::from_millis(2100)).await;
    same!(text(&cache, short).await?, None);
    same!(text(&cache, shared).await?.as_deref(), Some("b"));
    same!(cache.delete(shared).await?, true);
    Ok(())
}

/// What the platform would not store is rejected.
pub async fn uncacheable(_env: Env) -> Outcome {
    let cache = EdgeCache::default();
    let url = "https://example.com/refused";
    let invalid = Err(ErrorKind::InvalidArgument);
    let kind = |result: bindery::Result<()>| result.map_err(|error| error.kind());
    for headers in [
        &[][..],
        &[("cache-control", "no-store")],
        &[("cache-control", "private, max-age=60")],
        &[MINUTE, ("set-cookie", "a=b")],
        &[MINUTE, ("vary", "*")],
    ] {
        same!(
            kind(cache.put(url, response("a", headers)?).await.map(drop)),
            invalid
        );
    }
    let mut partial = response("a", &[MINUTE])?;
    *partial.status_mut() = axum::http::StatusCode::PARTIAL_CONTENT;
    same!(kind(cache.put(url, partial).await.map(drop)), invalid);
    same!(text(&cache, url).await?, None);
    for url in ["/relative", "ftp://example.com/", ""] {
        same!(kind(cache.get(url).await.map(drop)), invalid);
        same!(kind(cache.delete(url).await.map(drop)), invalid);
    }
    Ok(())
}
