//! The native server: its state after kill -9, one process for each folder, limits and shutdown.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bindery_sqlite::rusqlite::Connection;
use native::client::{Worker, send};

const WORKER: &str = env!("CARGO_BIN_EXE_native");

/// A new folder, which is deleted at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }

    fn start(&self) -> Worker {
        Worker::start(WORKER, &self.0).unwrap_or_else(|error| panic!("it does not start: {error}"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn request(worker: &Worker, method: &str, path: &str, body: &str) -> (u16, String) {
    let response = worker.send(method, path, body.as_bytes());
    let (status, body) = response.expect("the worker responds");
    (status, String::from_utf8_lossy(&body).into_owned())
}

fn put(worker: &Worker, path: &str, body: &str) {
    assert_eq!(request(worker, "PUT", path, body), (204, String::new()));
}

fn get(worker: &Worker, path: &str) -> (u16, String) {
    request(worker, "GET", path, "")
}

/// Waits until the log contains a text.
fn logs(worker: &Worker, text: &str) {
    eventually(text, || worker.log().contains(text));
}

/// Waits until a condition holds.
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_panic_in_a_batch_does_not_lose_later_writes() {
    let folder = Folder::new("panic-in-a-batch");
    let worker = folder.start();
    let (status, body) = request(&worker, "PUT", "/d1-panic/a", "1");
    assert_eq!(status, 500, "{body}");
    put(&worker, "/d1/b", "2");
    worker.kill().expect("is killed");

    let worker = folder.start();
    assert_eq!(get(&worker, "/d1/b"), (200, "2".to_owned()));
    // The batch ended before its rows were decoded.
    assert_eq!(get(&worker, "/d1/a"), (200, "1".to_owned()));
}

#[test]
fn a_second_process_changes_nothing() {
    let folder = Folder::new("second-process");
    let worker = folder.start();

    // An upload in flight.
    let mut upload = TcpStream::connect(worker.address).expect("connects");
    let head = "PUT /r2/big HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\
                Connection: close\r\n\r\n";
    upload.write_all(head.as_bytes()).expect("is sent");
    upload.write_all(&[b'x'; 100_000]).expect("is sent");
    let uploads = folder.0.join("r2/native/uploads");
    let count = || fs::read_dir(&uploads).expect("exists").count();
    eventually("the upload has started", || count() == 1);

    let error = Worker::start(WORKER, &folder.0).expect_err("the folder is in use");
    let (id, address) = (worker.id(), worker.address);
    let owner = format!("the process {id} on http://{address} uses this folder");
    assert!(error.to_string().contains(&owner), "{error}");

    // The port is bound before the folder is opened.
    let other = Folder::new("second-process-other");
    let error = Worker::start_on(WORKER, &other.0, &address.to_string());
    let error = error.expect_err("the port is in use").to_string();
    assert!(error.contains("cannot listen on"), "{error}");
    assert!(!other.0.exists(), "nothing was created");

    assert_eq!(count(), 1, "the upload is still there");
    upload.write_all(&[b'x'; 100_000]).expect("is sent");
    let mut response = String::new();
    upload.read_to_string(&mut response).expect("a response");
    assert!(response.starts_with("HTTP/1.1 204"), "{response}");
    assert_eq!(get(&worker, "/r2/big").1.len(), 200_000);
}

#[test]
fn an_edited_migration_stops_the_start() {
    let folder = Folder::new("edited-migration");
    let worker = folder.start();
    put(&worker, "/d1/a", "1");
    worker.kill().expect("is killed");

    // As if another text had been applied.
    let update = |sql: &str| {
        let file = folder.0.join("d1/native.sqlite");
        let connection = Connection::open(file).expect("opens");
        connection.execute(sql, []).expect("runs")
    };
    let checksums = "UPDATE _cf_bindery_migrations SET checksum";
    assert_eq!(update(&format!("{checksums} = checksum || '0'")), 1);
    let error = Worker::start(WORKER, &folder.0).expect_err("the text differs");
    let error = error.to_string();
    let way_out = format!(
        "or delete the folder `{}` to start again",
        folder.0.display()
    );
    for part in [
        "`DB` cannot be opened: the migration `0001_init.sql` (applied on 20",
        "restore the old text and write the change as a new migration",
        &way_out,
    ] {
        assert!(error.contains(part), "{part}\n{error}");
    }

    // State of an older version has no checksums.
    update("DROP TABLE _cf_bindery_migrations");
    let worker = folder.start();
    assert_eq!(get(&worker, "/d1/a"), (200, "1".to_owned()));
    worker.kill().expect("is killed");
    assert_eq!(update(&format!("{checksums} = checksum")), 1);

    // `cargo bindery check` reads this file.
    let history = folder.0.join("d1/native.migrations");
    let history = fs::read_to_string(history).expect("is stored");
    let known: Vec<_> = bindery_sqlite::history::from_text(&history).collect();
    assert_eq!((known.len(), known[0].name.as_str()), (1, "0001_init.sql"));
}

#[test]
fn an_upload_that_was_killed_is_resumed() {
    let folder = Folder::new("resumed-upload");
    let part = "p".repeat(5 * 1024 * 1024);
    let upload = |worker: &Worker, id: &str, number: u16, body: &str| {
        let path = format!("/multipart/{id}?number={number}");
        let (status, part) = request(worker, "PUT", &path, body);
        assert_eq!(status, 200, "{path} {part}");
        part
    };

    let worker = folder.start();
    let start = |worker: &Worker, key: &str| {
        let (_, id) = request(worker, "POST", &format!("/multipart/{key}"), "");
        format!("{key}/{id}")
    };
    let id = start(&worker, "big");
    let first = upload(&worker, &id, 1, &part);
    upload(&worker, &id, 2, "replaced");
    worker.kill().expect("is killed");
    let worker = folder.start();
    let second = upload(&worker, &id, 2, "end");
    worker.kill().expect("is killed");

    let uploads = folder.0.join("r2/native/uploads");
    let count = || fs::read_dir(&uploads).expect("exists").count();
    assert_eq!(count(), 2);
    let worker = folder.start();
    let complete = format!("/multipart/{id}");
    let parts = format!("[{first}, {second}]");
    let (status, etag) = request(&worker, "POST", &complete, &parts);
    assert_eq!(status, 200, "{etag}");
    assert!(etag.ends_with("-2"), "{etag}");
    assert_eq!(get(&worker, "/r2/big"), (200, part.clone() + "end"));
    assert_eq!(count(), 0);

    // The platform aborts an upload after 7 days.
    let id = start(&worker, "old");
    upload(&worker, &id, 1, &part);
    worker.kill().expect("is killed");
    let index = folder.0.join("r2/native/index.sqlite");
    let connection = Connection::open(index).expect("opens");
    let week = 7 * 24 * 3600 * 1000;
    let sql = format!("UPDATE multipart SET created = created - {week} - 1");
    assert_eq!(connection.execute(&sql, []).expect("runs"), 1);
    drop(connection);
    let worker = folder.start();
    assert_eq!(count(), 0);
    let path = format!("/multipart/{id}?number=2");
    assert_eq!(request(&worker, "PUT", &path, "x").0, 404);
    assert_eq!(get(&worker, "/r2/big").1.len(), part.len() + 3);
}

#[test]
fn a_lost_index_does_not_delete_objects() {
    let folder = Folder::new("lost-index");
    let worker = folder.start();
    put(&worker, "/r2/a", "first");
    put(&worker, "/r2/a", "second");
    worker.kill().expect("is killed");

    let bucket = folder.0.join("r2/native");
    let objects = || {
        fs::read_dir(bucket.join("objects"))
            .expect("exists")
            .count()
    };
    assert_eq!(objects(), 1);
    for name in ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"] {
        fs::rename(bucket.join(name), bucket.join(format!("{name}.lost"))).expect("is moved");
    }
    let error = Worker::start(WORKER, &folder.0)
        .expect_err("the index is missing")
        .to_string();
    assert!(
        error.contains("`STORAGE` cannot be opened: its index"),
        "{error}"
    );

    fs::write(bucket.join("index.sqlite"), "x".repeat(8192)).expect("is written");
    let error = Worker::start(WORKER, &folder.0)
        .expect_err("the index is unreadable")
        .to_string();
    assert!(error.contains("`STORAGE` cannot be opened"), "{error}");
    assert_eq!(objects(), 1, "no object was deleted");

    for name in ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"] {
        fs::rename(bucket.join(format!("{name}.lost")), bucket.join(name)).expect("is restored");
    }
    assert_eq!(get(&folder.start(), "/r2/a"), (200, "second".to_owned()));
}

#[test]
fn bindings_of_one_namespace_share_it() {
    let folder = Folder::new("shared-namespace");
    let worker = folder.start();
    put(&worker, "/kv/a", "1");
    assert_eq!(get(&worker, "/kv-shared/a"), (200, "1".to_owned()));
}

#[test]
fn a_message_that_kills_the_process_reaches_its_dead_letter_queue() {
    let folder = Folder::new("killing-message");
    let mut kills = 0;
    let send = |worker: &Worker, body: &str| worker.send("POST", "/queue", body.as_bytes());

    let mut worker = folder.start();
    for body in ["before", "kill", "after"] {
        // The process can end at any time from now on, also before it listens.
        let _ = send(&worker, body);
    }
    let received = loop {
        if worker.wait(Duration::from_millis(300)).is_err() {
            let (_, received) = get(&worker, "/received");
            if received.contains("dead") && received.contains("after") {
                break received;
            }
            let _ = send(&worker, "after");
            continue;
        }
        worker = loop {
            kills += 1;
            assert!(kills <= 10, "the message is delivered again and again");
            if let Ok(worker) = Worker::start(WORKER, &folder.0) {
                break worker;
            }
        };
    };

    // Three attempts: the first delivery and two retries.
    assert_eq!(kills, 3);
    assert!(received.contains(r#"["dead","kill",1]"#), "{received}");
    assert!(!received.contains(r#"["dead","before""#), "{received}");
    assert!(!received.contains(r#"["dead","after""#), "{received}");
}

#[test]
fn a_panicking_message_does_not_stop_its_consumer() {
    let folder = Folder::new("panicking-message");
    let worker = folder.start();
    for body in ["panic", "one", "two"] {
        assert_eq!(request(&worker, "POST", "/queue", body).0, 204);
    }
    eventually("every message arrives", || {
        let (_, received) = get(&worker, "/received");
        let arrived = |part| received.contains(part);
        arrived(r#"["dead","panic",1]"#) && arrived(r#""one""#) && arrived(r#""two""#)
    });
    logs(&worker, "the handler panicked: a message");
}

#[test]
fn batches_of_a_queue_are_processed_at_the_same_time() {
    let folder = Folder::new("batches");
    let worker = folder.start();
    // Two batches: each waits for the other one, and fails without it.
    let messages = ["meet"; 20].join("\n");
    assert_eq!(request(&worker, "POST", "/queue-many", &messages).0, 204);
    eventually("both batches are processed", || {
        let (_, received) = get(&worker, "/received");
        received.matches(r#"["jobs","meet",1]"#).count() == 20
    });
}

#[test]
fn slow_queries_do_not_delay_other_requests() {
    let folder = Folder::new("slow-queries");
    let worker = folder.start();
    let address = worker.address;

    let slow = |method: &'static str, path: &'static str| {
        std::thread::spawn(move || send(address, method, path, b""))
    };
    let mut running: Vec<_> = (0..8).map(|_| slow("GET", "/count?to=3000000")).collect();
    running.push(slow("POST", "/write-slowly?to=3000000"));
    std::thread::sleep(Duration::from_millis(200));

    for number in 0..10 {
        assert_eq!(get(&worker, "/"), (200, "ok".to_owned()));
        assert_eq!(get(&worker, &format!("/d1/{number}")).0, 404);
    }
    assert!(
        running.iter().any(|slow| !slow.is_finished()),
        "the slow queries still run"
    );
    for slow in running {
        let (status, body) = slow.join().expect("no panic").expect("a response");
        assert!(
            status == 204 || (status, &*body) == (200, b"3000000"),
            "{status}"
        );
    }
}

#[test]
fn requests_are_the_same_as_on_workers() {
    let folder = Folder::new("requests");
    let worker = folder.start();
    let expected = format!("http://{}/uri?a=1 127.0.0.1", worker.address);
    assert_eq!(get(&worker, "/uri?a=1"), (200, expected));

    let (status, body) = get(&worker, "/panic");
    assert_eq!(status, 500);
    assert!(body.contains("the request could not be served"), "{body}");
    logs(&worker, "the handler panicked: a handler");
    assert_eq!(get(&worker, "/"), (200, "ok".to_owned()));
}

#[test]
fn a_shutdown_waits_for_requests_and_for_messages() {
    let folder = Folder::new("shutdown");
    let mut worker = folder.start();
    let address = worker.address;
    let slow = std::thread::spawn(move || send(address, "GET", "/count?to=3000000", b""));
    // Neither of them may delay the shutdown.
    let _silent = TcpStream::connect(address).expect("connects");
    let mut idle = TcpStream::connect(address).expect("connects");
    idle.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("is sent");
    std::thread::sleep(Duration::from_millis(200));

    worker.signal("TERM").expect("is sent");
    let status = worker.wait(Duration::from_secs(20)).expect("it ends");
    assert!(status.success(), "{status}");
    let (status, body) = slow.join().expect("no panic").expect("a response");
    assert_eq!((status, &*body), (200, &b"3000000"[..]));
    assert!(
        TcpStream::connect(address).is_err(),
        "it accepts no more connections"
    );
}

#[test]
fn static_assets_come_before_the_worker() {
    let folder = Folder::new("assets");
    let worker = folder.start();
    let page = (200, "<!doctype html>\n<title>a page</title>\n".to_owned());
    assert_eq!(get(&worker, "/page"), page);
    assert_eq!(get(&worker, "/page.html").0, 307);
    assert_eq!(get(&worker, "/"), (200, "ok".to_owned()));
}

#[test]
fn events_are_logged() {
    let folder = Folder::new("events");
    let worker = folder.start();
    assert_eq!(get(&worker, "/log"), (200, "logged".to_owned()));
    logs(&worker, "INFO upload{file=7}: native: an event answer=42");
    logs(&worker, "a printed line");
    assert!(!worker.log().contains("hidden"), "{}", worker.log());
    // The log is off, but a request that fails is logged.
    assert_eq!(get(&worker, "/panic").0, 500);
    logs(&worker, "GET /panic 500");
    assert!(!worker.log().contains("GET /log"), "{}", worker.log());
}

#[test]
fn a_signal_right_after_the_start_stops_the_worker() {
    let folder = Folder::new("idle");
    for signal in ["INT", "TERM"].repeat(10) {
        let mut worker = folder.start();
        worker.signal(signal).expect("is sent");
        let status = worker.wait(Duration::from_secs(10)).expect("it ends");
        assert!(status.success(), "{signal} {status}");
    }
}
