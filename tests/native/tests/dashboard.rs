//! The page `/__bindery`: what it shows, and whom it refuses.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use native::client::Worker;

/// Runs a test with a worker that has a new state.
fn with_worker(name: &str, test: impl FnOnce(&Worker)) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dashboard-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    let worker = Worker::start(env!("CARGO_BIN_EXE_native"), &folder);
    test(&worker.unwrap_or_else(|error| panic!("it does not start: {error}")));
    let _ = std::fs::remove_dir_all(folder);
}

/// Sends a request with more headers, and returns the whole response.
fn send(worker: &Worker, method: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(worker.address).expect("connects");
    let head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).expect("is sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("is text");
    response
}

fn get(worker: &Worker, path: &str) -> String {
    send(worker, "GET", path, "Host: localhost\r\n")
}

fn put(worker: &Worker, path: &str, content: &str) {
    let response = worker.send("PUT", path, content.as_bytes());
    let (status, _) = response.expect("the worker responds");
    assert_eq!(status, 204, "{path}");
}

#[track_caller]
fn contains(response: &str, texts: &[&str]) {
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    for text in texts {
        assert!(response.contains(text), "`{text}` is not in {response}");
    }
}

#[test]
fn the_dashboard_shows_calls_and_their_cost() {
    with_worker("calls", |worker| {
        put(worker, "/d1/a", "first");
        assert!(get(worker, "/d1/a").ends_with("first"));
        assert!(get(worker, "/panic").starts_with("HTTP/1.1 500"));

        let page = get(worker, "/__bindery");
        contains(
            &page,
            &[
                "PUT /d1/a",
                "GET /d1/a",
                "GET /panic",
                "d1 DB batch",
                "in batches",
                "put_entry",
                "D1 rows written",
            ],
        );
        contains(
            &page,
            &[
                "content-security-policy: default-src 'none'",
                "cache-control: no-store",
            ],
        );
        contains(&get(worker, "/__bindery/style.css"), &["text/css"]);
        contains(&get(worker, "/__bindery/script.js"), &["text/javascript"]);
        assert!(get(worker, "/__bindery/none").starts_with("HTTP/1.1 404"));
        // Only paths below the page belong to it.
        assert!(get(worker, "/__binderyx").starts_with("HTTP/1.1 404"));
    });
}

#[test]
fn the_dashboard_shows_stored_values_as_text() {
    let script = "<script>alert(1)</script>";
    let escaped = "&lt;script&gt;alert(1)&lt;/script&gt;";
    with_worker("values", |worker| {
        put(worker, "/d1/k", script);
        put(worker, "/kv/k", script);
        put(worker, "/r2/k", script);

        let table = get(worker, "/__bindery/d1?binding=DB&table=entries");
        contains(&table, &[escaped, "CREATE TABLE entries", "entries</a>"]);
        contains(&get(worker, "/__bindery/kv?binding=CACHE"), &["key=k"]);
        let value = get(worker, "/__bindery/kv?binding=CACHE&key=k");
        contains(&value, &[escaped]);
        contains(&get(worker, "/__bindery/r2?binding=STORAGE"), &["key=k"]);
        contains(
            &get(worker, "/__bindery/r2?binding=STORAGE&key=k"),
            &["25 B", "ETag"],
        );
        let download = get(worker, "/__bindery/r2/download?binding=STORAGE&key=k");
        contains(
            &download,
            &[
                script,
                "content-disposition: attachment",
                "application/octet-stream",
            ],
        );
        contains(&get(worker, "/__bindery/queue"), &["Queues"]);
        for page in [&table, &value] {
            assert!(!page.contains(script), "{page}");
        }
    });
}

#[test]
fn the_dashboard_runs_only_selects() {
    with_worker("sql", |worker| {
        put(worker, "/d1/a", "first");
        let select = |sql: &str| {
            let sql = sql.replace(' ', "+");
            get(worker, &format!("/__bindery/d1?binding=DB&sql={sql}"))
        };

        let selected = select("SELECT key, value, NULL, x'00ff' AS bytes FROM entries");
        let cells = [
            "<td>first</td>",
            ">NULL<",
            "x'00ff' (2 bytes)",
            "SCAN entries",
        ];
        contains(&selected, &cells);
        let endless =
            "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n FROM c) SELECT n FROM c";
        contains(&select(endless), &["200 rows, and more that are not shown"]);

        contains(
            &select("SELECT ?1"),
            &["write values instead of the parameters"],
        );
        contains(&select("SELECT missing"), &["no such column: missing"]);
        contains(
            &select("SELECT * FROM _cf_bindery_migrations"),
            &["problem"],
        );
        let refused = [
            "DELETE FROM entries",
            "SELECT 1; DELETE FROM entries",
            "WITH a AS (SELECT 1) DELETE FROM entries",
            "PRAGMA query_only = 0",
            "ATTACH 'x' AS y",
        ];
        for sql in refused {
            contains(&select(sql), &["only one SELECT or VALUES runs here"]);
        }
        assert!(get(worker, "/d1/a").ends_with("first"));
    });
}

#[test]
fn the_dashboard_refuses_other_machines_and_sites() {
    with_worker("refused", |worker| {
        let forbidden = [
            "Host: example.com\r\n",
            "Host: localhost.example.com\r\n",
            "Host: 10.0.0.1:8787\r\n",
            "Host: localhost\r\nX-Forwarded-For: 10.0.0.1\r\n",
            "Host: localhost\r\nForwarded: for=10.0.0.1\r\n",
            "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n",
            "Host: localhost\r\nSec-Fetch-Site: same-site\r\n",
        ];
        for headers in forbidden {
            let response = send(worker, "GET", "/__bindery", headers);
            assert!(
                response.starts_with("HTTP/1.1 403"),
                "{headers}: {response}"
            );
        }
        let allowed = [
            "Host: localhost:8787\r\n",
            "Host: LOCALHOST\r\n",
            "Host: 127.0.0.1:1\r\n",
            "Host: [::1]:8787\r\n",
            "Host: localhost\r\nSec-Fetch-Site: same-origin\r\n",
            "Host: localhost\r\nSec-Fetch-Site: none\r\n",
        ];
        for headers in allowed {
            let response = send(worker, "GET", "/__bindery", headers);
            assert!(
                response.starts_with("HTTP/1.1 200"),
                "{headers}: {response}"
            );
        }
        let post = send(
            worker,
            "POST",
            "/__bindery",
            "Host: localhost\r\nContent-Length: 0\r\n",
        );
        assert!(post.starts_with("HTTP/1.1 405"), "{post}");
    });
}
