//! WebSockets of the worker itself, and server-sent events. The tests of each backend are clients.

use std::time::Duration;

use bindery::http::{EventStream, ServerSentEvent};
use bindery::{Context, Error, ErrorKind, Request, Response, time};
use futures_util::{StreamExt, stream};
use http::HeaderMap;

/// Returns each message. `bye` closes the connection, and `fail` ends it with an error.
pub async fn socket(context: Context, request: Request) -> Response {
    bindery::web_socket::upgrade(&request, &context, |mut client| async move {
        while let Some(message) = client.next().await {
            match message.text() {
                Some("bye") => client.close(4000, "goodbye")?,
                Some("end") => return Ok(()),
                Some("fail") => return Err(Error::new(ErrorKind::Internal, "no echo today")),
                _ => client.send(message)?,
            }
        }
        let close = client
            .closed()
            .map(|close| (close.code, close.reason.clone()));
        bindery::println!("echo ended with {close:?}");
        Ok(())
    })
}

/// Counts from the last id that the client has seen. The third event fails.
pub async fn events(headers: HeaderMap) -> EventStream {
    let last: u32 = EventStream::last_id(&headers)
        .and_then(|id| id.parse().ok())
        .unwrap_or(0);
    let events = stream::iter(last + 1..).then(|number| async move {
        if number == 3 {
            return Err(Error::new(ErrorKind::Internal, "no third event"));
        }
        time::sleep(Duration::from_millis(50)).await;
        let event = ServerSentEvent::json(&("number", number))?;
        Ok(event.event("count").id(&number.to_string()))
    });
    EventStream::new(events).keep_alive(Duration::from_millis(20))
}
