//! Loads files. The only place of the compiler that touches the file system.
//!
//! Takes paths, gives texts with the names under which diagnostics show them. Every file that was
//! read is kept, so that the door can track it.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::report::{Diagnostic, Errors, code};

/// Which file of [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(u32);

/// Bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// The part of this span that `range`, counted from its start, covers.
    #[must_use]
    pub fn part(self, range: &Range<usize>) -> Self {
        Self {
            file: self.file,
            start: self.start + range.start,
            end: self.start + range.end,
        }
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

/// One text that was read.
#[derive(Debug, Clone)]
pub struct File {
    /// The path that diagnostics and generated docs show: relative to the project, with `/`.
    pub name: String,
    /// The path on disk, for tracking; never printed.
    pub path: PathBuf,
    /// The content.
    pub text: String,
}

/// Everything that was read.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<File>,
    folder: Option<PathBuf>,
}

/// Files that are kept between runs; the oldest goes when there are more.
const MOST_KEPT: usize = 16;

impl Sources {
    /// The file of an id that this value gave.
    #[must_use]
    pub fn file(&self, id: FileId) -> &File {
        &self.files[id.0 as usize]
    }

    /// All files, in the order in which they were read.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// Adds a text that is already in hand.
    pub fn add(&mut self, name: String, path: PathBuf, text: String) -> FileId {
        self.files.push(File { name, path, text });
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    /// Keeps what was made in `folder`, and finds it there again.
    pub fn keep_in(&mut self, folder: PathBuf) {
        self.folder = Some(folder);
    }

    /// What an earlier run kept under a name.
    pub(crate) fn kept(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.as_ref()?.join(name)).ok()
    }

    /// Keeps bytes under a name. That they cannot be kept costs time and nothing else.
    pub(crate) fn keep(&self, name: &str, bytes: &[u8]) {
        let Some(folder) = &self.folder else { return };
        // Under a name of this process first: another that reads meanwhile finds all of it or nothing.
        let unfinished = folder.join(format!("{name}.{}", std::process::id()));
        let written = fs::create_dir_all(folder)
            .and_then(|()| fs::write(&unfinished, bytes))
            .and_then(|()| fs::rename(&unfinished, folder.join(name)));
        if written.is_err() {
            let _absent = fs::remove_file(&unfinished);
        }
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        let mut files: Vec<(std::time::SystemTime, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        files.sort();
        for (_, path) in files.iter().rev().skip(MOST_KEPT) {
            let _gone = fs::remove_file(path);
        }
    }

    /// The text under a span.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file)
            .text
            .get(span.start..span.end)
            .unwrap_or_default()
    }

    /// The span of a whole file.
    #[must_use]
    pub fn whole(&self, id: FileId) -> Span {
        Span {
            file: id,
            start: 0,
            end: self.file(id).text.len(),
        }
    }

    /// Reads the nearest file of a name at or above `folder`. It is kept, and so tracked, whatever is in it.
    pub(crate) fn read_nearest(&mut self, folder: &Path, name: &str) -> Option<FileId> {
        let path = folder
            .ancestors()
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())?;
        let text = fs::read_to_string(&path).ok()?;
        Some(self.add(name.to_owned(), path, text))
    }

    /// Reads a file of `NAME=value` in `folder` as its names alone, each in its line: a value can then stand in no
    /// message.
    pub(crate) fn read_names(&mut self, folder: &Path, name: String) -> Option<FileId> {
        let path = folder.join(&name);
        // A line that is none tells its text in its error; whoever runs the worker is told of it.
        let mut names = dotenvy::from_path_iter(&path)
            .ok()?
            .flatten()
            .map(|(name, _)| name)
            .peekable();
        let lines = fs::read_to_string(&path).ok()?;
        let mut shown: Vec<String> = Vec::new();
        for line in lines.lines() {
            let line = line.trim_start();
            let line = line.strip_prefix("export ").map_or(line, str::trim_start);
            let is_next = |next: &String| {
                line.strip_prefix(next.as_str())
                    .is_some_and(|rest| rest.trim_start().starts_with('='))
            };
            shown.push(names.next_if(is_next).unwrap_or_default());
        }
        // What is written in a way of its own comes at the end.
        shown.extend(names);
        Some(self.add(name, path, shown.join("\n")))
    }

    /// Reads `path`, shown as `name`; a file that cannot be read is an error at `at`.
    pub fn read(
        &mut self,
        errors: &mut Errors,
        name: String,
        path: &Path,
        at: Option<Span>,
    ) -> Option<FileId> {
        match fs::read_to_string(path) {
            Ok(text) => Some(self.add(name, path.to_owned(), text)),
            Err(error) => {
                errors.push(Diagnostic::new(
                    code::UNREADABLE,
                    format!("cannot read `{name}`: {error}"),
                    at,
                ));
                None
            }
        }
    }
}

/// The names wrangler looks for, the first that exists wins.
pub const MANIFEST_NAMES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// The nearest manifest at or above `start`.
#[must_use]
pub fn discover(start: &Path) -> Option<PathBuf> {
    start.ancestors().find_map(|folder| {
        MANIFEST_NAMES
            .iter()
            .map(|name| folder.join(name))
            .find(|candidate| candidate.is_file())
    })
}

/// The `.sql` files below `folder`, as paths relative to it with `/`, sorted. Hidden ones are left out.
#[must_use]
pub fn sql_files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            let path = entry.path();
            if path.is_dir() {
                walk(&path, &format!("{prefix}{name}/"), found);
            } else if name.ends_with(".sql") {
                found.push(format!("{prefix}{name}"));
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found);
    found.sort();
    found
}

/// `path` as seen from a folder, with `/`.
#[must_use]
pub fn relative(folder: &Path, path: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let common = folder
        .components()
        .zip(path.components())
        .take_while(|(left, right)| left == right)
        .count();
    let up = folder.components().skip(common).map(|_| "..".to_owned());
    let down = path
        .components()
        .skip(common)
        .map(|component| component.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// The names of the folders in `folder`, sorted.
#[must_use]
pub fn folders(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}
