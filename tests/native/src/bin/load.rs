//! Measures the time of `GET /` while the worker is under load, and its memory during uploads.
//!
//! `load [requests|uploads]`, by default both. Absolute times depend on the machine, which also runs
//! the clients. Compare the lines.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use native::client::Worker;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The time that each line measures.
const DURATION: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let result = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(run()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&format!("FAILED: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "a command reports on standard output")]
fn print(line: &str) {
    println!("{line}");
}

async fn run() -> Outcome<()> {
    let only = std::env::args().nth(1);
    let includes = |part: &str| only.as_deref().is_none_or(|only| only == part);
    let program = std::env::current_exe()?.with_file_name("native");
    let program = program.to_str().ok_or("the path is not UTF-8")?.to_owned();
    let folder = std::env::temp_dir().join(format!("bindery-load-{}", std::process::id()));
    let start = || Worker::start(&program, &folder);
    if includes("requests") {
        requests_under_load(&start()?).await?;
    }
    if includes("uploads") {
        uploads(start).await?;
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Measures the time of a request while slow clients and slow queries occupy the worker.
async fn requests_under_load(worker: &Worker) -> Outcome<()> {
    let address = worker.address;
    print("GET /, each connection sends 1 request in 100 ms:");
    print(&format!(
        "  16 connections                 {}",
        requests(address, 16, 100).await?
    ));
    print(&format!(
        "  1000 keep-alive connections    {}",
        requests(address, 1000, 1000).await?
    ));

    let stop = Arc::<AtomicBool>::default();
    let slow: JoinSet<()> = (0..2000)
        .map(|number| slow_client(address, number, Arc::clone(&stop)))
        .collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    print(&format!(
        "  and 2000 slow clients          {}",
        requests(address, 16, 100).await?
    ));
    stop.store(true, Ordering::Relaxed);
    slow.join_all().await;

    let query = tokio::spawn(async move {
        let start = Instant::now();
        let response = send(
            address,
            b"GET /count?to=180000000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        );
        response.await.map(|response| (response, start.elapsed()))
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    print(&format!(
        "  and one slow query             {}",
        requests(address, 16, 100).await?
    ));
    let (response, time) = query.await??;
    let status = response.get(9..12).unwrap_or_default();
    print(&format!(
        "    the query took {:.1} s: {}",
        time.as_secs_f64(),
        String::from_utf8_lossy(status)
    ));
    Ok(())
}

/// Measures the memory of a new worker during each kind of upload.
async fn uploads(start: impl Fn() -> io::Result<Worker>) -> Outcome<()> {
    let worker = start()?;
    let before = peak(&worker)?;
    upload(worker.address, "big", 1 << 30).await?;
    print(&format!(
        "1 GiB put: memory {before} MiB before, {} MiB at most",
        peak(&worker)?
    ));
    drop(worker);

    let worker = start()?;
    let before = peak(&worker)?;
    multipart(worker.address, 64, 16 << 20).await?;
    print(&format!(
        "1 GiB in parts of 16 MiB, 4 at a time: memory {before} MiB before, {} MiB at most",
        peak(&worker)?
    ));
    drop(worker);

    let worker = start()?;
    let (before, address) = (peak(&worker)?, worker.address);
    let uploads: JoinSet<Outcome<()>> = (0..100)
        .map(|number| async move { upload(address, &format!("part{number}"), 10_000_000).await })
        .collect();
    for result in uploads.join_all().await {
        result?;
    }
    print(&format!(
        "100 puts of 10 MB: memory {before} MiB before, {} MiB at most",
        peak(&worker)?
    ));
    Ok(())
}

/// Sends a request on each of several connections at an interval, and describes the times.
async fn requests(address: SocketAddr, connections: usize, interval: u64) -> Outcome<String> {
    let interval = Duration::from_millis(interval);
    let end = Instant::now() + DURATION;
    let clients: JoinSet<io::Result<Vec<Duration>>> = (0..connections)
        .map(|number| async move {
            // Spread over the interval.
            let share = number as f64 / connections as f64;
            tokio::time::sleep(interval.mul_f64(share)).await;
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let mut times = Vec::new();
            while Instant::now() < end {
                let start = Instant::now();
                stream
                    .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    .await?;
                let mut response = Vec::new();
                while !response.ends_with(b"\r\n\r\nok") {
                    if stream.read_buf(&mut response).await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                times.push(start.elapsed());
                tokio::time::sleep(interval.saturating_sub(start.elapsed())).await;
            }
            Ok(times)
        })
        .collect();

    let mut times = Vec::new();
    for client in clients.join_all().await {
        times.extend(client?);
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    Ok(format!(
        "p50 {:6.2} ms  p99 {:6.2} ms  {} requests",
        at(0.5),
        at(0.99),
        times.len()
    ))
}

/// Sends the headers of a request byte by byte.
async fn slow_client(address: SocketAddr, number: usize, stop: Arc<AtomicBool>) {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return;
    };
    let head = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Number: {number}{}",
        "0".repeat(1000)
    );
    for byte in head.bytes() {
        if stop.load(Ordering::Relaxed) || stream.write_all(&[byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn send(address: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await?;
    Ok(response)
}

/// Uploads an object of some bytes.
async fn upload(address: SocketAddr, key: &str, bytes: usize) -> Outcome<()> {
    let path = format!("/r2/{key}");
    send_body(address, "PUT", &path, bytes).await.map(drop)
}

/// Sends a request with a body of some bytes, and returns the body of the response.
async fn send_body(address: SocketAddr, method: &str, path: &str, bytes: usize) -> Outcome<String> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {bytes}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let chunk = vec![b'x'; 64 * 1024];
    let mut remaining = bytes;
    while remaining > 0 {
        let length = remaining.min(chunk.len());
        stream.write_all(&chunk[..length]).await?;
        remaining -= length;
    }

    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_default();
    if head.starts_with("HTTP/1.1 20") {
        return Ok(body.to_owned());
    }
    Err(format!("{method} {path} failed: {response}").into())
}

/// Uploads an object of `count` parts, four at a time.
async fn multipart(address: SocketAddr, count: usize, bytes: usize) -> Outcome<()> {
    let create = "POST /multipart/big HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let response = String::from_utf8(send(address, create.as_bytes()).await?)?;
    let id = response
        .rsplit("\r\n")
        .next()
        .unwrap_or_default()
        .to_owned();

    let mut parts = Vec::new();
    for first in (1..=count).step_by(4) {
        let numbers = first..(first + 4).min(count + 1);
        let uploads: JoinSet<Outcome<String>> = numbers
            .map(|number| {
                let path = format!("/multipart/big/{id}?number={number}");
                async move { send_body(address, "PUT", &path, bytes).await }
            })
            .collect();
        for part in uploads.join_all().await {
            parts.push(part?);
        }
    }

    let list = format!("[{}]", parts.join(","));
    let complete = format!(
        "POST /multipart/big/{id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{list}",
        list.len()
    );
    let response = String::from_utf8(send(address, complete.as_bytes()).await?)?;
    if response.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    Err(format!("the upload cannot be completed: {response}").into())
}

/// Returns the most memory that the worker has used, in MiB.
fn peak(worker: &Worker) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", worker.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line
        .and_then(|line| line.split_whitespace().next())
        .ok_or("VmHWM is missing")?;
    Ok(kib.parse::<u64>()? / 1024)
}
