//! The keys of an issuer as time passes. Only the native backend has a clock that can be moved, and
//! responses of other servers.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::FromRef;
use axum::routing::get;
use bindery::TestWorld;
use bindery::web::{Bearer, JwtVerifier, TokenError};
use conformance::jwt::{claims, key_set, token};
use conformance::{Env, Outcome, same};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower_service::Service;

type Failed = Box<dyn std::error::Error + Send + Sync>;

const ISSUER: &str = "https://issuer.example.com";
const KEYS: &str = "https://issuer.example.com/keys";

/// An issuer: what it publishes, whether it responds, and how often it was asked.
#[derive(Clone, Default)]
struct Issuer {
    keys: Arc<Mutex<String>>,
    is_down: Arc<AtomicBool>,
    requests: Arc<AtomicU32>,
}

impl Issuer {
    fn start(world: &TestWorld, keys: &[&str]) -> Result<Self, Failed> {
        let issuer = Self::default();
        issuer.publish(keys)?;
        let server = issuer.clone();
        world.respond(KEYS, move |_| {
            let server = server.clone();
            async move {
                server.requests.fetch_add(1, Ordering::Relaxed);
                match server.is_down.load(Ordering::Relaxed) {
                    true => Err(StatusCode::BAD_GATEWAY),
                    false => Ok(server.text().clone()),
                }
            }
        });
        Ok(issuer)
    }

    fn publish(&self, keys: &[&str]) -> Result<(), Failed> {
        *self.text() = key_set(keys)?;
        Ok(())
    }

    fn text(&self) -> MutexGuard<'_, String> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }
}

fn verifier() -> bindery::Result<JwtVerifier> {
    JwtVerifier::new(ISSUER, "notes", KEYS)
}

/// Whether a token that is signed now is accepted.
async fn accepts(verifier: &JwtVerifier, key: &str) -> bool {
    let Ok(token) = token(key, Some(key), &claims()) else {
        return false;
    };
    verifier.verify::<serde_json::Value>(&token).await.is_ok()
}

/// A new key is found, and an old one ends with the next set.
#[bindery::test]
async fn keys_rotate(_: Env, world: TestWorld) -> Outcome {
    let issuer = Issuer::start(&world, &["rsa"])?;
    let verifier = verifier()?;
    same!(accepts(&verifier, "rsa").await, true);
    same!(accepts(&verifier, "rsa").await, true);
    same!(issuer.requests(), 1);

    // The issuer signs with a new key, while the old tokens are still in use.
    world.clock().advance(Duration::from_secs(61));
    issuer.publish(&["rsa", "ec"])?;
    same!(accepts(&verifier, "ec").await, true);
    same!(accepts(&verifier, "rsa").await, true);
    same!(issuer.requests(), 2);

    issuer.publish(&["ec"])?;
    world.clock().advance(Duration::from_secs(3601));
    same!(accepts(&verifier, "rsa").await, false);
    same!(accepts(&verifier, "ec").await, true);
    same!(issuer.requests(), 3);
    Ok(())
}

/// Tokens with unknown keys cause one request in a minute.
#[bindery::test]
async fn unknown_keys_do_not_flood_the_issuer(_: Env, world: TestWorld) -> Outcome {
    let issuer = Issuer::start(&world, &["rsa"])?;
    let verifier = verifier()?;
    for _ in 0..20 {
        same!(accepts(&verifier, "other").await, false);
    }
    same!(issuer.requests(), 1);
    world.clock().advance(Duration::from_secs(61));
    for _ in 0..20 {
        same!(accepts(&verifier, "other").await, false);
    }
    same!(issuer.requests(), 2);
    Ok(())
}

/// Without the issuer, its last keys are valid for a day.
#[bindery::test]
async fn an_issuer_is_down(_: Env, world: TestWorld) -> Outcome {
    let issuer = Issuer::start(&world, &["rsa"])?;
    let verifier = verifier()?;
    issuer.is_down.store(true, Ordering::Relaxed);
    let valid = token("rsa", Some("rsa"), &claims())?;
    let refused = verifier.verify::<serde_json::Value>(&valid).await;
    same!(matches!(refused, Err(TokenError::Keys(_))), true);
    // Not each request waits for the issuer.
    let _ = verifier.verify::<serde_json::Value>(&valid).await;
    same!(issuer.requests(), 1);

    issuer.is_down.store(false, Ordering::Relaxed);
    world.clock().advance(Duration::from_secs(6));
    same!(accepts(&verifier, "rsa").await, true);

    issuer.is_down.store(true, Ordering::Relaxed);
    world.clock().advance(Duration::from_secs(23 * 3600));
    same!(accepts(&verifier, "rsa").await, true);
    world.clock().advance(Duration::from_secs(2 * 3600));
    same!(accepts(&verifier, "rsa").await, false);
    Ok(())
}

/// A token expires with the clock.
#[bindery::test]
async fn tokens_expire(_: Env, world: TestWorld) -> Outcome {
    let keys = key_set(&["ed"])?;
    let verifier = JwtVerifier::with_keys(ISSUER, "notes", &keys)?.leeway(Duration::ZERO);
    let token = token("ed", Some("ed"), &claims())?;
    let is_valid = async || verifier.verify::<serde_json::Value>(&token).await.is_ok();
    world.clock().advance(Duration::from_secs(58));
    same!(is_valid().await, true);
    world.clock().advance(Duration::from_secs(3));
    same!(is_valid().await, false);
    Ok(())
}

#[derive(Clone)]
struct State {
    verifier: JwtVerifier,
}

impl FromRef<State> for JwtVerifier {
    fn from_ref(state: &State) -> Self {
        state.verifier.clone()
    }
}

/// The extractor refuses a request without a valid token, and does not say why.
#[bindery::test]
async fn bearers_are_extracted(_: Env) -> Outcome {
    let verifier = JwtVerifier::with_keys(ISSUER, "notes", &key_set(&["ed"])?)?;
    let mut router = axum::Router::new()
        .route(
            "/",
            get(async |user: Bearer<serde_json::Value>| user.subject),
        )
        .with_state(State { verifier });

    let valid = token("ed", Some("ed"), &claims())?;
    let other = token("other", Some("ed"), &claims())?;
    let cases = [
        (Some(valid), 200, "ann", None),
        (
            Some(other),
            401,
            r#"{"error":{"kind":"unauthorized","message":"the token is not valid"}}"#,
            Some(r#"Bearer error="invalid_token""#),
        ),
        (
            None,
            401,
            r#"{"error":{"kind":"unauthorized","message":"the request has no token"}}"#,
            Some("Bearer"),
        ),
    ];
    for (token, status, text, challenge) in cases {
        let mut request = Request::get("http://localhost/");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = router
            .call(request.body(axum::body::Body::empty())?)
            .await?;
        same!(response.status().as_u16(), status);
        let header = response.headers().get("www-authenticate").cloned();
        same!(
            header.as_ref().and_then(|value| value.to_str().ok()),
            challenge
        );
        same!(response.into_body().collect().await?.to_bytes(), text);
    }
    Ok(())
}
