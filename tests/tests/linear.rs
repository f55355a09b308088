//! The time of the compiler grows with the size of a manifest, not with its square.

#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and reports its statistics"
)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bindery_codegen::Compilation;
use bindery_codegen::emit::typescript;

/// The size of the small manifest, and how many times larger the other one is.
const SMALL: usize = 2_000;
const FACTOR: usize = 8;

/// The time can grow by this factor: twice that of the size, as the machine has other work too.
const MAX_GROWTH: f64 = 16.0;

/// Writes a manifest of one size.
type Manifest = fn(usize) -> String;

const MANIFESTS: [(&str, Manifest); 7] = [
    ("variables", |count| {
        format!("[vars]\n{}", lines(count, |n| format!("VAR_{n} = \"{n}\"")))
    }),
    ("variables of two environments", |count| {
        let vars = lines(count / 2, |n| format!("VAR_{n} = {n}"));
        format!("[vars]\n{vars}\n[env.staging.vars]\n{vars}")
    }),
    ("secrets", |count| {
        let names = lines(count, |n| format!("\"SECRET_{n}\","));
        format!("[secrets]\nrequired = [{names}]")
    }),
    ("namespaces", |count| {
        lines(count, |n| {
            format!("[[kv_namespaces]]\nbinding = \"KV_{n}\"")
        })
    }),
    ("consumers", |count| {
        lines(count, |n| {
            format!("[[queues.consumers]]\nqueue = \"queue-{n}\"")
        })
    }),
    ("names that collide", |count| {
        let names = |n| format!("Var_{n} = 1\nVAR_{n} = 1");
        format!("[vars]\n{}", lines(count / 2, names))
    }),
    ("missing names", |count| {
        lines(count / 2, |n| format!("[[kv_namespaces]]\nid = \"{n}\""))
    }),
];

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(|n| line(n) + "\n").collect()
}

/// The time from the manifest to tokens and TypeScript, or to the text of its errors.
fn time(path: &Path, manifest: &str) -> Duration {
    fs::write(path, format!("name = \"case\"\n{manifest}")).expect("the file can be written");
    let start = Instant::now();

    let compilation = Compilation::new(path, None);
    let project = compilation.project.as_ref().expect("a project");
    let emitted = compilation.emit(path.parent().expect("a folder"));
    let text = typescript::environment(project, typescript::INTERFACE);
    assert!(emitted.is_err() || !text.is_empty());
    start.elapsed()
}

#[test]
fn time_grows_with_the_size() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("linear");
    fs::create_dir_all(&folder).expect("the folder can be created");
    // Settings are read from the nearest file, which has none.
    fs::write(folder.join("Cargo.toml"), "").expect("the file can be written");
    let path = folder.join("wrangler.toml");

    for (name, manifest) in MANIFESTS {
        // A busy machine can spoil one measurement, not each of three.
        let growth = (0..3).map(|_| {
            let small = time(&path, &manifest(SMALL));
            let large = time(&path, &manifest(SMALL * FACTOR));
            eprintln!("{name}: {small:.0?} for {SMALL}, {large:.0?} for {FACTOR} times as many");
            large.as_secs_f64() / small.as_secs_f64()
        });
        let is_linear = growth.into_iter().any(|growth| growth < MAX_GROWTH);
        assert!(
            is_linear,
            "the time for {name} grows faster than their number"
        );
    }
}
