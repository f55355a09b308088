//! Changes single values of manifests, and compares whether wrangler and bindery accept each change.
//!
//! Every difference is in `mutations/differences.txt` with its reason, and the file contains no
//! other. The test needs the `wrangler` package, which `tests/run` installs. Without it the test is
//! skipped with a message; with `BINDERY_REQUIRE_ALL` set, it fails.

#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and reports its statistics"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bindery_codegen::report::Stage;
use bindery_codegen::{Errors, Sources, compile, source};
use serde_json::Value;

/// The manifests whose values are changed.
fn manifests(root: &Path) -> Vec<PathBuf> {
    let named = |folder: &str| -> Vec<PathBuf> {
        let folder = root.join(folder);
        let names = source::folders(&folder);
        let found = names.iter().flat_map(|name| {
            let folder = folder.join(name);
            source::MANIFEST_NAMES.map(|name| folder.join(name))
        });
        found.filter(|path| path.is_file()).collect()
    };
    let own = ["deploy.json", "exports.json"].map(|name| root.join("mutations").join(name));
    let folders = [
        "manifests",
        "cases/manifest",
        "cases/errors",
        "cases/fixes",
        "cases/names",
    ];
    let others = folders.iter().flat_map(|folder| named(folder));
    own.into_iter().chain(others).collect()
}

/// The rules of `differences.txt`: who is stricter, a place, and a change. A change can be `*`, and a
/// place can contain one `*`.
struct Rule {
    text: String,
    has_reason: bool,
    used: usize,
}

impl Rule {
    fn matches(&self, stricter: &str, place: &str, change: &str) -> bool {
        let mut parts = self.text.splitn(2, ' ');
        let own = parts.next().unwrap_or_default();
        let (own_place, own_change) = parts
            .next()
            .unwrap_or_default()
            .split_once(" = ")
            .unwrap_or_default();
        let is_place = match own_place.split_once('*') {
            Some((start, end)) => place.starts_with(start) && place.ends_with(end),
            None => place == own_place,
        };
        own == stricter && is_place && (own_change == "*" || own_change == change)
    }
}

fn rules(path: &Path) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for line in fs::read_to_string(path)
        .expect("the file of differences")
        .lines()
    {
        if line.starts_with(' ') {
            // A reason is that of all rules above it.
            for rule in &mut rules {
                rule.has_reason = true;
            }
        } else if !line.is_empty() {
            let text = line.to_owned();
            rules.push(Rule {
                text,
                has_reason: false,
                used: 0,
            });
        }
    }
    rules
}

/// Whether bindery accepts a manifest.
fn accepts(folder: &Path, manifest: &str) -> bool {
    let path = folder.join("wrangler.json");
    fs::write(&path, manifest).expect("the manifest can be written");
    let (mut errors, mut sources) = (Errors::default(), Sources::default());
    let _project = compile(&mut errors, &mut sources, &path, None);
    !errors.has_stage(Stage::Manifest)
}

#[test]
fn changes_are_refused_where_wrangler_refuses_them() {
    let Some(modules) = std::env::var_os("BINDERY_NODE_MODULES")
        .filter(|folder| Path::new(folder).join("wrangler").is_dir())
    else {
        eprintln!("SKIPPED: the comparison with wrangler (it needs the package: run `tests/run`)");
        let required = std::env::var_os("BINDERY_REQUIRE_ALL").is_some();
        return assert!(!required, "the wrangler package is not installed");
    };
    let node = std::env::var_os("BINDERY_NODE").expect("Node is beside wrangler");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Thousands of files are written, which takes less time in memory.
    let memory = Path::new("/dev/shm");
    let scratch = match memory.is_dir() {
        true => memory.join(format!("bindery-mutations-{}", std::process::id())),
        false => Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations"),
    };
    fs::create_dir_all(&scratch).expect("the folder can be created");
    // Settings are read from the nearest file, which has none.
    fs::write(scratch.join("Cargo.toml"), "").expect("the file can be written");

    // bindery checks each change while wrangler checks the next one.
    let mut wrangler = Command::new(node)
        .arg(root.join("mutations/mutate.mjs"))
        .arg(scratch.join("of_wrangler"))
        .args(manifests(root))
        .env("BINDERY_NODE_MODULES", modules)
        .env_remove("CLOUDFLARE_ENV")
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node starts");
    let lines = BufReader::new(wrangler.stdout.take().expect("the output is piped")).lines();

    let mut rules = rules(&root.join("mutations/differences.txt"));
    let (mut changes, mut refused, mut unknown) = (0, 0, BTreeMap::new());
    for line in lines {
        let line = line.expect("the output can be read");
        let change: Value = serde_json::from_str(&line).expect("JSON");
        let text = |key: &str| change[key].as_str().unwrap_or_default();
        let theirs = change["accepts"].as_bool().expect("a verdict");
        changes += 1;
        refused += usize::from(!theirs);
        if theirs == accepts(&scratch, text("manifest")) {
            continue;
        }
        let stricter = if theirs { "bindery" } else { "wrangler" };
        let (place, name) = (text("place"), text("change"));
        let mut matching = rules
            .iter_mut()
            .filter(|rule| rule.matches(stricter, place, name));
        match matching.next() {
            Some(rule) => rule.used += 1,
            None => {
                let key = format!("{stricter} {place}");
                unknown
                    .entry(key)
                    .or_insert_with(Vec::new)
                    .push(name.to_owned());
            }
        }
    }

    assert!(wrangler.wait().expect("Node ends").success(), "Node failed");
    let _left = fs::remove_dir_all(&scratch);

    let mut wrong = String::new();
    for (place, names) in &unknown {
        let _ = writeln!(wrong, "{place} = {}", names.join(" | "));
    }
    for rule in &rules {
        if rule.used == 0 {
            let _ = writeln!(wrong, "the rule is not needed: {}", rule.text);
        }
        if !rule.has_reason {
            let _ = writeln!(wrong, "the rule has no reason: {}", rule.text);
        }
    }
    assert!(wrong.is_empty(), "stricter is\n{wrong}");
    assert!(changes >= 4_000, "only {changes} changes were made");
    let different: usize = rules.iter().map(|rule| rule.used).sum();
    eprintln!(
        "{changes} changes, of which wrangler refuses {refused}; {different} differ, for {} reasons",
        rules.len()
    );
}
