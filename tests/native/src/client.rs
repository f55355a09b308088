//! Starts the worker as a process, and sends requests to it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A running worker. It is killed when it is dropped.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    /// The address on which it listens.
    pub address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Worker {
    /// Starts the program `worker` with its state in `folder`, and waits until it listens.
    ///
    /// # Errors
    /// When the process ends before it listens: the text that it wrote.
    pub fn start(worker: &str, folder: &Path) -> io::Result<Self> {
        Self::start_on(worker, folder, "127.0.0.1:0")
    }

    /// Starts the program on an address.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub fn start_on(worker: &str, folder: &Path, address: &str) -> io::Result<Self> {
        let mut command = Command::new(worker);
        Self::start_command(command.env("BINDERY_ADDRESS", address), folder)
    }

    /// Starts a program that cannot write files of more than `blocks` blocks.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub fn start_limited(worker: &str, folder: &Path, blocks: u32) -> io::Result<Self> {
        // Without the trap, the signal would end the process instead of failing the write.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec '{worker}'");
        let mut command = Command::new("sh");
        command
            .args(["-c", &script])
            .env("BINDERY_ADDRESS", "127.0.0.1:0");
        Self::start_command(&mut command, folder)
    }

    fn start_command(command: &mut Command, folder: &Path) -> io::Result<Self> {
        let mut child = command
            .env("BINDERY_STATE", folder)
            .env("BINDERY_LOG", "off")
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let help = "build the worker first: `cargo build --release -p native`";
                io::Error::new(error.kind(), format!("{error}; {help}"))
            })?;
        let stderr = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut stderr = BufReader::new(stderr);

        let mut text = String::new();
        let address = loop {
            let start = text.len();
            if stderr.read_line(&mut text)? == 0 {
                child.wait()?;
                return Err(io::Error::other(text));
            }
            let line = &text[start..];
            let address = line.split("listens on http://").nth(1);
            if let Some(address) = address.and_then(|rest| rest.split(',').next()) {
                break address.parse().map_err(io::Error::other)?;
            }
        };

        let log = Arc::new(Mutex::new(text));
        let sink = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|length| length > 0) {
                sink.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(&line);
                line.clear();
            }
        });
        Ok(Self {
            child,
            address,
            log,
        })
    }

    /// Kills the process with SIGKILL.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Asks the process to stop with a signal, without waiting.
    ///
    /// # Errors
    /// When `kill` cannot be run.
    pub fn signal(&self, signal: &str) -> io::Result<()> {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &id]).status()?;
        status
            .success()
            .then_some(())
            .ok_or_else(|| io::Error::other("kill failed"))
    }

    /// Waits until the process ends.
    ///
    /// # Errors
    /// When it does not end within `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + timeout;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Returns the process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns what the process has written to standard error.
    #[must_use]
    pub fn log(&self) -> String {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sends a request on a new connection, and returns the status and the body of the response.
    ///
    /// # Errors
    /// When the connection fails before the end of the response.
    pub fn send(&self, method: &str, path: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        send(self.address, method, path, body)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request on a new connection, and returns the status and the body of the response.
///
/// # Errors
/// When the connection fails before the end of the response.
pub fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &[u8],
) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address)?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;

    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    parse(&response).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Splits a complete response into its status and its body.
fn parse(response: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&response[..end])
        .ok()?
        .to_ascii_lowercase();
    let status = head.get(9..12)?.parse().ok()?;
    let body = &response[end + 4..];

    let header = |name: &str| {
        let mut lines = head.lines();
        let line = lines.find_map(|line| line.strip_prefix(name));
        line.map(str::trim)
    };
    if header("transfer-encoding:") == Some("chunked") {
        return Some((status, dechunk(body)?));
    }
    let length = header("content-length:").map_or(Some(0), |length| length.parse().ok())?;
    (body.len() == length).then(|| (status, body.to_vec()))
}

/// Joins the chunks of a body.
fn dechunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|bytes| bytes == b"\r\n")?;
        let length = std::str::from_utf8(&body[..end]).ok()?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(body.get(end + 2..end + 2 + length)?);
        body = body.get(end + 4 + length..)?;
    }
}
