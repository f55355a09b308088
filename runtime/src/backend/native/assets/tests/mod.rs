//! The responses of workerd, and what workerd cannot show: files that change, links and limits.

mod cases;

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;

use crate::http::{Body, Request, Response};

use super::Assets;
use super::address::{Address, decode_path, encode_path, path_of};
use super::headers::HeaderRules;
use super::options::{HtmlHandling, Options};
use super::pattern::{Form, Pattern, path_or_url};
use super::redirects::Redirects;

/// A folder that is deleted when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(format!("bindery-assets-{process}-{number}"));
        fs::create_dir_all(&path).expect("is created");
        Self(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(path.trim_start_matches('/'));
        let folder = path.parent().expect("has a folder");
        fs::create_dir_all(folder).expect("is created");
        fs::write(path, content).expect("is written");
    }

    fn open(&self, settings: &'static [(&'static str, &'static str)]) -> Assets {
        Assets::open(self.0.clone(), lookup(settings)).expect("opens")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("starts").block_on(test);
}

fn lookup(
    settings: &'static [(&'static str, &'static str)],
) -> impl Fn(&str) -> Option<&'static str> {
    move |key| {
        let found = settings.iter().find(|(known, _)| *known == key);
        found.map(|(_, value)| *value)
    }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
    let host = headers.iter().find(|(name, _)| *name == "host");
    let host = host.map_or("localhost", |(_, host)| host);
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{host}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).expect("is a request")
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.expect("is read");
    String::from_utf8(bytes.to_bytes().to_vec()).expect("is text")
}

async fn get(assets: &Assets, path: &str) -> Response {
    assets.fetch(&request("GET", path, &[])).await
}

#[test]
fn an_edit_shows_at_once() {
    run(async {
        let folder = Folder::new();
        folder.write("a.txt", "one");
        let assets = folder.open(&[]);
        let first = get(&assets, "/a.txt").await;
        let tag = first.headers()[ETAG].clone();
        assert_eq!(text(first).await, "one");

        folder.write("a.txt", "two");
        let known = request(
            "GET",
            "/a.txt",
            &[(IF_NONE_MATCH.as_str(), tag.to_str().expect("text"))],
        );
        let second = assets.fetch(&known).await;
        assert_eq!(second.status(), StatusCode::OK);
        assert_ne!(second.headers()[ETAG], tag);
        assert_eq!(text(second).await, "two");

        folder.write("_headers", "/a.txt\n  X-New: yes\n");
        folder.write("_redirects", "/b /a.txt\n");
        folder.write(".assetsignore", "c.txt\n");
        folder.write("c.txt", "three");
        let response = get(&assets, "/a.txt").await;
        assert_eq!(response.headers()["x-new"], "yes");
        assert_eq!(get(&assets, "/b").await.status(), StatusCode::FOUND);
        assert_eq!(get(&assets, "/c.txt").await.status(), StatusCode::NOT_FOUND);

        fs::remove_file(folder.0.join("_redirects")).expect("is deleted");
        assert_eq!(get(&assets, "/b").await.status(), StatusCode::NOT_FOUND);
    });
}

#[test]
fn a_known_file_is_not_sent_again() {
    run(async {
        let folder = Folder::new();
        folder.write("a.txt", "text");
        let assets = folder.open(&[]);
        let first = get(&assets, "/a.txt").await;
        let tag = first.headers()[ETAG].to_str().expect("text").to_owned();

        for (method, known, status) in [
            ("GET", tag.clone(), StatusCode::NOT_MODIFIED),
            ("GET", format!("W/{tag}"), StatusCode::NOT_MODIFIED),
            ("HEAD", tag.clone(), StatusCode::NOT_MODIFIED),
            ("GET", "\"other\"".to_owned(), StatusCode::OK),
        ] {
            let request = request(method, "/a.txt", &[("if-none-match", &known)]);
            let response = assets.fetch(&request).await;
            assert_eq!(response.status(), status, "{method} {known}");
            assert_eq!(response.headers()[ETAG], tag.as_str());
            assert_eq!(
                response.headers()[CONTENT_TYPE],
                "text/plain; charset=utf-8"
            );
            let is_sent = status == StatusCode::OK;
            assert_eq!(!text(response).await.is_empty(), is_sent);
        }
    });
}

#[test]
fn a_large_file_is_streamed() {
    run(async {
        let folder = Folder::new();
        let bytes: Vec<u8> = (0..700_001_u32)
            .map(|number| (number % 251) as u8)
            .collect();
        folder.write("large.bin", &bytes);
        let assets = folder.open(&[]);
        for _ in 0..2 {
            let response = get(&assets, "/large.bin").await;
            let size = http_body::Body::size_hint(response.body()).exact();
            assert_eq!(size, Some(700_001));

            let mut body = response.into_body();
            let (mut read, mut frames) = (Vec::new(), 0);
            while let Some(frame) = body.frame().await {
                let data = frame.expect("is read").into_data().expect("is data");
                read.extend_from_slice(&data);
                frames += 1;
            }
            assert!(read == bytes && frames > 2, "{frames} frames");
        }

        let head = assets.fetch(&request("HEAD", "/large.bin", &[])).await;
        assert_eq!(head.headers()[CONTENT_LENGTH], "700001");
        assert_eq!(text(head).await, "");
    });
}

/// A file that becomes shorter fails the body, because its length is promised.
#[test]
fn a_large_file_that_becomes_shorter_fails() {
    run(async {
        let folder = Folder::new();
        folder.write("large.bin", vec![0; 700_000]);
        let assets = folder.open(&[]);
        let response = get(&assets, "/large.bin").await;
        folder.write("large.bin", "short");
        assert!(response.into_body().collect().await.is_err());
    });
}

#[test]
fn no_runtime_is_necessary() {
    let folder = Folder::new();
    folder.write("large.bin", vec![b'a'; 700_000]);
    let assets = folder.open(&[]);
    let mut response = std::pin::pin!(async { text(get(&assets, "/large.bin").await).await });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match response.as_mut().poll(&mut context) {
        std::task::Poll::Ready(text) => assert_eq!(text.len(), 700_000),
        std::task::Poll::Pending => panic!("the response waits"),
    }
}

#[cfg(unix)]
#[test]
fn links_stay_inside_of_the_folder() {
    run(async {
        use std::os::unix::fs::symlink;

        let (outside, folder) = (Folder::new(), Folder::new());
        outside.write("secret.txt", "secret");
        folder.write("a/b.txt", "b");
        symlink(outside.0.join("secret.txt"), folder.0.join("file.txt")).expect("is linked");
        symlink(&outside.0, folder.0.join("outside")).expect("is linked");
        symlink(folder.0.join("a/b.txt"), folder.0.join("inside.txt")).expect("is linked");
        symlink("loop.txt", folder.0.join("loop.txt")).expect("is linked");

        let assets = folder.open(&[]);
        for (path, status) in [
            ("/file.txt", StatusCode::NOT_FOUND),
            ("/outside/secret.txt", StatusCode::NOT_FOUND),
            ("/loop.txt", StatusCode::NOT_FOUND),
            ("/inside.txt", StatusCode::OK),
            ("/a/..%2Fa%2Fb.txt", StatusCode::NOT_FOUND),
            ("/..%2Fsecret.txt", StatusCode::NOT_FOUND),
            ("/a%00", StatusCode::NOT_FOUND),
        ] {
            assert_eq!(get(&assets, path).await.status(), status, "{path}");
        }
    });
}

#[test]
fn a_folder_has_limits() {
    let folder = Folder::new();
    folder.write("sub/large.bin", vec![0; 25 * 1024 * 1024 + 1]);
    let error = Assets::open(folder.0.clone(), |_| None).expect_err("is too large");
    let error = error.to_string();
    assert!(error.contains("large.bin has 25.0 MiB, and an asset can have at most 25 MiB"));

    folder.write(".assetsignore", "*.bin\n");
    folder.open(&[]);
}

#[test]
fn a_folder_can_be_created_later() {
    run(async {
        let folder = Folder::new();
        let path = folder.0.join("dist");
        let assets = Assets::open(path.clone(), |_| None).expect("opens");
        assert_eq!(get(&assets, "/").await.status(), StatusCode::NOT_FOUND);
        folder.write("dist/index.html", "here");
        assert_eq!(text(get(&assets, "/").await).await, "here");
    });
}

#[test]
fn settings_are_checked() {
    for (settings, problem) in [
        (
            &[("html_handling", "auto")],
            "`html_handling` is `auto`, not `auto-trailing-slash`, `force-trailing-slash`, \
             `drop-trailing-slash` or `none`",
        ),
        (
            &[("not_found_handling", "spa")],
            "`not_found_handling` is `spa`, not `none`, `404-page` or `single-page-application`",
        ),
        (&[("base_path", "")], "`base_path` is ``, which is empty"),
        (
            &[("base_path", "https://a.example")],
            "`base_path` is `https://a.example`, which is a URL, not a path",
        ),
        (
            &[("base_path", "/a%20b")],
            "`base_path` is `/a%20b`, which has one of the characters `\\`, `?`, `#` and `%`",
        ),
        (
            &[("run_worker_first", "1")],
            "`run_worker_first` is `1`, not a boolean or a list of routes",
        ),
        (
            &[("run_worker_first", r#"["!/a"]"#)],
            "`run_worker_first` has no route that starts with `/`",
        ),
        (
            &[("run_worker_first", r#"["/a", "b"]"#)],
            "`run_worker_first` has the route `b`, which does not start with `/` or `!/`",
        ),
        (
            &[("run_worker_first", r#"["/a", "/a"]"#)],
            "`run_worker_first` has the route `/a` twice",
        ),
        (
            &[("run_worker_first", r#"["/a/*", "/a/b"]"#)],
            "`run_worker_first` has the route `/a/b`, which `/a/*` makes redundant",
        ),
    ] {
        let error = Options::read(lookup(settings)).expect_err(problem);
        assert_eq!(error.to_string(), problem);
    }
}

#[test]
fn malformed_headers_are_reported() {
    let text = "X-Before: path\n/a\n  X-A: 1\n  nothing\n  X-Empty:\n  bad name: x\n\n/b\n\
                /*/*\n  X-Skipped: 1\nhttp://a.example/\n  X-Skipped: 1\n\
                https://a.example:8080/\n/c\n  ! X-C\n/d/*/:splat\n";
    let mut problems = Vec::new();
    HeaderRules::parse(text, &mut problems);

    problems.sort_by_key(|problem| problem.line);
    let problems = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.line, problem.message));
    let expected = [
        "1: a path such as `/static/*` has to precede the header",
        "4: `nothing` is not a header such as `Name: value`",
        "5: the header `x-empty` has no value",
        "6: `bad name` is not the name of a header",
        "8: no header follows the path `/b`",
        "9: a pattern can have one `*`; use placeholders such as `:name`",
        "11: `http://a.example/` starts neither with `/` nor with `https://`",
        "13: `https://a.example:8080/` has a port, which a rule cannot match",
        "16: the placeholder `:splat` is there twice",
    ];
    assert_eq!(problems.collect::<Vec<_>>(), expected);
}

#[test]
fn malformed_redirects_are_reported() {
    let text = "/a /b\n/one\n/a /c\n/s /b 404\n/r b\nhttps://a.example/x /b\n/x/* /index.html\n\
                /x/ /index.html\n/p https://a.example 200\n/:a/:a /b\n/:id/:idx /b\n/#/a #b\n";
    let mut problems = Vec::new();
    Redirects::parse(text, HtmlHandling::AutoTrailingSlash, &mut problems);
    let problems = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.line, problem.message));
    let expected = [
        "2: `/one` is not `/source /target status`",
        "3: `/a` has a rule before this one",
        "4: the status is `404`, not 200, 301, 302, 303, 307 or 308",
        "5: `b` starts neither with `/` nor with `https://`",
        "6: `https://a.example/x` is a URL, and a path is expected",
        "7: the rule redirects without end: `html_handling` redirects `/index.html` again",
        "8: the rule redirects without end: `html_handling` redirects `/index.html` again",
        "9: the status 200 serves an asset, and `https://a.example/` is not a path",
        "10: the placeholder `:a` is there twice",
        "11: the placeholder `:id` is the start of `:idx`; rename one of them",
        "12: `/#/a #b` is not `/source /target status`",
    ];
    assert_eq!(problems.collect::<Vec<_>>(), expected);
}

#[test]
fn rules_have_limits() {
    let dynamic: String = (0..=100).map(|number| format!("/{number}/* /\n")).collect();
    let fixed: String = (0..=2000).map(|number| format!("/{number} /\n")).collect();
    for (text, line) in [(dynamic, 101), (fixed, 2001)] {
        let text = format!("{text}/x{} /", "x".repeat(2000));
        let mut problems = Vec::new();
        Redirects::parse(&text, HtmlHandling::None, &mut problems);
        assert_eq!(problems[0].line, line, "{}", problems[0].message);
    }

    let headers: String = (0..=100)
        .map(|number| format!("/{number}\n  X: 1\n"))
        .collect();
    let mut problems = Vec::new();
    HeaderRules::parse(&headers, &mut problems);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].message, "the file can have at most 100 rules");
}

#[test]
fn patterns_match_as_much_as_possible() {
    for (pattern, path, expected) in [
        ("/a/*", "/a/b/c", Some(":splat=b/c")),
        ("/*/x", "/a/b/x/x", Some(":splat=a/b/x")),
        ("/:a-:b", "/1-2-3", Some(":a=1-2 :b=3")),
        ("/:a/*", "/1/2/3", Some(":a=1 :splat=2/3")),
        ("/:a", "/1/2", None),
        ("/:a", "/", None),
        ("/a:1", "/a:1", Some("")),
    ] {
        let source = path_or_url(pattern, Form::Path).expect("is a path");
        let pattern = Pattern::parse(&source).expect("is a pattern");
        let captures = pattern.matches(&Address::of(&request("GET", path, &[])));
        let expected = expected.map(|expected| expected.replace(':', ""));
        let names = ["a", "b", "splat"].iter().filter(|name| {
            source.contains(&format!(":{name}")) || (**name == "splat" && source.contains('*'))
        });
        let template: Vec<String> = names.map(|name| format!("{name}=:{name}")).collect();
        let actual = captures.map(|captures| captures.fill(&template.join(" ")));
        assert_eq!(actual, expected, "{source} and {path}");
    }
}

#[test]
fn paths_are_normalized() {
    for (path, normal) in [
        ("/a/./b/../c?x#y", "/a/c"),
        ("/a/%2E%2e/b/.", "/b/"),
        ("/../..", "/"),
        ("/a\\b", "/a/b"),
        ("/ä \"{", "/%C3%A4%20%22%7B"),
        ("", "/"),
    ] {
        assert_eq!(path_of(path), normal);
    }

    assert_eq!(decode_path("//a%2F%2Fb/%ff/%zz/%C3%A4"), "/a/b/%ff/%zz/ä");
    assert_eq!(encode_path("/a b/[c]/~'(*)!"), "/a%20b/%5Bc%5D/~'(*)!");
}

#[test]
fn headers_of_several_rules_are_combined() {
    let text = "/*\n  X-A: 1\n/a\n  ! X-A\n  X-A: 2\n/a\n  X-B: 3\n/:b\n  X-B: :b\n  Etag: own\n";
    let mut problems = Vec::new();
    let rules = HeaderRules::parse(text, &mut problems);
    let mut headers = HeaderMap::new();
    headers.insert(ETAG, "\"1\"".parse().expect("is a value"));
    rules.apply(&Address::of(&request("GET", "/a", &[])), &mut headers);

    let values = |name: &str| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
    assert_eq!(values("x-a"), ["1"]);
    assert_eq!(values("x-b"), ["3", "a"]);
    assert_eq!(values("etag"), ["own"]);
    assert!(problems.is_empty());
}
