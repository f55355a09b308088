//! The macro and the command line say the same: every mistake of `cases/errors`, as rustc gives it, is the text of
//! its snapshot. `cli/tests/commands.rs` holds `cargo bindery check` to the same snapshots.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use bindery_codegen::source;
use serde_json::Value;

#[test]
fn the_macro_says_what_the_snapshots_say() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"))
        .canonicalize()
        .expect("the folder of the tests");
    let cases = tests.join("cases/errors");
    // One crate with an environment for each case: the compiler starts once.
    let (mut modules, mut expected) = (String::new(), BTreeSet::new());
    for name in source::folders(&cases) {
        let manifest = source::discover(&cases.join(&name)).expect("a manifest");
        let _ = writeln!(
            modules,
            "pub mod {name} {{ #[bindery::bindings({:?})] pub struct Env; }}",
            manifest.display().to_string()
        );
        let snapshot =
            fs::read_to_string(cases.join(&name).join("expected.snap")).expect("a snapshot");
        expected.extend(errors(&snapshot));
    }
    let krate = Path::new(env!("CARGO_TARGET_TMPDIR")).join("alike");
    fs::create_dir_all(krate.join("src")).expect("a folder");
    fs::write(krate.join("src/lib.rs"), modules).expect("writes");
    let runtime = tests.join("../runtime");
    let manifest = format!(
        "[workspace]\n\n[package]\nname = \"alike\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\nbindery = {{ path = {:?} }}\n",
        runtime.display().to_string()
    );
    fs::write(krate.join("Cargo.toml"), manifest).expect("writes");
    fs::copy(tests.join("../Cargo.lock"), krate.join("Cargo.lock")).expect("the lock file");
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--quiet", "--message-format=json"])
        .current_dir(&krate)
        .env("CARGO_TARGET_DIR", krate.join("target"))
        .env_remove("CARGO_MANIFEST_DIR")
        .output()
        .expect("cargo runs");
    let said: BTreeSet<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| {
            message["message"]["level"] == "error"
                && message["message"]["spans"] != Value::Array(Vec::new())
        })
        .filter_map(|message| {
            message["message"]["message"]
                .as_str()
                .map(|text| text.trim_end().to_owned())
        })
        .collect();
    assert!(
        expected.len() >= 50,
        "only {} mistakes were found: {}",
        expected.len(),
        String::from_utf8_lossy(&output.stderr)
    );
    let lacking: Vec<&String> = expected.difference(&said).collect();
    let besides: Vec<&String> = said.difference(&expected).collect();
    assert!(
        lacking.is_empty() && besides.is_empty(),
        "not said by the macro: {lacking:#?}\nsaid besides: {besides:#?}"
    );
}

/// The errors of a snapshot, without the word that rustc writes itself.
fn errors(snapshot: &str) -> Vec<String> {
    let mut found: Vec<Option<String>> = Vec::new();
    for line in snapshot
        .splitn(3, "---\n")
        .nth(2)
        .unwrap_or_default()
        .lines()
    {
        match line.strip_prefix("error") {
            Some(rest) if rest.starts_with("[B") => found.push(Some(format!("{rest}\n"))),
            // A warning ends what was before it, and so does what follows the diagnostics.
            _ if line.starts_with("warning[")
                || (!line.is_empty()
                    && !line.starts_with([' ', '.'])
                    && !line.starts_with(|c: char| c.is_ascii_digit())) =>
            {
                found.push(None);
            }
            _ => {
                if let Some(Some(text)) = found.last_mut() {
                    let _ = writeln!(text, "{line}");
                }
            }
        }
    }
    found
        .into_iter()
        .flatten()
        .map(|text| text.trim_end().to_owned())
        .collect()
}
