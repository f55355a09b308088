//! Applies every fix of a diagnostic of the manifest to the file that it is given for, and compiles
//! again: the diagnostic is gone, and there is no new error.
//!
//! The projects are those of `cases/`. A help with code that is not a fix fails the test, so that no
//! help is written for one format only.

#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and reports its statistics"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use bindery_codegen::report::{Diagnostic, Edit, Severity, Stage, render};
use bindery_codegen::{Errors, Sources, compile, source};

/// The number of diagnostics with a code, a message and a level.
type Counts = BTreeMap<(bool, &'static str, String), usize>;

fn run(folder: &Path) -> Option<(Errors, Sources)> {
    let manifest = source::discover(folder)?;
    if !manifest.starts_with(folder) {
        return None;
    }
    let (mut errors, mut sources) = (Errors::default(), Sources::default());
    let _project = compile(&mut errors, &mut sources, &manifest, None);
    Some((errors, sources))
}

fn key(diagnostic: &Diagnostic) -> (bool, &'static str, String) {
    let is_error = diagnostic.severity == Severity::Error;
    (is_error, diagnostic.code.id(), diagnostic.message.clone())
}

fn counts(errors: &Errors) -> Counts {
    let mut counts = Counts::new();
    for diagnostic in errors.sorted() {
        *counts.entry(key(diagnostic)).or_default() += 1;
    }
    counts
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from)
        .expect("the folder can be read")
        .flatten()
    {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else if entry.file_name() != "expected.snap" {
            fs::copy(entry.path(), target).expect("the file can be copied");
        }
    }
}

/// Applies edits, the last one of each file first.
fn apply(mut edits: Vec<Edit>) {
    edits.sort_by_key(|edit| std::cmp::Reverse((edit.range.start, edit.range.end)));
    for edit in edits {
        let mut text = fs::read_to_string(&edit.path).unwrap_or_default();
        text.replace_range(edit.range, &edit.text);
        fs::write(&edit.path, text).expect("the file can be written");
    }
}

/// A folder with a copy of a case, which is a project of its own.
fn scratch(case: &Path) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixes");
    let _absent = fs::remove_dir_all(&folder);
    copy(case, &folder);
    // Settings are in the nearest file, which must not be one outside of the copy.
    let settings = folder.join("Cargo.toml");
    if !settings.is_file() {
        fs::write(settings, "[package]\nname = \"case\"\n").expect("the file can be written");
    }
    folder.canonicalize().expect("the folder exists")
}

/// Applies the fix with an index to a copy of a case. Returns what is wrong with it; `None` if there
/// is no such fix.
fn apply_one(case: &Path, index: usize) -> Option<Result<(), String>> {
    let folder = scratch(case);
    let (errors, sources) = run(&folder)?;
    let before = counts(&errors);
    let sorted = errors.sorted();
    let mut with_fix = sorted.into_iter().filter(|diagnostic| {
        let fix = diagnostic.fix.as_ref();
        fix.is_some_and(|fix| !fix.edits(&sources).is_empty())
    });
    let diagnostic = with_fix.nth(index)?;
    let fix = diagnostic.fix.as_ref()?;
    apply(fix.edits(&sources));

    let shown = render(diagnostic, &sources);
    let (errors, sources) = run(&folder)?;
    let after = counts(&errors);
    let manifest = source::discover(&folder).expect("a manifest");
    let text = fs::read_to_string(manifest).unwrap_or_default();

    let key = key(diagnostic);
    if after.get(&key).copied().unwrap_or_default() >= before[&key] {
        return Some(Err(format!("the diagnostic remains:\n{shown}\n{text}")));
    }
    for (new, count) in after.iter().filter(|((is_error, ..), _)| *is_error) {
        if *count > before.get(new).copied().unwrap_or_default() {
            let rendered = errors.render(&sources).join("\n\n");
            let message = format!("a new error, {new:?}, after:\n{shown}\n{rendered}\n{text}");
            return Some(Err(message));
        }
    }
    Some(Ok(()))
}

/// Applies the first fix of a case until none is left. Returns the number of fixes.
fn apply_all(case: &Path) -> Result<usize, String> {
    let folder = scratch(case);
    for applied in 0..200 {
        let Some((errors, sources)) = run(&folder) else {
            return Ok(applied);
        };
        let sorted = errors.sorted();
        let mut edits = sorted.into_iter().filter_map(|diagnostic| {
            let edits = diagnostic.fix.as_ref()?.edits(&sources);
            (!edits.is_empty()).then_some(edits)
        });
        match edits.next() {
            Some(edits) => apply(edits),
            None => return Ok(applied),
        }
    }
    Err("the fixes never end".to_owned())
}

/// The code in a help that is only words: a part in backticks that is more than a name.
fn code_in_words(diagnostic: &Diagnostic) -> Option<&str> {
    let help = diagnostic.help.as_deref()?;
    let mut quoted = help.split('`').skip(1).step_by(2);
    quoted.find(|code| {
        let is_rust = code.starts_with("#[") || code.contains("!(");
        let is_manifest =
            code.contains([' ', '=', '{', '[', '"']) && !code.starts_with("wrangler ");
        is_manifest && !is_rust
    })
}

#[test]
fn each_fix_removes_its_diagnostic() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let (mut wrong, mut applied, mut words, mut kinds) = (String::new(), 0, 0, BTreeMap::new());
    for topic in ["errors", "manifest", "fixes", "names"] {
        for name in source::folders(&root.join(topic)) {
            let case = root.join(topic).join(&name);
            let Some((errors, sources)) = run(&case) else {
                continue;
            };
            for diagnostic in errors.sorted() {
                if diagnostic.code.stage() != Stage::Manifest {
                    continue;
                }
                if let Some(code) = code_in_words(diagnostic) {
                    let _ = writeln!(wrong, "{name}: a help with code is not a fix: `{code}`");
                }
                match diagnostic.fix.as_ref().map(|fix| fix.edits(&sources)) {
                    Some(edits) if !edits.is_empty() => {}
                    _ => words += 1,
                }
                if let Some(fix) = &diagnostic.fix {
                    let kind = format!("{fix:?}");
                    let kind = kind.split('(').next().unwrap_or_default().to_owned();
                    *kinds.entry(kind).or_insert(0) += 1;
                }
            }

            for index in 0.. {
                match apply_one(&case, index) {
                    None => break,
                    Some(Ok(())) => applied += 1,
                    Some(Err(message)) => {
                        applied += 1;
                        let _ = writeln!(wrong, "{topic}/{name}: {message}");
                    }
                }
            }
            if let Err(message) = apply_all(&case) {
                let _ = writeln!(wrong, "{topic}/{name}: {message}");
            }
        }
    }

    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(applied >= 40, "only {applied} fixes were applied");
    assert!(kinds.len() == 9, "a kind of fix is in no case: {kinds:?}");
    eprintln!("{applied} fixes were applied; {words} diagnostics have words only; {kinds:?}");
}
