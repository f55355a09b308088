//! The server as a part of this program: its bounds, HTTP/2, and the worker as a service.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bindery::{Server, ServerOptions, kv};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use native::App;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

/// Runs a test with a server.
fn with_server<F: Future<Output = ()>>(
    name: &str,
    options: impl FnOnce(ServerOptions) -> ServerOptions,
    test: impl FnOnce(SocketAddr) -> F,
) {
    let folder = folder(name);
    let runtime = tokio::runtime::Runtime::new().expect("starts");
    runtime.block_on(async {
        let options = options(ServerOptions::default().state(&folder));
        let server = Server::<App>::start(options).await.expect("starts");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("is bound");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = server.serve_until(listener, async { drop(stopped.await) });
        let serving = tokio::spawn(serving);

        test(address).await;
        drop(stop);
        serving.await.expect("it ends without a panic");
    });
    let _ = std::fs::remove_dir_all(folder);
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("server-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

async fn send(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(request.as_bytes()).await.expect("is sent");
    let mut response = Vec::new();
    // The server may reset a connection that it has not read to its end.
    let _ = stream.read_to_end(&mut response).await;
    String::from_utf8(response).expect("is text")
}

#[test]
fn a_client_that_sends_no_request_is_disconnected() {
    let options = |options: ServerOptions| options.header_timeout(Duration::from_millis(200));
    with_server("headers", options, |address| async move {
        let silent = send(address, "");
        let half = send(address, "GET / HTTP/1.1\r\nHost: loc");
        let preface = send(address, "PRI * HTTP/2.0\r\n");
        let idle = send(address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(silent.await, "");
        assert!(!half.await.contains("200 OK"));
        assert_eq!(preface.await, "");
        assert!(idle.await.ends_with("ok"), "the request has a response");
    });
}

#[test]
fn a_client_that_pauses_in_a_body_gets_an_error() {
    let options = |options: ServerOptions| options.idle_timeout(Duration::from_millis(200));
    with_server("body", options, |address| async move {
        let start = Instant::now();
        let head = "PUT /r2/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf";
        let response = send(address, head).await;
        assert!(response.starts_with("HTTP/1.1 400"), "{response}");
        assert!(start.elapsed() < Duration::from_secs(20));
        let get = "GET /r2/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        assert!(
            send(address, get).await.starts_with("HTTP/1.1 404"),
            "nothing is stored"
        );
    });
}

#[test]
fn headers_and_connections_are_bounded() {
    let options = |options: ServerOptions| {
        options
            .max_connections(2)
            .header_timeout(Duration::from_millis(300))
    };
    with_server("bounds", options, |address| async move {
        let get = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        // They hold both connections until their time is over.
        let silent = [
            TcpStream::connect(address).await,
            TcpStream::connect(address).await,
        ];
        let start = Instant::now();
        assert!(send(address, get).await.ends_with("ok"));
        assert!(
            start.elapsed() >= Duration::from_millis(100),
            "it had to wait"
        );
        drop(silent);

        let many = "X-A: b\r\n".repeat(200);
        let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n");
        assert!(send(address, &many).await.starts_with("HTTP/1.1 431"));
        let missing = send(address, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await;
        assert!(missing.starts_with("HTTP/1.1 400"), "{missing}");
    });
}

#[test]
fn http2_is_served_without_tls() {
    with_server(
        "http2",
        |options| options,
        |address| async move {
            let stream = TcpStream::connect(address).await.expect("connects");
            let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
            let connection = builder.handshake(TokioIo::new(stream)).await;
            let (mut sender, connection) = connection.expect("is HTTP/2");
            tokio::spawn(connection);
            let request = hyper::Request::get(format!("http://{address}/uri?b=2"));
            let request = request
                .body(Empty::<bytes::Bytes>::new())
                .expect("is valid");
            let response = sender.send_request(request).await.expect("a response");
            let body = response
                .into_body()
                .collect()
                .await
                .expect("a body")
                .to_bytes();
            assert_eq!(body, format!("http://{address}/uri?b=2 127.0.0.1"));
        },
    );
}

#[test]
fn a_worker_is_a_part_of_another_program() {
    let folder = folder("service");
    let runtime = tokio::runtime::Runtime::new().expect("starts");
    runtime.block_on(async {
        let options = || ServerOptions::default().state(&folder);
        let server = Server::<App>::start(options()).await.expect("starts");
        let again = Server::<App>::start(options()).await.map(drop);
        let message = again.expect_err("the folder is in use").to_string();
        assert!(message.contains("uses this folder"), "{message}");

        let mut service = server.service();
        let request = bindery::Request::get("http://example.com/uri");
        let request = request.header("cf-connecting-ip", "203.0.113.7");
        let request = request.body(bindery::Body::empty()).expect("is valid");
        let Ok(response) = service.call(request).await;
        let body = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        assert_eq!(body, "http://example.com/uri 203.0.113.7");
        drop(service);

        server
            .env()
            .cache
            .put(&kv::text("a"), "b")
            .await
            .expect("is stored");
        // The folder belongs to this environment as long as a handler can use it.
        let env = server.env().clone();
        server.shutdown().await;
        assert!(Server::<App>::start(options()).await.is_err());
        drop(env);
        let server = Server::<App>::start(options()).await.expect("starts again");
        let stored = server
            .env()
            .cache
            .get(&kv::text("a"))
            .await
            .expect("is read");
        assert_eq!(stored.as_deref(), Some("b"));
        server.shutdown().await;
    });
    let _ = std::fs::remove_dir_all(folder);
}

#[derive(Debug, PartialEq, bindery::Row)]
struct Counted {
    n: i64,
}

/// A file has other connections for reads than for writes.
#[test]
fn unchecked_statements_use_the_connections_of_a_file() {
    let folder = folder("unchecked");
    let runtime = tokio::runtime::Runtime::new().expect("starts");
    runtime.block_on(async {
        let options = ServerOptions::default().state(&folder);
        let server = Server::<App>::start(options).await.expect("starts");
        let db = &server.env().db;
        let one = async |sql: String| db.unchecked(sql).bind("a").one::<Counted>().await;

        let add = "INSERT INTO writes (key, value) VALUES (?1, '1')";
        let returned = one(format!("{add} RETURNING rowid AS n")).await;
        assert_eq!(returned.expect("is written"), Counted { n: 1 });
        let last = one("SELECT last_insert_rowid() AS n WHERE ?1 = 'a'".to_owned()).await;
        assert_eq!(last.expect("runs on the writer"), Counted { n: 1 });
        let short = one("SELECT count(*) AS n FROM writes WHERE key = ?1".to_owned()).await;
        assert_eq!(short.expect("runs inline"), Counted { n: 1 });
        let long = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 200000) \
                    SELECT count(*) AS n FROM c WHERE ?1 = 'a'";
        let long = one(long.to_owned()).await;
        assert_eq!(long.expect("runs on a thread"), Counted { n: 200_000 });

        // The row does not match, after the commit.
        let error = one(format!("{add} RETURNING key AS n")).await.expect_err("a text");
        assert!(error.is_committed(), "{error}");
        let sql = "WITH x AS (SELECT 1) DELETE FROM writes WHERE key = ?1";
        let deleted = db.unchecked(sql).bind("a").execute().await;
        assert_eq!(deleted.expect("is deleted").rows, 2);

        let hidden = "SELECT checksum AS n FROM _cf_bindery_migrations WHERE ?1 = 'a'";
        let error = one(hidden.to_owned()).await.expect_err("is reserved");
        assert_eq!(error.kind(), bindery::ErrorKind::Denied);
        server.shutdown().await;
    });
    let _ = std::fs::remove_dir_all(folder);
}
