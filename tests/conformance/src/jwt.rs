//! JSON Web Tokens: valid ones, and known attacks.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bindery::web::{Bearer, JwtVerifier, TokenError};
use http::HeaderMap;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Env, Outcome, same};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Keys that were generated for these tests.
const KEYS: &str = include_str!("jwt_keys.json");

const ISSUER: &str = "https://issuer.example.com";

/// The claims of the application.
#[derive(Debug, PartialEq, Deserialize)]
struct Claims {
    role: String,
}

fn keys() -> Result<Value, Failed> {
    Ok(serde_json::from_str(KEYS)?)
}

/// A private key and its algorithm.
fn signer(name: &str) -> Result<(Algorithm, EncodingKey), Failed> {
    let keys = keys()?;
    let der = keys[name]["private"].as_str().ok_or("a key")?;
    let der = STANDARD.decode(der)?;
    Ok(match name {
        "rsa" => (Algorithm::RS256, EncodingKey::from_rsa_der(&der)),
        "ec" => (Algorithm::ES256, EncodingKey::from_ec_der(&der)),
        _ => (Algorithm::EdDSA, EncodingKey::from_ed_der(&der)),
    })
}

/// The public keys with their names. `other` is not one of them.
pub fn key_set(names: &[&str]) -> Result<String, Failed> {
    let keys = keys()?;
    let keys = names.iter().map(|name| {
        let mut key = keys[name]["jwk"].clone();
        key["kid"] = json!(name);
        key["use"] = json!("sig");
        key
    });
    Ok(json!({ "keys": keys.collect::<Vec<_>>() }).to_string())
}

/// A token with claims, signed by a key.
pub fn token(key: &str, name: Option<&str>, claims: &Value) -> Result<String, Failed> {
    let (algorithm, signer) = signer(key)?;
    let mut header = Header::new(algorithm);
    header.kid = name.map(str::to_owned);
    Ok(encode(&header, claims, &signer)?)
}

fn now() -> i64 {
    let since = bindery::time::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

/// Claims that are valid for a minute.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": "notes",
        "sub": "ann",
        "role": "admin",
        "azp": "https://app.example.com",
        "iat": now(),
        "exp": now() + 60,
    })
}

fn verifier() -> Result<JwtVerifier, Failed> {
    let keys = key_set(&["rsa", "ec", "ed"])?;
    Ok(JwtVerifier::with_keys(ISSUER, "notes", &keys)?)
}

/// Why a token is refused. `None` if it is valid.
async fn problem(verifier: &JwtVerifier, token: &str) -> Option<String> {
    let outcome = verifier.verify::<Claims>(token).await;
    outcome.err().map(|error| match error {
        TokenError::Invalid(reason) => reason.to_owned(),
        other => other.to_string(),
    })
}

/// Each algorithm, and each place of a token.
pub async fn valid_tokens(_: Env) -> Outcome {
    let verifier = verifier()?.cookie("session");
    for key in ["rsa", "ec", "ed"] {
        let token = token(key, Some(key), &claims())?;
        let Bearer {
            subject, claims, ..
        } = verifier.verify::<Claims>(&token).await?;
        same!(
            (subject, claims.role),
            ("ann".to_owned(), "admin".to_owned())
        );

        for (header, value) in [
            ("authorization", format!("Bearer {token}")),
            ("authorization", format!("bearer  {token}")),
            ("cookie", format!("a=b; session={token}")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header, value.parse()?);
            same!(
                verifier.verify_request::<Claims>(&headers).await.is_ok(),
                true
            );
        }
    }
    let missing = verifier.verify_request::<Claims>(&HeaderMap::new()).await;
    same!(matches!(missing, Err(TokenError::Missing)), true);

    // A list of audiences, and a party.
    let mut several = claims();
    several["aud"] = json!(["other", "notes"]);
    let several = token("ed", Some("ed"), &several)?;
    let verifier = verifier.authorized_party("https://app.example.com");
    same!(problem(&verifier, &several).await, None);
    Ok(())
}

/// The signatures of RFC 7515, appendices A.2 and A.3. The tokens have no audience.
pub async fn published_tokens(_: Env) -> Outcome {
    const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
                           cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const RSA: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4B\
                       h-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZ\
                       LgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d\
                       O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6\
                       LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw\
                           -4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b3269\
                           0r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS\
                           -UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aG\
                           hyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\
                           oQ";
    const EC: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJq\
                      PP3-Kg6NU1Q";
    let rsa = json!({ "kty": "RSA", "n": MODULUS, "e": "AQAB" });
    let ec = json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });

    for (header, key, signature) in [
        ("eyJhbGciOiJSUzI1NiJ9", rsa, RSA),
        ("eyJhbGciOiJFUzI1NiJ9", ec, EC),
    ] {
        let keys = json!({ "keys": [key] }).to_string();
        let verifier = JwtVerifier::with_keys("joe", "notes", &keys)?;
        let token = format!("{header}.{PAYLOAD}.{signature}");
        // The signature is right.
        same!(
            problem(&verifier, &token).await.as_deref(),
            Some("it has no expiration, issuer or audience")
        );
        let (start, end) = signature.split_at(10);
        let flipped = if end.starts_with('A') { "B" } else { "A" };
        let changed = format!("{header}.{PAYLOAD}.{start}{flipped}{}", &end[1..]);
        same!(
            problem(&verifier, &changed).await.as_deref(),
            Some("its signature is wrong")
        );
    }
    Ok(())
}

/// Tokens that somebody has made or changed.
pub async fn attacks_on_tokens(_: Env) -> Outcome {
    let verifier = verifier()?;
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let valid = token("rsa", Some("rsa"), &claims())?;
    let (signed, signature) = valid.rsplit_once('.').ok_or("a signature")?;
    let payload = signed.split_once('.').ok_or("a payload")?.1;
    let with_header = |header: Value| format!("{}.{payload}.{signature}", part(header));

    // No signature.
    for algorithm in ["none", "None", "NONE", "nOnE"] {
        let header = part(json!({ "alg": algorithm, "kid": "rsa" }));
        for token in [
            format!("{header}.{payload}."),
            format!("{header}.{payload}.{signature}"),
        ] {
            let problem = problem(&verifier, &token).await;
            same!(problem.as_deref(), Some("its header is not one of a token"));
        }
    }

    // The public key as the secret of an HMAC.
    let public = keys()?["rsa"]["jwk"]["n"]
        .as_str()
        .ok_or("a modulus")?
        .to_owned();
    for secret in [
        public.clone().into_bytes(),
        URL_SAFE_NO_PAD.decode(&public)?,
    ] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("rsa".to_owned());
        let forged = encode(&header, &claims(), &EncodingKey::from_secret(&secret))?;
        same!(
            problem(&verifier, &forged).await.as_deref(),
            Some("its algorithm is not allowed")
        );
    }

    // Another algorithm than that of the key, a key that the token names or contains, and a name
    // that is a path or SQL.
    let other = keys()?["other"]["jwk"].clone();
    let forged = token("other", Some("ed"), &claims())?;
    let own_key = {
        let (algorithm, signer) = signer("other")?;
        let mut header = Header::new(algorithm);
        header.kid = Some("ed".to_owned());
        header.jku = Some("https://evil.example.com/keys".to_owned());
        header.jwk = Some(serde_json::from_value(other)?);
        encode(&header, &claims(), &signer)?
    };
    let cases = [
        (forged, "its signature is wrong"),
        (own_key, "its signature is wrong"),
        (
            token("ed", Some("rsa"), &claims())?,
            "its key has another algorithm",
        ),
        (
            token("ed", Some("../../dev/null"), &claims())?,
            "the issuer has no such key",
        ),
        (
            token("ed", Some("ed' OR '1'='1"), &claims())?,
            "the issuer has no such key",
        ),
        // With several keys, a token names its own.
        (token("ed", None, &claims())?, "the issuer has no such key"),
        (
            with_header(json!({ "alg": "RS512", "kid": "rsa" })),
            "its algorithm is not allowed",
        ),
        (
            with_header(json!({ "alg": "PS256", "kid": "rsa" })),
            "its algorithm is not allowed",
        ),
        (
            with_header(json!({ "alg": "RS256", "kid": "rsa", "x": 1 })),
            "its signature is wrong",
        ),
        (
            format!("{signed}.{}", &signature[..20]),
            "its signature is wrong",
        ),
        (format!("{signed}."), "its signature is wrong"),
        (
            valid.replacen('.', "", 1),
            "its header is not one of a token",
        ),
        (String::new(), "its header is not one of a token"),
        ("..".to_owned(), "its header is not one of a token"),
        ("a".repeat(20_000), "it is too long"),
    ];
    for (token, expected) in cases {
        same!(
            (problem(&verifier, &token).await.as_deref(), &token),
            (Some(expected), &token)
        );
    }
    Ok(())
}

/// Claims that do not fit.
pub async fn claims_of_tokens(_: Env) -> Outcome {
    let verifier = verifier()?.authorized_party("https://app.example.com");
    let cases = [
        ("exp", json!(now() - 31), Some("it has expired")),
        ("exp", json!(now() - 10), None),
        (
            "exp",
            json!("soon"),
            Some("it has no expiration, issuer or audience"),
        ),
        (
            "exp",
            Value::Null,
            Some("it has no expiration, issuer or audience"),
        ),
        ("nbf", json!(now() + 60), Some("it is not valid yet")),
        ("nbf", json!(now() + 10), None),
        ("iat", json!(now() + 60), Some("it is not valid yet")),
        (
            "iss",
            json!("https://issuer.example.com.evil"),
            Some("it is from another issuer"),
        ),
        (
            "iss",
            Value::Null,
            Some("it has no expiration, issuer or audience"),
        ),
        ("aud", json!("other"), Some("it is for another audience")),
        ("aud", json!(["other"]), Some("it is for another audience")),
        ("aud", json!([]), Some("it is for another audience")),
        (
            "aud",
            Value::Null,
            Some("it has no expiration, issuer or audience"),
        ),
        (
            "azp",
            json!("https://evil.example.com"),
            Some("it was issued to another party"),
        ),
        ("azp", Value::Null, Some("it was issued to another party")),
        ("role", json!(7), Some("its claims have another type")),
        ("sub", json!(7), Some("a registered claim has another type")),
    ];
    for (name, value, expected) in cases {
        let mut claims = claims();
        match &value {
            Value::Null => claims
                .as_object_mut()
                .and_then(|claims| claims.remove(name)),
            value => claims
                .as_object_mut()
                .and_then(|claims| claims.insert(name.to_owned(), value.clone())),
        };
        let token = token("ed", Some("ed"), &claims)?;
        let problem = problem(&verifier, &token).await;
        same!((name, &value, problem.as_deref()), (name, &value, expected));
    }
    Ok(())
}
