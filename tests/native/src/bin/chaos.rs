//! Kills the worker again and again while clients write to every store, and checks after each start
//! that no acknowledged write is lost.
//!
//! `chaos [KILLS] [SEED]`, by default 500 kills. Each client owns its keys, and remembers what the
//! worker has acknowledged. A write in flight when the worker is killed may be there or not.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use native::client::{Worker, send};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const CLIENTS: usize = 8;
const KEYS: usize = 6;
const STORES: [&str; 3] = ["d1", "kv", "r2"];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| {
        let argument = arguments.next();
        argument
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (kills, seed) = (number(500), number(1));
    match run(kills, seed) {
        Ok(report) => {
            print(&report);
            ExitCode::SUCCESS
        }
        Err(error) => {
            print(&format!("FAILED with seed {seed}: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "a command reports on standard output")]
fn print(line: &str) {
    println!("{line}");
}

fn run(kills: u64, seed: u64) -> Outcome<String> {
    let program = std::env::current_exe()?.with_file_name("native");
    let program = program.to_str().ok_or("the path is not UTF-8")?.to_owned();
    let folder = std::env::temp_dir().join(format!("bindery-chaos-{}", std::process::id()));
    let started = Instant::now();

    let mut clients: Vec<Client> = (0..CLIENTS).map(|index| Client::new(index, seed)).collect();
    let mut random = Random(seed | 1);
    for kill in 0..kills {
        let worker = Worker::start(&program, &folder)?;
        each(&mut clients, |client| client.verify(&worker))?;
        write_during(&mut clients, worker.address, || {
            std::thread::sleep(Duration::from_millis(20 + random.below(150)));
            worker.kill()
        })?;
        if (kill + 1) % 50 == 0 {
            print(&format!("{} kills, {} writes", kill + 1, count(&clients)));
        }
    }

    let full = disk_full(&program, &folder, &mut clients)?;
    let worker = Worker::start(&program, &folder)?;
    each(&mut clients, |client| client.verify(&worker))?;
    let messages = clients.iter().flat_map(|client| &client.sent);
    let messages: BTreeSet<&String> = messages.collect();
    all_received(&worker, &messages)?;
    let (bytes, files) = garbage(&folder, &worker)?;
    drop(worker);
    std::fs::remove_dir_all(&folder)?;
    Ok(format!(
        "{kills} kills in {} s: {} acknowledged writes and {} messages, 0 lost; {full} writes failed \
         because a file was full; {files} files of objects, of which {bytes} bytes are unused",
        started.elapsed().as_secs(),
        count(&clients),
        messages.len(),
    ))
}

/// Writes while the files of the worker cannot grow, and returns the number of writes that failed.
fn disk_full(program: &str, folder: &Path, clients: &mut [Client]) -> Outcome<u64> {
    for client in &mut *clients {
        client.may_fail = true;
    }
    let worker = Worker::start_limited(program, folder, 3000)?;
    write_during(clients, worker.address, || {
        std::thread::sleep(Duration::from_secs(5));
        Ok(())
    })?;
    each(clients, |client| client.verify(&worker))?;
    let failed = clients.iter().map(|client| client.failed).sum();
    if failed == 0 {
        return Err("no write failed although the files could not grow".into());
    }
    Ok(failed)
}

/// Lets every client write until `wait` returns.
fn write_during(
    clients: &mut [Client],
    address: SocketAddr,
    wait: impl FnOnce() -> io::Result<()>,
) -> Outcome<()> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stop = &stop;
        let threads = clients
            .iter_mut()
            .map(|client| scope.spawn(move || client.write(address, stop)));
        let threads: Vec<_> = threads.collect();
        let waited = wait();
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().map_err(|_| "a client panicked")??;
        }
        Ok(waited?)
    })
}

fn each(clients: &mut [Client], work: impl Fn(&mut Client) -> Outcome<()> + Sync) -> Outcome<()> {
    std::thread::scope(|scope| {
        let work = &work;
        let threads = clients
            .iter_mut()
            .map(|client| scope.spawn(move || work(client)));
        let threads: Vec<_> = threads.collect();
        for thread in threads {
            thread.join().map_err(|_| "a client panicked")??;
        }
        Ok(())
    })
}

fn count(clients: &[Client]) -> u64 {
    clients.iter().map(|client| client.acknowledged).sum()
}

/// Waits until every message has been received.
fn all_received(worker: &Worker, messages: &BTreeSet<&String>) -> Outcome<()> {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let (_, body) = worker.send("GET", "/received", b"")?;
        let received: Vec<(String, String, i64)> = serde_json::from_slice(&body)?;
        let received: BTreeSet<&String> = received.iter().map(|(_, body, _)| body).collect();
        let missing: Vec<_> = messages.difference(&received).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("{} messages are lost: {missing:?}", missing.len()).into());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Returns the bytes and the number of the objects' files that no object uses.
fn garbage(folder: &Path, worker: &Worker) -> Outcome<(u64, usize)> {
    let mut used = 0;
    for client in 0..CLIENTS {
        for key in 0..KEYS {
            let (status, body) = worker.send("GET", &format!("/r2/c{client}k{key}"), b"")?;
            if status == 200 {
                used += body.len() as u64;
            }
        }
    }
    let bucket = folder.join("r2/native");
    let mut all = 0;
    let mut files = 0;
    for part in ["objects", "uploads"] {
        for entry in std::fs::read_dir(bucket.join(part))? {
            all += entry?.metadata()?.len();
            files += 1;
        }
    }
    Ok((all.saturating_sub(used), files))
}

/// A client with its own keys.
struct Client {
    index: usize,
    random: Random,
    /// What each key can contain: a store and a key, and the possible values.
    expected: BTreeMap<(usize, usize), BTreeSet<Option<u64>>>,
    /// The messages that were acknowledged.
    sent: Vec<String>,
    version: u64,
    acknowledged: u64,
    /// Whether the worker may respond with an error.
    may_fail: bool,
    failed: u64,
}

impl Client {
    fn new(index: usize, seed: u64) -> Self {
        Self {
            index,
            random: Random((seed + 1) * 1_000_003 + index as u64),
            expected: BTreeMap::new(),
            sent: Vec::new(),
            version: 0,
            acknowledged: 0,
            may_fail: false,
            failed: 0,
        }
    }

    fn path(&self, store: usize, key: usize) -> String {
        format!("/{}/c{}k{key}", STORES[store], self.index)
    }

    /// Writes until the worker is killed.
    fn write(&mut self, address: SocketAddr, stop: &AtomicBool) -> Outcome<()> {
        while !stop.load(Ordering::Relaxed) {
            let choice = self.random.below(8);
            let result = if choice == 7 {
                self.send(address)
            } else {
                self.change(address, choice)
            };
            match result {
                Ok(()) => self.acknowledged += 1,
                // The worker was killed.
                Err(Failed::Connection) => return Ok(()),
                Err(Failed::Response(_)) if self.may_fail => self.failed += 1,
                Err(Failed::Response(message)) => return Err(message.into()),
            }
        }
        Ok(())
    }

    fn send(&mut self, address: SocketAddr) -> Result<(), Failed> {
        self.version += 1;
        let body = format!("c{}v{}", self.index, self.version);
        request(address, "POST", "/queue", body.as_bytes())?;
        self.sent.push(body);
        Ok(())
    }

    fn change(&mut self, address: SocketAddr, choice: u64) -> Result<(), Failed> {
        self.version += 1;
        let (store, key) = (choice as usize % 3, self.random.below(KEYS as u64) as usize);
        // Entries of D1 are not deleted.
        let deletes = store != 0 && self.random.below(5) == 0;
        let value = (!deletes).then_some(self.version);

        let possible = self
            .expected
            .entry((store, key))
            .or_insert_with(|| [None].into());
        let before = possible.clone();
        possible.insert(value);
        let path = self.path(store, key);
        let result = match value {
            Some(version) => {
                let content = content(self.index, version, store);
                request(address, "PUT", &path, &content)
            }
            None => request(address, "DELETE", &path, b""),
        };
        match &result {
            Ok(()) => self.expected.insert((store, key), [value].into()),
            // An error means that nothing has changed.
            Err(Failed::Response(_)) => self.expected.insert((store, key), before),
            Err(Failed::Connection) => None,
        };
        result
    }

    /// Checks that each key has a value that it can have.
    fn verify(&mut self, worker: &Worker) -> Outcome<()> {
        let keys: Vec<(usize, usize)> = self.expected.keys().copied().collect();
        for (store, key) in keys {
            let path = self.path(store, key);
            let (status, body) = worker.send("GET", &path, b"")?;
            let possible = &self.expected[&(store, key)];
            let found = possible.iter().copied().find(|value| match value {
                Some(version) => status == 200 && body == content(self.index, *version, store),
                None => status == 404,
            });
            let Some(found) = found else {
                let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
                let length = body.len();
                return Err(format!(
                    "{path} is {status} with {length} bytes `{start}`, expected {possible:?}"
                )
                .into());
            };
            self.expected.insert((store, key), [found].into());
        }
        Ok(())
    }
}

enum Failed {
    Connection,
    Response(String),
}

impl From<io::Error> for Failed {
    fn from(_: io::Error) -> Self {
        Self::Connection
    }
}

fn request(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> Result<(), Failed> {
    let (status, body) = send(address, method, path, body)?;
    if status == 204 {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&body);
    Err(Failed::Response(format!(
        "{method} {path}: {status} {body}"
    )))
}

/// The content of a version: text for D1, of up to 300 kB for the other stores.
fn content(client: usize, version: u64, store: usize) -> Vec<u8> {
    let mut random = Random(version * 7919 + client as u64 + 1);
    let length = if store == 0 {
        40
    } else {
        random.below(300_000) as usize
    };
    let mut content = format!("c{client}v{version}:").into_bytes();
    content.extend(std::iter::repeat_with(|| b'a' + (random.below(26) as u8)).take(length));
    content
}

/// xorshift64
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
