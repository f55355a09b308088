//! How far the engines of rate limits let through more than their limit.

#![expect(clippy::print_stdout, reason = "the figures are for the reader")]

use bindery::{Server, ServerOptions};
use conformance::{App, Outcome, same};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Sends requests of one client at once, each on a connection of its own, and returns how many were
/// allowed.
async fn allowed(address: std::net::SocketAddr, engine: &str) -> std::io::Result<usize> {
    let request =
        format!("GET /limited/{engine} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let send = async || {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        Ok::<_, std::io::Error>(response)
    };

    let responses = join_all((0..100).map(|_| send())).await;
    let responses: Vec<String> = responses.into_iter().collect::<std::io::Result<_>>()?;
    let is_allowed = |response: &&String| response.starts_with("HTTP/1.1 200");
    let is_refused = |response: &&String| response.contains("retry-after: ");
    let count = responses.iter().filter(is_allowed).count();
    assert_eq!(responses.iter().filter(is_refused).count(), 100 - count);
    Ok(count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rate_limits_hold_back_100_clients_at_once() -> Outcome {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance-limits");
    let _ = std::fs::remove_dir_all(&folder);
    let server = Server::<App>::start(ServerOptions::default().state(&folder)).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve_until(listener, async { drop(stopped.await) }));

    for engine in ["binding", "kv", "object"] {
        let mut waves = [0; 3];
        for wave in &mut waves {
            *wave = allowed(address, engine).await?;
        }
        let [first, second, third] = waves;
        println!(
            "rate limit by {engine}: of 100 requests at once with a limit of 2, {first}, then \
             {second}, then {third} were allowed"
        );
        same!((engine, third), (engine, 0));
        same!(engine == "kv" || waves == [2, 0, 0], true);
    }

    drop(stop);
    serving.await?;
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}
