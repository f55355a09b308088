//! A request of the native server, made the same as on Workers.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{StatusCode, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::app::{Application, Context, Environment};
use crate::error::{Error, ErrorKind};
use crate::http::{DRAIN_TIMEOUT, DrainableBody, IntoResponse, Request, Response};
use crate::observe::{Gate, Measures};

use super::super::assets::Assets;
use super::super::panic::catch_panic;
#[cfg(feature = "presign")]
use super::super::s3;
use super::request_log;

/// The header with the address of the client.
///
/// <https://developers.cloudflare.com/fundamentals/reference/http-headers/#cf-connecting-ip>
const CONNECTING_IP: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// Responds to a request.
///
/// The handler runs in its own task: it runs to its end if the client goes away, and a panic fails
/// only its request.
pub(super) async fn respond<A: Application>(
    mut request: Request,
    assets: Option<Assets>,
    env: A::Env,
    context: Context,
) -> Response {
    if let Err(problem) = normalize(&mut request) {
        return Error::worker("fetch", ErrorKind::InvalidArgument, problem).into_response();
    }

    #[cfg(feature = "presign")]
    if s3::serves(&request) {
        let (request, body) = DrainableBody::wrap(request);
        let response = s3::respond(env.backend(), request).await;
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, body.drain()).await;
        return response;
    }

    let assets = assets.filter(|assets| !assets.worker_first(request.uri().path()));
    if let Some(assets) = assets
        && let Some(response) = assets.respond(&request).await
    {
        return response;
    }

    request.extensions_mut().insert(context.clone());
    let (request, body) = DrainableBody::wrap(request);
    let gate = Gate::of_handler("", env.backend().observers());
    let handler = catch_panic(A::fetch(request, env, context));
    let handler = async move { gate.handle("fetch", handler, response_outcome).await };
    let outcome = request_log::spawn(handler).await;

    // On timeout, respond anyway.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, body.drain()).await;
    let message = match outcome {
        Ok(Ok(response)) => return response,
        Ok(Err(panic)) => format!("the handler panicked: {panic}"),
        Err(_) => "the process is shutting down".to_owned(),
    };
    Error::worker("fetch", ErrorKind::Internal, message).into_response()
}

fn response_outcome(outcome: &Result<Response, String>) -> (Option<&Error>, Measures) {
    let status = match outcome {
        Ok(response) => response.status(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let measures = Measures {
        status: Some(status.as_u16()),
        ..Measures::default()
    };
    (None, measures)
}

/// Makes the URI absolute, and sets the address of the client.
fn normalize(request: &mut Request) -> Result<(), &'static str> {
    let host = match request.uri().authority() {
        Some(authority) => Some(authority.clone()),
        None => request.headers().get(HOST).and_then(authority),
    };
    let Some(host) = host else {
        return Err("the header `Host` is missing or invalid");
    };

    // HTTP/2 has no `Host`, and Workers adds it.
    if let Ok(value) = HeaderValue::from_str(host.as_str()) {
        request.headers_mut().entry(HOST).or_insert(value);
    }

    let mut parts = request.uri().clone().into_parts();
    parts.scheme.get_or_insert(Scheme::HTTP);
    parts.authority = Some(host);
    parts
        .path_and_query
        .get_or_insert(PathAndQuery::from_static("/"));
    match Uri::from_parts(parts) {
        Ok(uri) => *request.uri_mut() = uri,
        Err(_) => return Err("the URI of the request is not valid"),
    }

    let peer = request.extensions().get::<SocketAddr>();
    let peer = peer.and_then(|peer| HeaderValue::from_str(&peer.ip().to_string()).ok());
    if let Some(peer) = peer {
        request.headers_mut().insert(CONNECTING_IP, peer);
    }
    Ok(())
}

fn authority(host: &HeaderValue) -> Option<Authority> {
    Authority::try_from(host.as_bytes()).ok()
}

/// The body of a request that fails if the client pauses too long.
pub(super) struct TimedBody<B> {
    body: B,
    timeout: Duration,
    /// Runs while the body waits for the client.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> TimedBody<B> {
    pub(super) fn new(body: B, timeout: Duration) -> Self {
        Self {
            body,
            timeout,
            timer: None,
        }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for TimedBody<B>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.timer = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }

        let timeout = this.timeout;
        let timer = this
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + timeout)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Some(Err("the client paused for too long".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
