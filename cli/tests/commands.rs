//! The commands as a user runs them.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the repository")
}

fn bindery(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-bindery"));
    // As Cargo calls it.
    command
        .arg("bindery")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the command runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder of a test's own, empty.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _absent = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// What the compiler says of a mistake is one text: that of the snapshots, which the macro shows too.
#[test]
fn check_says_what_the_snapshots_say() {
    let cases = root().join("tests/cases");
    let mut count = 0;
    for entry in fs::read_dir(cases.join("errors"))
        .expect("the cases")
        .flatten()
    {
        let name = entry.file_name().into_string().expect("a name");
        let snapshot = fs::read_to_string(cases.join("errors").join(&name).join("expected.snap"))
            .expect("a snapshot");
        // Behind the head of the file; what is not a diagnostic is not printed here.
        let body = snapshot.splitn(3, "---\n").nth(2).expect("a body");
        let output = bindery(&entry.path(), &["check"]);
        let said = text(&output);
        let diagnostics = said
            .rsplit_once("\n\n")
            .map_or("", |(diagnostics, _)| diagnostics);
        assert!(
            body.trim_end().starts_with(diagnostics.trim_end()),
            "{name}:\n{said}"
        );
        assert_eq!(
            output.status.success(),
            !diagnostics.contains("error["),
            "{name}"
        );
        // One object a line, as many as were printed.
        let json = text(&bindery(&entry.path(), &["check", "--format", "json"]));
        let printed = diagnostics
            .lines()
            .filter(|line| line.starts_with("error[") || line.starts_with("warning["))
            .count();
        assert_eq!(json.lines().count(), printed, "{name}");
        assert!(
            json.lines()
                .all(|line| line.starts_with('{') && line.contains("\"code\":\"B")),
            "{name}"
        );
        count += 1;
    }
    assert!(count >= 25, "only {count} cases were found");
}

#[test]
fn every_manifest_below_a_folder_is_checked() {
    let folder = scratch("several");
    for (name, manifest) in [
        ("a", "name = \"a\"\n"),
        ("deep/b", "name = 3\n"),
        ("target/c", "name = 4\n"),
    ] {
        fs::create_dir_all(folder.join(name)).expect("a folder");
        fs::write(folder.join(name).join("wrangler.toml"), manifest).expect("writes");
    }
    let output = bindery(&folder, &["check"]);
    let said = text(&output);
    assert!(
        !output.status.success()
            && said.contains("a/wrangler.toml")
            && said.contains("deep/b/wrangler.toml"),
        "{said}"
    );
    assert!(
        said.contains("`name` must be a string") && !said.contains("target"),
        "{said}"
    );
    let several = bindery(&folder, &["types"]);
    assert!(
        String::from_utf8_lossy(&several.stderr).contains("there are several manifests"),
        "{several:?}"
    );
}

#[test]
fn generate_writes_once_and_checks() {
    let folder = scratch("generated");
    let files = root().join("examples/files");
    let target = folder.join("env.rs");
    let target = target.to_str().expect("a path");
    assert!(
        !bindery(&files, &["generate", target, "--check"])
            .status
            .success(),
        "there is no file yet"
    );
    assert!(bindery(&files, &["generate", target]).status.success());
    assert!(
        bindery(&files, &["generate", target, "--check"])
            .status
            .success()
    );
    let written = fs::read_to_string(target).expect("reads");
    assert!(written.contains("pub struct Env {") && written.contains("pub mod bindings {"));
    let expanded = text(&bindery(&files, &["expand"]));
    assert!(expanded.contains("pub struct Env {"));
    fs::write(
        target,
        written.replace("pub struct Env", "pub struct Other"),
    )
    .expect("writes");
    let stale = bindery(&files, &["generate", target, "--check"]);
    assert!(
        !stale.status.success() && text(&stale).contains("is out of date"),
        "{stale:?}"
    );
}

#[test]
fn types_and_docs_of_the_example() {
    let files = root().join("examples/files");
    insta::assert_snapshot!("types", text(&bindery(&files, &["types"])));
    let folder = scratch("docs");
    let output = bindery(&files, &["docs", folder.to_str().expect("a path")]);
    assert!(output.status.success(), "{output:?}");
    insta::assert_snapshot!(
        "reference",
        fs::read_to_string(folder.join("reference.md")).expect("reads")
    );
    let page = fs::read_to_string(folder.join("index.html")).expect("reads");
    // Nothing asks the network.
    for outside in ["src=", "<link", "url(", "@import", "fetch("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("<svg") && page.contains("id=\"db-query-file_by_id\""));
}

/// A secret's value is in nothing that is written.
#[test]
fn secrets_stay_where_they_are() {
    let folder = scratch("secrets");
    fs::write(folder.join("wrangler.toml"), "name = \"a\"\n\n[[hyperdrive]]\nbinding = \"H\"\nid = \"1\"\nlocalConnectionString = \"postgres://u:s3cr3t-one@h:1/d\"\n\n[[unsafe.bindings]]\nname = \"U\"\ntype = \"t\"\nkey = \"s3cr3t-four\"\n\n[[services]]\nbinding = \"S\"\nservice = \"s\"\nprops = { key = \"s3cr3t-five\" }\n").expect("writes");
    fs::write(
        folder.join(".dev.vars"),
        "TOKEN=s3cr3t-two\nbad.name=s3cr3t-three\n",
    )
    .expect("writes");
    let check = text(&bindery(&folder, &["check"]));
    assert!(
        check.contains("`bad.name` cannot name a binding"),
        "{check}"
    );
    let mut said = check;
    fs::write(folder.join(".dev.vars"), "TOKEN=s3cr3t-two\n").expect("writes");
    for command in ["expand", "types"] {
        let output = bindery(&folder, &[command]);
        assert!(output.status.success(), "{output:?}");
        said.push_str(&text(&output));
    }
    assert!(bindery(&folder, &["docs", "docs"]).status.success());
    for name in ["index.html", "reference.md"] {
        said.push_str(&fs::read_to_string(folder.join("docs").join(name)).expect("reads"));
    }
    assert!(
        said.contains("TOKEN") && !said.contains("s3cr3t"),
        "a value is in what was written"
    );
}
