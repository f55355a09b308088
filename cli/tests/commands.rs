//! Runs the commands as a user does.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bindery_sqlite::history::{self, Applied};

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the repository")
}

/// Runs `cargo bindery` in a folder.
fn bindery(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-bindery"));
    // Cargo passes the name of the subcommand as the first argument.
    command.arg("bindery").args(arguments);
    command
        .current_dir(folder)
        .output()
        .expect("the command runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the file can be written");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("the file can be read")
}

/// An empty folder for one test.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _absent = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder can be created");
    folder
}

/// `check` prints the same diagnostics as the snapshots of the cases, which the macro prints too.
#[test]
fn check_prints_the_diagnostics_of_the_snapshots() {
    let cases = root().join("tests/cases/errors");
    let mut count = 0;
    for entry in fs::read_dir(&cases).expect("the cases").flatten() {
        let name = entry.file_name().into_string().expect("a name");
        check_case(&name, &entry.path());
        count += 1;
    }
    assert!(count >= 25, "only {count} cases were found");
}

fn check_case(name: &str, folder: &Path) {
    // The text after the header of the snapshot. `check` prints only the diagnostics of it.
    let snapshot = read(&folder.join("expected.snap"));
    let expected = snapshot.splitn(3, "---\n").nth(2).expect("a body");

    let output = bindery(folder, &["check"]);
    let printed = stdout(&output);
    let (diagnostics, _summary) = printed.rsplit_once("\n\n").unwrap_or_default();
    assert!(
        expected.trim_end().starts_with(diagnostics.trim_end()),
        "{name}:\n{printed}"
    );
    let has_errors = diagnostics.contains("error[");
    assert_eq!(output.status.success(), !has_errors, "{name}");

    // One object per line, and one line per diagnostic.
    let json = stdout(&bindery(folder, &["check", "--format", "json"]));
    let is_first_line = |line: &&str| line.starts_with("error[") || line.starts_with("warning[");
    let diagnostics = diagnostics.lines().filter(is_first_line).count();
    assert_eq!(json.lines().count(), diagnostics, "{name}");
    for line in json.lines() {
        let is_object = line.starts_with('{') && line.contains("\"code\":\"B");
        assert!(is_object, "{name}: {line}");
    }
}

#[test]
fn every_manifest_below_a_folder_is_checked() {
    let folder = scratch("several");
    for (name, manifest) in [
        ("a", "name = \"a\"\n"),
        ("deep/b", "name = 3\n"),
        ("target/c", "name = 4\n"),
    ] {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).expect("the folder can be created");
        write(&folder.join("wrangler.toml"), manifest);
    }

    let output = bindery(&folder, &["check"]);
    let printed = stdout(&output);
    assert!(!output.status.success(), "{printed}");
    for part in [
        "a/wrangler.toml",
        "deep/b/wrangler.toml",
        "`name` must be a string",
    ] {
        assert!(printed.contains(part), "{part}\n{printed}");
    }
    assert!(!printed.contains("target"), "{printed}");

    let output = bindery(&folder, &["types"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("there are several manifests"), "{output:?}");
}

/// wrangler prefers a `wrangler.json` anywhere above to a `wrangler.jsonc`, and that to a
/// `wrangler.toml`.
#[test]
fn the_manifest_is_the_one_of_wrangler() {
    let folder = scratch("which");
    let deep = folder.join("a/b");
    fs::create_dir_all(&deep).expect("the folder can be created");
    write(
        &deep.join("wrangler.toml"),
        "name = \"toml\"\nvars = { TOML = 1 }\n",
    );

    let types = |arguments: &[&str]| stdout(&bindery(&deep, &[&["types"], arguments].concat()));
    assert!(types(&[]).contains("TOML: 1"));

    let json = "{ \"name\": \"jsonc\", \"vars\": { \"JSONC\": 1 } }";
    write(&folder.join("a/wrangler.jsonc"), json);
    assert!(types(&[]).contains("JSONC: 1"));
    write(
        &folder.join("wrangler.json"),
        &json.replace("JSONC", "JSON"),
    );
    assert!(types(&[]).contains("JSON: 1"));

    // A folder with the name of a manifest is not one.
    fs::create_dir(folder.join("a/wrangler.json")).expect("the folder can be created");
    assert!(types(&[]).contains("JSON: 1"));
    for option in ["-c", "--config", "--manifest"] {
        assert!(types(&[option, "wrangler.toml"]).contains("TOML: 1"));
    }
}

/// Every command has `-c`, and says what is wrong with the path.
#[cfg(unix)]
#[test]
fn each_command_names_an_unusable_manifest() {
    let folder = scratch("unusable");
    fs::create_dir(folder.join("wrangler.toml")).expect("the folder can be created");
    std::os::unix::fs::symlink("nowhere.json", folder.join("wrangler.json")).expect("a link");
    write(&folder.join("wrangler.yaml"), "name: x\n");

    let commands: [&[&str]; 7] = [
        &["check"],
        &["generate", "env.rs"],
        &["expand"],
        &["types"],
        &["docs"],
        &["describe"],
        &["test"],
    ];
    for command in commands {
        for (path, reason) in [
            ("wrangler.toml", "it is a folder"),
            (
                "wrangler.json",
                "a symbolic link to `nowhere.json`, which does not exist",
            ),
            ("missing.toml", "it does not exist"),
            ("wrangler.yaml", "is not the name of a manifest"),
        ] {
            let output = bindery(&folder, &[command, &["-c", path]].concat());
            let printed = stdout(&output) + &String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "{command:?} {path}: {printed}");
            assert!(printed.contains(reason), "{command:?} {path}: {printed}");
        }
        let output = bindery(&folder, command);
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(printed.contains("is not a file"), "{command:?}: {printed}");
    }
}

#[test]
fn generate_writes_a_file_and_checks_it() {
    let folder = scratch("generated");
    let files = root().join("examples/files");
    let path = folder.join("env.rs");
    let target = path.to_str().expect("a path");

    let missing = bindery(&files, &["generate", target, "--check"]);
    assert!(!missing.status.success(), "the file does not exist yet");

    assert!(bindery(&files, &["generate", target]).status.success());
    let current = bindery(&files, &["generate", target, "--check"]);
    assert!(current.status.success(), "{current:?}");
    let written = read(&path);
    assert!(written.contains("pub struct Env {") && written.contains("pub mod bindings {"));

    let expanded = stdout(&bindery(&files, &["expand"]));
    assert!(expanded.contains("pub struct Env {"));

    write(
        &path,
        &written.replace("pub struct Env", "pub struct Other"),
    );
    let stale = bindery(&files, &["generate", target, "--check"]);
    assert!(!stale.status.success(), "{stale:?}");
    assert!(stdout(&stale).contains("is out of date"), "{stale:?}");
}

/// `wrangler types` refuses the same names.
#[test]
fn environments_with_the_same_interface_are_refused() {
    let folder = scratch("interfaces");
    let names = ["a-b", "a_B", "env", "", "next.one", "other"];
    let tables: Vec<String> = names
        .iter()
        .map(|name| format!("[env.\"{name}\"]\nvars.A = 1\n"))
        .collect();
    write(&folder.join("wrangler.toml"), &tables.concat());

    let output = bindery(&folder, &["types"]);
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    for message in [
        "the environments `a-b` and `a_B` have the same interface in TypeScript",
        "the environment `` has no interface in TypeScript",
        "the environment `next.one` has no interface in TypeScript",
        "both are `ABEnv`",
    ] {
        assert!(printed.contains(message), "{message}\n{printed}");
    }
    assert!(!printed.contains("other"), "{printed}");

    // One environment has no interface of its own.
    assert!(
        bindery(&folder, &["types", "-e", "next.one"])
            .status
            .success()
    );
    assert!(bindery(&folder, &["check"]).status.success());

    for (name, succeeds) in [("Other", true), ("9", false), ("_a", false), ("a b", false)] {
        let output = bindery(&folder, &["types", "-e", "other", "--env-interface", name]);
        assert_eq!(output.status.success(), succeeds, "{name}: {output:?}");
        let interface = format!("interface {name} extends __BaseEnv_{name} {{}}");
        assert_eq!(stdout(&output).contains(&interface), succeeds, "{name}");
    }
}

#[test]
fn types_and_docs_of_the_example() {
    let files = root().join("examples/files");
    let types = stdout(&bindery(&files, &["types"]));
    insta::assert_snapshot!("types", types);

    let folder = scratch("docs");
    let output = bindery(&files, &["docs", folder.to_str().expect("a path")]);
    assert!(output.status.success(), "{output:?}");
    let reference = read(&folder.join("reference.md"));
    insta::assert_snapshot!("reference", reference);

    // The page loads nothing from the network.
    let page = read(&folder.join("index.html"));
    for external in ["src=", "<link", "url(", "@import", "fetch("] {
        assert!(!page.contains(external), "{external}");
    }
    assert!(page.contains("<svg") && page.contains("id=\"db-query-file_by_id\""));
}

#[test]
fn cors_rules_of_a_bucket() {
    let files = root().join("examples/files");
    let origin = ["--origin", "https://app.example.com"];
    let output = bindery(
        &files,
        &[&["cors", "--metadata", "Owner"], &origin[..]].concat(),
    );
    assert!(output.status.success(), "{output:?}");
    insta::assert_snapshot!("cors", stdout(&output));
    let note = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        note.contains("npx wrangler r2 bucket cors set files-storage --file cors.json"),
        "{note}"
    );

    let folder = scratch("cors");
    let manifest = "name = \"n\"\n[[r2_buckets]]\nbinding = \"A\"\n[[r2_buckets]]\nbinding = \"B\"\n\
                    bucket_name = \"of-b\"\n[env.eu]\n[[env.eu.r2_buckets]]\nbinding = \"B\"\n\
                    bucket_name = \"of-eu\"\n";
    write(&folder.join("wrangler.toml"), manifest);
    for (arguments, expected) in [
        (&["cors", "A"][..], "cors set BUCKET --file"),
        (&["cors", "B"], "cors set of-eu --file"),
        (&["cors", "B", "-e", "eu"], "cors set of-eu --file"),
        (&["cors"], "there are several R2 bindings: `A`, `B`"),
        (&["cors", "C"], "`C` is not an R2 binding"),
        (
            &["cors", "--origin", "https://a.com/"],
            "`https://a.com/` is not an origin",
        ),
        (&["cors", "--origin", "a.com"], "`a.com` is not an origin"),
    ] {
        let output = bindery(&folder, &[arguments, &origin].concat());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

#[test]
fn check_warns_of_an_edited_migration() {
    let folder = scratch("edited");
    write(
        &folder.join("wrangler.toml"),
        "name = \"notes\"\n[[d1_databases]]\nbinding = \"DB\"\ndatabase_name = \"notes\"\n",
    );
    // The state is beside the nearest `Cargo.toml`, which could be that of the workspace.
    write(&folder.join("Cargo.toml"), "[package]\nname = \"notes\"\n");
    for name in ["migrations", ".bindery/d1"] {
        fs::create_dir_all(folder.join(name)).expect("the folder can be created");
    }
    let migration = folder.join("migrations/0001_init.sql");
    let old = "CREATE TABLE notes (id INTEGER PRIMARY KEY);\n";
    let applied = Applied {
        migrations_table: "d1_migrations".to_owned(),
        name: "0001_init.sql".to_owned(),
        checksum: history::checksum(old),
        applied_at: Some("2026-01-31 12:00:00".to_owned()),
    };
    let state = folder.join(".bindery/d1");
    write(
        &state.join("notes.migrations"),
        &history::to_text(&[applied]),
    );
    write(&state.join("notes.sqlite"), "never opened");

    write(&migration, &format!("-- a comment\n{old}"));
    let same = bindery(&folder, &["check", "--deny-warnings"]);
    assert!(same.status.success(), "{same:?}");

    write(
        &migration,
        "-- The notes.\nCREATE TABLE notes (\n    id INTEGER PRIMARY KEY,\n    text TEXT\n);\n",
    );
    let edited = bindery(&folder, &["check"]);
    assert!(edited.status.success(), "a warning");
    insta::assert_snapshot!("edited_migration", stdout(&edited));
    let denied = bindery(&folder, &["check", "--deny-warnings", "--format", "json"]);
    assert!(!denied.status.success(), "{denied:?}");
    assert!(stdout(&denied).contains("\"code\":\"B0205\""), "{denied:?}");

    // Without a database the history is a remainder.
    fs::remove_file(state.join("notes.sqlite")).expect("is deleted");
    let deleted = bindery(&folder, &["check", "--deny-warnings"]);
    assert!(deleted.status.success(), "{deleted:?}");
    assert_eq!(
        fs::read_dir(&state).expect("exists").count(),
        1,
        "nothing is written"
    );
}

/// A manifest with secret values in bindings of several kinds.
const MANIFEST_WITH_SECRETS: &str = r#"
name = "a"

[[hyperdrive]]
binding = "H"
id = "1"
localConnectionString = "postgres://u:s3cr3t-one@h:1/d"

[[unsafe.bindings]]
name = "U"
type = "t"
key = "s3cr3t-four"

[[services]]
binding = "S"
service = "s"
props = { key = "s3cr3t-five" }
"#;

/// The values of variables that look like secrets are in neither the docs nor the diagnostics.
#[test]
fn values_of_plain_secrets_are_not_shown() {
    let folder = scratch("plain_secrets");
    let manifest = "name = 3\n[vars]\nAPI_TOKEN = \"hunter2\"\nSMTP = { password = \"hunter2\" }\n\
                    [env.staging.vars]\nAPI_TOKEN = \"hunter2\"\n";
    let path = folder.join("wrangler.toml");
    write(&path, manifest);
    for format in ["text", "json"] {
        let printed = stdout(&bindery(&folder, &["check", "--format", format]));
        assert_eq!(printed.matches("B0109").count(), 3, "{printed}");
        assert!(!printed.contains("hunter2"), "{printed}");
    }

    write(&path, &manifest.replace("name = 3", "name = \"case\""));
    assert!(bindery(&folder, &["docs", "out"]).status.success());
    for name in ["index.html", "reference.md"] {
        let page = read(&folder.join("out").join(name));
        assert!(page.contains("not shown"), "{name}");
        assert!(!page.contains("hunter2"), "{name}");
    }
    let denied = bindery(&folder, &["check", "--deny-warnings"]);
    assert!(!denied.status.success(), "{denied:?}");
}

#[test]
fn values_of_secrets_are_never_written() {
    let folder = scratch("secrets");
    write(&folder.join("wrangler.toml"), MANIFEST_WITH_SECRETS);

    let secrets = folder.join(".dev.vars");
    write(&secrets, "TOKEN=s3cr3t-two\nbad.name=s3cr3t-three\n");
    let mut written = stdout(&bindery(&folder, &["check"]));
    assert!(written.contains("`bad.name`"), "{written}");

    write(&secrets, "TOKEN=s3cr3t-two\n");
    for command in ["expand", "types"] {
        let output = bindery(&folder, &[command]);
        assert!(output.status.success(), "{output:?}");
        written.push_str(&stdout(&output));
    }
    assert!(bindery(&folder, &["docs", "docs"]).status.success());
    for name in ["index.html", "reference.md"] {
        written.push_str(&read(&folder.join("docs").join(name)));
    }

    assert!(
        written.contains("TOKEN"),
        "the name of the secret is missing"
    );
    assert!(
        !written.contains("s3cr3t"),
        "the value of a secret was written"
    );
}

/// `describe` shows the call of the method that an annotation declares.
#[test]
fn describe_shows_methods() {
    let folder = scratch("described");
    write(
        &folder.join("schema.sql"),
        "CREATE TABLE uploads (
             id INTEGER PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, note TEXT,
             state TEXT NOT NULL CHECK (state IN ('open', 'done')), hash BLOB
         );",
    );
    write(
        &folder.join("queries.sql"),
        "SELECT 1;
         -- name: begin_upload :one
         INSERT INTO uploads (name, size, state, note) VALUES (:name, :size, :state, :note)
         RETURNING id;
         -- name: total :one :scalar
         SELECT total(size) FROM uploads;
         -- name: notes :many :scalar
         SELECT note FROM uploads ORDER BY CASE :sort WHEN 'id' THEN id WHEN 'name' THEN name END;
         -- name: several :many Upload
         SELECT id, name FROM uploads
         WHERE (:ids IS NULL OR id IN (:ids)) AND name IN (:names) AND hash IN (:hashes)
             AND (:states IS NULL OR state IN (:states));
         -- name: one :optional Upload :positional
         SELECT id, name FROM uploads WHERE id = :id;
         -- name: finish :exec :params
         UPDATE uploads SET state = 'done' WHERE id = :id;",
    );
    let described = bindery(
        &folder,
        &["describe", "--schema", "schema.sql", "queries.sql"],
    );
    let described = stdout(&described);
    let calls = described
        .lines()
        .filter(|line| line.starts_with("  method "));
    let calls: Vec<&str> = calls.collect();
    insta::assert_snapshot!("described_methods", calls.join("\n"));
    assert!(
        described.contains("  parameter ids: Option<&[i64]>"),
        "{described}"
    );
}

/// `check` warns of writes that leave cached rows outdated.
#[test]
fn check_warns_of_outdated_caches() {
    let checked = bindery(&root().join("tests/cases/calls/outdated"), &["check"]);
    assert!(checked.status.success(), "a warning");
    insta::assert_snapshot!("outdated_caches", stdout(&checked));
}
