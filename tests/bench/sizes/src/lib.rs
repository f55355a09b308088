//! A worker of which each feature uses one part of bindery.

#[cfg(not(feature = "http"))]
use bindery::minimal::{Request, Response};
#[cfg(feature = "http")]
use bindery::{Body, Request, Response};

/// The bindings of `wrangler.toml`.
#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    start: start,
    fetch: fetch,
}

/// Installs the observers that the features select.
#[allow(unused_variables, clippy::unnecessary_wraps, reason = "without features nothing is used")]
fn start(env: &Env) -> bindery::Result<()> {
    #[cfg(feature = "json_lines")]
    env.observe(bindery::observe::json());
    #[cfg(feature = "aggregate")]
    {
        let aggregate = bindery::observe::Aggregate::default();
        env.observe(aggregate.clone());
        bindery::println!("{aggregate}");
    }
    #[cfg(feature = "cost")]
    {
        let cost = bindery::observe::Cost::new(bindery::observe::Prices::default());
        env.observe(cost.clone());
        bindery::println!("{}", cost.report());
    }
    #[cfg(feature = "otlp")]
    env.observe(bindery::observe::Otlp::new("https://otel.example.com", "sizes")?);
    #[cfg(feature = "server_timing")]
    env.observe(bindery::observe::ServerTiming);
    Ok(())
}

#[cfg(not(feature = "http"))]
async fn fetch(request: Request, env: Env) -> bindery::Result<Response> {
    Ok(Response::text(answer(request, env).await?))
}

#[cfg(all(feature = "http", not(feature = "axum")))]
async fn fetch(request: Request, env: Env) -> Response {
    match answer(request, env).await {
        Ok(text) => Response::new(Body::from(text)),
        Err(_) => Response::new(Body::from("error")),
    }
}

#[cfg(feature = "axum")]
async fn fetch(request: Request, env: Env) -> Response {
    use axum::extract::{Path, State};
    use axum::routing::{Router, get};

    async fn note(State(env): State<Env>, Path(_id): Path<i64>) -> bindery::Result<String> {
        answer(Request::default(), env).await
    }
    #[cfg(feature = "rate_limits")]
    let limit = {
        let minute = std::time::Duration::from_secs(60);
        bindery::web::KvLimit::new(&env.cache, "requests", 100, minute)
    };
    let router = Router::new().route("/notes/{id}", get(note)).with_state(env);
    #[cfg(feature = "validation")]
    let router = router.route("/notes", axum::routing::post(validation::add));
    #[cfg(feature = "server_timing")]
    let router = router.layer(bindery::observe::ServerTiming);
    #[cfg(feature = "rate_limits")]
    let router = router.layer(bindery::web::RateLimitLayer::new(limit));
    #[cfg(feature = "protection")]
    let router = router
        .layer(bindery::web::CrossOriginProtection::default())
        .layer(bindery::web::SecureHeaders::default());
    bindery::http::route(router, request).await
}

/// Uses the parts that the features select.
#[allow(unused_variables, unused_mut, reason = "without features nothing is used")]
async fn answer(request: Request, env: Env) -> bindery::Result<String> {
    let mut text = String::from("hello");
    #[cfg(feature = "d1")]
    if let Some(note) = env.db.note(1).await? {
        text += &note.owner;
    }
    #[cfg(feature = "d1_many")]
    {
        let added = env.db.add_note("ann", None).await?.id;
        for note in env.db.notes_of("ann").await? {
            text += note.text.as_deref().unwrap_or_default();
        }
        env.db.batch((env.db.rename("bob", added), env.db.rename("cy", 2))).await?;
    }
    #[cfg(feature = "jiff")]
    if let Some(made) = env.db.made(1).await? {
        text += &made;
        env.db.unchecked("SELECT ?1").bind(jiff::Timestamp::UNIX_EPOCH).execute().await?;
    }
    #[cfg(feature = "kv")]
    if let Some(value) = env.cache.get(&bindery::kv::text("a")).await? {
        env.cache.put(&bindery::kv::text("b"), &value).await?;
        text += &value;
    }
    #[cfg(feature = "kv_json")]
    {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct Profile {
            name: String,
            age: u32,
        }
        let key = bindery::kv::json::<Profile>("profile");
        if let Some(profile) = env.cache.get(&key).await? {
            env.cache.put(&key, &profile).await?;
            text += &profile.name;
        }
    }
    #[cfg(feature = "r2")]
    if let Some(object) = env.storage.get("a").await? {
        env.storage.put("b", object.body).await?;
    }
    #[cfg(feature = "r2_serve")]
    {
        let (method, headers) = (request.method(), request.headers());
        let options = bindery::r2::ServeOptions::default();
        if let Some(response) = env.storage.serve("a", method, headers, options).await? {
            text += response.status().as_str();
        }
    }
    #[cfg(feature = "queue")]
    env.jobs.send(&text).await?;
    #[cfg(feature = "presign")]
    {
        let signer = env.storage.signer("https://example.com/bucket", "id", "key")?;
        text += &signer.get("a", std::time::Duration::from_secs(60))?.url;
    }
    #[cfg(feature = "signed_urls")]
    {
        let signer = bindery::http::UrlSigner::new(&env.secrets.key)?;
        signer.verify(request.method(), request.uri())?;
        text += &signer.sign("/a", std::time::Duration::from_secs(60))?;
    }
    #[cfg(feature = "fetch")]
    {
        let request = Request::get("https://example.com/").body(Body::empty());
        let response = bindery::http::fetch(request.map_err(bindery::Error::other)?).await?;
        text += response.status().as_str();
    }
    #[cfg(feature = "query_cache")]
    if let Some(note) = env.db.note(2).cached(&env.cache, std::time::Duration::from_secs(60)).await? {
        text += &note.owner;
    }
    #[cfg(feature = "resilience")]
    {
        use bindery::resilience::{CircuitBreaker, Retry};

        static NOTES: CircuitBreaker = CircuitBreaker::new(5, std::time::Duration::from_secs(30));
        let retry = Retry::new();
        if let Some(note) = NOTES.run(|| retry.run(|| env.db.note(3))).await? {
            text += &note.owner;
        }
    }
    #[cfg(feature = "sessions")]
    {
        let sessions = bindery::web::Sessions::<u32>::new(&env.cache);
        match sessions.load(request.headers()).await? {
            Some(mut session) => {
                session.data += 1;
                sessions.save(&session).await?;
            }
            None => {
                let session = sessions.create("ann", 1).await?;
                text += sessions.cookie(&session).to_str().unwrap_or_default();
            }
        }
    }
    #[cfg(feature = "jwt")]
    {
        #[derive(serde::Deserialize)]
        struct Claims {
            role: String,
        }
        let keys = "https://issuer.example.com/keys";
        let verifier = bindery::web::JwtVerifier::new("https://issuer.example.com", "a", keys)?;
        if let Ok(token) = verifier.verify_request::<Claims>(request.headers()).await {
            text += &token.claims.role;
        }
    }
    #[cfg(feature = "flags")]
    {
        use bindery::flags::{Flag, Flags};

        const SHOUTS: Flag<bool> = Flag::new("shouts", false);
        let flags = Flags::load(&env.cache, "flags").await?;
        if flags.get(&SHOUTS, "ann") {
            text.push('!');
        }
    }
    #[cfg(feature = "audit")]
    {
        let entry = bindery::web::AuditEntry::new("note.read").actor("ann").object("note:1");
        entry.request(request.headers()).insert(&env.db).await?;
    }
    #[cfg(feature = "tracing")]
    tracing::info!(text, "an event");
    Ok(text)
}

/// A route with input that is checked.
#[cfg(feature = "validation")]
mod validation {
    use axum::Json;
    use bindery::web::Valid;
    use garde::Validate;
    use serde::Deserialize;

    #[derive(Deserialize, Validate)]
    pub struct NewNote {
        #[garde(length(min = 1, max = 200))]
        text: String,
        #[garde(range(max = 5))]
        stars: u32,
    }

    pub async fn add(Valid(Json(note)): Valid<Json<NewNote>>) -> String {
        format!("{} {}", note.text, note.stars)
    }
}
