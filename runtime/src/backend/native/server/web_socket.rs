//! The WebSockets of clients: the handshake, and the messages in both directions.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message as Frame};

use crate::error::{Error, ErrorKind};
use crate::http::{IntoResponse, Response};
use crate::limits::durable_object::MESSAGE_BYTES;
use crate::web_socket::{Close, Message};

use super::super::durable_object::{ClientSocket, Outgoing, Upgrade};

/// The time after which a client is asked whether it is still there, and has to answer.
const SILENCE: Duration = Duration::from_secs(30);
/// The code of a connection that was lost.
const LOST: u16 = 1006;
/// The code of a close without a code.
const NO_CODE: u16 = 1005;

/// The connection of a request that asks for a WebSocket.
pub(super) struct Handshake {
    connection: OnUpgrade,
    accept: HeaderValue,
    /// The place of the connection among those that the server has at once.
    slot: Slot,
}

type Slot = Option<Arc<OwnedSemaphorePermit>>;

impl Handshake {
    /// Returns `None` if the request does not ask for a WebSocket.
    pub(super) fn of(request: &mut Request<Incoming>, slot: Slot) -> Option<Self> {
        if !asks_for_socket(request.headers()) {
            return None;
        }
        let key = request.headers().get(SEC_WEBSOCKET_KEY)?;
        let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()?;
        Some(Self {
            connection: hyper::upgrade::on(request),
            accept,
            slot,
        })
    }
}

fn asks_for_socket(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Connects the client if the response is that of an object that has accepted it.
pub(super) fn connect(handshake: Option<Handshake>, mut response: Response) -> Response {
    let upgrade = response.extensions_mut().remove::<Upgrade>();
    let Some(client) = upgrade.and_then(|upgrade| upgrade.take()) else {
        return response;
    };
    let Some(handshake) = handshake else {
        client.closed(Close::new(LOST, ""));
        let message = "the request does not ask for a WebSocket";
        return Error::worker("fetch", ErrorKind::InvalidArgument, message).into_response();
    };

    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, handshake.accept);
    let (connection, slot) = (handshake.connection, handshake.slot);
    tokio::spawn(async move {
        match connection.await {
            Ok(connection) => pass_messages(connection, client).await,
            Err(_) => client.closed(Close::new(LOST, "")),
        }
        drop(slot);
    });
    response
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// What happens next on a connection.
enum Next {
    Frame(Option<Result<Frame, SocketError>>),
    Outgoing(Option<Outgoing>),
    /// Nothing has happened for a while.
    Silence,
}

async fn next(stream: &mut Socket, client: &mut ClientSocket) -> Next {
    let outgoing = pin!(client.next());
    let next = select(stream.next(), outgoing);
    match tokio::time::timeout(SILENCE, next).await {
        Ok(Either::Left((frame, _))) => Next::Frame(frame),
        Ok(Either::Right((outgoing, _))) => Next::Outgoing(outgoing),
        Err(_) => Next::Silence,
    }
}

/// Passes messages in both directions until the connection is closed.
async fn pass_messages(connection: Upgraded, mut client: ClientSocket) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let connection = TokioIo::new(connection);
    let mut stream = WebSocketStream::from_raw_socket(connection, Role::Server, Some(config)).await;

    let mut is_pinged = false;
    let close = loop {
        let next = next(&mut stream, &mut client).await;
        is_pinged &= !matches!(next, Next::Frame(_));
        let sent = match next {
            // A client that does not answer has gone without a word.
            Next::Silence if is_pinged => break Close::new(LOST, ""),
            Next::Silence => {
                is_pinged = true;
                stream.send(Frame::Ping(Bytes::new())).await
            }
            Next::Frame(Some(Ok(frame))) => match received(frame) {
                Received::Message(message) => match client.receive(message) {
                    Some(answer) => stream.send(frame_of(answer)).await,
                    None => Ok(()),
                },
                Received::Close(close) => {
                    // The answer of the server.
                    let _ = stream.flush().await;
                    break close;
                }
                Received::Nothing => Ok(()),
            },
            Next::Frame(Some(Err(SocketError::Capacity(_)))) => {
                let reason = "the message is too large";
                let _ = stream.close(Some(close_frame(1009, reason))).await;
                break Close::new(1009, reason);
            }
            Next::Frame(Some(Err(_)) | None) => break Close::new(LOST, ""),
            Next::Outgoing(Some(Outgoing::Message(message))) => {
                stream.send(frame_of(message)).await
            }
            Next::Outgoing(Some(Outgoing::Close(close))) => break end(&mut stream, close).await,
            // The object was reset, or the server stops.
            Next::Outgoing(None) => return,
        };
        if sent.is_err() {
            break Close::new(LOST, "");
        }
    };
    client.closed(close);
}

/// Closes a connection, and waits for the answer of the client.
async fn end(stream: &mut Socket, close: Close) -> Close {
    let sent = stream
        .close(Some(close_frame(close.code, &close.reason)))
        .await;
    let answer = async {
        while let Some(Ok(frame)) = stream.next().await {
            if let Received::Close(close) = received(frame) {
                return close;
            }
        }
        close
    };
    let lost = Close::new(LOST, "");
    if sent.is_err() {
        return lost;
    }
    tokio::time::timeout(SILENCE, answer).await.unwrap_or(lost)
}

/// What a client has sent.
enum Received {
    Message(Message),
    Close(Close),
    /// The library answers pings.
    Nothing,
}

fn received(frame: Frame) -> Received {
    match frame {
        Frame::Text(text) => Received::Message(Message::Text(text.as_str().to_owned())),
        Frame::Binary(bytes) => Received::Message(Message::Binary(bytes)),
        Frame::Close(Some(frame)) => {
            Received::Close(Close::new(frame.code.into(), frame.reason.as_str()))
        }
        Frame::Close(None) => Received::Close(Close::new(NO_CODE, "")),
        Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => Received::Nothing,
    }
}

fn frame_of(message: Message) -> Frame {
    match message {
        Message::Text(text) => Frame::text(text),
        Message::Binary(bytes) => Frame::binary(bytes),
    }
}

fn close_frame(code: u16, reason: &str) -> CloseFrame {
    CloseFrame {
        code: code.into(),
        reason: reason.into(),
    }
}
