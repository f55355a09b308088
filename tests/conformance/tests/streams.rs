//! WebSockets of the worker itself, and server-sent events, natively.

#![cfg(not(target_arch = "wasm32"))]

use axum::body::Body;
use bindery::TestWorld;
use bindery::web_socket::{Close, Message};
use conformance::{App, Env, Outcome, same};
use http::Request;
use http_body_util::BodyExt;

/// Sockets without an object: the same as on workerd.
#[bindery::test]
async fn a_socket_without_an_object(env: Env, world: TestWorld) -> Outcome {
    let request = || {
        axum::http::Request::builder()
            .uri("/socket")
            .body(Body::empty())
    };
    let plain = world.fetch::<App>(&env, request()?).await;
    same!(plain.status().as_u16(), 426);

    let connect = async || {
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(
            world.web_socket::<App>(&env, request()?).await?,
        )
    };
    let mut ann = connect().await?;
    for message in [Message::from("hello"), Message::from(vec![1, 2, 3])] {
        ann.send(message.clone());
        same!(ann.next().await, Some(message));
    }
    for (message, code, reason) in [
        ("end", 1000, ""),
        ("fail", 1011, "the worker failed"),
        ("bye", 4000, "goodbye"),
    ] {
        let mut client = connect().await?;
        client.send(message);
        same!(client.next().await, None);
        same!(client.closed(), Some(&Close::new(code, reason)));
    }
    ann.close(3000, "done");
    world.background_work().await;
    Ok(())
}

/// Events until the stream fails, and after the last one that the client has seen.
#[bindery::test]
async fn server_sent_events(env: Env, world: TestWorld) -> Outcome {
    let read = async |last: &str| {
        let request = Request::builder()
            .uri("/events")
            .header("last-event-id", last);
        let mut response = world.fetch::<App>(&env, request.body(Body::empty())?).await;
        same!(response.headers()["content-type"], "text/event-stream");
        let mut text = String::new();
        while let Some(frame) = response.body_mut().frame().await {
            let Ok(frame) = frame else {
                text += "failed";
                break;
            };
            let bytes = frame.into_data().unwrap_or_default();
            text += std::str::from_utf8(&bytes)?;
            if text.contains("[\"number\",6]") {
                break;
            }
        }
        same!(text.contains(":\n\n"), true);
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(text.replace(":\n\n", ""))
    };
    let event = |number| format!("event: count\nid: {number}\ndata: [\"number\",{number}]\n\n");
    same!(read("").await?, event(1) + &event(2) + "failed");
    same!(read("4").await?, event(5) + &event(6));
    Ok(())
}
