//! Connections: HTTP/1.1 and HTTP/2, with bounds on their number and on the time that a client can
//! keep one without using it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "web-sockets")]
use futures_util::TryFutureExt;
use futures_util::future::{Either, select};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_io_timeout::TimeoutStream;
use tower_service::Service;

use crate::app::Application;
use crate::http::Body;

use super::super::log_line;
use super::request::TimedBody;
#[cfg(feature = "web-sockets")]
use super::web_socket::{Handshake, connect};
use super::{ServerOptions, WorkerService};

/// The files that the process opens besides its connections.
const OTHER_FILES: u64 = 256;

/// The maximum number of bytes of the headers of a request, as on Workers.
///
/// <https://developers.cloudflare.com/workers/platform/limits/#request-and-response-limits>
const HEADER_BYTES: u32 = 128 * 1024;

/// The requests that one HTTP/2 connection can send at once.
const STREAMS: u32 = 256;

/// The pause after a connection could not be accepted, for example because too many files are open.
const ERROR_INTERVAL: Duration = Duration::from_millis(100);

/// The first bytes of an HTTP/2 connection.
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Accepts connections until `stop` completes. Then waits for the requests in progress.
pub(super) async fn accept<A: Application>(
    listener: TcpListener,
    service: WorkerService<A>,
    options: &ServerOptions,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let (stopping, is_stopping) = watch::channel(());
    let slots = Arc::new(Semaphore::new(max_connections(options)));
    let mut stop = pin!(stop);

    loop {
        let next = async {
            // The semaphore is never closed.
            let slot = Arc::clone(&slots).acquire_owned().await.ok();
            (slot, listener.accept().await)
        };
        let (slot, accepted) = match select(&mut stop, pin!(next)).await {
            Either::Left(((), _)) => break,
            Either::Right((next, _)) => next,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = Connection {
                    peer,
                    service: service.clone(),
                    header_timeout: options.header_timeout,
                    idle_timeout: options.idle_timeout,
                    is_stopping: is_stopping.clone(),
                    slot: slot.map(Arc::new),
                };
                tokio::spawn(connection.serve(stream, graceful.watcher()));
            }
            Err(error) => {
                log_line(&format!("a connection cannot be accepted: {error}"));
                tokio::time::sleep(ERROR_INTERVAL).await;
            }
        }
    }

    drop((listener, stopping));
    if tokio::time::timeout(options.shutdown_timeout, graceful.shutdown())
        .await
        .is_err()
    {
        log_line("the shutdown did not wait for all requests");
    }
}

/// The number of connections that the process can have open.
fn max_connections(options: &ServerOptions) -> usize {
    #[cfg(unix)]
    let possible = rlimit::increase_nofile_limit(u64::MAX).map_or(usize::MAX, |files| {
        usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX)
    });
    #[cfg(not(unix))]
    let possible = usize::MAX;
    options
        .max_connections
        .min(possible)
        .clamp(1, Semaphore::MAX_PERMITS)
}

struct Connection<A: Application> {
    peer: SocketAddr,
    service: WorkerService<A>,
    header_timeout: Duration,
    idle_timeout: Duration,
    /// Closed when the server stops.
    is_stopping: watch::Receiver<()>,
    /// Held until the connection is closed, also by a WebSocket.
    slot: Option<Arc<OwnedSemaphorePermit>>,
}

impl<A: Application> Connection<A> {
    /// Serves the requests of a connection. Errors are those of the client, who has gone.
    async fn serve(mut self, stream: TcpStream, watcher: Watcher) {
        let _slot = self.slot.clone();
        // A response is written at once.
        let _ = stream.set_nodelay(true);
        let is_http2 = {
            let version = pin!(tokio::time::timeout(self.header_timeout, is_http2(&stream)));
            let stopping = pin!(self.is_stopping.changed());
            match select(version, stopping).await {
                Either::Left((Ok(Ok(is_http2)), _)) => is_http2,
                _ => return,
            }
        };

        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.idle_timeout));
        let stream = TokioIo::new(Box::pin(stream));
        let (service, peer, idle_timeout) = (self.service, self.peer, self.idle_timeout);
        #[cfg(feature = "web-sockets")]
        let slot = self.slot.clone();
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            #[cfg(feature = "web-sockets")]
            let (request, handshake) = {
                let mut request = request;
                let handshake = Handshake::of(&mut request, slot.clone());
                (request, handshake)
            };
            let body = |body: hyper::body::Incoming| Body::new(TimedBody::new(body, idle_timeout));
            let mut request = request.map(body);
            request.extensions_mut().insert(peer);
            let response = service.clone().call(request);
            #[cfg(feature = "web-sockets")]
            let response = response.map_ok(move |response| connect(handshake, response));
            response
        });

        if is_http2 {
            let mut http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            http2
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS)
                .max_header_list_size(HEADER_BYTES)
                .keep_alive_interval(self.header_timeout)
                .keep_alive_timeout(self.idle_timeout);
            let _ = watcher.watch(http2.serve_connection(stream, service)).await;
        } else {
            // It also lends connections to WebSockets.
            let mut http1 = auto::Builder::new(TokioExecutor::new()).http1_only();
            http1
                .http1()
                .timer(TokioTimer::new())
                .header_read_timeout(self.header_timeout)
                .max_buf_size(HEADER_BYTES as usize);
            let connection = http1.serve_connection_with_upgrades(stream, service);
            let _ = watcher.watch(connection).await;
        }
    }
}

/// Whether the client speaks HTTP/2: its first bytes are the preface.
async fn is_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; HTTP2_PREFACE.len()];
    loop {
        let length = stream.peek(&mut start).await?;
        if length == 0 || !HTTP2_PREFACE.starts_with(&start[..length]) {
            return Ok(false);
        }
        if length == HTTP2_PREFACE.len() {
            return Ok(true);
        }
        // Only a part of the preface has arrived.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
