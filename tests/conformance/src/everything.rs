//! One binding of every kind: each works if the backend supports it, and otherwise fails with a
//! clear error.

use bindery::analytics_engine::DataPoint;
use bindery::dispatch::DispatchLimits;
use bindery::email::Email;
use bindery::k2::Record;
use bindery::vectorize::{QueryOptions, Vector};
use bindery::worker_loader::WorkerCode;
use bindery::workflow::Status;
use bindery::{Body, ErrorKind, Request, Service};
use serde_json::{Value, json};

use crate::{Env, Outcome, same};

/// Whether the backend is the native one, which does not support some kinds.
const IS_NATIVE: bool = cfg!(not(target_arch = "wasm32"));

fn request(uri: &str) -> Result<Request, axum::http::Error> {
    axum::http::Request::builder().uri(uri).body(Body::empty())
}

async fn text(response: bindery::Response) -> Result<String, axum::Error> {
    let bytes = axum::body::to_bytes(response.into_body(), 10_000).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Checks that a call is unsupported, and that the error names the binding and an alternative.
fn unsupported<T>(outcome: bindery::Result<T>, binding: &str) -> Outcome {
    let error = outcome.err().ok_or("it works, natively")?;
    same!(error.kind(), ErrorKind::Unsupported);
    same!(error.binding(), binding);
    same!(
        error.message().contains(binding) && error.message().contains("wrangler dev"),
        true
    );
    Ok(())
}

/// Static assets respond to requests.
pub async fn static_assets(env: Env) -> Outcome {
    let response = env.assets.get("/terms.txt").await?;
    same!(response.status(), 200);
    let content_type = response.headers().get("content-type");
    same!(
        content_type.and_then(|value| value.to_str().ok()),
        Some("text/plain; charset=utf-8")
    );
    same!(text(response).await?, "the terms\n");
    same!(env.assets.get("/missing").await?.status(), 404);
    Ok(())
}

/// Another worker responds to requests.
pub async fn fetchers(env: Env) -> Outcome {
    let outcome = env.service.fetch(request("/hello?to=ann")?).await;
    if IS_NATIVE {
        return unsupported(outcome, "SERVICE");
    }
    same!(text(outcome?).await?, "other /hello?to=ann");

    // The platform does not know the length that the other worker declares.
    let declared = env.service.fetch(request("/?declared")?).await?;
    let stored = env.storage.put("declared", declared.into_body()).await?;
    same!(stored.size, 5);

    same!(
        env.service.call("add", &[json!(2), json!(3)]).await?,
        json!(5)
    );
    Ok(())
}

/// A name always refers to the same object.
pub async fn durable_objects(env: Env) -> Outcome {
    if IS_NATIVE {
        return unsupported(env.counters.by_name("a").await, "COUNTERS");
    }
    let counter = env.counters.by_name("a").await?;
    let first: u64 = text(counter.fetch(request("/")?).await?).await?.parse()?;
    let again = env.counters.by_name("a").await?;
    same!(
        text(again.fetch(request("/")?).await?).await?,
        (first + 1).to_string()
    );
    let id = env.counters.new_id().await?;
    same!(id.len(), 64);
    same!(
        text(env.counters.by_id(&id).await?.fetch(request("/")?).await?).await?,
        "1"
    );
    Ok(())
}

/// A Workflow starts and returns its output.
pub async fn workflows(env: Env) -> Outcome {
    same!(
        env.orders
            .create_with_id("no good id", &json!(null))
            .await
            .err()
            .map(|error| error.kind()),
        Some(ErrorKind::InvalidArgument)
    );
    let large = "x".repeat(1024 * 1024);
    same!(
        env.orders
            .create(&json!(large))
            .await
            .err()
            .map(|error| error.kind()),
        Some(ErrorKind::TooLarge)
    );
    if IS_NATIVE {
        return unsupported(env.orders.create(&json!({ "n": 2 })).await, "ORDERS");
    }
    let id = bindery::random::id()?;
    let instance = env.orders.create_with_id(&id, &json!({ "n": 2 })).await?;
    same!(instance.id(), id);
    for _ in 0..200 {
        let status = env.orders.get(&id).await?.status().await?;
        if status.is_over() {
            same!(status, Status::Complete(json!({ "twice": 4 })));
            return Ok(());
        }
        // On workerd, time advances only with a request.
        env.service.fetch(request("/wait")?).await?;
    }
    Err("the Workflow never ends".into())
}

/// A Hyperdrive has a connection string and its parts.
pub async fn hyperdrives(env: Env) -> Outcome {
    let connection = env.postgres.connection_string()?;
    same!(connection.expose().starts_with("postgres"), true);
    same!(format!("{connection:?}"), "Secret(..)");
    same!(env.postgres.user()?, "ann");
    same!(env.postgres.password()?.expose(), "pw");
    same!(env.postgres.database()?, "shop");
    same!(env.postgres.port()? > 0, true);
    same!(env.postgres.host()?.is_empty(), false);
    Ok(())
}

/// The limits of vectors are checked before a call. No backend here can search.
pub async fn vectors(env: Env) -> Outcome {
    let options = QueryOptions::default().top_k(101);
    same!(
        env.vectors
            .query_with(&[1.0], options)
            .await
            .err()
            .map(|error| error.kind()),
        Some(ErrorKind::InvalidArgument)
    );
    same!(
        env.vectors
            .query(&[0.5; 1537])
            .await
            .err()
            .map(|error| error.kind()),
        Some(ErrorKind::TooLarge)
    );
    let long = Vector {
        id: "x".repeat(65),
        values: vec![1.0],
        ..Vector::default()
    };
    same!(
        env.vectors
            .upsert(&[long])
            .await
            .err()
            .map(|error| error.kind()),
        Some(ErrorKind::TooLarge)
    );
    let outcome = env.vectors.describe().await;
    if IS_NATIVE {
        return unsupported(outcome, "VECTORS");
    }
    same!(outcome.is_err(), true);
    Ok(())
}

/// A model fails with a clear error on backends that do not simulate it.
pub async fn models(env: Env) -> Outcome {
    let outcome = env
        .ai
        .run::<Value>("model", &json!({ "prompt": "hi" }))
        .await;
    let error = outcome.err().ok_or("nothing answers")?;
    same!(error.service(), Service::Ai);
    same!(error.binding(), "AI");
    same!(
        matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Internal),
        true
    );
    Ok(())
}

/// A PNG of one pixel.
const PIXEL: &[u8] = include_bytes!("../assets/pixel.png");

/// An image has its metadata, and can be resized.
pub async fn images(env: Env) -> Outcome {
    let info = env.images.info(PIXEL).await;
    if IS_NATIVE {
        return unsupported(info, "IMAGES");
    }
    let info = info?;
    same!(
        (info.format.as_str(), info.width, info.height),
        ("image/png", Some(1), Some(1))
    );
    let larger = env
        .images
        .transform(
            PIXEL,
            &[json!({ "width": 8, "height": 8, "fit": "pad" })],
            "image/png",
        )
        .await?;
    let info = env.images.info(&larger).await?;
    same!((info.width, info.height), (Some(8), Some(8)));
    Ok(())
}

/// A data point is accepted. One over a limit is not sent.
pub async fn data_points(env: Env) -> Outcome {
    let point = DataPoint {
        blobs: vec!["a".to_owned()],
        doubles: vec![1.5],
        indexes: vec!["i".to_owned()],
    };
    env.events.write(&point).await?;
    let many = DataPoint {
        doubles: vec![0.0; 21],
        ..DataPoint::default()
    };
    same!(
        env.events
            .write(&many)
            .await
            .err()
            .map(|error| error.kind()),
        Some(ErrorKind::TooLarge)
    );
    Ok(())
}

/// An email is sent to an allowed address, and rejected for any other.
pub async fn emails(env: Env) -> Outcome {
    let email = |to: &str| Email {
        from: "shop@example.com".to_owned(),
        to: vec![to.to_owned()],
        subject: "hello".to_owned(),
        text: Some("hi".to_owned()),
        html: None,
    };
    env.mail.send(&email("ann@example.com")).await?;
    same!(
        env.mail.send(&email("eve@example.com")).await.is_err(),
        true
    );
    let empty = Email {
        text: None,
        ..email("ann@example.com")
    };
    same!(
        env.mail.send(&empty).await.err().map(|error| error.kind()),
        Some(ErrorKind::InvalidArgument)
    );
    Ok(())
}

/// The limit is two per minute and key.
pub async fn rate_limits(env: Env) -> Outcome {
    let key = bindery::random::id()?;
    same!(env.limiter.limit(&key).await?, true);
    same!(env.limiter.limit(&key).await?, true);
    same!(env.limiter.limit(&key).await?, false);
    same!(env.limiter.limit(&bindery::random::id()?).await?, true);
    Ok(())
}

/// A stored secret can be read, and `Debug` hides it.
pub async fn stored_secrets(env: Env) -> Outcome {
    let secret = env.stored.get().await?;
    same!(secret.expose(), "kept");
    same!(format!("{secret:?}"), "Secret(..)");
    Ok(())
}

/// The version has an id and a timestamp.
pub async fn versions(env: Env) -> Outcome {
    same!(env.version.id().len(), 36);
    same!(env.version.timestamp().contains('T'), true);
    same!(env.version.tag(), "");
    Ok(())
}

/// Records are accepted.
pub async fn records(env: Env) -> Outcome {
    env.pipeline
        .send(&[json!({ "n": 1 }), json!({ "n": 2 })])
        .await?;
    let large = json!({ "text": "x".repeat(1_000_001) });
    same!(
        env.pipeline
            .send(&[large])
            .await
            .err()
            .map(|error| error.kind()),
        Some(ErrorKind::TooLarge)
    );
    Ok(())
}

/// Records of bytes are accepted. On workerd, another worker simulates the stream and reports what
/// it received.
pub async fn byte_records(env: Env) -> Outcome {
    let record = Record {
        content: vec![0, 255],
        headers: [("kind".to_owned(), "test".to_owned())].into(),
    };
    env.k2.send(&[record.clone(), record]).await?;
    if !IS_NATIVE {
        let refused = Record {
            content: Vec::new(),
            ..Record::default()
        };
        let error = env
            .k2
            .send(&[refused])
            .await
            .err()
            .ok_or("an empty record is refused")?;
        same!(
            (error.kind(), error.message()),
            (ErrorKind::Unavailable, "2 records before")
        );
    }
    Ok(())
}

/// Bound files have their contents.
pub async fn blobs(env: Env) -> Outcome {
    same!(env.terms.text(), "the terms\n");
    same!(env.logo.bytes(), [0, 159, 146, 150]);
    Ok(())
}

/// A worker that is loaded from code responds.
pub async fn loaders(env: Env) -> Outcome {
    let script = "export default { fetch(request, env) { return new Response(`${env.word} ${new URL(request.url).pathname}`) } }";
    let code = WorkerCode {
        compatibility_date: "2026-04-01".to_owned(),
        main_module: "main.js".to_owned(),
        modules: [("main.js".to_owned(), script.to_owned())].into(),
        env: json!({ "word": "loaded" }),
    };
    let worker = env.loader.get("a", &code).await;
    if IS_NATIVE {
        return unsupported(worker, "LOADER");
    }
    same!(text(worker?.get("/hello").await?).await?, "loaded /hello");
    Ok(())
}

/// Kinds without a simulation fail with a clear error on both backends.
pub async fn the_rest(env: Env) -> Outcome {
    if !IS_NATIVE {
        for (outcome, binding) in [
            (env.searches.call("list", &[]).await, "SEARCHES"),
            (env.search.call("search", &[]).await, "SEARCH"),
            (env.memory.call("list", &[]).await, "MEMORY"),
            (env.media.call("input", &[]).await, "MEDIA"),
            (env.artifacts.call("list", &[]).await, "ARTIFACTS"),
            (
                env.flags
                    .call("getBooleanValue", &["a".into(), true.into()])
                    .await,
                "FLAGS",
            ),
        ] {
            same!(
                outcome
                    .err()
                    .map(|error| error.binding().to_owned())
                    .as_deref(),
                Some(binding)
            );
        }
        same!(
            env.mtls.get("/").await.is_err() && env.vpc_service.get("/").await.is_err(),
            true
        );
        return Ok(());
    }
    unsupported(
        env.tenants
            .get("t", &json!({}), DispatchLimits::default())
            .await,
        "TENANTS",
    )?;
    unsupported(env.browser.fetch(request("/")?).await, "BROWSER")?;
    unsupported(env.mtls.fetch(request("/")?).await, "MTLS")?;
    unsupported(env.vpc_service.fetch(request("/")?).await, "VPC_SERVICE")?;
    unsupported(env.vpc_network.fetch(request("/")?).await, "VPC_NETWORK")?;
    for (outcome, binding) in [
        (env.searches.call("list", &[]).await, "SEARCHES"),
        (env.search.call("search", &[]).await, "SEARCH"),
        (env.memory.call("list", &[]).await, "MEMORY"),
        (env.media.call("input", &[]).await, "MEDIA"),
        (env.stream.call("videos", &[]).await, "STREAM"),
        (env.analytics.call("query", &[]).await, "ANALYTICS"),
        (env.artifacts.call("list", &[]).await, "ARTIFACTS"),
        (env.flags.call("get", &[]).await, "FLAGS"),
        (env.hello.call("get", &[]).await, "HELLO"),
        (env.r#unsafe.call("get", &[]).await, "UNSAFE"),
        (env.forward.call("get", &[]).await, "FORWARD"),
        (env.module.call("get", &[]).await, "MODULE"),
    ] {
        unsupported(outcome, binding)?;
    }
    Ok(())
}

/// Kinds without a typed API respond to a call by name where workerd simulates them.
pub async fn raw(env: Env) -> Outcome {
    if IS_NATIVE {
        return unsupported(env.hello.call("set", &[json!("hi")]).await, "HELLO");
    }
    same!(env.stream.call("videos.list", &[]).await?, json!([]));
    env.hello.call("set", &[json!("hi")]).await?;
    same!(env.hello.call("get", &[]).await?["value"], "hi");
    Ok(())
}
