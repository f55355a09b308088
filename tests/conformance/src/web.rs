//! Sessions, rate limits, protection and checked input.

use std::time::Duration;

use axum::Json;
use axum::extract::Query;
use axum::routing::{Router, get};
use bindery::http::{Body, Request};
use bindery::web::{
    CrossOriginProtection, KvLimit, ObjectLimit, RateLimit, RateLimitLayer, SecureHeaders, Session,
    Sessions, Valid,
};
use http::header::{COOKIE, HeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS};
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use tower_http::cors::CorsLayer;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Env, Outcome, same};

/// The data of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cart {
    items: Vec<u32>,
}

fn sessions(env: &Env) -> Sessions<Cart> {
    Sessions::new(&env.cache)
}

fn cart(items: &[u32]) -> Cart {
    Cart {
        items: items.to_vec(),
    }
}

/// The headers of a request with the cookie of a session.
fn with_cookie(
    sessions: &Sessions<Cart>,
    session: &Session<Cart>,
) -> Result<HeaderMap, Box<dyn std::error::Error + Send + Sync>> {
    let cookie = sessions.cookie(session);
    let cookie = cookie.to_str()?.split(';').next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, format!("theme=dark; {cookie}").parse()?);
    Ok(headers)
}

/// A session is created, loaded, changed, and ends.
pub async fn sessions_live_and_end(env: Env) -> Outcome {
    let sessions = sessions(&env);
    let session = sessions.create("ann", cart(&[])).await?;
    let headers = with_cookie(&sessions, &session)?;
    let mut loaded = sessions.load(&headers).await?.ok_or("it is there")?;
    same!((loaded.user(), &loaded.data), ("ann", &cart(&[])));

    loaded.data.items.push(7);
    sessions.save(&loaded).await?;
    let again = sessions.load(&headers).await?.ok_or("it is there")?;
    same!(again.data, cart(&[7]));

    sessions.revoke(&again).await?;
    same!(sessions.load(&headers).await?.is_none(), true);
    // What another request stores for the session does not bring it back.
    sessions.save(&again).await?;
    same!(sessions.load(&headers).await?.is_none(), true);
    Ok(())
}

/// A session with data of another type is ignored: a deployment must not lock users out.
pub async fn sessions_of_another_type(env: Env) -> Outcome {
    let sessions = sessions(&env);
    let session = sessions.create("ann", cart(&[7])).await?;
    let headers = with_cookie(&sessions, &session)?;
    let other = Sessions::<Vec<String>>::new(&env.cache);
    same!(other.load(&headers).await?.is_none(), true);
    same!(sessions.load(&headers).await?.is_some(), true);
    Ok(())
}

/// A cookie is for this host, over TLS, and not for scripts.
pub async fn session_cookies(env: Env) -> Outcome {
    let sessions = sessions(&env);
    let session = sessions.create("ann", cart(&[])).await?;
    let cookie = sessions.cookie(&session).to_str()?.to_owned();
    let (value, attributes) = cookie.split_once("; ").ok_or("there are attributes")?;
    same!(value.len(), "__Host-session=".len() + 43 + 1 + 22);
    same!(
        attributes,
        "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000"
    );
    same!(
        sessions.removal_cookie().to_str()?,
        "__Host-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
    );

    // The namespace does not have the value of the cookie, and neither has `Debug`.
    let secret = value.trim_start_matches("__Host-session=").to_owned();
    let keys = env.cache.list(bindery::kv::prefix("")).page().await?.keys;
    same!(keys.iter().any(|key| key.name.contains(&secret)), false);
    same!(format!("{session:?}").contains(&secret), false);
    Ok(())
}

/// An id that the service has not created is not a session, and does not become one.
pub async fn unknown_sessions_are_refused(env: Env) -> Outcome {
    let sessions = sessions(&env);
    let session = sessions.create("ann", cart(&[])).await?;
    let valid = with_cookie(&sessions, &session)?;
    let valid = valid.get(COOKIE).ok_or("a cookie")?.to_str()?.to_owned();
    let other = sessions.create("eve", cart(&[])).await?;
    let other = with_cookie(&sessions, &other)?;
    let other = other.get(COOKIE).ok_or("a cookie")?.to_str()?.to_owned();
    let user_of_other = other.rsplit('.').next().unwrap_or_default();
    let without_user = valid.rsplit_once('.').ok_or("a user")?.0;

    for cookie in [
        String::new(),
        "__Host-session=".to_owned(),
        "__Host-session=chosen-by-an-attacker".to_owned(),
        format!("__Host-session={}.{}", "A".repeat(43), "A".repeat(22)),
        // The session of somebody else, whose sessions cannot be revoked with those of the user.
        format!("{without_user}.{user_of_other}"),
        without_user.to_owned(),
        valid.replace("__Host-session", "session"),
        format!("{valid}A"),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, cookie.parse()?);
        let is_valid = sessions.load(&headers).await?.is_some();
        same!((is_valid, &cookie), (false, &cookie));
    }
    Ok(())
}

/// A new id replaces the old one.
pub async fn sessions_rotate(env: Env) -> Outcome {
    let sessions = sessions(&env);
    let first = sessions.create("ann", cart(&[1])).await?;
    let old = with_cookie(&sessions, &first)?;
    let second = sessions.rotate(first).await?;
    same!(sessions.load(&old).await?.is_none(), true);
    let new = with_cookie(&sessions, &second)?;
    let loaded = sessions.load(&new).await?.ok_or("it is there")?;
    same!((loaded.user(), &loaded.data), ("ann", &cart(&[1])));
    Ok(())
}

/// All sessions of one user end, and those that start afterwards are valid.
pub async fn all_sessions_of_a_user_end(env: Env) -> Outcome {
    let sessions = sessions(&env);
    let mut before = Vec::new();
    for user in ["ann", "ann", "bob"] {
        let session = sessions.create(user, cart(&[])).await?;
        before.push(with_cookie(&sessions, &session)?);
    }
    sessions.revoke_all("ann").await?;
    let after = sessions.create("ann", cart(&[])).await?;
    before.push(with_cookie(&sessions, &after)?);

    let mut valid = Vec::new();
    for headers in &before {
        valid.push(sessions.load(headers).await?.is_some());
    }
    same!(valid, [false, false, true, true]);
    Ok(())
}

/// A token belongs to one session.
pub async fn csrf_tokens(env: Env) -> Outcome {
    let sessions = sessions(&env);
    let session = sessions.create("ann", cart(&[])).await?;
    let other = sessions.create("ann", cart(&[])).await?;
    let token = session.csrf_token();
    same!(session.has_csrf_token(&token), true);
    same!(other.has_csrf_token(&token), false);
    same!(session.has_csrf_token(""), false);
    let headers = with_cookie(&sessions, &session)?;
    let loaded = sessions.load(&headers).await?.ok_or("it is there")?;
    same!(loaded.csrf_token(), token);
    Ok(())
}

/// A key has a number of calls in each window.
pub async fn a_limit_in_kv(env: Env) -> Outcome {
    let limit = KvLimit::new(&env.cache, "calls", 3, Duration::from_secs(86_400 * 365));
    let mut allowed = Vec::new();
    for _ in 0..5 {
        let decision = limit.count("ann").await?;
        allowed.push((decision.is_allowed, decision.remaining));
    }
    same!(
        allowed,
        [
            (true, Some(2)),
            (true, Some(1)),
            (true, Some(0)),
            (false, Some(0)),
            (false, Some(0))
        ]
    );
    same!(limit.count("bob").await?.is_allowed, true);
    // A key of any length is a key of KV.
    same!(limit.count(&"k".repeat(10_000)).await?.is_allowed, true);
    Ok(())
}

/// A limit in Durable Objects is exact, also for calls at the same time.
pub async fn a_limit_in_objects(env: Env) -> Outcome {
    let limit = ObjectLimit::new(&env.limits, "calls", 3, Duration::from_secs(86_400 * 365));
    let calls = futures_util::future::try_join_all((0..20).map(|_| limit.count("ann"))).await?;
    same!(calls.iter().filter(|call| call.is_allowed).count(), 3);
    let mut remaining: Vec<u64> = calls.iter().filter_map(|call| call.remaining).collect();
    remaining.sort_unstable();
    same!(remaining[17..], [0, 1, 2]);
    same!(limit.count("bob").await?.remaining, Some(2));
    Ok(())
}

/// The layer refuses a client that sends too many requests.
pub async fn rate_limited_requests(env: Env) -> Outcome {
    let limit = KvLimit::new(&env.cache, "requests", 2, Duration::from_secs(86_400 * 365));
    let router = axum::Router::new().fallback(async || "ok");
    let mut service = RateLimitLayer::new(limit).layer(router);
    let mut send = async |address: Option<&str>| {
        let mut request = Request::new(Body::empty());
        if let Some(address) = address {
            request
                .headers_mut()
                .insert("cf-connecting-ip", address.parse()?);
        }
        let response = service.call(request).await?;
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().ok()?.split(";t=").next()?.to_owned())
        };
        let headers = (header("ratelimit"), header("retry-after").is_some());
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((response.status().as_u16(), headers))
    };

    let state = |remaining| Some(format!(r#""default";r={remaining}"#));
    same!(send(Some("192.0.2.1")).await?, (200, (state(1), false)));
    same!(send(Some("192.0.2.1")).await?, (200, (state(0), false)));
    same!(send(Some("192.0.2.1")).await?, (429, (state(0), true)));
    same!(send(Some("192.0.2.2")).await?, (200, (state(1), false)));
    for _ in 0..3 {
        same!(send(None).await?, (200, (None, false)));
    }
    Ok(())
}

/// The headers of a request to `https://notes.example.com`.
type Headers = &'static [(&'static str, &'static str)];

fn request(method: Method, headers: Headers) -> Result<Request, http::Error> {
    let mut request = Request::builder().method(method);
    request = request.uri("https://notes.example.com/notes");
    request = request.header("host", "notes.example.com");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty())
}

/// Requests that other sites cause are refused.
pub async fn cross_origin_requests(_: Env) -> Outcome {
    let router = axum::Router::new().fallback(async || "ok");
    let layer = CrossOriginProtection::default().trust("https://partner.example.com");
    let mut service = layer.layer(router);

    const OWN: &str = "https://notes.example.com";
    const PARTNER: &str = "https://partner.example.com";
    let cases: [(Method, Headers, u16); 15] = [
        (Method::GET, &[("sec-fetch-site", "cross-site")], 200),
        (Method::POST, &[], 200),
        (Method::POST, &[("sec-fetch-site", "same-origin")], 200),
        (Method::POST, &[("sec-fetch-site", "none")], 200),
        (Method::POST, &[("sec-fetch-site", "cross-site")], 403),
        // Another host of the same site is another origin.
        (Method::DELETE, &[("sec-fetch-site", "same-site")], 403),
        (Method::POST, &[("sec-fetch-site", "anything")], 403),
        // What the browser says counts more than the origin, which a proxy may change.
        (
            Method::POST,
            &[("origin", OWN), ("sec-fetch-site", "cross-site")],
            403,
        ),
        (Method::POST, &[("origin", OWN)], 200),
        (Method::PUT, &[("origin", "https://evil.example.com")], 403),
        (
            Method::PUT,
            &[("origin", "https://notes.example.com.evil")],
            403,
        ),
        (Method::PATCH, &[("origin", "null")], 403),
        (Method::PATCH, &[("origin", "notes.example.com")], 403),
        (
            Method::POST,
            &[("origin", PARTNER), ("sec-fetch-site", "cross-site")],
            200,
        ),
        // A WebSocket is opened with a GET.
        (
            Method::GET,
            &[
                ("upgrade", "websocket"),
                ("origin", "https://evil.example.com"),
            ],
            403,
        ),
    ];
    for (method, headers, status) in cases {
        let response = service.call(request(method, headers)?).await?;
        same!((response.status().as_u16(), headers), (status, headers));
    }
    Ok(())
}

/// Responses have the headers that they do not set themselves.
pub async fn secure_headers(_: Env) -> Outcome {
    let router = axum::Router::new().fallback(async || ([(REFERRER_POLICY, "no-referrer")], "ok"));
    let policy = HeaderValue::from_static("camera=()");
    let layer = SecureHeaders::default()
        .with("permissions-policy".parse()?, policy)
        .without(&X_FRAME_OPTIONS);
    let response = layer.layer(router).call(request(Method::GET, &[])?).await?;

    let mut headers = Vec::new();
    for (name, value) in response.headers() {
        headers.push(format!("{name}: {}", value.to_str()?));
    }
    headers.sort();
    same!(
        headers,
        [
            "content-length: 2",
            "content-security-policy: default-src 'self'; object-src 'none'; base-uri 'none'; \
             form-action 'self'; frame-ancestors 'none'",
            "content-type: text/plain; charset=utf-8",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "permissions-policy: camera=()",
            "referrer-policy: no-referrer",
            "strict-transport-security: max-age=31536000",
            "x-content-type-options: nosniff",
        ]
    );
    Ok(())
}

/// The layer of `tower-http` allows the origins of a list, one in each response.
pub async fn origins_of_other_sites(_: Env) -> Outcome {
    let allowed = ["https://a.example.com", "https://b.example.com"];
    let layer = CorsLayer::new()
        .allow_origin(allowed.map(HeaderValue::from_static))
        .allow_methods([Method::GET, Method::PUT])
        .allow_credentials(true);
    let mut service = layer.layer(axum::Router::new().fallback(async || "ok"));

    let cases: [(&str, Option<&str>); 6] = [
        ("https://a.example.com", Some("https://a.example.com")),
        ("https://b.example.com", Some("https://b.example.com")),
        ("https://evil.example.com", None),
        ("https://a.example.com.evil.com", None),
        ("http://a.example.com", None),
        ("null", None),
    ];
    for (origin, expected) in cases {
        for method in [Method::GET, Method::OPTIONS] {
            let mut request = request(method, &[("access-control-request-method", "PUT")])?;
            request.headers_mut().insert("origin", origin.parse()?);
            let response = service.call(request).await?;
            let header = |name: &str| response.headers().get(name)?.to_str().ok();
            same!(header("access-control-allow-origin"), expected);
            // A cache must not give the response for one origin to another one.
            let vary = header("vary").unwrap_or_default();
            same!(vary.contains("origin"), true);
        }
    }
    Ok(())
}

/// The input of a route.
#[derive(Debug, Deserialize, garde::Validate)]
struct NewNote {
    #[garde(length(chars, min = 1, max = 5))]
    title: String,
    #[garde(inner(length(min = 2)))]
    tags: Vec<String>,
}

#[derive(Debug, Deserialize, garde::Validate)]
struct Page {
    #[garde(range(max = 100))]
    size: u32,
}

/// A handler gets only input that is valid.
pub async fn checked_input(_: Env) -> Outcome {
    async fn add(
        Valid(Query(page)): Valid<Query<Page>>,
        Valid(Json(note)): Valid<Json<NewNote>>,
    ) -> String {
        format!("{} {} {:?}", page.size, note.title, note.tags)
    }
    let send = async |path: &str, json: &str| {
        let request = Request::post(path).header("content-type", "application/json");
        let request = request.body(Body::from(json.to_owned()))?;
        let router = Router::new().route("/", get(add).post(add));
        let response = bindery::http::route(router, request).await;
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await?;
        let text = String::from_utf8(body.to_vec())?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((status, text))
    };

    let valid = send("/?size=10", r#"{"title": "zoë", "tags": ["ab"]}"#).await?;
    same!(valid, (200, r#"10 zoë ["ab"]"#.to_owned()));

    let invalid = send("/?size=10", r#"{"title": "", "tags": ["ab", "a"]}"#).await?;
    let fields = concat!(
        r#"{"error":{"kind":"invalid_argument","message":"the request is not valid","fields":["#,
        r#"{"path":"tags[1]","message":"length is lower than 2"},"#,
        r#"{"path":"title","message":"length is lower than 1"}]}}"#
    );
    same!(invalid, (422, fields.to_owned()));
    let (status, text) = send("/?size=101", "{}").await?;
    same!((status, text.contains(r#""path":"size""#)), (422, true));

    // What is not of the type at all is refused by the extractor.
    same!(send("/?size=10", "{").await?.0, 400);
    same!(send("/?size=x", "{}").await?.0, 400);
    Ok(())
}
