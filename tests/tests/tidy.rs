//! The layout of the source: line width, paragraphs in functions, nesting.
//!
//! `cargo test -p bindery-tests --test tidy -- --nocapture` prints the counts.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and its counts are for people"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The folders with code of the product.
const FOLDERS: [&str; 5] = [
    "sqlite/src",
    "codegen/src",
    "macros/src",
    "runtime/src",
    "cli/src",
];

const MAX_WIDTH: usize = 100;

/// A function with this many lines has paragraphs.
const LONG: usize = 20;

/// At most this percentage of the long functions has no blank line.
const MAX_WITHOUT_PARAGRAPHS: usize = 13;

/// Statements of a function nest at most this deep.
const MAX_NESTING: usize = 5;

#[derive(Default)]
struct Counts {
    lines: usize,
    wide: Vec<String>,
    long: usize,
    without_paragraphs: Vec<String>,
    deep: Vec<String>,
}

#[test]
fn sources_are_readable() {
    // Another checkout can be counted for comparison.
    let root = std::env::var_os("BINDERY_TIDY_ROOT").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));

    let mut total = Counts::default();
    for folder in FOLDERS {
        let mut counts = Counts::default();
        for path in rust_files(&root.join(folder)) {
            let name = path
                .strip_prefix(&root)
                .unwrap_or(&path)
                .display()
                .to_string();
            counts.add(
                &name,
                &fs::read_to_string(&path).expect("the file is UTF-8"),
            );
        }
        println!("{folder}: {}", counts.summary());
        total.extend(counts);
    }
    println!("total: {}", total.summary());

    assert!(
        total.wide.is_empty(),
        "over {MAX_WIDTH} columns:\n{}",
        total.wide.join("\n")
    );
    assert!(
        total.deep.is_empty(),
        "nested deeper than {MAX_NESTING}:\n{}",
        total.deep.join("\n")
    );
    assert!(
        total.without_paragraphs.len() * 100 <= total.long * MAX_WITHOUT_PARAGRAPHS,
        "long functions without a blank line:\n{}",
        total.without_paragraphs.join("\n")
    );
}

impl Counts {
    fn add(&mut self, name: &str, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        self.lines += lines.len();
        for (index, line) in lines.iter().enumerate() {
            let place = format!("{name}:{}", index + 1);
            // rustfmt does not break strings, and links cannot be broken.
            if line.chars().count() > MAX_WIDTH && !line.contains('"') && !line.contains("https://")
            {
                self.wide.push(place.clone());
            }
            if is_function(line) {
                self.add_function(place, &lines[index..]);
            }
        }
    }

    /// Counts the function that starts with the first of the lines. rustfmt writes its closing brace
    /// at the indentation of the first line.
    fn add_function(&mut self, place: String, lines: &[&str]) {
        let indent = indentation(lines[0]);
        let end = format!("{}}}", " ".repeat(indent));
        let Some(length) = lines.iter().position(|line| *line == end) else {
            return;
        };

        let body = &lines[..length];
        if length + 1 >= LONG {
            self.long += 1;
            if body.iter().all(|line| !line.trim().is_empty()) {
                self.without_paragraphs.push(place.clone());
            }
        }
        let depth = body
            .iter()
            .filter(|line| is_statement(line))
            .map(|line| indentation(line).saturating_sub(indent) / 4);
        if depth.max().unwrap_or_default() > MAX_NESTING {
            self.deep.push(place);
        }
    }

    fn extend(&mut self, other: Self) {
        self.lines += other.lines;
        self.long += other.long;
        self.wide.extend(other.wide);
        self.without_paragraphs.extend(other.without_paragraphs);
        self.deep.extend(other.deep);
    }

    fn summary(&self) -> String {
        format!(
            "{} lines, {} over {MAX_WIDTH} columns; {} functions of {LONG} lines or more, {} of them \
             without a blank line ({} %); {} functions nested deeper than {MAX_NESTING}",
            self.lines,
            self.wide.len(),
            self.long,
            self.without_paragraphs.len(),
            self.without_paragraphs.len() * 100 / self.long.max(1),
            self.deep.len()
        )
    }
}

fn is_function(line: &str) -> bool {
    let line = line.trim_start();
    let starts = [
        "fn ",
        "pub fn ",
        "pub(crate) fn ",
        "pub(super) fn ",
        "async fn ",
    ];
    let async_starts = [
        "pub async fn ",
        "pub(crate) async fn ",
        "pub(super) async fn ",
    ];
    starts
        .iter()
        .chain(&async_starts)
        .any(|start| line.starts_with(start))
}

/// Whether a line starts a statement: its indentation is the nesting of the code.
fn is_statement(line: &str) -> bool {
    let line = line.trim_start();
    ["let ", "if ", "for ", "while ", "match ", "return"]
        .iter()
        .any(|word| line.starts_with(word))
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder exists").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
